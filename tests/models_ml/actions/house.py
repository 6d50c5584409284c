"""A warehouse of the few tables that decisions read, filled by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from models_ml.actions.reading import Reader
from workspace.definitions.actions import Actions
from workspace.definitions.caps import Holdout
from workspace.streams import STREAMS

AS_OF = datetime(2026, 10, 1)
_TEXT, _TIME, _FLOAT = pa.string(), pa.timestamp("us"), pa.float64()
TABLES: dict[str, list[tuple[str, pa.DataType]]] = {
    "marts.dim_contacts": [("contact_id", _TEXT), ("vertical", _TEXT), ("role", _TEXT)],
    "marts.buyer_stages": [("contact_id", _TEXT), ("stage", _TEXT)],
    "marts.reachable_contacts": [("contact_id", _TEXT), ("purpose", _TEXT), ("channel", _TEXT)],
    "marts.identity_map": [("identifier_key", _TEXT), ("contact_id", _TEXT)],
    "marts.unsubscribes": [("contact_id", _TEXT), ("unsubscribed_at", _TIME)],
    "marts.fct_emails": [
        *((name, _TEXT) for name in ("source", "contact_id", "mailing_id")),
        *((name, _TIME) for name in ("sent_at", "delivered_at", "bounced_at")),
    ],
    "marts.fct_touchpoints": [
        *((name, _TEXT) for name in ("contact_id", "touch_type", "actor_class")),
        ("occurred_at", _TIME),
    ],
    "marts.contact_feature_snapshots": [
        *((name, _TEXT) for name in ("contact_id", "account_id", "vertical", "role")),
        ("snapshot_at", _TIME),
        ("clicks", _FLOAT),
        ("visits", _FLOAT),
    ],
    "intermediate.int_profiling_objections": [("contact_id", _TEXT)],
    "intermediate.int_segment_members": [
        *((name, _TEXT) for name in ("segment", "member_type", "member_id")),
    ],
}
_LAKE = ("message_states", "experiment_assignments", "action_decisions", "action_models")


class House:
    """One connection; :meth:`add` puts rows into a table, missing columns are NULL."""

    def __init__(self, path: str = ":memory:") -> None:
        self.connection = duckdb.connect(path)
        for schema in ("marts", "intermediate", "lake"):
            self.connection.execute(f"create schema {schema}")
        for name, columns in TABLES.items():
            self._make(name, pa.schema(columns))
        for name in _LAKE:
            self._make(f"lake.{name}", STREAMS[name].schema)

    def _make(self, name: str, schema: pa.Schema) -> None:
        self.connection.register("empty", schema.empty_table())
        self.connection.execute(f"create table {name} as select * from empty")

    def add(self, table: str, *rows: dict[str, Any]) -> None:
        if rows:
            self.connection.register("rows", pa.Table.from_pylist(list(rows)))
            self.connection.execute(f"insert into {table} by name select * from rows")

    def reader(
        self,
        actions: Actions,
        campaigns: Any,
        holdout: Holdout | None = None,
        experiments: Any = None,
    ) -> Reader:
        held = holdout or Holdout()
        return Reader(self.connection, actions, campaigns, experiments or {}, held, AS_OF)


def contact(house: House, ident: str, *, clicks: float = 0, role: str = "surgeon") -> None:
    """Somebody of the vertical medical who may get mails about news and events, now and before."""
    house.add("marts.dim_contacts", {"contact_id": ident, "vertical": "medical", "role": role})
    house.add("marts.buyer_stages", {"contact_id": ident, "stage": "interest"})
    house.add(
        "marts.reachable_contacts",
        *(
            {"contact_id": ident, "purpose": purpose, "channel": "email"}
            for purpose in ("newsletter", "events")
        ),
    )
    house.add("marts.contact_feature_snapshots", *snapshots(ident, clicks, role))


def snapshots(ident: str, clicks: float, role: str = "surgeon") -> list[dict[str, Any]]:
    return [
        {
            **{"contact_id": ident, "account_id": "a", "vertical": "medical", "role": role},
            **{"snapshot_at": moment, "clicks": clicks, "visits": clicks % 3},
        }
        for moment in (datetime(2026, 6, 1), AS_OF)
    ]


def past(house: House, mailing: str, people: int, click_rate: dict[float, float]) -> None:
    """``people`` who got a mail in July; of those with so many clicks, the share clicked it."""
    rng = np.random.default_rng(people)
    sent = datetime(2026, 7, 1)
    seen, mails, touches = [], [], []
    for n in range(people):
        ident, clicks = f"{mailing}{n}", list(click_rate)[n % len(click_rate)]
        seen += snapshots(ident, clicks)[:1]
        mails.append(
            {"source": "mail_tool", "contact_id": ident, "mailing_id": mailing, "sent_at": sent}
        )
        if rng.random() < click_rate[clicks]:
            touches.append(
                {
                    **{"contact_id": ident, "touch_type": "email_click", "actor_class": "human"},
                    "occurred_at": sent + timedelta(days=1),
                }
            )
    house.add("marts.contact_feature_snapshots", *seen)
    house.add("marts.fct_emails", *mails)
    house.add("marts.fct_touchpoints", *touches)
