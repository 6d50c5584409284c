"""Who was erased stays erased: what an older copy brings back is erased again before anything runs.

Ledger and witness remember keyed hashes of erased people, and so does the lake. Where these know
more than the lake does, the lake and what landed are older than the erasure.
"""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa

from reverse_etl.privacy import erasing
from reverse_etl.privacy.erasing import Desk
from reverse_etl.privacy.open_work import Work
from reverse_etl.privacy.subjects import keys_in_lake, with_values
from workspace.ledger import lease, schema

REASON = "found again after its erasure"


def due(desk: Desk) -> frozenset[str]:
    """Keyed hashes of erased people that the lake has not been cleared of; none costs nothing."""
    return frozenset(_buried(desk)) - desk.lake.buried()


def replay(desk: Desk) -> list[Work]:
    """Go on with every erasure that was begun, and erase again whoever is found again.

    Call it with the run lock held, before anything else works with the workspace.
    """
    known = _buried(desk)
    unknown = frozenset(known) - desk.lake.buried()
    if unknown:
        again = keys_in_lake(desk.lake, sorted(unknown))
        groups: dict[str, set[str]] = defaultdict(set)
        for key in again:
            groups[known[key]].add(key)
        people = {
            place: (None, keys | {k for k, request in known.items() if request == group})
            for place, (group, keys) in enumerate(sorted(groups.items()))
        }
        if people:
            found = with_values(desk.lake, desk.keyring, people)
            erasing.begin(desk, list(found.values()), REASON)
        desk.lake.bury(known)
    begun = erasing.unfinished(desk)
    for work in begun:
        erasing.work_off(desk, work)
    return begun


def _buried(desk: Desk) -> dict[str, str]:
    """Keyed hash -> the request it was buried by; that of keys which only the witness knows is
    ``witness``."""
    table = schema.tombstones
    with desk.ledger.reading() as connection:
        query = sa.select(table.c.identifier_key, table.c.request_id)
        known = {key: request for key, request in connection.execute(query)}
        witness = lease.known_witness(connection, desk.witnesses)
    remembered = witness.buried() if witness else frozenset()
    return {**dict.fromkeys(remembered, "witness"), **known}
