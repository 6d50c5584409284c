"""What is special of Brevo: two lists of whom not to write to, events by days."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingestion.saas import brevo
from sandbox.servers.base import Fault
from tests.ingestion.sources.conftest import END, Vendor

New = Callable[..., Vendor]
EMPTY: dict[str, list[Any]] = {"contacts": [], "blocked": [], "events": []}
CONTACT = {
    "id": 42,
    "email": "Achats@hopital.example",
    "emailBlacklisted": False,
    "smsBlacklisted": False,
    "createdAt": "2019-03-01T10:00:00.000+01:00",
    "modifiedAt": "2021-05-04T08:30:00.000+02:00",
    "listIds": [2],
    "attributes": {"FIRSTNAME": "Anne", "LASTNAME": "Roux", "SMS": "33612345678"},
}
EVENT = {
    "email": "Achats@hopital.example",
    "date": "2026-09-20T12:30:00.000+02:00",
    "subject": "Votre alerte",
    "messageId": "<20260920.1@smtp-relay.mailin.fr>",
    "event": "clicks",
    "ip": "192.0.2.9",
    "link": "https://medical.example/alerte",
    "from": "alertes@medical.example",
}


def asked(vendor: Vendor, path: str) -> list[str]:
    return [query for _, query in vendor.control.requests if query.startswith(path)]


def test_one_contact_in_full(new_vendor: New) -> None:
    vendor = new_vendor("brevo", EMPTY | {"contacts": [CONTACT]})
    vendor.run()
    (row,) = vendor.rows("imported_contacts")
    filled = {
        "external_id": "brevo:42",
        "email": "Achats@hopital.example",
        "phone": "+33612345678",
        "first_name": "Anne",
        "last_name": "Roux",
        "created_at": datetime(2019, 3, 1, 9),
        "known_at": datetime(2021, 5, 4, 6, 30),
    }
    assert {name: row[name] for name in filled} == filled
    assert row["email_key"] and row["phone_key"]


def test_french_names_and_no_attributes(new_vendor: New) -> None:
    french = {**CONTACT, "attributes": {"PRENOM": "Luc", "NOM": "Petit", "JOB_TITLE": "DSI"}}
    bare = {**CONTACT, "id": 43, "attributes": {}}
    vendor = new_vendor("brevo", EMPTY | {"contacts": [french, bare]})
    vendor.run()
    found = {row["external_id"]: row for row in vendor.rows("imported_contacts")}
    names = ("first_name", "last_name", "job_title", "phone")
    assert [found["brevo:42"][name] for name in names] == ["Luc", "Petit", "DSI", None]
    assert [found["brevo:43"][name] for name in names] == [None] * 4


def test_a_changed_contact_is_a_new_version(new_vendor: New) -> None:
    vendor = new_vendor("brevo", EMPTY | {"contacts": [dict(CONTACT), {**CONTACT, "id": 43}]})
    vendor.run()
    assert "modifiedSince" not in asked(vendor, "/v3/contacts")[0]
    vendor.data["contacts"][0] |= {
        "attributes": {"FIRSTNAME": "Anna"},
        "modifiedAt": "2026-09-30T18:00:00.000Z",
    }
    vendor.control.requests.clear()
    vendor.run(END + timedelta(hours=3))
    assert "modifiedSince=2026-09-30T00%3A00%3A00.000Z" in asked(vendor, "/v3/contacts")[0]
    names = [(row["external_id"], row["first_name"]) for row in vendor.rows("imported_contacts")]
    assert sorted(names) == [("brevo:42", "Anna"), ("brevo:42", "Anne"), ("brevo:43", "Anne")]


def test_both_lists_of_whom_not_to_write_to(new_vendor: New) -> None:
    blocked = {
        "email": "stop@mairie.example",
        "senderEmail": "alertes@public.example",
        "reason": {"code": "contactFlaggedAsSpam", "message": "Flagged"},
        "blockedAt": "2017-05-01T12:30:00.000Z",
    }
    closed = {**CONTACT, "emailBlacklisted": True, "smsBlacklisted": True}
    no_phone = {**closed, "id": 43, "email": "b@mairie.example", "attributes": {}}
    contacts = [closed, {**no_phone, "emailBlacklisted": False}]
    vendor = new_vendor("brevo", EMPTY | {"blocked": [blocked], "contacts": contacts})
    vendor.run()
    columns = ("identifier", "channel", "reason", "suppressed_at", "known_at")
    rows = [tuple(row[name] for name in columns) for row in vendor.rows("suppressions")]
    at, modified = datetime(2017, 5, 1, 12, 30), datetime(2021, 5, 4, 6, 30)
    assert sorted(rows, key=str) == [
        ("+33612345678", "sms", "blocklisted", None, modified),
        ("Achats@hopital.example", "email", "blocklisted", None, modified),
        ("b@mairie.example", "sms", "blocklisted", None, modified),
        ("stop@mairie.example", "email", "complaint", at, at),
    ]


def test_reasons(new_vendor: New) -> None:
    codes = [*brevo.REASONS, "somethingElse"]
    blocked = [
        {
            "email": f"p{i}@mairie.example",
            "reason": {"code": code},
            "blockedAt": "2026-01-01T00:00:00Z",
        }
        for i, code in enumerate(codes)
    ]
    vendor = new_vendor("brevo", EMPTY | {"blocked": blocked})
    vendor.run()
    assert Counter(row["reason"] for row in vendor.rows("suppressions")) == {
        "unsubscribed": 3,
        "blocked": 1,
        "hard_bounce": 1,
        "complaint": 1,
        "somethingelse": 1,
    }


def test_one_event_in_full(new_vendor: New) -> None:
    vendor = new_vendor("brevo", EMPTY | {"events": [EVENT]})
    vendor.run()
    (row,) = vendor.rows("delivery_events")
    filled = {
        "provider": "brevo",
        "event_type": "clicked",
        "channel": "email",
        "provider_message_id": "<20260920.1@smtp-relay.mailin.fr>",
        "recipient": "Achats@hopital.example",
        "bounce_type": None,
        "url": "https://medical.example/alerte",
        "ip": "192.0.2.9",
        "is_machine": None,
        "occurred_at": datetime(2026, 9, 20, 10, 30),
    }
    assert {name: row[name] for name in filled} == filled
    assert row["provider_event_id"].startswith("api-")
    assert '"subject":"Votre alerte"' in row["payload"]


def test_event_names(new_vendor: New) -> None:
    names = list(brevo.EVENT_TYPES)
    vendor = new_vendor("brevo", EMPTY | {"events": [{**EVENT, "event": name} for name in names]})
    vendor.run()
    rows = vendor.rows("delivery_events")
    assert len(rows) == len(names) and vendor.rows("rejected_rows") == []
    bounces = sorted(row["bounce_type"] for row in rows if row["event_type"] == "bounced")
    assert bounces == ["permanent", "transient", "undetermined"]
    assert [row["event_type"] for row in rows if row["is_machine"]] == ["opened"]


def test_an_unknown_event_is_shown(new_vendor: New) -> None:
    vendor = new_vendor("brevo", EMPTY | {"events": [EVENT, {**EVENT, "event": "teleported"}]})
    vendor.run()
    (rejected,) = vendor.rows("rejected_rows")
    assert (rejected["reason"], rejected["field"]) == ("unknown_value", "event_type")
    assert len(vendor.rows("delivery_events")) == 1


def test_pages(new_vendor: New, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONTACTS_PAGE", "BLOCKED_PAGE", "EVENTS_PAGE"):
        monkeypatch.setattr(brevo, name, 3)
    vendor = new_vendor("brevo", page_size=3)
    result = vendor.run()
    assert result.errors == []
    assert {part.name: part.records for part in result.resources} == vendor.expected
    pages = {part.name: part.pages for part in result.resources}
    assert (pages["contacts"], pages["blocked"]) == (9, 3) and pages["events"] > 30
    assert len(vendor.rows("imported_contacts")) == 25
    assert len(vendor.rows("delivery_events")) == vendor.expected["events"]


def test_events_are_asked_for_by_months_and_slowly(new_vendor: New) -> None:
    vendor = new_vendor("brevo")
    vendor.run()
    found = asked(vendor, "/v3/smtp/statistics/events")
    assert len(found) == 25
    assert "startDate=2024-09-30&endDate=2024-10-29" in found[0]
    assert "startDate=2026-09-20&endDate=2026-10-01" in found[-1]
    vendor.control.requests.clear()
    vendor.run(END + timedelta(days=1))
    (again,) = asked(vendor, "/v3/smtp/statistics/events")
    assert "startDate=2026-09-30&endDate=2026-10-02" in again


def test_events_go_on_where_they_broke(new_vendor: New) -> None:
    vendor = new_vendor("brevo")
    vendor.control.skip, vendor.control.faults = 26, [Fault(500)] * 6
    assert vendor.run().errors
    broken = asked(vendor, "/v3/smtp/statistics/events")[-1]
    assert 0 < len(vendor.rows("delivery_events")) < vendor.expected["events"]
    vendor.control.requests.clear()
    vendor.run(END + timedelta(hours=1))
    assert asked(vendor, "/v3/smtp/statistics/events")[0] == broken
    assert len(vendor.rows("delivery_events")) == vendor.expected["events"]


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("contacts", {"id": {"n": 1}}, "external_id"),
        ("contacts", {"email": 5}, "email"),
        ("contacts", {"attributes": "none"}, "phone"),
        ("contacts", {"attributes": {"SMS": 33612345678}}, "phone"),
        ("blocked", {"email": ["a"]}, "email"),
        ("blocked", {"reason": "spam"}, "reason"),
        ("events", {"email": 7}, "provider"),
        ("events", {"event": ["opened"]}, "provider"),
        ("events", {"date": "2026-09-31T00:00:00Z"}, "provider"),
    ],
)
def test_a_changed_type_is_one_rejected_row(
    new_vendor: New, name: str, changes: dict[str, Any], field: str
) -> None:
    vendor = new_vendor("brevo")
    records = vendor.data[name]
    found = [records[0], {**records[2], **changes}, records[1]]
    answer = {"events" if name == "events" else "contacts": found, "count": 3}
    vendor.control.skip = {"contacts": 0, "blocked": 1, "events": 3}[name]
    vendor.control.faults = [Fault(200, body=json.dumps(answer).encode())]
    assert vendor.run().errors == []
    (rejected,) = vendor.rows("rejected_rows")
    assert rejected["field"] == field
    assert sum(load.good for load in vendor.loads if load.bad) >= 2
