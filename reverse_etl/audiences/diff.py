"""What a sync has to do: who should be there against who is, in one query over all members.

Every member that was looked at is counted once: queried = added + changed + removed + unchanged
+ invalid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from reverse_etl.audiences.normalise import Normaliser, identifiers_sql
from workspace.ledger.schema import AUDIENCE_COUNTERS

CHANGES = "audience_changes"
ADDED, CHANGED, REMOVED = "added", "changed", "removed"
#: Rows a batch of :func:`changes`.
FETCHED = 100_000


@dataclass(frozen=True)
class Counters:
    """``refused`` of the removed must not be there any more, whatever the segment says;
    ``without_consent`` are members that were not looked at for want of it."""

    queried: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    invalid: int = 0
    refused: int = 0
    standing: int = 0
    without_consent: int = 0

    def row(self) -> dict[str, int]:
        """The columns of ``audience_runs``."""
        return {name: getattr(self, name) for name in AUDIENCE_COUNTERS}

    @property
    def touched(self) -> int:
        """Members whose change is no withdrawal."""
        return self.added + self.changed + self.removed - self.refused


def compare(
    connection: duckdb.DuckDBPyConnection,
    members: str,
    allowed: str,
    standing: pa.Table,
    normaliser: Normaliser,
    identifiers: Sequence[str],
    keeps: bool = False,
) -> Counters:
    """Make the tables ``audience_wanted`` and ``audience_changes``, and count.

    ``members`` is a relation with contact_id, email, phone and attributes (JSON), each contact
    once; ``allowed`` one with contact_id: whoever is not in it goes. With ``keeps`` the segment
    cannot be relied on: nobody comes, and who is there and allowed stays.
    """
    connection.register("audience_standing", standing)
    try:
        _prepare(connection, members, allowed, normaliser, identifiers)
        _classify(connection, allowed, keeps)
    finally:
        connection.unregister("audience_standing")
    counted = dict(
        connection.execute(f"select change, count(*) from {CHANGES} group by change").fetchall()
    )
    found = connection.execute(
        f"select count(*) filter (where change = '{REMOVED}' and not is_allowed) from {CHANGES}"
    ).fetchone()
    refused = connection.execute(
        f"select count(*) from {members} where contact_id not in (select contact_id from {allowed})"
    ).fetchone()
    assert found is not None and refused is not None
    return Counters(
        queried=sum(counted.values()),
        refused=found[0],
        standing=standing.num_rows,
        without_consent=refused[0],
        **counted,
    )


def _prepare(
    connection: duckdb.DuckDBPyConnection,
    members: str,
    allowed: str,
    normaliser: Normaliser,
    identifiers: Sequence[str],
) -> None:
    connection.execute(
        f"""
        create or replace table audience_wanted as
        select *, md5(coalesce(identifiers, '') || attributes) as payload_hash
        from (
            select
                contact_id, coalesce(attributes, '{{}}') as attributes,
                {identifiers_sql(normaliser, identifiers)} as identifiers
            from {members} where contact_id in (select contact_id from {allowed})
        )
        """
    )


def _classify(connection: duckdb.DuckDBPyConnection, allowed: str, keeps: bool) -> None:
    stays = "allowed.contact_id is not null" if keeps else "false"
    comes = "false" if keeps else "wanted.identifiers is not null"
    connection.execute(
        f"""
        create or replace table {CHANGES} as
        select
            coalesce(wanted.contact_id, standing.contact_id) as contact_id,
            case
                when standing.contact_id is null and {comes} then '{ADDED}'
                when standing.contact_id is null then 'invalid'
                when wanted.identifiers is null and {stays} then 'unchanged'
                when wanted.identifiers is null then '{REMOVED}'
                when not standing.has_joined and not standing.remove_due then '{ADDED}'
                when standing.is_current and standing.payload_hash = wanted.payload_hash
                    then 'unchanged'
                else '{CHANGED}'
            end as change,
            allowed.contact_id is not null as is_allowed,
            wanted.identifiers,
            wanted.attributes,
            wanted.payload_hash
        from audience_wanted as wanted
        full outer join audience_standing as standing on wanted.contact_id = standing.contact_id
        left join (select distinct contact_id from {allowed}) as allowed
            on coalesce(wanted.contact_id, standing.contact_id) = allowed.contact_id
        {"where standing.contact_id is not null" if keeps else ""}
        """
    )


def changes(
    connection: duckdb.DuckDBPyConnection, *kinds: str, refused_only: bool = False
) -> Iterator[list[tuple[str, str, str | None, str | None, str | None]]]:
    """Batches of contact_id, change, identifiers (JSON), attributes (JSON) and payload_hash."""
    only = " and not is_allowed" if refused_only else ""
    cursor = connection.cursor().execute(
        "select contact_id, change, identifiers, attributes, payload_hash "
        f"from {CHANGES} where change in ? {only} order by contact_id",
        [list(kinds)],
    )
    while rows := cursor.fetchmany(FETCHED):
        yield rows


def taken_by_others(
    connection: duckdb.DuckDBPyConnection, values: Sequence[str], leaving: Sequence[str]
) -> set[str]:
    """Identifiers, of those given, that somebody has who is to be there.

    Two people may share a number, and one person may come under another key: taking theirs away
    would take them out. ``leaving`` are no one of them.
    """
    given = pa.table({"identifier": pa.array(list(dict.fromkeys(values)), pa.string())})
    gone = pa.table({"contact_id": pa.array(list(leaving), pa.string())})
    connection.register("audience_given", given)
    connection.register("audience_leaving", gone)
    try:
        rows = connection.execute(
            """
            select distinct found.identifier
            from (
                select
                    contact_id,
                    unnest(from_json(
                        json_extract(identifiers, '$.*[*]'), '["VARCHAR"]'
                    )) as identifier
                from audience_wanted where identifiers is not null
            ) as found
            semi join audience_given using (identifier)
            anti join audience_leaving using (contact_id)
            """
        ).fetchall()
    finally:
        connection.unregister("audience_given")
        connection.unregister("audience_leaving")
    return {row[0] for row in rows}
