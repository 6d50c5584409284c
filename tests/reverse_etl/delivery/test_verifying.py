"""What a message said is rendered again byte by byte, its led links included."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from reverse_etl import queueing
from reverse_etl.content import versions
from reverse_etl.content.library import Library
from reverse_etl.content.people import Person
from reverse_etl.delivery.verifying import DIFFERENT, SAME, verify
from reverse_etl.gates.deciding import PROOF
from tests.reverse_etl.content.folders import folder
from workspace import links, tokens
from workspace.definitions.caps import Caps
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import Ledger, messages
from workspace.ledger.messages import Message
from workspace.links import Link, Pixel

AT = datetime(2026, 3, 3)
KEYRING = Keyring(b"a pepper for tests")
SITE = "https://www.chirurgieprox.example"
URL = f"{SITE}/x?utm_campaign=spring&b=2"
ROW = {
    "intent_id": "ab" * 32,
    "contact_id": "c1",
    "email_key": "cd" * 16,
    "email": "zoe@example.com",
    "source_kind": "campaign",
    "source_key": "spring",
    "step": "",
    "occurrence": "",
    "channel": "email",
    "message_class": "marketing",
    "purpose": "marketing",
    "sent_from": AT,
    "priority": 0,
    "not_after": None,
    "country": "FR",
    "time_zone": None,
    "template": "t",
    **dict.fromkeys(PROOF),
    "consent_evidence_id": "proof",
    "approval": None,
    "scheduled_at": AT,
    "aliases": [],
    "is_tracked": True,
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.load(folder(tmp_path_factory.mktemp("marketing"))) as opened:
        yield opened


def queued(library: Library, **more: Any) -> Message:
    return queued_by(KEYRING, library, **more)


def queued_by(keyring: Keyring, library: Library, **more: Any) -> Message:
    """What the queue makes of :data:`ROW` and ``more``, its links signed by ``keyring``."""
    row = {**ROW, **more}
    person = Person(row["contact_id"], values={"event.link": URL})
    outgoing = queueing._Outgoing(library, keyring, Caps(), 0, {}, {})
    made, blocked = queueing._render(outgoing, [row], {row["contact_id"]: person}, {})
    assert not blocked
    return made[0]


def content(message: Message) -> dict[str, str]:
    found: dict[str, str] = json.loads(message.payload)["content"]
    return found


def test_links_are_led_where_the_person_agreed(library: Library) -> None:
    message = queued(library)
    html, text = content(message)["html"], content(message)["text"]
    (token,) = {part.partition('"')[0] for part in html.split(f"{SITE}/c/")[1:]}
    assert links.read(KEYRING, token) == Link("ab" * 32, "cd" * 16, URL)
    assert URL.replace("&", "&amp;") not in html
    assert URL in text and "/c/" not in text
    (own,) = {part.partition('"')[0] for part in html.split(f"{SITE}/u/")[1:]}
    meant = tokens.read(KEYRING, "unsubscribe", own)
    assert meant is not None and meant.reference == "ab" * 32 and meant.language == "fr"
    assert (meant.identifier_type, meant.identifier_key) == ("email", "cd" * 16)
    assert (meant.channel, meant.vertical) == ("email", "medical") and f"{SITE}/u/" in text
    for given in ("zoe@example.com", "zoe%40example.com"):
        assert given not in token + own
    assert queued(library) == message


def test_opens_are_seen_where_the_person_agreed(library: Library) -> None:
    html = content(queued(library))["html"]
    (token,) = {part.partition('"')[0] for part in html.split(f"{SITE}/i/")[1:]}
    assert links.read_pixel(KEYRING, token) == Pixel("ab" * 32, "cd" * 16)


def test_without_consent_no_link_names_anybody(library: Library) -> None:
    message = queued(library, is_tracked=False)
    html = content(message)["html"]
    assert "/c/" not in html and "/i/" not in html and URL.replace("&", "&amp;") in html
    assert b"clicks" not in (message.inputs or b"")


@pytest.mark.parametrize("is_tracked", [True, False])
def test_it_is_rendered_again(
    tmp_path: Path, library: Library, ledger: Ledger, lake: Lake, is_tracked: bool
) -> None:
    versions.store(library.entries.values(), lake, AT)
    message = queued(library, is_tracked=is_tracked)
    messages.enqueue(ledger, [message], AT)
    found = verify(ledger, lake, KEYRING, message.message_id)
    assert (found.verdict, found.is_same) == (SAME, True)
    # Signed by another pepper the links would be others.
    foreign = verify(ledger, lake, Keyring(b"another pepper"), message.message_id)
    assert foreign.verdict == (DIFFERENT if is_tracked else SAME)
    with pytest.raises(KeyError):
        verify(ledger, lake, KEYRING, "00" * 32)
