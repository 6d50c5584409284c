"""Edits of definitions go into the audit chain once, by whoever ran."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.workspace.test_audit import rows
from workspace.lake import Lake
from workspace.ledger import Ledger, audit, edits
from workspace.streams import STREAMS

NOW = datetime(2026, 3, 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def store(lake: Lake, stream: str, day: int, **row: Any) -> None:
    schema = STREAMS[stream].schema
    number = len(lake.entries(stream)) + 1
    full = {"known_at": NOW + timedelta(days=day), **row}
    if "sequence" in schema.names:
        full["sequence"] = number
    table = pa.Table.from_pylist([{n: full.get(n) for n in schema.names}], schema=schema)
    lake.commit(stream, str(number), table)


def segment(lake: Lake, day: int, digest: str, status: str = "active") -> None:
    store(lake, "segment_definitions", day, segment="vip", definition_hash=digest, status=status)


def noted(ledger: Ledger, lake: Lake, day: int) -> list[tuple[str, str | None, str | None]]:
    before = audit.tail(ledger).position
    count = edits.note(ledger, lake, NOW + timedelta(days=day), "ana")
    found = [
        (f"{link.action} {link.object}", link.before_hash, link.after_hash)
        for link in rows(ledger)
        if link.position > before
    ]
    assert len(found) == count
    assert {link.actor for link in rows(ledger)} <= {"ana"}
    return found


def test_a_definition_is_noted_when_it_comes_changes_and_goes(ledger: Ledger, lake: Lake) -> None:
    one, other = audit.digest("one"), audit.digest("other")
    segment(lake, 0, "one")
    assert noted(ledger, lake, 0) == [("segment.edit segment:vip", None, one)]
    assert noted(ledger, lake, 1) == []
    segment(lake, 2, "other")
    assert noted(ledger, lake, 2) == [("segment.edit segment:vip", one, other)]
    segment(lake, 3, "other", "retired")
    assert noted(ledger, lake, 3) == [("segment.edit segment:vip", other, None)]
    assert noted(ledger, lake, 4) == []
    segment(lake, 5, "one")
    assert noted(ledger, lake, 5) == [("segment.edit segment:vip", None, one)]


def test_a_run_that_was_killed_before_is_made_up_for(ledger: Ledger, lake: Lake) -> None:
    """The version is stored first; an edit that was stored and not noted is noted later."""
    segment(lake, 0, "one")
    segment(lake, 1, "other")
    assert noted(ledger, lake, 9) == [("segment.edit segment:vip", None, audit.digest("other"))]


def test_every_kind_of_definition(ledger: Ledger, lake: Lake) -> None:
    segment(lake, 0, "a")
    store(lake, "journey_versions", 0, journey="welcome", definition_hash="b", status="active")
    store(lake, "campaign_versions", 0, campaign="spring", definition_hash="c", status="active")
    store(lake, "template_versions", 0, template="hello", template_version="d", status="draft")
    store(lake, "parameters", 0, definition="caps", definition_hash="e", key="x")
    assert [named for named, _, _ in noted(ledger, lake, 0)] == [
        "campaign.edit campaign:spring",
        "journey.edit journey:welcome",
        "parameters.edit parameters:caps",
        "segment.edit segment:vip",
        "template.edit template:hello",
    ]
    assert audit.verify(ledger).broken is None


def test_a_run_sees_the_versions_of_its_day(ledger: Ledger, lake: Lake) -> None:
    segment(lake, 5, "one")
    assert noted(ledger, lake, 4) == []
