"""From a message that is queued to what its reader's click does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from reverse_etl import queueing
from reverse_etl.content.library import Library
from reverse_etl.content.people import Person
from reverse_etl.content.preview import samples
from reverse_etl.delivery import envelope, mail
from reverse_etl.delivery.providers.memory import CAPABILITIES, Memory
from reverse_etl.gates.deciding import PROOF
from tests.ingestion.consent.offices import KEYRING, TOKEN, serving
from tests.reverse_etl.delivery.outboxes import NOW, fill, key, rows, send, states
from workspace import tokens
from workspace.definitions.caps import Caps
from workspace.ledger import Ledger, messages, open_ledger, outstanding
from workspace.paths import PROJECT

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ROW: dict[str, Any] = {
    **{"intent_id": "ab" * 32, "contact_id": "c1", "email_key": "cd" * 16},
    **{"email": "zoe@example.com", "source_kind": "campaign", "source_key": "weekly"},
    **{"step": "send", "occurrence": "1", "channel": "email", "message_class": "newsletter"},
    **{"purpose": "newsletter", "sent_from": NOW, "scheduled_at": NOW, "priority": 0},
    **{"not_after": None, "country": "FR", "time_zone": None, "approval": None},
    **{"template": "medical_weekly_newsletter", **dict.fromkeys(PROOF), "aliases": []},
    **{"is_tracked": True, "given": None},
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "w").mkdir()
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


@pytest.mark.parametrize("how", ["one_click", "page", "purpose", "everything"])
def test_acceptance_14_withdrawn_between_plan_and_send(
    ledger: Ledger, tmp_path: Path, how: str
) -> None:
    """Whoever leaves by a page after a message was queued for them gets none: nothing is posted,
    the message says which gate stopped it, and the ledger why."""
    fill(ledger, 3, purpose="newsletter")
    token = replace(TOKEN, identifier_key=key(1))
    preferences = replace(token, what="preferences")
    with serving(ledger, now=NOW) as world:
        answers = {
            "one_click": lambda: world.post(token, ONE_CLICK),
            "page": lambda: world.post(token, {"do": "unsubscribe"}),
            "purpose": lambda: world.post(
                preferences, {"do": "save", "shown": ["newsletter/email/on/newsletter-1"]}
            ),
            "everything": lambda: world.post(preferences, {"do": "nothing"}),
        }
        assert answers[how]().status_code == 200
        provider = Memory()
        send(ledger, tmp_path / "w", [provider])
        assert sorted(provider.sent) == [f"{0:064x}", f"{2:064x}"]
        assert states(ledger) == {"accepted": 2, "blocked": 1}
        (stopped,) = [row for row in rows(ledger) if row["state"] == "blocked"]
        (event,) = world.events()
    gate = "consent" if how == "purpose" else "unsubscribed"
    assert (stopped["message_id"], stopped["reason"]) == (f"{1:064x}", gate)
    assert stopped["attempts"] == 0
    assert (event["state"], event["evidence"]) == ("withdrawn", f"message:{TOKEN.reference}")


def test_acceptance_16_one_header_that_works(ledger: Ledger) -> None:
    """A rendered mail has one List-Unsubscribe, of https, whose address ends it in one click."""
    with Library.load(PROJECT / "marketing") as library:
        values = samples(library, ROW["template"])
        person = Person("c1", values={k: v for k, v in values.items() if "message." not in k})
        outgoing = queueing._Outgoing(library, KEYRING, Caps(), 0, {}, {})
        (made,), blocked = queueing._render(outgoing, [ROW], {"c1": person}, {})
    assert not blocked
    messages.enqueue(ledger, [made], NOW)
    with ledger.reading() as connection:
        (due,) = outstanding.due(connection, "email", NOW, 1, ["smtp"])
    parsed = message_from_bytes(mail.build(envelope.open_for(due, CAPABILITIES)))
    (header,) = parsed.get_all("List-Unsubscribe") or []
    (post,) = parsed.get_all("List-Unsubscribe-Post") or []
    assert post == "List-Unsubscribe=One-Click"
    address = "".join(header.split()).removeprefix("<").removesuffix(">")
    site, path, text = address.partition("/u/")
    assert site == "https://www.chirurgieprox.example" and path
    token = tokens.read(KEYRING, "unsubscribe", text)
    assert token is not None and token.identifier_key == "cd" * 16
    with serving(ledger, now=NOW) as world:
        assert world.post(token, ONE_CLICK).status_code == 200
        assert [e["identifier_key"] for e in world.events()] == ["cd" * 16]
