"""HubSpot against its stand-in: what is special about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.hubspot import objects
from sandbox.servers import hubspot
from sandbox.servers.base import Control, Controlled, Fault, serving
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor
from workspace.lake import Lake

New = Callable[..., Vendor]
SOON = END + timedelta(minutes=5)
MANY = 25_001


def contact(one: str, at: datetime = END - timedelta(days=3), **properties: Any) -> dict[str, Any]:
    return {
        "id": one,
        "properties": {"email": f"c{one}@example.com", **properties},
        "createdAt": hubspot.iso(at),
        "updatedAt": hubspot.iso(at),
        "archived": False,
        "associations": {},
    }


def world(contacts: list[dict[str, Any]]) -> dict[str, Any]:
    found = {"contacts": contacts, "companies": [], "deals": []}
    return hubspot.make([], END, objects=found)


def latest(vendor: Vendor, stream: str) -> dict[str, dict[str, Any]]:
    rows = sorted(vendor.rows(stream), key=lambda row: row["known_at"])
    return {row["crm_id"]: row for row in rows}


# ---- paging ----------------------------------------------------------------------------------


def test_25_001_records_of_one_moment_and_a_crash_on_page_137(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE_SIZE", 100)
    everybody = [contact(str(1_000_000 + i)) for i in range(MANY)]
    vendor = new_vendor("hubspot", world(everybody))
    searches = 0

    def on_search(path: str) -> bool:
        nonlocal searches
        searches += path.startswith("/crm/v3/objects/contacts/search")
        return searches == 137

    vendor.control.stop_at = on_search
    broken = vendor.pull(only=("contacts",))
    assert "answered 500" in broken.errors[0]
    vendor.load()
    reached = len(vendor.rows("crm_contacts"))
    assert reached == 136 * 100
    vendor.control.stop_at = None
    vendor.control.requests.clear()
    assert vendor.pull(SOON, ("contacts",)).errors == []
    again = [path for _, path in vendor.control.requests if path.endswith("contacts/search")]
    assert len(again) == 251 - 136
    vendor.load()
    ids = Counter(row["crm_id"] for row in vendor.rows("crm_contacts"))
    assert len(ids) == MANY and set(ids.values()) == {1}
    assert [load.duplicate for load in vendor.loads if load.duplicate] == []


def test_kill_9_in_the_midst_of_a_pull(tmp_path: Path) -> None:
    """The process itself dies; what it had landed counts, and nothing comes twice."""
    many = 3_001
    everybody = [contact(str(1_000_000 + i)) for i in range(many)]
    control = Control()
    with serving(Controlled(hubspot.app(world(everybody)), control)) as url:
        command = [sys.executable, "-m", "ingestion.hubspot", "--only", "contacts"]
        environment = {
            **os.environ,
            **hubspot.ENVIRONMENT,
            "MARKETING_HUBSPOT_URL": url,
            "MARKETING_WORKSPACE": str(tmp_path),
            "MARKETING_PULL_FROM": "2026-01-01",
        }
        process = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[3])
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("landing/crm/*.segment")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert Lake(tmp_path / "lake").rows("crm_contacts") < many
        subprocess.run(command, env=environment, cwd=Path(__file__).parents[3], check=True)
    ids = Lake(tmp_path / "lake").read("crm_contacts", ["crm_id"])["crm_id"].to_pylist()
    assert len(ids) == len(set(ids)) == many


def test_an_answer_that_does_not_go_on_is_no_endless_loop(new_vendor: New) -> None:
    vendor = new_vendor("hubspot", world([contact(str(i)) for i in range(1, 601)]))
    body = b'{"total":9,"results":[{"id":"5","properties":{},"updatedAt":"2026-09-01T00:00:00Z"}]}'
    vendor.control.skip = 1 + 1 + 2 + 4  # properties, a search, associations, histories
    vendor.control.faults = [Fault(200, {}, body)]
    result = vendor.pull(only=("contacts",))
    assert "does not go on behind that id" in result.errors[0]


# ---- what changes ----------------------------------------------------------------------------


def test_the_look_back_finds_what_the_index_was_late_with(new_vendor: New) -> None:
    data = world([contact("1")])
    vendor = new_vendor("hubspot", data)
    vendor.run()
    late = contact("2", END - timedelta(minutes=20))
    data["objects"]["contacts"].append(late)
    vendor.run(SOON)
    assert set(latest(vendor, "crm_contacts")) == {"1", "2"}


def test_a_change_is_a_version(new_vendor: New) -> None:
    data = world([contact("1", lifecyclestage="lead")])
    vendor = new_vendor("hubspot", data)
    vendor.run()
    changed = contact("1", SOON, lifecyclestage="customer")
    data["objects"]["contacts"][0] = changed
    vendor.run(SOON)
    rows = vendor.rows("crm_contacts")
    assert [row["lifecycle_stage"] for row in rows] == ["lead", "customer"]
    assert rows[1]["known_at"] == SOON


def test_properties_of_the_accounts_own_are_kept(new_vendor: New) -> None:
    vendor = new_vendor("hubspot", world([contact("1", segment_note="à rappeler")]))
    vendor.run()
    (row,) = vendor.rows("crm_contacts")
    assert '"segment_note":"à rappeler"' in row["properties"]
    assert "days_known" not in row["properties"]


def test_an_archived_object_is_a_last_version(new_vendor: New) -> None:
    data = world([contact("1"), contact("2")])
    vendor = new_vendor("hubspot", data)
    vendor.run()
    archived = {**data["objects"]["contacts"][1], "archived": True}
    data["objects"]["contacts"][1] = archived | {"archivedAt": hubspot.iso(SOON)}
    vendor.run(SOON)
    found = latest(vendor, "crm_contacts")
    assert (found["1"]["archived"], found["2"]["archived"]) == (False, True)
    assert found["2"]["known_at"] == SOON


def test_what_is_deleted_for_good_or_merged_away_is_found_the_next_day(new_vendor: New) -> None:
    data = world([contact(str(i)) for i in range(1, 31)])
    vendor = new_vendor("hubspot", data)
    vendor.run()
    gone = data["objects"]["contacts"].pop(3)
    survivor = contact("9", SOON, hs_merged_object_ids="8")
    data["objects"]["contacts"] = [
        survivor if one["id"] == "9" else one
        for one in data["objects"]["contacts"]
        if one["id"] != "8"
    ]
    vendor.run(SOON)
    assert not any(row["archived"] for row in latest(vendor, "crm_contacts").values())
    tomorrow = END + timedelta(hours=21)
    assert vendor.run(tomorrow).errors == []
    found = latest(vendor, "crm_contacts")
    assert {one for one, row in found.items() if row["archived"]} == {gone["id"], "8"}
    assert found[gone["id"]]["known_at"] == tomorrow and found[gone["id"]]["email"] is None
    assert '"hs_merged_object_ids":"8"' in found["9"]["properties"]
    before = vendor.everything()
    vendor.run(tomorrow + timedelta(hours=21))
    assert vendor.everything() == before


def test_an_account_that_looks_empty_archives_nobody(new_vendor: New) -> None:
    data = world([contact(str(i)) for i in range(1, 201)])
    vendor = new_vendor("hubspot", data)
    vendor.run()
    data["objects"]["contacts"] = data["objects"]["contacts"][:20]
    tomorrow = END + timedelta(hours=21)
    (error,) = vendor.run(tomorrow).errors
    assert "180 of 200 known contacts" in error and "MARKETING_HUBSPOT_CENSUS=accept" in error
    assert not any(row["archived"] for row in vendor.rows("crm_contacts"))
    vendor.values["MARKETING_HUBSPOT_CENSUS"] = "accept"
    assert vendor.run(tomorrow).errors == []
    archived = [row for row in latest(vendor, "crm_contacts").values() if row["archived"]]
    assert len(archived) == 180


# ---- what goes along -------------------------------------------------------------------------


def test_a_deal_knows_its_company_and_contact(new_vendor: New) -> None:
    vendor = new_vendor("hubspot")
    vendor.run()
    deals = vendor.rows("crm_deals")
    assert len(deals) == 7
    assert all(row["company_crm_id"] and row["contact_crm_id"] for row in deals)
    pairs = [row for row in vendor.rows("crm_associations") if row["from_type"] == "deals"]
    assert {row["to_type"] for row in pairs} == {"companies", "contacts"}
    assert {row["labels"] for row in pairs} == {"Décideur"}


def test_an_association_that_ends_leaves_the_set(new_vendor: New) -> None:
    data = world([contact("1")])
    data["objects"]["contacts"][0]["associations"] = {"companies": ["7", "8"]}
    vendor = new_vendor("hubspot", data)
    vendor.run()
    data["objects"]["contacts"][0] = contact("1", SOON)
    data["objects"]["contacts"][0]["associations"] = {"companies": ["8"]}
    vendor.run(SOON)
    later = SOON + timedelta(minutes=5)
    data["objects"]["contacts"][0] = contact("1", later)
    vendor.run(later)
    rows = sorted(vendor.rows("crm_associations"), key=lambda row: row["known_at"])
    assert [(row["to_id"], row["is_associated"]) for row in rows] == [
        ("7", True),
        ("8", True),
        ("8", True),
        (objects.NOBODY, False),
    ]
    assert len({row["set_hash"] for row in rows}) == 3


def test_a_link_that_changes_alone_is_no_conflict(new_vendor: New) -> None:
    data = world([contact("1", END - timedelta(minutes=10))])
    vendor = new_vendor("hubspot", data)
    vendor.run()
    data["objects"]["contacts"][0] = contact("1", END - timedelta(minutes=10))
    data["objects"]["contacts"][0]["associations"] = {"companies": ["7"]}
    vendor.run(SOON)
    assert vendor.rows("rejected_rows") == []
    pairs = [(row["to_id"], row["is_associated"]) for row in vendor.rows("crm_associations")]
    assert pairs == [(objects.NOBODY, False), ("7", True)]


def test_history_of_stages(new_vendor: New) -> None:
    vendor = new_vendor("hubspot")
    vendor.run()
    rows = [row for row in vendor.rows("crm_property_history") if row["property"] == "dealstage"]
    assert Counter(row["crm_id"] for row in rows) == {
        deal["id"]: 2 for deal in vendor.data["objects"]["deals"]
    }
    assert all(row["source_type"] == "crm_ui" for row in rows)


def test_list_members_are_asked_for_when_the_list_has_changed(new_vendor: New) -> None:
    data = hubspot.make(PEOPLE, END)
    vendor = new_vendor("hubspot", data)
    vendor.run()
    vendor.control.requests.clear()
    data["members"]["41"] = data["members"]["41"][1:]
    vendor.run(SOON)
    asked = [path for _, path in vendor.control.requests if "memberships" in path]
    assert asked == ["/crm/v3/lists/41/memberships?limit=250"]
    newest = max(
        (row for row in vendor.rows("crm_list_members") if row["list_id"] == "41"),
        key=lambda row: row["known_at"],
    )["set_hash"]
    members = {
        row["crm_id"]
        for row in vendor.rows("crm_list_members")
        if row["list_id"] == "41" and row["set_hash"] == newest
    }
    assert members == set(data["members"]["41"])


def test_tasks_and_engagements_have_their_columns(new_vendor: New) -> None:
    vendor = new_vendor("hubspot")
    vendor.run()
    statuses = Counter(row["status"] for row in vendor.rows("crm_tasks"))
    assert statuses == {"completed": 9, "not_started": 16}
    assert all(
        row["completed_at"] for row in vendor.rows("crm_tasks") if row["status"] == "completed"
    )
    kinds = Counter(row["engagement_type"] for row in vendor.rows("crm_engagements"))
    assert kinds == {"call": 25, "email": 25, "meeting": 25, "note": 25}
    assert all(row["contact_crm_id"] for row in vendor.rows("crm_engagements"))


def test_a_changed_type_rejects_its_row_alone(new_vendor: New) -> None:
    data = world([contact("1"), contact("2", lifecyclestage={"now": "an object"}), contact("3")])
    vendor = new_vendor("hubspot", data)
    vendor.pull(only=("contacts",))
    loads = {load.kind: load for load in vendor.load()}
    assert (loads["crm"].good, loads["crm"].bad) == (2, 1)
    (row,) = (row for row in vendor.rows("rejected_rows") if row["kind"] == "crm")
    assert (row["reason"], row["field"]) == ("wrong_type", "lifecycle_stage")


def test_searches_keep_their_own_rate(new_vendor: New, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion.hubspot import client
    from ingestion.sources.session import Patience
    from workspace.limiter import Limiter

    waited: list[float] = []
    patience = Patience(Limiter(15, 15, lambda: 0.0, waited.append))
    pool = client._Pool(patience)
    for _ in range(3):
        pool._searching.limiter.acquire()
    assert waited == [0.25, 0.5]
    for _ in range(15):
        patience.limiter.acquire()
    assert waited == [0.25, 0.5]
