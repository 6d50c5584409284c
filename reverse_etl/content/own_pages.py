"""Addresses of the pages about a message itself: where it ends, its settings, its view in a
browser, and where a request for consent is confirmed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from workspace import tokens
from workspace.identifiers import Keyring
from workspace.tokens import Token

#: Sources of templates (`message.…_url`) and the kind of link they are.
LINKS = {
    "message.unsubscribe_url": "unsubscribe",
    "message.preferences_url": "preferences",
    "message.view_url": "view",
}
CONFIRM = "message.confirm_url"

_IDENTIFIERS = {
    "email": (("email", "email_key"),),
    "sms": (("phone", "phone_key"),),
    # Who has no user id is known by an address, which is as good to say who leaves the channel.
    "push": (("user_id", "push_key"), ("email", "email_key"), ("phone", "phone_key")),
}


def addresses(
    keyring: Keyring, site: str, row: Mapping[str, Any], vertical: str, language: str
) -> dict[str, str]:
    """What templates call ``message.…_url``, of one intended message that passed the gates.

    ``site`` is the vertical's website, without a slash at the end. A request for consent
    (``row["given"]`` holds ``request_…``, `reverse_etl.confirming`) has a page to confirm it, too.
    """
    kind, key = _identifier(row)
    token = Token(
        what="unsubscribe",
        reference=row["intent_id"],
        identifier_type=kind,
        identifier_key=key,
        channel=row["channel"],
        at=row["sent_from"],
        purpose=row["purpose"] or "",
        vertical=vertical,
        language=_code(language),
    )
    made = {source: replace(token, what=what) for source, what in LINKS.items()}
    given = json.loads(row.get("given") or "{}")
    if "request_key" in given:
        made[CONFIRM] = replace(
            token,
            what="confirm",
            reference=row["occurrence"],
            identifier_type=given["request_type"],
            identifier_key=given["request_key"],
            at=datetime.fromisoformat(given["request_at"]),
            brand=given["request_brand"],
            text_version=given["request_text"],
        )
    return {source: _address(keyring, site, one) for source, one in made.items()}


def _code(language: str) -> str:
    """Two letters of what may be free text of a CRM; nothing where it has none."""
    code = language[:2].lower()
    return code if code.isascii() and code.isalpha() else ""


def _address(keyring: Keyring, site: str, token: Token) -> str:
    return f"{site}{tokens.PATHS[token.what]}{tokens.sign(keyring, token)}"


def _identifier(row: Mapping[str, Any]) -> tuple[str, str]:
    choices = _IDENTIFIERS[row["channel"]]
    if row["channel"] == "push" and not row.get("user_id"):
        choices = choices[1:]
    for kind, column in choices:
        if row.get(column):
            return kind, row[column]
    return "user_id", row["push_key"]
