"""Random people, what stands against them, what they were sent and what they are meant to get."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.gates.facts import COLUMNS, Facts
from workspace.definitions.caps import Caps
from workspace.streams import STREAMS

AS_OF = datetime(2026, 10, 23, 18, 30)  # a Friday evening, two days before clocks go back
ZONE = "Europe/Paris"
CHANNELS = ("email", "sms", "push")
CLASSES = ("marketing", "nurture", "newsletter", "digest", "sales", "lifecycle", "transactional")
PURPOSES = ("marketing", "newsletter")
World = dict[str, list[dict[str, Any]]]
_HOUR = timedelta(hours=1)

INTENTS = pa.schema([*STREAMS["message_intents"].schema, ("deferred_until", pa.timestamp("us"))])
_TYPES = {"varchar": pa.string(), "timestamp": pa.timestamp("us"), "integer": pa.int32()}


def intent(number: int | str, contact_id: str = "c", **more: Any) -> dict[str, Any]:
    """A marketing mail that is due; ``more`` overrides."""
    return {
        **dict.fromkeys(INTENTS.names),
        "intent_id": f"i{number}",
        "source_kind": "campaign",
        "source_key": "spring",
        "step": "",
        "occurrence": "",
        "contact_id": contact_id,
        "channel": "email",
        "purpose": "marketing",
        "message_class": "lifecycle",
        "priority": 0,
        "scheduled_at": AS_OF,
        "on_capped": "wait",
        "known_at": AS_OF,
        **more,
    }


def contact(contact_id: str = "c", **more: Any) -> dict[str, Any]:
    keys = {f"{kind}_key": f"{kind}-{contact_id}" for kind in ("email", "phone", "push")}
    return {
        "contact_id": contact_id, **keys, "country": "FR", "time_zone": ZONE, "band": "warm",
        **more,
    }  # fmt: skip


def granted(contact_id: str = "c", **more: Any) -> dict[str, Any]:
    return {
        "contact_id": contact_id, "purpose": "marketing", "channel": "email", "state": "granted",
        "reason": "form", "evidence_id": f"proof-{contact_id}",
        "decided_at": AS_OF - 30 * 24 * _HOUR, "legal_basis": "consent", "text_hash": "text",
        "policy_version": "policy", **more,
    }  # fmt: skip


def world(**relations: list[dict[str, Any]]) -> World:
    """All relations; those not given are empty."""
    return {**{name: [] for name in ("intents", *COLUMNS)}, **relations}


def some(draw: random.Random, people: int, most: int = 6) -> World:
    """A world of so many people, most of whom may get something."""
    made = world()
    for person in range(people):
        contact_id = f"c{person}"
        _add_person(made, draw, contact_id)
        for _ in range(draw.choice([1, 1, 2, 3, most])):
            made["intents"].append(_intent(draw, len(made["intents"]), contact_id))
    for n, row in enumerate(made["intents"]):
        if draw.random() < 0.03:
            fields = draw.sample(["last_name", "first_name"], draw.choice([1, 2]))
            made["incomplete"] += [{"intent_id": row["intent_id"], "missing": f} for f in fields]
        if draw.random() < 0.02:
            made["sent"].append(_sent(draw, f"s{n}", row["contact_id"]))
    made["approvals"] = [
        {"subject_hash": name, "decision": name} for name in ("approved", "rejected", "withdrawn")
    ]
    made["pauses"] = [
        {"scope": "campaign", "source_key": "paused", "event": "pause"},
        {"scope": "campaign", "source_key": "stopped", "event": "stop"},
        {"scope": "campaign", "source_key": "stopped", "event": "pause"},
        {"scope": "journey", "source_key": "spring", "event": "pause"},
    ]
    if draw.random() < 0.1:
        made["pauses"].append({"scope": "all", "source_key": "", "event": "pause"})
    for rows in made.values():
        draw.shuffle(rows)
    return made


def _add_person(made: World, draw: random.Random, contact_id: str) -> None:
    if draw.random() < 0.97:
        keys = {
            f"{kind}_key": f"{kind}-{contact_id}" if draw.random() < 0.9 else None
            for kind in ("email", "phone", "push")
        }
        made["contacts"].append(
            {
                "contact_id": contact_id,
                **keys,
                "country": draw.choice(["FR", "FR", "DE", None]),
                "time_zone": draw.choice([ZONE, ZONE, None, "America/New_York", "Asia/Kolkata"]),
                "band": draw.choice(["hot", "warm", "cool", "cold", None]),
            }
        )
    for purpose in PURPOSES:
        for channel in CHANNELS:
            if draw.random() < 0.95:
                state = draw.choice(["granted"] * 12 + ["withdrawn", "pending"])
                made["consents"].append(
                    granted(
                        contact_id,
                        purpose=purpose,
                        channel=channel,
                        state=state,
                        reason=draw.choice(["form", "unsubscribed", None]),
                        evidence_id=f"{contact_id}-{purpose}-{channel}",
                    )
                )
    for gate in ("erased", "bounced", "consent", "unsubscribed", "suppressed"):
        if draw.random() < 0.03:
            made["stops"] += [
                {
                    "contact_id": contact_id,
                    "channel": draw.choice([*CHANNELS, "all"]),
                    "purpose": draw.choice([*PURPOSES, None, None]),
                    "gate": gate,
                    "detail": draw.choice(["one", "other"]),
                }
                for _ in range(draw.choice([1, 2]))
            ]
    for n in range(draw.choice([0, 0, 1, 2, 4, 7])):
        made["sent"].append(_sent(draw, f"{contact_id}-s{n}", contact_id))
    for channel in CHANNELS:
        if draw.random() < 0.5:
            hours = [draw.choice([None, *range(24)]) for _ in range(2)]
            made["send_times"].append(
                {
                    "contact_id": contact_id,
                    "channel": channel,
                    "weekday_hour": hours[0],
                    "weekend_hour": hours[1],
                }
            )


def _sent(draw: random.Random, message_id: str, contact_id: str) -> dict[str, Any]:
    # Whole hours, so that windows end exactly when something is due; some lie ahead (queued).
    return {
        "message_id": message_id,
        "contact_id": contact_id,
        "message_class": draw.choice(CLASSES),
        "channel": draw.choice(CHANNELS),
        "sent_at": AS_OF + draw.choice([-720, -240, -169, -168, -167, -100, -24, -23, -1, 0, 5, 20])
        * _HOUR,
    }  # fmt: skip


def _intent(draw: random.Random, number: int, contact_id: str) -> dict[str, Any]:
    scheduled = AS_OF + draw.choice([-30, -2, 0, 0, 0, 0.25, 3, 14, 23.5, 24, 24.5, 60, 80]) * _HOUR
    return intent(
        number,
        contact_id,
        source_kind=draw.choice(["campaign"] * 8 + ["journey", "consent"]),
        source_key=draw.choice(["spring"] * 12 + ["autumn"] * 3 + ["paused", "stopped"]),
        step=draw.choice(["", "one", "two"]),
        occurrence=draw.choice(["", "2026-10"]),
        channel=draw.choice(CHANNELS),
        purpose=draw.choice(["marketing"] * 8 + ["newsletter", "unheard_of"]),
        message_class=draw.choice([*CLASSES * 3, "lifecycle", "lifecycle", "unheard_of"]),
        priority=draw.choice([None, 0, 0, 5, 9]),
        expected_value=draw.choice([None, 0.0, 1.5, 2.5]),
        scheduled_at=scheduled,
        not_after=draw.choice([None, None, None, scheduled + 5 * _HOUR, scheduled + 40 * _HOUR]),
        deferred_until=draw.choice([None] * 6 + [AS_OF + 6 * _HOUR, AS_OF - 6 * _HOUR]),
        on_capped=draw.choice(["wait", "wait", "skip", None]),
        send_time=draw.choice([None, None, None, "best", "planned"]),
        approval=draw.choice([None] * 20 + ["approved", "rejected", "withdrawn", "nobody"]),
        experiment=draw.choice([None, "e"]),
        variant=draw.choice([None] * 15 + ["holdout", "a"]),
    )


def put(connection: duckdb.DuckDBPyConnection, made: World) -> Facts:
    """The world as tables; the intents as ``intents``."""
    for name, rows in made.items():
        schema = INTENTS if name == "intents" else schema_of(name)
        table = pa.Table.from_pylist(rows, schema=schema)
        connection.register("given", table)
        connection.execute(f"create or replace temp table {name} as from given")
        connection.unregister("given")
    return Facts(**{name: name for name in COLUMNS})


def schema_of(name: str) -> pa.Schema:
    columns = (column.rsplit(" ", 1) for column in COLUMNS[name].split(", "))
    return pa.schema([(column, _TYPES[kind]) for column, kind in columns])


def shipped() -> Caps:
    from workspace.definitions.reading import read
    from workspace.paths import PROJECT

    return read(PROJECT / "marketing" / "caps.yml", Caps)
