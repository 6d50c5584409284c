"""Asking small worlds one thing each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reverse_etl.segments import evaluator
from reverse_etl.segments.evaluator import Evaluator
from tests.reverse_etl.segments.definitions import segment_of
from tests.reverse_etl.segments.worlds import World, world_of
from workspace.definitions.segments import Segment

DAY = timedelta(days=1)
EVENT = {"message_type": "track", "event": "E", "contact_id": "c", "actor_class": "human"}


def evaluated(world: World, **definitions: dict[str, Any]) -> Evaluator:
    segments: dict[str, Segment] = {}
    for key, definition in definitions.items():
        segments[key] = segment_of(definition, world.fields, set(segments))
    return Evaluator(world.tables, world.fields, segments, world.as_of)


def members(world: World, where: dict[str, Any], **segment: Any) -> str:
    """Ids of the members, in order."""
    found = evaluated(world, asked={"where": where, **segment})
    return " ".join(sorted(found.members("asked")))


def contacts_with(column: str, **values: Any) -> World:
    rows = [{"contact_id": key, column: value} for key, value in values.items()]
    return world_of(contact_features=rows)


def happened(*rows: dict[str, Any], table: str = "fct_events") -> World:
    """Contacts c and d of the accounts a and b, and rows that add to ``EVENT``."""
    told = [{"message_id": f"m{n}", **EVENT, **row} for n, row in enumerate(rows)]
    columns = evaluator.COLUMNS[table]
    return world_of(
        contact_features=[
            {"contact_id": "c", "account_id": "a"},
            {"contact_id": "d", "account_id": "b"},
        ],
        account_features=[{"account_id": "a"}, {"account_id": "b"}],
        **{table: [{k: v for k, v in row.items() if k in columns} for row in told]},
    )


def does(world: World, **leaf: Any) -> bool:
    """Whether c meets a leaf about events."""
    return "c" in members(world, {"event": "E", **leaf} if "touch" not in leaf else leaf).split()
