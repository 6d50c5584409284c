"""Erased people in the lake: gone from every row, while what was counted stays counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from reverse_etl.privacy import streams
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.privacy.subjects import Subject
from tests.reverse_etl.privacy import small_world as world
from workspace.lake import Lake
from workspace.paths import Paths

SUBJECT = Subject(
    world.RING.key("crm_contact", "9001001"),
    frozenset(world.keys_of()),
    {k: frozenset({*v, world.ANNE} if k == "email" else v) for k, v in world.IDENTIFIERS.items()},
)


@pytest.fixture
def lake(paths: Paths, tmp_path: Path) -> Lake:
    return world.ingest(paths, tmp_path / "files")


def rows(lake: Lake, stream: str, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in lake.read(stream).to_pylist()}


def everything(lake: Lake) -> str:
    """All that the lake's files hold, as one text."""
    found = []
    for path in lake.root.rglob("*.parquet"):
        found.append(str(pq.read_table(path).to_pylist()))
    # Her namesake's address ends like hers, and stays.
    return "\n".join(found).lower().replace(world.JOAN, "")


def _surrogate(lake: Lake) -> str:
    """The key that stands for Anne's address."""
    keys = {row["email_key"] for row in lake.read("crm_contacts").to_pylist()}
    (found,) = keys - {world.RING.key("email", world.JOAN)}
    return str(found)


@pytest.mark.parametrize("compacted", [False, True])
def test_nothing_names_the_person_and_totals_stay(lake: Lake, compacted: bool) -> None:
    if compacted:
        for stream in streams.streams():
            lake.compact(stream)
    counts = {stream: lake.rows(stream) for stream in streams.streams()}
    before = rows(lake, "events", "message_id")
    snapshot = lake.snapshot_id()
    found = streams.erase(lake, StandIns.draw([SUBJECT], world.RING))
    assert found["events"] == 5 and found["crm_deals"] == 2 and found["surveys"] == 2
    held = everything(lake)
    for kind, values in world.IDENTIFIERS.items():
        for value in values:
            assert value.lower() not in held, kind
    assert "canary of" not in held and "canary\\nof" not in held
    assert not any(key in held for key in SUBJECT.keys)
    assert {stream: lake.rows(stream) for stream in streams.streams()} == counts
    assert lake.snapshot_id() == snapshot

    after = rows(lake, "events", "message_id")
    assert after["e5"]["revenue"] == before["e5"]["revenue"]
    assert after["e5"]["user_key"] == after["e2"]["user_key"] == after["e3"]["user_key"]
    assert after["e2"]["anonymous_key"] == after["e1"]["anonymous_key"]
    assert after["e5"]["user_key"] == world.RING.key("user_id", after["e5"]["user_id"])
    assert (after["e2"]["ip"], after["e3"]["traits"]) == (None, None)
    assert after["e2"]["page_url"] == "https://x.example/?gclid=1"
    stages = json.loads(rows(lake, "crm_contacts", "email_key")[_surrogate(lake)]["properties"])
    assert stages == {"hs_lifecyclestage_lead_date": "2026-02-01T00:00:00Z"}
    assert json.loads(after["e2"]["properties"]) == {"page": "/b"}
    # What is somebody else's keeps all but the name of the person.
    told = json.loads(after["e4"]["properties"])
    assert told["page"] == "/c" and told["referred_by"].endswith(".qqqqqqq")
    assert after["e4"]["user_key"] == before["e4"]["user_key"]
    deal = rows(lake, "crm_deals", "crm_id")["7001"]
    contact = next(i for i in rows(lake, "crm_contacts", "crm_id") if i != "9001002")
    assert deal["contact_crm_id"] == contact
    assert json.loads(deal["associations"])["contacts"]["results"][0]["id"] == contact
    assert json.loads(deal["properties"])["amount"] == "1200.00"


def test_doing_it_again_changes_nothing(lake: Lake) -> None:
    stand_ins = StandIns.draw([SUBJECT], world.RING)
    streams.erase(lake, stand_ins)
    files = sorted(path.name for path in lake.root.rglob("*"))
    assert not streams.erase(lake, stand_ins)
    assert not streams.remaining(lake, stand_ins)
    assert sorted(path.name for path in lake.root.rglob("*")) == files


def test_without_residual_rows_only_others_stay(lake: Lake) -> None:
    streams.erase(lake, StandIns.draw([SUBJECT], world.RING), residual=False)
    assert rows(lake, "events", "message_id").keys() == {"e4"}
    assert rows(lake, "crm_contacts", "crm_id").keys() == {"9001002"}
    assert rows(lake, "crm_deals", "crm_id").keys() == {"7001", "7002"}


def test_lines_that_concern_the_person_are_told_before(lake: Lake) -> None:
    found = streams.landed_lines(lake, StandIns.draw([SUBJECT], world.RING)).of
    by_kind = {file.partition("/")[0]: lines for file, lines in found.items()}
    assert by_kind["events"] == {1, 2, 3, 4, 5}
    assert by_kind["surveys"] == {2, 3}
    assert by_kind["crm"] == {1, 2, 3}
