"""Who is asked to confirm what, how often, and that the message's link confirms just that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reverse_etl import confirming, queueing
from reverse_etl.content import sms
from reverse_etl.content.library import Library
from reverse_etl.content.own_pages import CONFIRM, addresses
from reverse_etl.content.people import Person
from reverse_etl.gates.deciding import PROOF
from workspace import tokens
from workspace.definitions import load
from workspace.definitions.consent import Consent
from workspace.definitions.reading import read
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.paths import PROJECT
from workspace.tokens import Token

KEYRING = Keyring(b"a pepper for tests")
POLICY: Consent = read(PROJECT / "marketing" / "consent.yml", Consent)
AT = datetime(2026, 3, 3, 9)
MAIL, PHONE, OTHER = "ab" * 16, "cd" * 16, "ef" * 16


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("create schema marts")
        opened.execute(
            "create table marts.dim_contacts "
            "(contact_id text, account_id text, vertical text, email_key text, phone_key text)"
        )
        opened.execute(
            "create table marts.consent_states (subject_id text, contact_id text, purpose text, "
            "channel text, brand text, state text, authority text, evidence_id text)"
        )
        opened.execute(
            "create table marts.consent_records (subject_id text, evidence_id text, "
            "identifier_type text, identifier_key text, text_version text, decided_at timestamp)"
        )
        yield opened


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def request(connection: duckdb.DuckDBPyConnection, number: int = 1, **given: Any) -> str:
    """A contact whose request waits; its evidence id."""
    row = {
        "contact": f"c{number}",
        "vertical": "medical",
        "purpose": "sms_reminders",
        "channel": "sms",
        "state": "pending",
        "authority": "own",
        "kind": "phone",
        "key": PHONE,
        "text": "sms-reminders-1",
        "at": AT - timedelta(hours=1),
        **given,
    }
    evidence = f"{number:032x}"
    connection.execute("delete from marts.dim_contacts where contact_id = $1", [row["contact"]])
    connection.execute(
        "insert into marts.dim_contacts values ($1, null, $2, $3, $4)",
        [row["contact"], row["vertical"], MAIL, PHONE],
    )
    connection.execute(
        "insert into marts.consent_states values ($1, $1, $2, $3, '', $4, $5, $6)",
        [row["contact"], *(row[k] for k in ("purpose", "channel", "state", "authority")), evidence],
    )
    connection.execute(
        "insert into marts.consent_records values ($1, $2, $3, $4, $5, $6)",
        [row["contact"], evidence, row["kind"], row["key"], row["text"], row["at"]],
    )
    return evidence


def asked(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read("message_intents").to_pylist()
    return rows


def test_a_request_is_asked_about_once(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    evidence = request(connection)
    assert confirming.ask(connection, lake, POLICY, AT) == 1
    assert confirming.ask(connection, lake, POLICY, AT) == 0
    assert confirming.ask(connection, lake, POLICY, AT + timedelta(days=7)) == 0
    (row,) = asked(lake)
    assert (row["contact_id"], row["channel"], row["purpose"]) == ("c1", "sms", "sms_reminders")
    assert (row["message_class"], row["occurrence"]) == ("confirmation", evidence)
    assert row["template"] == "medical_confirm_subscription"
    assert row["not_after"] == AT + timedelta(days=3) and row["scheduled_at"] == AT


def test_its_link_confirms_just_that(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    evidence = request(connection, kind="user_id", key=OTHER)
    confirming.ask(connection, lake, POLICY, AT)
    (row,) = asked(lake)
    known = {**row, "sent_from": AT, "phone_key": PHONE}
    made = addresses(KEYRING, "https://www.example.com", known, "medical", "en")
    site, _, text = made[CONFIRM].partition("/o/")
    assert site == "https://www.example.com"
    assert tokens.read(KEYRING, "confirm", text) == Token(
        what="confirm",
        reference=evidence,
        identifier_type="user_id",
        identifier_key=OTHER,
        channel="sms",
        at=AT - timedelta(hours=1),
        purpose="sms_reminders",
        vertical="medical",
        language="en",
        text_version="sms-reminders-1",
    )


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({}, 1),
        ({"state": "granted"}, 0),
        ({"state": "withdrawn"}, 0),
        # An old tool's word, or the CRM's, is not ours: nobody is asked for it.
        ({"authority": "import"}, 0),
        # Another number than the contact's, whose owner nobody asked.
        ({"key": OTHER}, 0),
        ({"kind": "email", "key": OTHER}, 1),
        ({"text": "never-shown-1"}, 0),
        ({"text": None}, 1),
        ({"purpose": "gone"}, 0),
        ({"at": AT - timedelta(days=30)}, 0),
        ({"at": AT - timedelta(days=30) + timedelta(seconds=1)}, 1),
        ({"at": AT + timedelta(seconds=1)}, 0),
    ],
)
def test_who_is_asked(
    connection: duckdb.DuckDBPyConnection, lake: Lake, given: dict[str, Any], count: int
) -> None:
    request(connection, **given)
    assert confirming.ask(connection, lake, POLICY, AT) == count


def test_nobody_is_asked_again_within_a_day(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    """However often somebody else ticks the box for them."""
    request(connection, 1)
    confirming.ask(connection, lake, POLICY, AT)
    connection.execute("delete from marts.consent_states")
    for number in range(2, 7):
        request(connection, number, contact="c1", at=AT + timedelta(minutes=number))
    later = AT + timedelta(hours=23)
    assert confirming.ask(connection, lake, POLICY, later) == 0
    assert confirming.ask(connection, lake, POLICY, AT + timedelta(hours=25)) == 1
    # About the latest of them.
    assert asked(lake)[-1]["occurrence"] == f"{6:032x}"


def test_the_template_is_the_verticals() -> None:
    assert confirming.template_of(POLICY, "public") == "public_confirm_subscription"
    assert confirming.template_of(POLICY, None) == "medical_confirm_subscription"
    assert confirming.template_of(Consent(), "public") == confirming.SOURCE


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fr", "fr"),
        ("en_GB", "en"),
        ("Français", "fr"),
        ("", ""),
        ("日本語", ""),
        ("a" * 200, "aa"),
    ],
)
def test_a_language_as_the_crm_has_it_stops_no_message(language: str, told: str) -> None:
    row = {"intent_id": "ab" * 32, "channel": "email", "email_key": MAIL, "sent_from": AT}
    made = addresses(KEYRING, "https://x", {**row, "purpose": "newsletter"}, "medical", language)
    text = made["message.unsubscribe_url"].partition("/u/")[2]
    token = tokens.read(KEYRING, "unsubscribe", text)
    assert token is not None and token.language == told


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with Library.load(PROJECT / "marketing") as opened:
        yield opened


@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("language", ["fr", "en", None])
@pytest.mark.parametrize("vertical", ["medical", "public"])
def test_the_message_is_written(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    library: Library,
    channel: str,
    language: str | None,
    vertical: str,
) -> None:
    """As it is queued: the wording that was shown, and the link that confirms it."""
    kind, key = ("email", MAIL) if channel == "email" else ("phone", PHONE)
    purpose = "newsletter" if channel == "email" else "sms_reminders"
    given = {"purpose": purpose, "channel": channel, "kind": kind, "key": key, "text": None}
    request(connection, vertical=vertical, **given)
    confirming.ask(connection, lake, POLICY, AT)
    (row,) = asked(lake)
    row |= {"sent_from": AT, "email_key": MAIL, "phone_key": PHONE, "email": "zoe@example.com"}
    row |= {"phone": "06 12 34 56 78", "country": "FR", "time_zone": None, "aliases": []}
    row |= {"is_tracked": True, **dict.fromkeys(PROOF)}
    values = json.loads(row["given"])
    said = {row["intent_id"]: {f"event.{name}": value for name, value in values.items()}}
    caps = load(PROJECT / "marketing").caps
    outgoing = queueing._Outgoing(library, KEYRING, caps, 0, {}, {})
    person = Person("c1", values={"contact.language": language} if language else {})
    (made,), blocked = queueing._render(outgoing, [row], {"c1": person}, said)
    assert not blocked and made.message_class == "confirmation"
    content = json.loads(made.payload or b"")["content"]
    text = content["text"]
    (link,) = [word for word in text.split() if "/o/" in word]
    token = tokens.read(KEYRING, "confirm", link.partition("/o/")[2])
    assert token is not None and (token.identifier_key, token.vertical) == (key, vertical)
    if channel == "email":
        wording = POLICY.purposes[purpose].texts[0].wording(language or "fr")
        assert wording in text and "/c/" not in content["html"].partition("/o/")[2][:200]
        assert link in unescape(content["html"])
    else:
        assert made.destination == "+33612345678" and sms.size(text).segments <= 2
