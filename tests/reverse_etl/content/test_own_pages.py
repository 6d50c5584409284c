"""Addresses of a message's own pages: for whom they are, on every channel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from reverse_etl.content.own_pages import LINKS, addresses
from workspace import tokens
from workspace.identifiers import Keyring

KEYRING = Keyring(b"a pepper for tests")
SITE = "https://www.example.com/fr"
MAIL, PHONE, USER = "ab" * 16, "cd" * 16, "ef" * 16
ROW: dict[str, Any] = {
    "intent_id": "12" * 32,
    "purpose": "newsletter",
    "sent_from": datetime(2026, 3, 3),
    "email_key": MAIL,
    "phone_key": PHONE,
    "push_key": USER,
    "user_id": "u1",
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"channel": "email"}, ("email", MAIL)),
        ({"channel": "sms"}, ("phone", PHONE)),
        ({"channel": "push"}, ("user_id", USER)),
        # Whose device is known by the contact alone is named by an address.
        ({"channel": "push", "user_id": None}, ("email", MAIL)),
        ({"channel": "push", "user_id": None, "email_key": None}, ("phone", PHONE)),
    ],
)
def test_for_whom_they_are(given: dict[str, Any], expected: tuple[str, str]) -> None:
    made = addresses(KEYRING, SITE, {**ROW, **given}, "medical", "fr")
    assert made.keys() == LINKS.keys()
    for source, what in LINKS.items():
        path = f"{SITE}{tokens.PATHS[what]}"
        assert made[source].startswith(path)
        token = tokens.read(KEYRING, what, made[source].removeprefix(path))
        assert token is not None and token.reference == ROW["intent_id"]
        assert (token.identifier_type, token.identifier_key) == expected
        assert (token.channel, token.purpose) == (given["channel"], "newsletter")


def test_a_person_without_any_is_named_by_no_one_elses_key() -> None:
    row = {**ROW, "channel": "push", "user_id": None, "email_key": None, "phone_key": None}
    made = addresses(KEYRING, SITE, row, "medical", "fr")
    token = tokens.read(KEYRING, "view", made["message.view_url"].rpartition("/")[2])
    assert token is not None and token.identifier_key == USER
