"""Messages to be exposed to experiments, a slow opinion on who gets what, and a lake for both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.experiments.assigning import STREAM
from workspace.buckets import BUCKETS, bucket
from workspace.definitions.caps import Caps
from workspace.definitions.experiments import Experiments
from workspace.lake import Lake
from workspace.streams import STREAMS

AS_OF = datetime(2026, 3, 1, 6)
CAPS = Caps.model_validate(
    {
        "classes": {"marketing": {"name": "x"}, "digest": {"name": "y", "skips": ["holdout"]}},
        "holdout": {"share": 0.1, "salt": "u"},
    }
)
NOBODY = CAPS.model_copy(
    update={"holdout": CAPS.holdout.model_copy(update={"share": 0.0})},
)


def experiments(**given: Mapping[str, Any]) -> Experiments:
    """By key what differs from an experiment about the node `mail` of the journey `welcome`."""
    plain = {
        "name": "An experiment",
        "journey": "welcome",
        "node": "mail",
        "starts_on": AS_OF.date(),
        "variants": {"mail": {"share": 80}, "holdout": {"share": 20}},
        "metric": {"event": "bought", "within_days": 7},
    }
    found = {key: {**plain, **other} for key, other in given.items()}
    return Experiments.model_validate({"experiments": found})


def fill(
    connection: duckdb.DuckDBPyConnection,
    rows: Iterable[Mapping[str, Any]],
    merged: Mapping[str, str] | None = None,
) -> None:
    """Tables ``messages`` with the stream's columns, ``identities``, ``reachable``: everybody."""
    schema = STREAMS["message_intents"].schema
    plain = {
        "source_kind": "journey",
        "source_key": "welcome",
        "step": "mail",
        "template": "own",
        "message_class": "marketing",
        "purpose": "marketing",
        "channel": "email",
        "known_at": AS_OF,
    }
    listed = [{**plain, "intent_id": f"i{n}", **row} for n, row in enumerate(rows)]
    connection.register("given", pa.Table.from_pylist(listed, schema=schema))
    connection.execute("create or replace temp table messages as from given")
    pairs = {**{row["contact_id"]: row["contact_id"] for row in listed}, **(merged or {})}
    connection.execute(
        "create or replace temp table identities (identifier_key text, contact_id text)"
    )
    if pairs:
        connection.executemany("insert into identities values (?, ?)", list(pairs.items()))
    connection.execute(
        "create or replace temp table reachable as select distinct contact_id, "
        "'marketing' as purpose, 'email' as channel from identities"
    )


def told(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[Any, ...]]:
    """Message -> experiment, variant and template."""
    rows = connection.execute(
        "select intent_id, experiment, variant, template from messages"
    ).fetchall()
    return {key: tuple(rest) for key, *rest in rows}


def remembered(lake: Lake, experiment: str) -> dict[str, str]:
    rows = lake.read(STREAM).to_pylist()
    mine = [row for row in rows if row["experiment"] == experiment]
    found = {row["contact_id"]: row["variant"] for row in mine}
    assert len(found) == len(mine)
    return found


def is_held_out(caps: Caps, contact: str) -> bool:
    return bucket(caps.holdout.salt, contact) < round(caps.holdout.share * BUCKETS)


def variant_of(given: Experiments, key: str, contact: str) -> str:
    """One person, by the hash and the shares in the order of the file."""
    place, end = bucket(given.salt_of(key), contact), 0.0
    for name, arm in given.experiments[key].variants.items():
        end += arm.share * BUCKETS / 100
        if place < end:
            return name
    raise AssertionError(place)
