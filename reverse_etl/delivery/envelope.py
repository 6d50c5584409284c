"""The bytes a message is kept as: what was rendered, and how it is addressed.

They are canonical JSON, written once when the message is queued; every attempt is made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from reverse_etl.content.clicks import Clicks
from reverse_etl.content.library import Rendered, Request
from reverse_etl.delivery import devices
from reverse_etl.delivery.protocol import Capabilities, Outgoing
from workspace.definitions.templates import Sender
from workspace.ledger.outstanding import Due

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_DECODE = msgspec.json.Decoder(dict[str, Any]).decode
_DATE = "date"
ONE_CLICK = "List-Unsubscribe=One-Click"
#: What becomes of the HTML of a mail whose links are led through our own address.
Leading = Callable[[str], str]


def seal(
    rendered: Rendered,
    sender: Sender,
    unsubscribe_url: str | None,
    labels: Mapping[str, str],
    composed_at: datetime,
    leading: Leading | None = None,
) -> bytes:
    """The payload of a message. ``composed_at`` (naive UTC) is its date; ``unsubscribe_url`` where
    one click ends it (RFC 8058), None for what cannot be unsubscribed from; ``leading`` where its
    clicks and opens may be seen."""
    address = {
        "email": sender.from_email or sender.reply_to,
        "sms": sender.sms_from or "",
    }.get(rendered.channel, "")
    kept: dict[str, Any] = {
        **_said(rendered, leading),
        "sender": address,
        "sender_name": sender.name if rendered.channel == "email" else "",
        "labels": dict(labels),
    }
    if rendered.channel == "email":
        kept["reply_to"] = sender.reply_to
        kept["composed_at"] = composed_at.replace(microsecond=0).isoformat()
        if unsubscribe_url:
            kept["headers"] = [
                ["List-Unsubscribe", f"<{unsubscribe_url}>"],
                ["List-Unsubscribe-Post", ONE_CLICK],
            ]
    return _ENCODE(kept)


def inputs(request: Request, clicks: Clicks | None = None) -> bytes:
    """What a message was rendered from, so that it can be rendered again (`verify`)."""
    values = {
        name: {_DATE: value.isoformat()} if isinstance(value, date) else value
        for name, value in request.values.items()
    }
    kept = {"language": request.language, "values": values, "segments": sorted(request.segments)}
    if clicks is not None:
        kept["clicks"] = vars(clicks)
    return _ENCODE(kept)


def clicks_of(data: bytes) -> Clicks | None:
    """How links are led that :func:`inputs` kept; None where they are as the template says."""
    kept = _DECODE(data).get("clicks")
    return Clicks(**kept) if kept else None


def request_of(template: str, channel: str, data: bytes) -> Request:
    """The request that :func:`inputs` kept."""
    kept = _DECODE(data)
    values = {
        name: date.fromisoformat(value[_DATE]) if isinstance(value, dict) else value
        for name, value in kept["values"].items()
    }
    return Request(template, channel, kept["language"], values, frozenset(kept["segments"]))


def resealed(payload: bytes, rendered: Rendered, leading: Leading | None = None) -> bytes:
    """A payload with its content rendered anew."""
    return _ENCODE({**_DECODE(payload), **_said(rendered, leading)})


def _said(rendered: Rendered, leading: Leading | None) -> dict[str, Any]:
    kept = _DECODE(rendered.payload)
    if leading is not None:
        kept["content"]["html"] = leading(kept["content"]["html"])
    return kept


def content_of(payload: bytes) -> dict[str, str]:
    """What a message says, of its payload: ``subject``, ``html``, ``text`` of an e-mail."""
    content: dict[str, str] = _DECODE(payload)["content"]
    return content


def open_for(message: Due, capabilities: Capabilities) -> Outgoing:
    """A queued message for one provider.

    Raises ``ValueError`` for bytes that are no payload.
    """
    if message.payload is None or message.destination is None:
        raise ValueError("nothing is left of it")
    kept = _DECODE(message.payload)
    destination = message.destination
    if message.channel == "push":
        destination = devices.part(destination, capabilities.addressed_by)
    return Outgoing(
        message_id=message.message_id,
        channel=message.channel,
        destination=destination,
        content=kept["content"],
        sender=kept.get("sender", ""),
        sender_name=kept.get("sender_name", ""),
        reply_to=kept.get("reply_to"),
        headers=tuple((name, value) for name, value in kept.get("headers", ())),
        labels=kept.get("labels", {}),
        is_test=message.is_test,
        composed_at=datetime.fromisoformat(kept["composed_at"]) if "composed_at" in kept else None,
    )
