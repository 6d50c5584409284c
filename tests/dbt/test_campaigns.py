"""Campaigns in the marts: versions, launches and messages add up."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reverse_etl.campaigns import versions
from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.reverse_etl.campaigns.worlds import campaign, campaigns, weekly
from workspace.definitions import load
from workspace.definitions.campaigns import Campaign
from workspace.definitions.store import table
from workspace.lake import Lake
from workspace.paths import PROJECT

AS_OF = worlds.AS_OF
BEFORE = AS_OF - timedelta(days=20)
DEFINED = load(PROJECT / "marketing").rows()
MARTS = ("campaigns", "campaign_versions", "campaign_launches")


def stored(folder: Path) -> list[dict[str, Any]]:
    """What the stream holds after three runs: a change, a journey, and one that is gone."""
    lake = Lake(folder)
    journey = Campaign.model_validate(
        {
            "name": "Welcome",
            "objective": {
                "metric": "revenue",
                "reached_by": {"goal": "deal_won"},
                "target": 100,
                "deadline": "2026-12-31",
                "within_days": 7,
            },
            "journey": "welcome",
            "cost": 12.5,
        }
    )
    first = {"spring": campaign(), "letter": weekly(), "welcome": journey, "old": campaign()}
    versions.store(campaigns(**first), lake, BEFORE)
    changed = {**first, "spring": campaign(name="Early spring")}
    changed.pop("old")
    versions.store(campaigns(**changed), lake, BEFORE + timedelta(days=1))
    versions.store(campaigns(**changed), lake, BEFORE + timedelta(days=2))
    return lake.read(versions.STREAM).to_pylist()


def message(kind: str, key: str, occurrence: str, number: int) -> dict[str, Any]:
    return {
        "intent_id": f"{kind}-{key}-{occurrence}-{number}",
        "source_kind": kind,
        "source_key": key,
        "occurrence": occurrence,
        "contact_id": f"c{number}",
        "channel": "email",
        "message_class": "marketing",
        "purpose": "marketing",
        "scheduled_at": BEFORE,
    }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    intents = [
        *(message("campaign", "spring", "once", n) for n in range(4)),
        *(message("campaign", "letter", "2026-W10", n) for n in range(2)),
        *(message("journey", "welcome", "1", n) for n in range(3)),
    ]
    blocked = [
        {"intent_id": row["intent_id"], "decision": "blocked", "gate": "consent", "sequence": 1}
        for row in intents[:2]
    ]
    sent = {
        "message_id": intents[2]["intent_id"],
        "state": "accepted",
        "sequence": 1,
        "planned_at": BEFORE + timedelta(hours=2),
        "updated_at": BEFORE,
    }
    launches = [
        {"campaign": "spring", "occurrence": "once", "status": "launched", "contacts": 4},
        {"campaign": "letter", "occurrence": "2026-W10", "status": "launched", "contacts": 2},
        {
            "campaign": "letter",
            "occurrence": "2026-W09",
            "status": "missed",
            "reason": "superseded",
            "contacts": 0,
        },
    ]
    for row in launches:
        row.update(planned_at=BEFORE, version=1, snapshot_id="s")
    rows = {
        "campaign_versions": stored(tmp_path_factory.mktemp("lake")),
        "campaign_launches": launches,
        "message_intents": intents,
        "message_decisions": blocked,
        "message_states": [sent],
        "parameters": table(
            {name: DEFINED[name] for name in ("verticals", "targets")}, BEFORE
        ).to_pylist(),
        # Something must have happened for there to be months.
        "events": [{"message_id": "m", "type": "track", "event": "x", "occurred_at": BEFORE}],
    }
    made = Lakehouse(tmp_path_factory.mktemp("campaigns"), target).fill(as_of=AS_OF, **rows)
    return made.build(*(f"+{name}" for name in MARTS), tests=None).build(*MARTS, tests="cautious")


def dicts(house: Lakehouse, query: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(house.path)) as connection:
        return connection.execute(query).fetch_arrow_table().to_pylist()


def test_campaigns(house: Lakehouse) -> None:
    rows = {row["campaign"]: row for row in dicts(house, "select * from marts.campaigns")}
    assert {
        key: (row["campaign_kind"], row["status"], row["version"], row["is_automated"])
        for key, row in rows.items()
    } == {
        "spring": ("broadcast", "launched", 2, False),
        "letter": ("recurring", "active", 1, True),
        "welcome": ("triggered", "active", 1, True),
        "old": ("broadcast", "retired", 1, False),
    }
    counts = ("launches", "missed", "messages", "contacts", "sent", "underway", "not_sent")
    assert [rows["spring"][name] for name in counts] == [1, 0, 4, 4, 1, 1, 2]
    assert [rows["letter"][name] for name in counts] == [1, 1, 2, 2, 0, 2, 0]
    assert [rows["welcome"][name] for name in counts] == [0, 0, 3, 3, 0, 3, 0]
    assert rows["spring"]["campaign_name"] == "Early spring"
    assert rows["spring"]["first_in_force_at"] == BEFORE
    assert rows["spring"]["first_queued_at"] == BEFORE + timedelta(hours=2)
    objective = ("metric", "kind", "name", "days", "target")
    assert [rows["welcome"][f"objective_{name}"] for name in objective] == [
        "revenue",
        "goal",
        "deal_won",
        7.0,
        100.0,
    ]
    assert [rows["spring"][f"objective_{name}"] for name in objective] == [
        "contacts",
        "event",
        "demo_booked",
        30.0,
        5.0,
    ]
    assert float(rows["welcome"]["cost_base"]) == 12.5 and rows["spring"]["cost_base"] is None


def test_versions(house: Lakehouse) -> None:
    rows = dicts(house, "select * from marts.campaign_versions order by campaign, version")
    assert [(row["campaign"], row["version"], row["is_in_force"]) for row in rows] == [
        ("letter", 1, True),
        ("old", 1, False),
        ("spring", 1, False),
        ("spring", 2, True),
        ("welcome", 1, True),
    ]
    names = [json.loads(row["definition"])["name"] for row in rows]
    assert names == ["Spring", "Spring", "Spring", "Early spring", "Welcome"]


def test_launches(house: Lakehouse) -> None:
    rows = dicts(house, "select * from marts.campaign_launches order by campaign, occurrence")
    counts = ("occurrence", "status", "contacts", "sent", "underway", "not_sent")
    assert [tuple(row[name] for name in counts) for row in rows] == [
        ("2026-W09", "missed", 0, 0, 0, 0),
        ("2026-W10", "launched", 2, 0, 2, 0),
        ("once", "launched", 4, 1, 1, 2),
    ]


def test_kpis(house: Lakehouse) -> None:
    """Of three campaigns two go out by themselves; the one with messages took two hours."""
    house.build("+kpi_monthly", tests=None)
    month = f"{BEFORE:%Y-%m-01}"
    assert house.kpi("automation_coverage", month) == (pytest.approx(2 / 3), "measured")
    assert house.kpi("launch_minutes", month) == (120.0, "measured")
