"""Segment messages: what a row of `events` needs, and where each column comes from.

This is the slow reading of one message; `ingestion.events` reads whole chunks faster and passes
on here whatever it doubts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from ingestion import strict
from ingestion.contracts.fields import (
    check_time,
    read_currency,
    read_decimal,
    read_text,
    read_time,
)
from ingestion.contracts.model import KeyCache
from ingestion.errors import RowError

IDENTITY_COLUMNS = ("message_id",)
CONFLICT = "id_conflict"

TYPES = ("track", "identify", "page", "screen", "group", "alias")

#: column -> key of the message
IDENTIFIERS = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
}
#: column -> key of context.page (and of properties, for a page call)
PAGE = {
    "page_url": "url",
    "page_path": "path",
    "page_referrer": "referrer",
    "page_title": "title",
}
#: column -> key of context.campaign
CAMPAIGN = {
    "utm_source": "source",
    "utm_medium": "medium",
    "utm_campaign": "name",
    "utm_term": "term",
    "utm_content": "content",
}
#: column -> key of context
CONTEXT = {"user_agent": "userAgent", "ip": "ip", "locale": "locale"}
#: column -> (kind of identifier, column it is the key of). Of a previous id nobody says what it
#: was; an alias knows it under both kinds, and only one is ever seen elsewhere.
KEYS = {
    "user_key": ("user_id", "user_id"),
    "anonymous_key": ("anonymous_id", "anonymous_id"),
    "company_key": ("crm_company", "group_id"),
    "previous_user_key": ("user_id", "previous_id"),
    "previous_anonymous_key": ("anonymous_id", "previous_id"),
}
#: column -> (kind of identifier, trait)
TRAITS = {"email_key": ("email", "email"), "phone_key": ("phone", "phone")}

#: Times whose value judges the row; the others only correct a clock.
_TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")


def row(
    source: Mapping[str, Any], raw: bytes, landed_at: datetime, keys: KeyCache
) -> dict[str, Any]:
    """The columns of one message, and ``_has_timestamp``. Raises :class:`RowError`.

    ``raw`` are the bytes that ``source`` was read from by the strict reader.
    """
    message_id = _text(source, "messageId", required=True)
    kind = _text(source, "type", required=True)
    if kind not in TYPES:
        raise RowError("unknown_value", "type", "one of " + ", ".join(TYPES))
    identifiers = {column: _text(source, key) for column, key in IDENTIFIERS.items()}
    event = _text(source, "event", required=kind == "track")
    name = _text(source, "name")
    if identifiers["user_id"] is None and identifiers["anonymous_id"] is None:
        raise RowError("missing_field", "userId", "userId or anonymousId")
    if kind == "alias" and identifiers["previous_id"] is None:
        raise RowError("missing_field", "previousId", "required for alias")
    if kind == "group" and identifiers["group_id"] is None:
        raise RowError("missing_field", "groupId", "required for group")
    properties, context = _payload(source, "properties"), _payload(source, "context")
    traits = person_traits(kind, _payload(source, "traits"), context)
    page = _mapping(context.get("page"))
    campaign = _mapping(context.get("campaign"))
    second = properties if kind == "page" else {}
    columns: dict[str, Any] = {
        "message_id": message_id,
        "message_hash": message_hash(message_id),
        "type": kind,
        "event": event,
        "name": name,
        **identifiers,
        **{column: keys.key(kind, identifiers[name]) for column, (kind, name) in KEYS.items()},
        **{column: keys.key(kind, traits(name)) for column, (kind, name) in TRAITS.items()},
        **{column: _soft(page.get(k)) or _soft(second.get(k)) for column, k in PAGE.items()},
        **{column: _soft(campaign.get(k)) for column, k in CAMPAIGN.items()},
        **{column: _soft(context.get(k)) for column, k in CONTEXT.items()},
        **commerce(properties),
        **_clocks(source, landed_at),
        **_texts_of(raw),
    }
    columns["page_host"] = host(columns["page_url"])
    return columns


def person_traits(
    kind: str, traits: Mapping[str, Any], context: Mapping[str, Any]
) -> Callable[[str], str | None]:
    """Reads a trait of the person by its name: an identify's own, else the context's.

    A group's traits are the organisation's.
    """
    own = traits if kind == "identify" else {}
    others = _mapping(context.get("traits"))
    return lambda name: _soft(own.get(name)) or _soft(others.get(name))


def message_hash(message_id: str) -> int:
    """A stable signed 64-bit number: the first 8 bytes of the id's MD5, little-endian."""
    digest = hashlib.md5(message_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def commerce(properties: Mapping[str, Any]) -> dict[str, Any]:
    """order_id, revenue and currency. Raises :class:`RowError`."""
    order_id = properties.get("order_id")
    if isinstance(order_id, int) and not isinstance(order_id, bool):
        order_id = str(order_id)
    revenue, field = properties.get("revenue"), "properties.revenue"
    if revenue is None or revenue == "":
        revenue, field = properties.get("total"), "properties.total"
    currency = properties.get("currency")
    return {
        "order_id": _soft(order_id),
        "revenue": _read(read_decimal, revenue, field),
        "currency": _read(read_currency, currency, "properties.currency"),
    }


def host(url: str | None) -> str | None:
    """The host of an absolute URL in lower case, without user and port."""
    if url is None:
        return None
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme.isalpha():
        return None
    for mark in "/?#\\":
        rest = rest.partition(mark)[0]
    rest = rest.rpartition("@")[2]
    if rest.startswith("["):
        return rest.partition("]")[0].lower() + "]" if "]" in rest else None
    return rest.partition(":")[0].lower() or None


def corrected(original: datetime, sent: datetime, received: datetime) -> datetime:
    """When it happened on our clock: the sender's clock error is sentAt against receivedAt."""
    try:
        return received - (sent - original)
    except OverflowError:
        raise RowError("time_range", "originalTimestamp", "beyond the calendar") from None


def _clocks(source: Mapping[str, Any], landed_at: datetime) -> dict[str, Any]:
    times = {}
    for key in _TIMES:
        value = source.get(key)
        times[key] = _read(read_time, None if value == "" else value, key)
    timestamp, original = times["timestamp"], times["originalTimestamp"]
    sent, received = times["sentAt"], times["receivedAt"]
    field = "timestamp"
    if timestamp is not None:
        occurred_at = timestamp
    elif original is not None:
        field = "originalTimestamp"
        occurred_at = corrected(original, sent, received) if sent and received else original
    else:
        occurred_at = received or landed_at
    check_time(occurred_at, landed_at, field)
    if received is not None:
        check_time(received, landed_at, "receivedAt")
    return {
        "occurred_at": occurred_at,
        "sent_at": sent,
        "known_at": received or landed_at,
        "_has_timestamp": timestamp is not None,
    }


def _text(source: Mapping[str, Any], key: str, required: bool = False) -> str | None:
    value = source.get(key)
    if value is None or value == "":
        if required:
            raise RowError("missing_field", key, "required")
        return None
    return _read(read_text, value, key)


def _read(reader: Any, value: Any, field: str) -> Any:
    if value is None or value == "":
        return None
    try:
        return reader(value)
    except RowError as error:
        raise RowError(error.reason, field, error.detail) from None


def _payload(source: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = source.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RowError("wrong_type", key, "expected an object")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _soft(value: Any) -> str | None:
    """A text of the payload as a column; any other type stays in the payload only."""
    return value if isinstance(value, str) and value else None


class _Texts(msgspec.Struct):
    properties: msgspec.Raw = msgspec.Raw()
    traits: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.Raw()


_texts = msgspec.json.Decoder(_Texts)


def _texts_of(raw: bytes) -> dict[str, str | None]:
    found = _texts.decode(raw)
    return {
        "properties": payload_text(found.properties),
        "traits": payload_text(found.traits),
        "context": payload_text(found.context),
    }


def payload_text(raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode()
    return None if text in ("", "null") else text


def exact_number(text: str) -> int | Decimal:
    """A JSON number's text without rounding."""
    return strict.read_fraction(text) if any(mark in text for mark in ".eE") else int(text)
