"""Hard cases that every source, or one of them, must survive without losing or doubling a row."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from dagster import materialize
from starlette.responses import Response

from dagster_project.assets.sources import build_source_asset, source_key
from dagster_project.resources import WorkspaceResource
from ingestion import replaceable, replay
from ingestion.contracts import STREAMS_OF
from ingestion.hubspot import objects
from ingestion.saas import brevo, wordpress
from ingestion.sources import drain, pulling, registry
from ingestion.sources import session as session_module
from ingestion.sources.drain import last_notes
from ingestion.sources.model import PullError, Source
from ingestion.sources.pulling import Desk, pull_all
from ingestion.sources.session import Patience, Session
from interfaces import demo_world
from sandbox.servers import hubspot, mixpanel
from sandbox.servers.base import SECRET, Fault, iso
from tests.ingestion.conftest import KEYRING
from tests.ingestion.sources.conftest import END, FIRST, PEOPLE, Vendor
from tests.ingestion.sources.test_every_source import every, with_new_field
from tests.ingestion.sources.test_hubspot import SOON, New, contact, latest, world
from tests.ingestion.sources.test_intercom import unix
from tests.ingestion.sources.test_mixpanel import asked
from workspace import settings
from workspace.lake import Lake
from workspace.limiter import Limiter

#: Half of a surrogate pair: JSON can write it, and UTF-8 cannot.
HALF = "abc\ud83d"
JSON = {"Content-Type": "application/json"}
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\n"


def ascii_answer(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    body = json.dumps(value).encode()
    return Response(body, status, dict(headers or {}), "application/json")


def quarantined(vendor: Vendor) -> int:
    return sum(load.quarantined for load in vendor.loads)


def run_only(vendor: Vendor, resource: str, present: datetime = END) -> None:
    assert vendor.pull(present, (resource,)).errors == []
    vendor.load()


def add_new_field(vendor: Vendor) -> None:
    vendor.data.update(with_new_field(vendor.data))


def second(path: str) -> Callable[[str], bool]:
    """Says of a request whether it is the second one below a path."""
    seen = 0

    def is_second(request: str) -> bool:
        nonlocal seen
        if not request.startswith(path):
            return False
        seen += 1
        return seen == 2

    return is_second


def remove_between_pages(
    vendor: Vendor, path: str, records: list[dict[str, Any]], gone: dict[str, Any]
) -> None:
    """A record disappears at the vendor before the second page is answered."""
    is_second = second(path)

    def on_request(request: str) -> bool:
        if is_second(request):
            records.remove(gone)
        return False

    vendor.control.stop_at = on_request


def run_on_three_days(vendor: Vendor) -> list[str]:
    return [error for day in range(3) for error in vendor.run(END + timedelta(days=day)).errors]


@contextmanager
def answering(*answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that meets each connection with the next answer; gives its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            for answer in answers:
                with suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(1 << 16)
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def session(attempts: int = 6) -> Session:
    return Session(Patience(Limiter.unlimited(), lambda _: None, attempts))


# ---- values that no strict reader takes ------------------------------------------------------


def test_half_a_surrogate_pair_spoils_its_own_contact_only(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubspot, "answer", ascii_answer)
    data = world([contact("1"), contact("2", firstname=HALF), contact("3")])
    vendor = new_vendor("hubspot", data)
    assert run_on_three_days(vendor) == []
    assert sorted(row["crm_id"] for row in vendor.rows("crm_contacts")) == ["1", "3"]


def test_half_a_surrogate_pair_spoils_its_own_event_only(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    ascii_only = SimpleNamespace(dumps=lambda value, **_: json.dumps(value))
    monkeypatch.setattr(mixpanel, "json", ascii_only)
    data = mixpanel.make(PEOPLE, END)
    data["events"][3]["properties"]["$browser"] = HALF
    vendor = new_vendor("mixpanel", data)
    assert run_on_three_days(vendor) == []
    assert vendor.lake.rows("events") == len(data["events"]) - 1


def test_a_number_beyond_a_double_spoils_its_own_event_only(new_vendor: New) -> None:
    data = mixpanel.make(PEOPLE, END)
    vendor = new_vendor("mixpanel", data)
    good = [json.dumps(event) for event in data["events"][:3]]
    body = "\n".join([*good, '{"event":"x","properties":{"time":1,"a":1e999}}', ""])
    vendor.control.faults = [Fault(200, {}, body.encode())]
    assert vendor.run().errors == []
    assert vendor.lake.rows("events") == len(data["events"])
    assert len(vendor.rows("rejected_rows")) == 1


# ---- secrets ---------------------------------------------------------------------------------


@every
def test_a_secret_with_a_line_break_is_not_shown(
    new_vendor: New, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    vendor = new_vendor(name)
    given = vendor.values
    vendor.values = {
        key: value + "\n" if value.endswith(SECRET) and not key.endswith("_URL") else value
        for key, value in given.items()
    }
    if vendor.values == given:
        pytest.skip("no secret that goes into a header as it is")
    with caplog.at_level(logging.DEBUG):
        result = vendor.run()
    assert result.errors
    assert SECRET not in repr(result.errors)
    assert SECRET not in caplog.text


def test_a_churn_demo_asks_no_real_vendor(
    new_vendor: New, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That world has no stand-ins, and whoever runs it may have credentials set."""
    vendor = new_vendor("calendly")
    opened = settings.load(tmp_path / "demo")
    opened.paths.default_as_of.write_text(iso(END))
    for name, value in vendor.values.items():
        monkeypatch.setenv(name, value)

    def pull() -> bool:
        resource = WorkspaceResource(workspace=str(opened.paths.root))
        chosen = [source_key("calendly")]
        return materialize(
            [build_source_asset()], resources={"workspace": resource}, selection=chosen
        ).success

    with demo_world.connected(demo_world.Landed(0, {})):
        assert pull()
    assert vendor.control.requests == []
    monkeypatch.setenv("MARKETING_STAND_INS", "on")
    assert pull()
    assert vendor.control.requests != []


# ---- landing and loading ---------------------------------------------------------------------


def test_a_run_sees_what_it_has_just_pulled(new_vendor: New) -> None:
    vendor = new_vendor("hubspot")
    vendor.run()
    streams = [stream for kind in vendor.source.kinds for stream in STREAMS_OF[kind]]
    with duckdb.connect() as connection:
        for stream in streams:
            relation = connection.sql(vendor.lake.relation_sql(stream, END))
            assert len(relation) == vendor.lake.rows(stream), stream


def test_a_replay_without_its_source_keeps_the_rows(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = world([contact("1"), contact("2", lifecyclestage={"a": 1}), contact("3")])
    vendor = new_vendor("hubspot", data)
    vendor.run()
    before = vendor.everything()

    def gone(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(registry, "load", gone)
    replay("crm", vendor.landing, vendor.lake, KEYRING, guard=False)
    assert vendor.lake.rows("crm_contacts") == 2
    assert vendor.everything() == before


def test_a_full_disk_stops_no_other_source(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE_SIZE", 10)
    monkeypatch.setattr(session_module, "backoff", lambda _: 0.0)
    broken = new_vendor("hubspot", world([contact(str(i)) for i in range(1, 31)]))
    other = new_vendor("typeform")
    broken.control.stop_at = second("/crm/v3/objects/contacts/search")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drain.durable, "replace", full)
    desk = Desk(broken.landing, broken.lake, END, FIRST, limited=False)
    results = list(pull_all([broken.source, other.source], {**broken.values, **other.values}, desk))
    assert [result.status for result in results] == ["failed", "failed"]
    assert any("contacts: " in error and "answered 500" in error for error in results[0].errors)
    assert all("No space left on device" in error for error in results[1].errors)


def test_a_cursor_that_cannot_be_read_stops_no_other_source(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = new_vendor("calendly"), new_vendor("typeform")
    read = pulling.last_notes

    def refuse(source: Source, landing: Path, lake: Lake) -> dict[str, dict[str, Any]]:
        if source.name == "calendly":
            raise OSError(5, "Input/output error")
        return read(source, landing, lake)

    monkeypatch.setattr(pulling, "last_notes", refuse)
    desk = Desk(other.landing, other.lake, END, FIRST, limited=False)
    results = list(pull_all([broken.source, other.source], {**broken.values, **other.values}, desk))
    assert [result.status for result in results] == ["failed", "succeeded"]
    assert broken.control.requests == []


def test_a_large_pull_is_landed_in_parts(new_vendor: New, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the disk is bounded, however much the vendor has."""
    most, many = 1 << 18, 2_000
    monkeypatch.setattr(drain, "FILE_BYTES", most)
    monkeypatch.setattr(brevo, "CONTACTS_PAGE", 50)
    vendor = new_vendor("brevo")
    assert vendor.pull(only=("contacts",)).errors == []
    one = vendor.data["contacts"][0]
    one |= {"modifiedAt": iso(END), "attributes": {"NOTE": "n" * 2_000}}
    vendor.data["contacts"] = [{**one, "id": i, "email": f"a{i}@x.example"} for i in range(many)]
    tracemalloc.start()
    try:
        (result,) = vendor.pull(only=("contacts",)).resources
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.records == many and result.bytes > 10 * most
    assert len(result.files) > 10
    assert peak < result.bytes


def test_compaction_keeps_the_cursor(new_vendor: New) -> None:
    vendor = new_vendor("google_ads")
    (days, *_) = vendor.data["campaign"].values()
    for clicks in range(1, 5):
        days[-1]["metrics"]["clicks"] = str(clicks)
        vendor.run(END + timedelta(days=clicks))
    before = last_notes(vendor.source, vendor.landing, vendor.lake)
    assert set(before) == {"campaigns", "ads"}
    assert vendor.lake.compact("ad_spend", replaceable(vendor.lake, "ad_spend")) > 0
    assert last_notes(vendor.source, vendor.landing, vendor.lake) == before


# ---- what changes from pull to pull ----------------------------------------------------------


def test_an_account_added_later_gets_its_history(new_vendor: New) -> None:
    vendor = new_vendor("google_ads")
    variable = "MARKETING_GOOGLE_ADS_CUSTOMERS"
    both = vendor.values[variable]
    first, _ = vendor.data["campaign"]
    vendor.values[variable] = first
    vendor.run()
    vendor.values[variable] = both
    vendor.run(END + timedelta(hours=6))
    vendor.run(END + timedelta(days=1))
    rows = vendor.rows("ad_spend")
    days = {(row["account_id"], row["campaign_id"], row["spend_on"]) for row in rows}
    assert len(days) == vendor.expected["campaigns"]


def test_a_pull_with_an_earlier_present_adds_nothing(new_vendor: New) -> None:
    """A run that was made earlier and waited for the lock."""
    vendor = new_vendor("google_ads")
    vendor.run(SOON)
    before = vendor.everything()
    vendor.run(END)
    assert vendor.everything() == before


@every
def test_a_new_field_between_two_pulls_is_no_conflict(new_vendor: New, name: str) -> None:
    vendor = new_vendor(name)
    vendor.run()
    add_new_field(vendor)
    assert vendor.run(SOON).errors == []
    assert quarantined(vendor) == 0


def test_a_new_field_of_conversations_is_no_conflict(new_vendor: New) -> None:
    vendor = new_vendor("intercom")
    for conversation in vendor.data["conversations"][:5]:
        conversation["updated_at"] = unix(END - timedelta(hours=5))
    vendor.run()
    add_new_field(vendor)
    vendor.run(SOON)
    assert [(load.received, load.quarantined) for load in vendor.loads] == [(5, 0)]


def test_a_new_field_of_delivery_events_is_no_conflict(new_vendor: New) -> None:
    vendor = new_vendor("brevo")
    for event in vendor.data["events"][-5:]:
        event["date"] = iso(END - timedelta(hours=5))
    vendor.run()
    add_new_field(vendor)
    vendor.run(SOON)
    loads = [load for load in vendor.loads if load.kind == "delivery_events"]
    assert [(load.received, load.quarantined) for load in loads] == [(5, 0)]


def test_a_new_property_is_no_conflict(new_vendor: New) -> None:
    changed = END - timedelta(minutes=20)
    data = world([contact(str(i), changed) for i in range(1, 21)])
    vendor = new_vendor("hubspot", data)
    run_only(vendor, "contacts")
    data["objects"]["contacts"].append(contact("99", SOON, brand_new="x"))
    run_only(vendor, "contacts", SOON)
    assert quarantined(vendor) == 0
    assert set(latest(vendor, "crm_contacts")) == {*map(str, range(1, 21)), "99"}


def test_a_new_host_of_a_meeting_comes(new_vendor: New) -> None:
    vendor = new_vendor("calendly")
    vendor.run()
    recent = iso(END - timedelta(days=25))
    event = next(one for one in vendor.data["events"] if one["start_time"] > recent)
    event["event_memberships"] = [{"user_email": "newhost@x.example"}]
    event["updated_at"] = iso(SOON)
    for quarters in range(1, 4):
        vendor.run(SOON + quarters * timedelta(minutes=15))
        assert quarantined(vendor) == 0
    assert "newhost@x.example" in {row["host_email"] for row in vendor.rows("meetings")}


def test_a_new_name_of_a_pipeline_comes(new_vendor: New) -> None:
    vendor = new_vendor("hubspot")
    run_only(vendor, "deal_stages")
    vendor.data["pipelines"]["deals"][0] |= {"label": "Neuer Name", "updatedAt": iso(SOON)}
    run_only(vendor, "deal_stages", SOON)
    assert quarantined(vendor) == 0
    assert "Neuer Name" in {row["pipeline_name"] for row in vendor.rows("crm_stages")}


def test_a_new_title_of_a_form_is_no_conflict(new_vendor: New) -> None:
    vendor = new_vendor("typeform")
    for responses in vendor.data["responses"].values():
        for response in responses[:2]:
            response["submitted_at"] = response["landed_at"] = iso(END - timedelta(minutes=90))
    vendor.run()
    for form in vendor.data["forms"]:
        form["title"] += " 2026"
    vendor.run(SOON)
    assert sum(load.received for load in vendor.loads) > 0
    assert quarantined(vendor) == 0


def test_an_archived_contact_keeps_its_properties(new_vendor: New) -> None:
    data = world([contact(str(i)) for i in range(1, 11)])
    vendor = new_vendor("hubspot", data)
    vendor.run()
    tomorrow = END + timedelta(hours=21)
    archived_at = hubspot.iso(tomorrow - timedelta(minutes=2))
    data["objects"]["contacts"][1] |= {"archived": True, "archivedAt": archived_at}
    assert vendor.run(tomorrow).errors == []
    found = latest(vendor, "crm_contacts")["2"]
    assert (found["archived"], found["email"]) == (True, "c2@example.com")


def test_two_changes_of_one_moment_come_once_each(new_vendor: New) -> None:
    moment = END - timedelta(days=9)
    data = world([contact("1", END - timedelta(minutes=30), lifecyclestage="customer")])
    (one,) = data["objects"]["contacts"]
    one["history"] = {"lifecyclestage": [("lead", moment), ("subscriber", moment)]}
    vendor = new_vendor("hubspot", data)
    for pulls in range(4):
        present = END + pulls * timedelta(minutes=5)
        one["updatedAt"] = hubspot.iso(present)
        run_only(vendor, "contacts", present)
    changes = [r for r in vendor.rows("crm_property_history") if r["changed_at"] == moment]
    assert sorted(row["value"] for row in changes) == ["lead", "subscriber"]


# ---- pages -----------------------------------------------------------------------------------


def test_a_short_page_is_not_the_last(new_vendor: New) -> None:
    data = world([contact(str(i)) for i in range(1, 301)])
    vendor = new_vendor("hubspot", data, page_size=100)
    run_only(vendor, "contacts")
    assert vendor.lake.rows("crm_contacts") == 300


def test_a_contact_deleted_between_pages_hides_no_other(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brevo, "CONTACTS_PAGE", 10)
    vendor = new_vendor("brevo")
    contacts = vendor.data["contacts"]
    ids = {f"brevo:{one['id']}" for one in contacts}
    oldest = min(contacts, key=lambda one: one["createdAt"])
    remove_between_pages(vendor, "/v3/contacts", contacts, oldest)
    assert run_on_three_days(vendor) == []
    assert oldest not in contacts
    assert {row["external_id"] for row in vendor.rows("imported_contacts")} == ids


def test_a_post_deleted_between_pages_hides_no_other(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wordpress, "PAGE_SIZE", 5)
    vendor = new_vendor("wordpress")
    posts = vendor.data["posts"]
    ids = {f"wordpress:{one['id']}" for one in posts}
    newest = max(posts, key=lambda one: one["modified_gmt"])
    remove_between_pages(vendor, "/wp-json/", posts, newest)
    assert run_on_three_days(vendor) == []
    assert newest not in posts
    assert {row["content_id"] for row in vendor.rows("content_items")} == ids


def test_the_same_token_for_ever_ends(new_vendor: New) -> None:
    vendor = new_vendor("calendly")
    body = b'{"collection":[],"pagination":{"next_page_token":"same"}}'
    vendor.control.faults = [Fault(200, JSON, body)] * 5_000
    assert "turns in a circle" in vendor.pull().errors[0]
    assert len(vendor.control.requests) < 100


def test_the_same_cursor_for_ever_ends(new_vendor: New) -> None:
    vendor = new_vendor("meta_ads")
    body = b'{"data":[],"paging":{"cursors":{"after":"same"},"next":"http://x"}}'
    vendor.control.faults = [Fault(200, JSON, body)] * 3_000
    assert "turns in a circle" in vendor.pull(only=("campaigns",)).errors[0]
    assert len(vendor.control.requests) < 200


# ---- answers too slow, too short, too large --------------------------------------------------


def test_a_connection_lost_in_a_body_is_tried_again() -> None:
    body = b'{"collection":[]}'.ljust(100)

    def broken(connection: socket.socket) -> None:
        connection.sendall(HEAD + body[:20])

    def whole(connection: socket.socket) -> None:
        connection.sendall(HEAD + body)

    with answering(broken, whole) as url, session() as asking:
        assert asking.get(url).json() == {"collection": []}


def test_a_dripping_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "BODY_SECONDS", 1.0)

    def drip(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        for _ in range(99):
            connection.sendall(b" ")
            time.sleep(0.1)

    with answering(drip) as url, session(attempts=1) as asking, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(asking.get, url)
        with pytest.raises(PullError, match="too slow"):
            waiting.result(timeout=5)


def test_days_beyond_the_cap_are_asked_for_in_halves(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "MAX_BODY_BYTES", 20_000)
    vendor = new_vendor("mixpanel")
    assert vendor.run().errors == []
    assert asked(vendor)[-8:] == [
        *("2026-06-12", "2026-07-13", "2026-07-13", "2026-07-28"),
        *("2026-08-12", "2026-08-27", "2026-09-11", "2026-09-26"),
    ]
    assert vendor.lake.rows("events") == vendor.expected["events"]


def test_the_last_days_beyond_the_cap_are_asked_for_in_halves(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The days up to the present may be fewer than half of a span."""
    monkeypatch.setattr(session_module, "MAX_BODY_BYTES", 50_000)
    vendor = new_vendor("mixpanel")
    vendor.values["MARKETING_MIXPANEL_DAYS"] = "300"
    assert vendor.run().errors == []
    assert vendor.lake.rows("events") == vendor.expected["events"]
