"""``POST /v1/consents``: a box that somebody ticked on a site's own form.

The body is a JSON object: whose (``email``, ``phone``, ``userId`` or ``anonymousId``), ``purpose``
and ``channel`` of the policy, the ``textVersion`` that was shown and its ``language``, and the
``page``. The ledger learns a keyed hash; the bytes land like any event's, as an identify call, so
that the next run knows the address that a confirmation goes to.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ingestion import strict
from ingestion.collector.envelope import CONSENTS, Refused
from ingestion.collector.writer import Unavailable
from ingestion.consent import deciding, standing
from ingestion.errors import RowError
from workspace.definitions.consent import Consent, text_hash
from workspace.identifiers import Keyring, normalise_email, normalise_phone
from workspace.ledger import Ledger, consent
from workspace.ledger.consent import ConsentEvent

__all__ = ["CONSENTS", "MAX_BODY_BYTES", "Desk", "event_of"]

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 16_384
_LONGEST = 500
_AT = re.compile("@|%(25)*40")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_IDENTIFIERS = ("email", "phone", "userId", "anonymousId")
_FIELDS = {
    *_IDENTIFIERS,
    *("purpose", "channel", "textVersion", "language", "page", "granted", "messageId", "writeKey"),
}


@dataclass(frozen=True)
class Desk:
    """What takes requests: the policy, the workspace's keys and its ledger, which may block."""

    policy: Consent
    keyring: Keyring
    ledger: Callable[[], Ledger]

    def check(self, body: bytes, source: str, request_id: str, at: datetime) -> ConsentEvent:
        """The event that a body becomes. Raises :class:`Refused`, which names the field."""
        return event_of(self.policy, self.keyring, body, source, request_id, at)

    def record(self, event: ConsentEvent, at: datetime) -> None:
        """Once a request: its sender may repeat it. Raises :class:`Unavailable` where the ledger
        does not take it."""
        try:
            ledger = self.ledger()
            same = {"purpose": event.purpose, "channel": event.channel, "evidence": event.evidence}
            before = standing.events_of(ledger, event.identifier_key)
            if not any(same.items() <= known.items() for known in before):
                consent.append(ledger, [event], at)
        except Exception as error:
            _log.error("a request for consent was not recorded: %s", type(error).__name__)
            raise Unavailable from None


def event_of(
    policy: Consent, keyring: Keyring, body: bytes, source: str, request_id: str, at: datetime
) -> ConsentEvent:
    """Granted; pending where the purpose must be confirmed. Raises :class:`Refused`."""
    given = _object(body)
    kind, key = _whose(given, keyring)
    purpose = policy.purposes.get(_text(given, "purpose"))
    if purpose is None:
        raise _fault("purpose", "none of consent.yml")
    channel = _text(given, "channel")
    if channel not in purpose.channels:
        raise _fault("channel", "the purpose has no such channel")
    language = _text(given, "language")[:2].lower()
    if language not in ("fr", "en"):
        raise _fault("language", "fr or en")
    version = _text(given, "textVersion")
    text = purpose.text(channel, version)
    if text is None:
        raise _fault("textVersion", "none of this purpose and channel in consent.yml")
    if given.get("granted", True) is not True:
        raise _fault("granted", "only a ticked box is sent")
    return ConsentEvent(
        identifier_type=kind,
        identifier_key=key,
        purpose=_text(given, "purpose"),
        channel=channel,
        state="pending" if purpose.double_opt_in else "granted",
        source_class="form",
        source=f"collector:{source}",
        mechanism="ticked_box",
        legal_basis=deciding.basis(policy, _text(given, "purpose")),
        text_version=version,
        text_hash=text_hash(text.wording(language)),
        language=language,
        actor=deciding.ACTOR,
        evidence=" ".join(filter(None, [f"request:{_request(given, request_id)}", _page(given)])),
        occurred_at=at,
        known_at=at,
    )


def identify(body: bytes, request_id: str) -> bytes:
    """The identify call that a kept body is for the run. It was checked when it came."""
    given = _object(body)
    call: dict[str, Any] = {
        "type": "identify",
        "messageId": f"consent-{_request(given, request_id)}",
        "traits": {name: given[name] for name in ("email", "phone") if given.get(name)},
        "context": {"locale": _text(given, "language"), "page": {"url": given.get("page") or ""}},
    }
    own = {name: given[name] for name in ("userId", "anonymousId") if given.get(name)}
    # The contract asks for one: a person known by an address alone gets one of the request's.
    call.update(own or {"anonymousId": call["messageId"]})
    return msgspec.json.encode(call)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        given = strict.parse(body)
    except (RowError, UnicodeDecodeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused(400, "bad_json", "the body is not a JSON object")
    for name, value in given.items():
        if name not in _FIELDS:
            raise Refused(400, "field", "a field that is none of this call's")
        if name != "granted" and value is not None and not isinstance(value, str):
            raise _fault(name, "a text is wanted")
        if isinstance(value, str) and len(value) > _LONGEST:
            raise _fault(name, f"at most {_LONGEST} characters")
        if isinstance(value, str) and _CONTROL.search(value):
            raise _fault(name, "no control characters")
    return given


def _whose(given: Mapping[str, Any], keyring: Keyring) -> tuple[str, str]:
    kinds = {
        "email": ("email", normalise_email),
        "phone": ("phone", normalise_phone),
        "userId": ("user_id", str),
        "anonymousId": ("anonymous_id", str),
    }
    found = []
    for name, (kind, normal) in kinds.items():
        if given.get(name):
            value = normal(given[name])
            if value is None:
                raise _fault(name, "not an address or number")
            found.append((kind, str(keyring.key(kind, value))))
    if not found:
        raise _fault("email", "whose it is: email, phone, userId or anonymousId")
    return _nearest(found, given.get("channel"))


def _nearest(found: list[tuple[str, str]], channel: Any) -> tuple[str, str]:
    """The address of the channel that it is about, else the first given."""
    own = {"email": "email", "sms": "phone"}.get(str(channel))
    return next((one for one in found if one[0] == own), found[0])


def _request(given: Mapping[str, Any], request_id: str) -> str:
    """An id of the request: of what its sender calls it, so that a repetition is the same."""
    text = given.get("messageId") or request_id
    return hashlib.sha256(f"consent request\0{text}".encode()).hexdigest()[:32]


def _page(given: Mapping[str, Any]) -> str:
    """Where it was ticked: host and path only, since queries may name people."""
    try:
        parts = urlsplit(given.get("page") or "")
        host = parts.hostname
    except ValueError:
        raise _fault("page", "not an address") from None
    if not host:
        return ""
    # However often it was escaped: the ledger holds no address.
    if parts.scheme not in ("http", "https") or _AT.search(parts.path):
        raise _fault("page", "not the address of a page")
    return f"page:https://{host}{parts.path}".replace(" ", "%20")


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not value:
        raise _fault(name, "missing")
    return str(value)


def _fault(field: str, text: str) -> Refused:
    return Refused(422, "field", f"{field}: {text}")
