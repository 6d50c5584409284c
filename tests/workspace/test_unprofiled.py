"""Who objects to profiling is found by no absence of a score."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from reverse_etl.segments.evaluator import COLUMNS, Evaluator, Tables
from workspace.definitions.consent import Consent
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segments import Segment, Segments
from workspace.definitions.unprofiled import unprofiled

AS_OF = datetime(2026, 4, 1)
CONSENT = Consent.model_validate(
    {
        "legal_bases": {"consent": {}},
        "purposes": {
            "profiling": {
                "name": "P", "channels": ["all"], "marketing": False, "profiling": True,
                "legal_bases": ["consent"],
            }
        },
        "stops": {"other": {"state": "withdrawn", "covers": "marketing"}},
    }
)  # fmt: skip
IDLE = {"not": {"score": "engagement", "at_least": 60}}


def made(**conditions: Any) -> Segments:
    return Segments(
        segments={
            key: Segment.model_validate({"name": key, **where}) for key, where in conditions.items()
        }
    )


def people(segments: Segments, key: str) -> set[str]:
    """Of somebody busy, somebody idle, somebody without a score, and an objector without one."""
    rows = {
        "contact_features": [
            {"contact_id": "busy", "account_id": "a", "engagement_score": 80.0},
            {"contact_id": "idle", "account_id": "a", "engagement_score": 10.0},
            {"contact_id": "new", "account_id": "b", "engagement_score": None},
            {"contact_id": "objector", "account_id": "c", "engagement_score": None},
        ],
        "account_features": [{"account_id": one} for one in "abc"],
        "consent_states": [
            {
                "contact_id": "objector", "purpose": "profiling", "channel": "all",
                "state": "objection",
            }
        ],
    }  # fmt: skip
    tables = {
        name: pl.DataFrame(
            [{column: row.get(column) for column in columns} for row in rows.get(name, [])],
            schema=columns,
        )
        for name, columns in COLUMNS.items()
    }
    return set(Evaluator(Tables(**tables), Fields(), segments.segments, AS_OF).members(key))


def test_the_absence_of_a_score_finds_no_objector() -> None:
    given = made(
        idle={"where": IDLE},
        unknown={"where": {"field": "contact.engagement_score", "is_known": False}},
        busy={"where": {"score": "engagement", "at_least": 60}},
        others={"where": {"not": {"segment": "busy"}}},
        accounts={"unit": "account", "where": {"contacts": IDLE}},
        plain={"where": {"not": {"field": "contact.role", "is": "surgeon"}}},
    )
    before, after = given, unprofiled(given, CONSENT)
    assert people(before, "idle") == {"idle", "new", "objector"}
    assert people(after, "idle") == people(after, "others") == {"idle", "new"}
    assert people(after, "unknown") == {"new"}
    assert people(after, "accounts") == {"a", "b"}
    # What asks for nothing of the kind stays as it is written.
    for key in ("busy", "plain"):
        assert after.segments[key] == before.segments[key]
    assert "objector" in people(after, "plain")


def test_the_absence_of_a_chosen_action_finds_no_objector() -> None:
    given = made(
        others={"where": {"not": {"list": "next_best_action:call"}}},
        plain={"where": {"not": {"list": "42"}}},
    )
    assert people(given, "others") == {"busy", "idle", "new", "objector"}
    after = unprofiled(given, CONSENT)
    assert people(after, "others") == {"busy", "idle", "new"}
    assert after.segments["plain"] == given.segments["plain"]


@pytest.mark.parametrize("key", ["idle", "accounts"])
def test_without_such_a_purpose_nothing_changes(key: str) -> None:
    where = {"where": IDLE} if key == "idle" else {"unit": "account", "where": {"contacts": IDLE}}
    given = made(**{key: where})
    assert unprofiled(given, Consent()) == given
