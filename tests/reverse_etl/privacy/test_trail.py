"""All that is on record about a small published person, and of one who was erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from reverse_etl.privacy.trail import NotOnePerson, Trail, trail
from reverse_etl.publish import Catalogue, Relation, publish
from workspace.identifiers import Keyring
from workspace.ledger import Ledger, audit, consent, messages, open_ledger, outbox, schema
from workspace.ledger.audit import Entry
from workspace.ledger.consent import ConsentEvent
from workspace.ledger.messages import Message
from workspace.paths import Paths

RING = Keyring(b"a pepper for tests only")
DAY = datetime(2026, 3, 1)
ANNE, JOAN = RING.key("crm_contact", "1"), RING.key("crm_contact", "2")
FORMER = RING.key("crm_contact", "0")
EMAIL, DEVICE = RING.key("email", "anne@x.example"), RING.key("anonymous_id", "d")
SHARED = RING.key("email", "info@x.example")
BLOCKED, SENT = "b" * 64, "5" * 64
assert ANNE and JOAN and EMAIL and DEVICE and SHARED and FORMER


def hour(number: float) -> datetime:
    return DAY + timedelta(hours=number)


def known(kind: str, key: str, contact: str | None, verdict: str = "itself", **more: Any) -> Any:
    row = {"identifier_type": kind, "identifier_key": key, "contact_id": contact}
    plain = {"evidence": "itself", "evidence_key": None, "last_seen_at": hour(1)}
    return {**row, "verdict": verdict, "first_seen_at": hour(0), **plain, **more}


def message(intent: str, **more: Any) -> dict[str, Any]:
    return {
        "intent_id": intent,
        "contact_id": ANNE,
        "source_kind": "campaign",
        "source_key": "spring",
        "channel": "email",
        "message_class": "newsletter",
        "template": "hello",
        "template_version": "v",
        "status": "accepted",
        "gate": None,
        "detail": None,
        "deferred_until_at": None,
        "consent_evidence_id": "e1",
        "provider": "file",
        "outcome": "sent",
        "planned_for_at": hour(3),
        "intended_at": hour(3),
        "decided_at": hour(3),
        "sent_at": None,
        **more,
    }


def published(**views: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        "identity_map": [
            known("crm_contact", ANNE, ANNE),
            known("crm_contact", FORMER, ANNE, evidence="crm_merge"),
            known("email", EMAIL, ANNE, evidence="crm_property", evidence_key=ANNE),
            known("anonymous_id", DEVICE, ANNE),
            known("crm_contact", JOAN, JOAN),
            known("email", SHARED, None, "names"),
        ],
        "consent_records": [
            {
                "contact_id": ANNE,
                "evidence_id": "e1",
                "state": "granted",
                "purpose": "newsletter",
                "channel": "email",
                "decided_at": hour(2),
                "known_at": hour(2),
                "text_version": "2",
                "is_in_force": True,
            }
        ],
        "message_queue": [
            message(BLOCKED, status="blocked", gate="capped", outcome="not_sent"),
            message(SENT, sent_at=hour(5)),
            message("0" * 64, contact_id=JOAN),
        ],
        "why_not_sent": [
            {"intent_id": BLOCKED, "contact_id": ANNE, "gate_text": "too many this week"}
        ],
        **views,
    }


def stored(paths: Paths, views: dict[str, list[dict[str, Any]]]) -> None:
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts")
        for name, rows in views.items():
            connection.register("given", pa.Table.from_pylist(rows))
            connection.execute(f"create table marts.{name} as from given")
    catalogue = Catalogue([Relation("marts", name, f"One row per {name}.") for name in views])
    publish(paths.warehouse, paths, catalogue, DAY, {})


@pytest.fixture
def ledger(paths: Paths) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{paths.ledger}")
    yield opened
    opened.close()


def queued(ledger: Ledger, ident: str, **more: Any) -> None:
    values: dict[str, Any] = {
        "message_id": ident,
        "contact_id": ANNE,
        "destination_key": EMAIL,
        "source_kind": "campaign",
        "source_key": "spring",
        "step": "",
        "occurrence": ident,
        "channel": "email",
        "message_class": "newsletter",
        "purpose": "newsletter",
        "scheduled_at": hour(4),
    }
    messages.enqueue(ledger, [Message(**{**values, **more})], hour(4))


def told(found: Trail | None) -> list[str]:
    assert found is not None
    return [f"{one.area}: {one.what}" for one in found.events]


def test_a_person_by_any_of_their_identifiers_in_order_of_time(
    paths: Paths, ledger: Ledger
) -> None:
    stored(paths, published())
    queued(ledger, SENT)
    with ledger.writing() as connection:
        outbox.start(connection, [outbox.Claim(SENT, 1, "file", "h")], 1, hour(5))
        end = outbox.Settled(SENT, 1, "accepted", "accepted", "200", "file", hour(5))
        outbox.settle(connection, [end])
        entry = Entry(hour(6), "ana", "subject.read", "template:hello", subject_key=ANNE)
        audit.append(connection, entry)
    for subject in (ANNE, FORMER, "1", "0", " ANNE@x.example ", "d"):
        assert subject is not None
        found = trail(paths, ledger, RING, subject)
        assert found is not None and found.whom.contact_id == ANNE
        assert set(found.whom.keys) == {ANNE, FORMER, EMAIL, DEVICE}
        assert told(found) == [
            "identity: known by crm_contact",
            "identity: crm_contact of before a merge",
            "identity: known by email",
            "identity: known by anonymous_id",
            "consent: granted: newsletter, email",
            "message: intended: campaign spring, email",
            "message: not sent (capped): campaign spring, email",
            "message: intended: campaign spring, email",
            "message: allowed: campaign spring, email",
            "message: accepted: campaign spring, email",
            "delivery: attempt 1: accepted (file)",
            "audit: subject.read: template:hello",
        ]
    why = [one.detail.get("why") for one in found.events if "not sent" in one.what]
    assert why == ["too many this week"]


def test_what_the_ledger_learnt_since_is_told_too(paths: Paths, ledger: Ledger) -> None:
    stored(paths, published())
    queued(ledger, "f" * 64, contact_id=FORMER)
    withdrawal = ConsentEvent(
        *("email", EMAIL, "all", "email", "withdrawn", "one_click", "link", hour(9), hour(9))
    )
    consent.append(ledger, [withdrawal], hour(9))
    found = trail(paths, ledger, RING, "anne@x.example", since=hour(4))
    assert told(found) == [
        "message: queued: campaign spring, email",
        "message: accepted: campaign spring, email",
        "consent: withdrawn: all, email",
    ]


def test_somebody_else_is_not_told_of(paths: Paths, ledger: Ledger) -> None:
    stored(paths, published())
    queued(ledger, SENT)
    found = trail(paths, ledger, RING, "2")
    assert found is not None and {one.area for one in found.events} == {"identity", "message"}
    assert {one.detail["message_id"] for one in found.events if one.area == "message"} == {"0" * 64}


def test_who_is_nobody_or_several(paths: Paths, ledger: Ledger) -> None:
    stored(paths, published())
    assert trail(paths, ledger, RING, "nobody@x.example") is None
    with pytest.raises(NotOnePerson, match="nobody's alone") as caught:
        trail(paths, ledger, RING, "info@x.example")
    assert "x.example" not in str(caught.value)


def test_without_a_published_version_the_ledger_answers(paths: Paths, ledger: Ledger) -> None:
    queued(ledger, SENT)
    found = trail(paths, ledger, RING, "anne@x.example")
    assert found is not None and found.version is None and found.whom.contact_id is None
    assert told(found) == ["message: queued: campaign spring, email"]


def test_an_erased_person_s_address_still_answers(paths: Paths, ledger: Ledger) -> None:
    """Only keys are left: the tombstones of one request lead from the address to the rest."""
    stored(paths, published(identity_map=[known("crm_contact", JOAN, JOAN)]))
    buried = [
        {"identifier_key": key, "request_id": "r1", "erased_at": hour(8)} for key in (ANNE, EMAIL)
    ]
    ledger.append(schema.tombstones, buried)
    audit.record(ledger, Entry(hour(7), "dpo", "subject.erase", "request:r1", subject_key=ANNE))
    found = trail(paths, ledger, RING, "anne@x.example")
    assert found is not None and found.whom.erased_at == hour(8)
    assert told(found)[0] == "audit: subject.erase: request:r1"
    assert all(line.startswith("request: erased") for line in told(found)[1:])


def test_nothing_raw_is_told(paths: Paths, ledger: Ledger) -> None:
    stored(paths, published())
    queued(ledger, SENT, destination="anne@x.example", payload=b"Dear Anne")
    found = trail(paths, ledger, RING, "anne@x.example")
    assert found is not None
    assert "x.example" not in repr(found) and "Dear Anne" not in repr(found)
