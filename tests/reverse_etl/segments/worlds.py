"""Small worlds to ask segments of: full of missing values, ties and times on the edges of windows.

A world is the marts that segments read, drawn from a seed out of few values, so that definitions
drawn from the same values tell its people apart.
"""

from __future__ import annotations

import functools
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dagster_project.compiled import compiled
from reverse_etl.segments.evaluator import COLUMNS, Tables
from workspace.definitions.segment_fields import (
    ACCOUNT_FIELDS,
    CONTACT_FIELDS,
    EVENT_FIELDS,
    TOUCH_FIELDS,
    Fields,
    Kind,
)
from workspace.paths import Paths
from workspace.settings import Environment

T = datetime(2026, 3, 15, 10, 30)
MICROSECOND = timedelta(microseconds=1)
DAYS = (0.5, 1, 7, 30, 90.25)
ZONES = ("Europe/Paris", "UTC", "Pacific/Kiritimati", "America/Los_Angeles")
VERTICALS = ("medical", "public")
ROLES = ("surgeon", "mayor", "buyer")

#: Texts that break quoting, patterns, or a comparison that folds letters.
TEXTS = (
    "a", "A", "b", "ab", "é", "e\u0301", "É", "e", "œuvre", "日本", "😀", "", " ",
    " a", "it's", 'a "b"',
    "''", "100%", "a%b", "_", "a_b", "\\", "a\\b", "\\'", "/tarifs", "/tarifs/2026", "/TARIFS",
    "null", "NULL", "true", "1", "1.0", "$1", ":a", "?", "a\nb", "--",
    "'; drop table marts.fct_events; --",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    2,
    60,
    -1,
    0.1,
    0.2,
    0.3,
    0.1 + 0.2,
    59.999999,
    60.5,
    5000,
    50000,
    1e15,
    -1e15,
    1e-7,
)
AMOUNTS = ("0.0000", "0.1000", "0.2000", "0.3000", "0.0001", "-5.0000", "100.0050", "99999999.9999")
DATES = (
    date(2026, 3, 22),
    date(2026, 3, 15),
    date(2026, 3, 14),
    date(2026, 3, 16),
    date(2026, 2, 28),
    date(2024, 2, 29),
)
#: Property texts by the type that is asked of them; some are none of it.
PROPERTY_TEXTS: dict[Kind, tuple[str, ...]] = {
    "text": TEXTS,
    "number": (
        "0", "1", "2", "60", "-1", "+1", "0.1", "0.30000000000000004", "60.5", " 7 ", "7", "1e3",
        "1E+3", "5e-1", "1e15", "-1e15", "007", "-0", "1e-400",
        "12abc", "NaN", "nan", "inf", "-Infinity", "1e400", "", " ", "1_000", "0x10", "０", "1,5",
        "1 000", "--1", "1e", "1000000000000001", "true", "é", "1\n2", "١",
    ),
    "boolean": ("true", "false", "", "yes", "1", "0", "t", "wahr"),
    "date": ("2026-03-15", "2026-03-14", "2024-02-29", "2026-02-30", "soon", "", "2026-13-01", "é",
        "2026-03-15T00:30:00+02:00", "2026-03-15T25:00:00Z", "infinity",
    ),
    "time": (
        "2026-03-15T10:30:00Z", "2026-03-15T10:29:59.999999Z", "2026-03-08T10:30:00Z",
        "2026-03-14T00:00:00Z", "2026-03-15 10:30:00.000001", "2026-03-14",
        "soon", "", "2026-02-30T00:00:00Z", "é",
        "2026-03-15T00:30:00+02:00", "2026-03-14T23:30:00-02:00", "1773570600000", "infinity",
        "2026-03-15Tabc", "2026-3-5", "2026-03-15 (BC)", "epoch",
    ),
}  # fmt: skip
EVENTS = (
    "Pricing Viewed", "pricing_viewed", "White Paper Downloaded", "Démonstration demandée",
    "$mp_web_page_view", "Order Completed", "it's 100% \"odd\"", "ROI  calculator-used",
    "日本 Viewed",
)  # fmt: skip
TYPES = ("page", "screen", "identify", "group")
TOUCHES = ("pricing_view", "email_click", "meeting", "content_download")
LISTS = (("17", "Clients d'été"), ("18", "17"), ("l_3", "100%"))
SNAPSHOTS = ("2026-02", "q1 'final'")
CONSENTS = ("granted", "withdrawn", "expired")
PURPOSES, CHANNELS = ("newsletter", "offers"), ("email", "sms")

FIELDS = Fields.model_validate(
    {
        owner: {f"p_{kind}": {"type": kind} for kind in PROPERTY_TEXTS}
        for owner in ("contact", "account", "event")
    }
)

_INTEGERS = ("orders", "tier", "population", "employees", "contacts", "engaged_contacts")
_STORED: dict[Kind, Any] = {
    "text": pl.String,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "time": pl.Datetime("us"),
}
_KINDS: dict[str, Mapping[str, Kind]] = {
    "contact_features": CONTACT_FIELDS,
    "account_features": ACCOUNT_FIELDS,
    "fct_events": EVENT_FIELDS,
    "fct_touchpoints": TOUCH_FIELDS,
}
Row = dict[str, Any]


def stored_as(table: str, column: str) -> Any:
    """The type of a mart's column in the warehouse."""
    if column.endswith("_base"):
        return pl.Decimal(18, 4)
    if column in _INTEGERS:
        return pl.Int64
    if column == "occurred_at":
        return pl.Datetime("us")
    return _STORED[_KINDS.get(table, {}).get(column, "text")]


@dataclass(frozen=True)
class World:
    """The marts of a world, the fields it declares and when it is looked at."""

    tables: Tables
    fields: Fields = FIELDS
    as_of: datetime = T
    #: The reporting time zone, whose days occurred_on gives.
    zone: str = "Europe/Paris"

    @property
    def names(self) -> set[tuple[str, str]]:
        """What event_names would hold."""
        rows = self.tables.fct_events.select("message_type", "event").unique().rows()
        return {(message_type, event or "") for message_type, event in rows}

    def database(self) -> duckdb.DuckDBPyConnection:
        """A database in memory with the marts."""
        connection = duckdb.connect()
        connection.execute("set threads = 1")
        connection.execute("create schema marts")
        for table in COLUMNS:
            connection.register("given", getattr(self.tables, table))
            day = f"timezone('{self.zone}', timezone('UTC', occurred_at))::date as occurred_on"
            more = f", {day}" if "occurred_at" in COLUMNS[table] else ""
            source = typed_values_sql() if table == "field_values" else f"select *{more} from given"
            connection.execute(f"create table marts.{table} as {source}")
            connection.unregister("given")
        return connection


@functools.cache
def typed_values_sql() -> str:
    """What dbt makes field_values of, from the texts in ``given``."""
    project = compiled(Paths(Path(tempfile.gettempdir())), Environment.DEV)
    text = project.statements["model.marketing_warehouse.field_values"]
    return text.replace('"warehouse"."intermediate"."int_field_texts"', "given")


def world_of(fields: Fields = FIELDS, zone: str = "Europe/Paris", **rows: Iterable[Row]) -> World:
    """A world of rows told by table; columns that a row leaves out are missing."""
    frames = {
        table: pl.DataFrame(
            [{column: row.get(column) for column in columns} for row in rows.pop(table, ())],
            schema={column: stored_as(table, column) for column in columns},
            orient="row",
        )
        for table, columns in COLUMNS.items()
    }
    assert not rows, f"no tables {sorted(rows)}"
    return World(Tables(**frames), fields, zone=zone)


def random_world(seed: int, contacts: int = 60, accounts: int = 16, events: int = 500) -> World:
    """A world of so many; none is a world too."""
    rng = random.Random(seed)
    contact_ids = [f"c{n}" for n in range(contacts)]
    account_ids = [f"a{n}" for n in range(accounts)]
    # The last account has no contact, and some contacts' account is unknown to the marts.
    homes = [*account_ids[:-1], None, None, "a_gone"]

    def values(kinds: Mapping[str, Kind]) -> Row:
        return {
            column: _maybe(rng, lambda c=column, k=kind: _value(rng, c, k))
            for column, kind in kinds.items()
        }

    contact_rows = [
        {
            **values(CONTACT_FIELDS),
            "contact_id": contact,
            "account_id": rng.choice(homes),
            "vertical": _maybe(rng, lambda: rng.choice(VERTICALS)),
            "role": _maybe(rng, lambda: rng.choice(ROLES)),
        }
        for contact in contact_ids
    ]
    account_rows = [
        {
            **values(ACCOUNT_FIELDS),
            "account_id": account,
            "vertical": _maybe(rng, lambda: rng.choice(VERTICALS)),
        }
        for account in account_ids
    ]
    somebody = [*contact_ids, *contact_ids, None, "c_gone"]
    message_rows = [_message(rng, n, somebody, values) for n in range(events)]
    touch_rows = [
        {
            **values(TOUCH_FIELDS),
            "touch_type": rng.choice(TOUCHES),
            "contact_id": rng.choice(somebody),
            "occurred_at": time_of(rng),
            "actor_class": _actor(rng),
        }
        for _ in range(events // 3)
    ]
    owners = (
        ("contact", contact_ids),
        ("account", account_ids),
        ("event", [row["message_id"] for row in message_rows]),
    )
    property_rows = [
        {"owner": owner, "owner_id": owner_id, "property": f"p_{kind}", "value": rng.choice(texts)}
        for owner, ids in owners
        for owner_id in ids
        for kind, texts in PROPERTY_TEXTS.items()
        if rng.random() < 0.6
    ]
    consent_rows = [
        {
            "contact_id": rng.choice(somebody),
            "purpose": rng.choice(PURPOSES),
            "channel": rng.choice(CHANNELS),
            "state": rng.choice(CONSENTS),
        }
        for _ in range(contacts)
    ]
    listed = {(rng.choice(LISTS), contact) for contact in contact_ids if rng.random() < 0.5}
    kept = {(rng.choice(SNAPSHOTS), contact) for contact in contact_ids if rng.random() < 0.5}
    return world_of(
        zone=rng.choice(ZONES),
        contact_features=contact_rows,
        account_features=account_rows,
        fct_events=message_rows,
        fct_touchpoints=touch_rows,
        field_values=property_rows,
        consent_states=consent_rows,
        list_members=[
            {"list_id": number, "list_name": name, "contact_id": contact}
            for (number, name), contact in sorted(listed)
        ],
        segment_snapshots=[
            {"snapshot_id": snapshot, "contact_id": contact} for snapshot, contact in sorted(kept)
        ],
    )


def time_of(rng: random.Random, ahead: Sequence[float] = ()) -> datetime:
    """A time, more often than not on an edge of a window, or next to one."""
    if rng.random() < 0.3:
        return T - timedelta(minutes=rng.randrange(-3 * 1440, 120 * 1440))
    edge = T - timedelta(days=rng.choice((0, *DAYS, *(-days for days in ahead))))
    if rng.random() < 0.1:
        day = rng.choice(DATES)
        edge = datetime(day.year, day.month, day.day)
    return edge + rng.choice((-1, 0, 0, 1)) * MICROSECOND


def _message(
    rng: random.Random, number: int, somebody: Sequence[str | None], values: Callable[..., Row]
) -> Row:
    is_track = rng.random() < 0.8
    return {
        **values(EVENT_FIELDS),
        "message_id": f"m{number}",
        "message_type": "track" if is_track else rng.choice(TYPES),
        "event": rng.choice(EVENTS) if is_track else None,
        "occurred_at": time_of(rng),
        "contact_id": rng.choice(somebody),
        "actor_class": _actor(rng),
    }


def _actor(rng: random.Random) -> str:
    return rng.choices(("human", "unsure", "machine"), (6, 2, 2))[0]


def _maybe(rng: random.Random, draw: Callable[[], Any]) -> Any:
    return draw() if rng.random() < 0.75 else None


def _value(rng: random.Random, column: str, kind: Kind) -> Any:
    if column.endswith("_base"):
        return Decimal(rng.choice(AMOUNTS))
    if column in _INTEGERS:
        return rng.choice((0, 1, 2, 3, 5000, 50000))
    draw: dict[Kind, Callable[[], Any]] = {
        "text": lambda: rng.choice(TEXTS),
        "number": lambda: rng.choice(NUMBERS),
        "boolean": lambda: rng.random() < 0.5,
        "date": lambda: rng.choice(DATES),
        "time": lambda: time_of(rng, DAYS),
    }
    return draw[kind]()
