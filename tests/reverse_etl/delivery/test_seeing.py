"""Clicks are kept for as long as their recipient lets us, in mails that left before, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reverse_etl.delivery.seeing import TRACKING, may_be_seen
from tests.reverse_etl.delivery.outboxes import NOW, key, message
from workspace.ledger import Ledger, consent, messages, schema
from workspace.ledger.consent import ConsentEvent
from workspace.links import Link, Pixel

ALIAS = "ab" * 16
LINK = Link(message(1).message_id, key(1), "https://www.example.com/")
PIXEL = Pixel(message(1).message_id, key(1))
REFUSAL = ConsentEvent(
    identifier_type="email",
    identifier_key=key(1),
    purpose=TRACKING,
    channel="email",
    state="withdrawn",
    source_class="preference_page",
    source="page",
    occurred_at=NOW,
    known_at=NOW,
)


def queue(ledger: Ledger) -> None:
    given = message(1, aliases=frozenset([ALIAS]), consent_seen=consent.latest(ledger))
    assert messages.enqueue(ledger, [given], NOW).new


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({}, False),
        ({"purpose": "all"}, False),
        ({"channel": "all"}, False),
        ({"state": "objection"}, False),
        ({"identifier_key": ALIAS}, False),
        ({"identifier_key": key(2)}, True),
        ({"state": "granted"}, True),
        ({"purpose": "newsletter"}, True),
        ({"channel": "sms"}, True),
    ],
)
def test_what_was_said_since_it_was_queued(
    ledger: Ledger, more: dict[str, Any], seen: bool
) -> None:
    queue(ledger)
    assert may_be_seen(ledger, LINK) and may_be_seen(ledger, PIXEL)
    consent.append(ledger, [replace(REFUSAL, **more)], NOW)
    assert may_be_seen(ledger, LINK) is may_be_seen(ledger, PIXEL) is seen


def test_a_refusal_counts_until_a_grant(ledger: Ledger) -> None:
    """Also one that the run which queued it did not look at: its marts were older."""
    consent.append(ledger, [REFUSAL], NOW)
    queue(ledger)
    assert not may_be_seen(ledger, LINK)
    consent.append(ledger, [replace(REFUSAL, state="granted")], NOW)
    assert may_be_seen(ledger, LINK)


def test_a_grant_from_before_the_refusal_lifts_nothing(ledger: Ledger) -> None:
    """However late it comes: an import brings what was said long ago."""
    queue(ledger)
    earlier = NOW - timedelta(days=1)
    old = replace(REFUSAL, state="granted", occurred_at=earlier, source_class="import")
    consent.append(ledger, [REFUSAL], NOW)
    consent.append(ledger, [old], NOW)
    assert not may_be_seen(ledger, LINK)


def test_a_request_lifts_nothing(ledger: Ledger) -> None:
    queue(ledger)
    later = NOW + timedelta(days=1)
    consent.append(ledger, [REFUSAL], NOW)
    asking = replace(REFUSAL, state="pending", occurred_at=later, known_at=later)
    consent.append(ledger, [asking], later)
    assert not may_be_seen(ledger, LINK)


def test_an_organisation_speaks_for_itself(ledger: Ledger) -> None:
    """What it lifts is its own refusal, and what it refuses no grant of one of its people lifts."""
    queue(ledger)
    later = NOW + timedelta(days=1)
    whole = {"identifier_type": "domain", "identifier_key": ALIAS, "purpose": "all"}
    consent.append(ledger, [REFUSAL], NOW)
    lifted = replace(REFUSAL, **whole, state="lifted", occurred_at=later, known_at=later)
    consent.append(ledger, [lifted], later)
    assert not may_be_seen(ledger, LINK)
    granted = replace(REFUSAL, state="granted", occurred_at=later, known_at=later)
    consent.append(ledger, [granted], later)
    assert may_be_seen(ledger, LINK)
    last = later + timedelta(hours=1)
    objection = replace(lifted, state="objection", occurred_at=last, known_at=last)
    consent.append(ledger, [objection], last)
    consent.append(ledger, [replace(granted, occurred_at=last + timedelta(hours=1))], last)
    assert not may_be_seen(ledger, LINK)


@pytest.mark.parametrize(
    ("channel", "reason", "seen"),
    [("email", "complaint", False), ("email", "unsubscribed", False), ("sms", "stop", True)],
)
def test_who_told_a_provider_is_not_seen(
    ledger: Ledger, channel: str, reason: str, seen: bool
) -> None:
    queue(ledger)
    row = {"identifier_key": ALIAS, "channel": channel, "reason": reason, "source": "provider"}
    ledger.append(schema.suppressions, [{**row, "suppressed_at": NOW}])
    assert may_be_seen(ledger, LINK) is seen


def test_a_lifted_objection_takes_back_nobody_elses(ledger: Ledger) -> None:
    """What the organisation takes back is its own refusal, not the person's."""
    queue(ledger)
    company = replace(
        REFUSAL, identifier_type="crm_company", identifier_key=ALIAS, purpose="all", channel="all"
    )
    objection = replace(company, state="objection", source_class="manual")
    consent.append(ledger, [objection], NOW)
    assert not may_be_seen(ledger, LINK)
    consent.append(ledger, [replace(objection, state="lifted")], NOW)
    assert may_be_seen(ledger, LINK)
    consent.append(ledger, [REFUSAL, replace(objection, state="lifted", source="letter")], NOW)
    assert not may_be_seen(ledger, LINK)


def test_of_an_unknown_message_every_refusal_counts(ledger: Ledger) -> None:
    assert may_be_seen(ledger, LINK)
    consent.append(ledger, [REFUSAL], NOW)
    assert not may_be_seen(ledger, LINK)


@pytest.mark.parametrize("identifier", [key(1), ALIAS])
def test_nobody_who_was_erased_is_seen(ledger: Ledger, identifier: str) -> None:
    queue(ledger)
    row = {"identifier_key": identifier, "request_id": "r", "erased_at": NOW}
    ledger.append(schema.tombstones, [row])
    assert not may_be_seen(ledger, LINK)
