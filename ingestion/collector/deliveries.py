"""Providers' webhooks, and what our own links and pixels tell, in one vocabulary: lines of the
kind `delivery_events`.

A kept webhook becomes one line an event, a click or an opening one line. Names come from the
provider's own documentation; an event with a name that is not listed here keeps it, so the
contract rejects the row and shows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from ingestion.collector import envelope
from ingestion.collector.segments import Record
from workspace import links
from workspace.clock import iso
from workspace.links import Link, Pixel

_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode

Event = dict[str, Any]
PATH = "/webhooks/"
#: The source of clicks and openings of our own messages: no provider, and no webhook.
LINKS = "links"
#: Paths of requests that become such lines.
PATHS = (PATH, links.PATH, links.PIXEL_PATH)

_IN_LISTS = ("sendgrid", "hubspot")
_UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError),
    *(RecursionError, OverflowError, OSError, StopIteration),
)


def _names(text: str) -> dict[str, str]:
    """``theirs=ours``, or one word that is both, separated by commas."""
    pairs = [pair.strip().partition("=") for pair in text.split(",")]
    return {theirs: ours or theirs for theirs, _, ours in pairs}


_SENDGRID = _names(
    "processed, deferred, delivered, bounce=bounced, dropped, open=opened, click=clicked, "
    "spamreport=complained, unsubscribe=unsubscribed, group_unsubscribe=unsubscribed, "
    "group_resubscribe=resubscribed"
)
_SES = _names(
    "send=sent, reject=dropped, bounce=bounced, complaint=complained, delivery=delivered, "
    "open=opened, click=clicked, rendering failure=failed, deliverydelay=deferred, "
    "subscription=unsubscribed"
)
_POSTMARK = _names(
    "Delivery=delivered, Bounce=bounced, SpamComplaint=complained, Open=opened, Click=clicked"
)
_BREVO = _names(
    "request=processed, sent=processed, delivered, deferred, soft_bounce=bounced, "
    "hard_bounce=bounced, blocked=dropped, invalid_email=dropped, invalid=dropped, "
    "error=failed, opened, unique_opened=opened, proxy_open=opened, unique_proxy_open=opened, "
    "click=clicked, spam=complained, unsubscribed"
)
_TWILIO = _names(
    "accepted=processed, scheduled=processed, queued=processed, sending=processed, sent, "
    "delivered, undelivered=failed, failed, canceled=dropped, read, receiving=received, "
    "received"
)
_ONESIGNAL = _names(
    "sent, received=delivered, delivered, clicked, opened, failed, bounced, unsubscribed, "
    "reported_as_spam=complained, suppressed=dropped"
)
_HUBSPOT = _names(
    "creation=crm_created, propertyChange=crm_changed, deletion=crm_deleted, "
    "privacyDeletion=crm_privacy_deleted, merge=crm_merged, restore=crm_restored, "
    "associationChange=crm_associated"
)
_TELNYX_FINALS = _names(
    "delivered, delivery_failed=failed, sending_failed=failed, delivery_unconfirmed=sent, "
    "expired=failed"
)


def record_lines(record: Record) -> Iterator[bytes]:
    """The events of one webhook. What cannot be read is a line that the contract rejects."""
    try:
        items = _items(record)
    except _UNREADABLE as error:
        yield _line(record, _unreadable(record.body.decode("utf-8", "replace"), error))
        return
    for item in items:
        try:
            parsed = _parse(item) if isinstance(item, bytes) else item
            events = list(_READERS[record.source](parsed, record))
        except _UNREADABLE as error:
            text = item.decode("utf-8", "replace") if isinstance(item, bytes) else _text(item)
            events = [_unreadable(text, error)]
        for event in events:
            yield _line(record, event)


def _items(record: Record) -> list[Any]:
    """What one webhook reports, one item after the other, as JSON or as a form's fields."""
    body = record.body
    if record.source == LINKS:
        return [{}]
    if record.source == "twilio" and body[:1] != b"{":
        return [dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))]
    if record.source not in _IN_LISTS:
        return [body]
    try:
        return list(map(bytes, _decode_list(body)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # An item is no JSON; its neighbours are still told apart.
        batch = envelope.batch_of(b'{"batch":' + body + b"}")
        if batch is None:
            raise ValueError("not a list") from None
        return list(map(bytes, batch.batch))


def _line(record: Record, event: Event) -> bytes:
    row = {"provider": record.source, "known_at": iso(record.received_at)}
    row |= {name: value for name, value in event.items() if value not in (None, "")}
    if "provider_event_id" not in row:
        row["provider_event_id"] = _made_id(event)
    return json.dumps(row, separators=(",", ":")).encode()


def _unreadable(text: str, error: Exception) -> Event:
    return {"event_type": f"unreadable ({type(error).__name__})", "payload": text}


def _sendgrid(item: Any, record: Record) -> Iterator[Event]:
    name = item["event"]
    bounce = {"bounce": "permanent", "blocked": "block"}.get(item.get("type", "bounce"))
    yield _event(
        item,
        provider_event_id=item.get("sg_event_id"),
        event_type=_SENDGRID.get(name, name),
        channel="email",
        # What the send answered with stands before the first point.
        provider_message_id=(item.get("sg_message_id") or "").partition(".")[0],
        outbox_id=item.get("outbox_id"),
        recipient=item.get("email"),
        bounce_type=bounce if name == "bounce" else None,
        reason=item.get("reason") or item.get("response"),
        url=item.get("url"),
        user_agent=item.get("useragent"),
        ip=item.get("ip"),
        is_machine=item.get("sg_machine_open"),
        occurred_at=_seconds(item["timestamp"]),
    )


def _ses(item: Any, record: Record) -> Iterator[Event]:
    parts = {"rendering failure": "failure", "deliverydelay": "deliveryDelay"}
    people = {
        "bounce": "bouncedRecipients",
        "complaint": "complainedRecipients",
        "deliverydelay": "delayedRecipients",
    }
    if item["Type"] != "Notification":
        return
    item = _parse(item["Message"])
    given = item.get("eventType") or item["notificationType"]
    name = given.lower()
    mail, part = item["mail"], item.get(parts.get(name, name)) or {}
    if name in people:
        to = [(one["emailAddress"], one) for one in part[people[name]]]
    elif name == "delivery":
        to = [(address, {}) for address in part["recipients"]]
    else:
        to = [(address, {}) for address in mail["destination"]]
    kinds = {"Permanent": "permanent", "Transient": "transient"}
    at = _seconds_of_iso(part.get("timestamp") or mail["timestamp"])
    for address, one in to:
        yield _event(
            item,
            provider_event_id=_made_id(
                {"m": mail["messageId"], "e": name, "r": address.lower(), "t": at}
                | {"l": part.get("link")}
            ),
            event_type=_SES.get(name, given),
            channel="email",
            provider_message_id=mail["messageId"],
            outbox_id=next(iter(mail.get("tags", {}).get("outbox_id", [])), None),
            recipient=address,
            bounce_type=kinds.get(part["bounceType"], "undetermined") if name == "bounce" else None,
            reason=one.get("diagnosticCode") or part.get("reason") or part.get("errorMessage"),
            url=part.get("link"),
            user_agent=part.get("userAgent"),
            ip=part.get("ipAddress"),
            occurred_at=at,
        )


def _postmark(item: Any, record: Record) -> Iterator[Event]:
    name = item["RecordType"]
    kinds = {"HardBounce": "permanent", "BadEmailAddress": "permanent", "Blocked": "block"}
    kinds |= {"SpamNotification": "block", "DMARCPolicy": "block"}
    kinds |= dict.fromkeys(("SoftBounce", "Transient", "DnsError", "SMTPApiError"), "transient")
    changed = "unsubscribed" if item.get("SuppressSending") else "resubscribed"
    at = next(
        item[key] for key in ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt") if key in item
    )
    recipient = item.get("Recipient") or item.get("Email")
    identity = {"m": item["MessageID"], "e": name, "r": recipient, "t": at}
    identity |= {"s": item.get("SuppressSending"), "l": item.get("OriginalLink")}
    yield _event(
        item,
        provider_event_id=str(item["ID"]) if "ID" in item else _made_id(identity),
        event_type=changed if name == "SubscriptionChange" else _POSTMARK.get(name, name),
        channel="email",
        provider_message_id=item["MessageID"],
        outbox_id=(item.get("Metadata") or {}).get("outbox_id"),
        recipient=recipient,
        bounce_type=kinds.get(item.get("Type", ""), "undetermined") if name == "Bounce" else None,
        reason=item.get("Details") or item.get("Description") or item.get("SuppressionReason"),
        url=item.get("OriginalLink"),
        user_agent=item.get("UserAgent"),
        ip=(item.get("Geo") or {}).get("IP"),
        occurred_at=_seconds_of_iso(at),
    )


def _brevo(item: Any, record: Record) -> Iterator[Event]:
    name = item["event"]
    kinds = {"hard_bounce": "permanent", "soft_bounce": "transient"}
    at = _seconds(item.get("ts_event") or item["ts"])
    identity = {"m": item["message-id"], "e": name, "r": item["email"].lower(), "t": at}
    yield _event(
        item,
        provider_event_id=_made_id(identity | {"l": item.get("link")}),
        event_type=_BREVO.get(name, name),
        channel="email",
        provider_message_id=item["message-id"],
        outbox_id=item.get("X-Mailin-custom"),
        recipient=item["email"],
        bounce_type=kinds.get(name),
        reason=item.get("reason"),
        url=item.get("link"),
        user_agent=item.get("user_agent"),
        is_machine=True if "proxy" in name else None,
        occurred_at=at,
    )


def _twilio(item: Any, record: Record) -> Iterator[Event]:
    name = item.get("MessageStatus") or item["SmsStatus"]
    sid = item.get("MessageSid") or item["SmsSid"]
    query = dict(parse_qsl(urlsplit(record.path).query))
    yield _event(
        item,
        provider_event_id=f"{sid} {name}",
        event_type=_TWILIO.get(name, name),
        channel="sms",
        provider_message_id=sid,
        outbox_id=query.get("outbox_id"),
        recipient=item.get("From" if name.startswith("receiv") else "To"),
        reason=item.get("ErrorCode"),
    )


def _telnyx(item: Any, record: Record) -> Iterator[Event]:
    names = {"message.sent": "sent", "message.received": "received", "message.read": "read"}
    data = item["data"]
    payload = data["payload"]
    name = data["event_type"]
    to = payload.get("to") or [{}]
    if name == "message.finalized":
        event_type = _TELNYX_FINALS.get(to[0].get("status"), str(to[0].get("status")))
    else:
        event_type = names.get(name, name)
    tags = [tag for tag in payload.get("tags") or [] if tag.startswith("outbox_id:")]
    sender = payload.get("from") or {}
    errors = payload.get("errors") or [{}]
    yield _event(
        data,
        provider_event_id=data["id"],
        event_type=event_type,
        channel="sms",
        provider_message_id=payload.get("id"),
        outbox_id=tags[0].partition(":")[2] if tags else None,
        recipient=(sender if name == "message.received" else to[0]).get("phone_number"),
        reason=errors[0].get("code"),
        occurred_at=_seconds_of_iso(data["occurred_at"]),
    )


def _onesignal(item: Any, record: Record) -> Iterator[Event]:
    kind = item["kind"]
    _, channel, name = kind.split(".")
    yield _event(
        item,
        provider_event_id=item["id"],
        event_type=_ONESIGNAL.get(name, name),
        channel=channel,
        provider_message_id=item.get("message_id"),
        outbox_id=item.get("outbox_id"),
        recipient=item.get("subscription_id"),
        reason=item.get("reason"),
        url=item.get("url"),
        occurred_at=_seconds(item["timestamp"]),
    )


def _hubspot(item: Any, record: Record) -> Iterator[Event]:
    kind, _, name = item["subscriptionType"].partition(".")
    item_id = item.get("objectId", item.get("primaryObjectId"))
    parts = (item["eventId"], item["subscriptionId"], item_id, item["occurredAt"])
    yield _event(
        item,
        provider_event_id=" ".join(map(str, parts)),
        event_type=_HUBSPOT.get(name, item["subscriptionType"]),
        channel="crm",
        provider_message_id=f"{kind}:{item_id}",
        reason=item.get("propertyName"),
        occurred_at=_seconds(item["occurredAt"]),
    )


def _links(item: Any, record: Record) -> Iterator[Event]:
    """What `clicks` let pass: the path is a token that was proven before it was kept."""
    path = record.path
    link: Link | Pixel | None
    if path.startswith(links.PIXEL_PATH):
        link = links.unproven_pixel(path.removeprefix(links.PIXEL_PATH))
    else:
        link = links.unproven(path.removeprefix(links.PATH))
    if link is None:
        raise ValueError("no token")
    agent = dict(record.headers).get(b"user-agent", b"").decode("utf-8", "replace")
    yield {
        "provider_event_id": record.request_id,
        "event_type": "clicked" if isinstance(link, Link) else "opened",
        "channel": "email",
        "outbox_id": link.message_id,
        "email_key": link.recipient_key,
        "url": link.url if isinstance(link, Link) else None,
        "user_agent": agent,
        "occurred_at": iso(record.received_at),
    }


_PROVIDERS: Mapping[str, Callable[[Any, Record], Iterator[Event]]] = {
    "sendgrid": _sendgrid,
    "ses": _ses,
    "postmark": _postmark,
    "brevo": _brevo,
    "twilio": _twilio,
    "telnyx": _telnyx,
    "onesignal": _onesignal,
    "hubspot": _hubspot,
}
_READERS = {**_PROVIDERS, LINKS: _links}
PROVIDERS = tuple(_PROVIDERS)


def _event(item: Any, **columns: Any) -> Event:
    return {**columns, "payload": _text(item)}


def _text(item: Any) -> str:
    return json.dumps(item, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _parse(text: bytes | str) -> Any:
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _made_id(parts: Mapping[str, Any]) -> str:
    text = json.dumps(parts, sort_keys=True, default=str).encode()
    return sha256(text).hexdigest()[:32]


def _seconds(value: Any) -> str:
    """Seconds or milliseconds since 1970 as a time."""
    number = float(value)
    if number > 100_000_000_000:
        number /= 1000
    return iso(datetime.fromtimestamp(number, UTC).replace(tzinfo=None))


def _seconds_of_iso(text: str) -> str:
    """A time with any number of digits in its seconds, as naive UTC."""
    time = datetime.fromisoformat(text)
    return iso(time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time)
