"""Campaigns, and people in segments, for tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb

from tests.reverse_etl.gates.marts import key
from workspace.definitions.campaigns import Campaign, Campaigns
from workspace.definitions.caps import Caps
from workspace.definitions.reading import read
from workspace.paths import PROJECT

CAPS = read(PROJECT / "marketing" / "caps.yml", Caps)
ZONE = "Europe/Paris"
#: A Tuesday, 08:00 in Paris.
START = datetime(2026, 3, 3, 7)


def campaign(**given: Any) -> Campaign:
    plain = {
        "name": "Spring",
        "objective": {
            "metric": "contacts",
            "reached_by": {"event": "demo_booked"},
            "target": 5,
            "deadline": "2026-06-30",
        },
        "audience": {"segments": ["readers"]},
        "class": "marketing",
        "purpose": "marketing",
        "channel": "email",
        "template": "spring",
        "schedule": {"at": "2026-03-03 10:00"},
        "approval": "none",
    }
    return Campaign.model_validate({**plain, **given})


def weekly(**given: Any) -> Campaign:
    schedule = {"every": "week", "weekdays": ["tuesday"], "time": "10:00"}
    return campaign(**{"schedule": schedule, **given})


def campaigns(**given: Campaign) -> Campaigns:
    return Campaigns(campaigns=given)


def put(
    marts: duckdb.DuckDBPyConnection,
    segment: str,
    *names: str,
    vertical: str = "medical",
    country: str = "FR",
    stale: bool = False,
    consent: str = "granted",
) -> None:
    """People into a segment; who is not there yet comes to be."""
    marts.execute("delete from marts.marketing_segments where segment = $1", [segment])
    marts.execute("insert into marts.marketing_segments values ($1, true, $2)", [segment, stale])
    for name in names:
        marts.execute("insert into marts.segment_memberships values ($1, $2)", [segment, key(name)])
        known = marts.execute(
            "select 1 from marts.contact_features where contact_id = $1", [key(name)]
        ).fetchone()
        if not known:
            marts.execute(
                "insert into marts.contact_features values ($1, $2, $3)",
                [key(name), key(f"{name}s account"), vertical],
            )
            marts.execute(
                "insert into marts.dim_contacts values ($1, $2, null, null, $3)",
                [key(name), key(f"{name}@"), country],
            )
            marts.execute(
                "insert into marts.consent_states (contact_id, purpose, channel, state) "
                "values ($1, 'marketing', 'email', $2)",
                [key(name), consent],
            )
