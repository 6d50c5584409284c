"""What a delivery provider is: the message it is given, what it can do, what it answers.

A provider turns one message into bytes (:meth:`Provider.item`) and sends some of them in one
request (:meth:`Provider.send`). It never tries again by itself: whether an answer means that a
message may be sent again is the sender's to decide, by :class:`Kind`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol


class Kind(StrEnum):
    """What an answer means for one message.

    Only of the first is it known that the provider has the message, and only of ``ambiguous``
    that it may have it; all others say that it was not taken.
    """

    ACCEPTED = "accepted"
    THROTTLED = "throttled"  # come again later: 429 and what providers say instead
    EXHAUSTED = "exhausted"  # a quota of hours is used up: everything waits
    UNREACHABLE = "unreachable"  # no connection: not a byte of the message left
    DENIED = "denied"  # the key, the account or the address we ask is wrong: everything waits
    SENDER = "sender_refused"  # it may not come from this address or number: others may
    AMBIGUOUS = "ambiguous"  # broken off, timed out, or failed after the message was read
    REJECTED = "rejected"  # this message, whoever it goes to
    INVALID = "invalid_recipient"  # nothing can be delivered to this address, number or device
    SUPPRESSED = "suppressed"  # the recipient does not want it, by the provider's own list
    RELEASED = "released"  # the sender's own: the provider was not asked, it is busy


#: Answers after which the message is done for good.
PERMANENT = frozenset({Kind.REJECTED, Kind.INVALID, Kind.SUPPRESSED})


class Outcome(NamedTuple):
    """A provider's answer about one message. ``code`` is the provider's own, or says what the
    connection did; ``reason`` is for suppressed recipients: hard_bounce, complaint, unsubscribed,
    stop. ``retry_after`` in seconds, where the provider says so. ``replayed``: the provider knew
    the message from an earlier attempt. ``is_own``: throttled because of its recipient, which
    says nothing about other messages. No field holds an address or a message's text."""

    kind: Kind
    code: str = ""
    provider_message_id: str | None = None
    retry_after: float | None = None
    reason: str | None = None
    replayed: bool = False
    is_own: bool = False


class Unsupported(ValueError):
    """A message asks for what a provider cannot do, or is larger than it takes."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as the outbox holds it.

    ``destination`` is an e-mail address, a number (``+`` and digits), or the id a push provider
    knows a person or a device by. ``content`` has what its channel wants: ``subject``,
    ``preheader``, ``html``, ``text`` of an e-mail; ``text`` of a text message; ``title``, ``body``,
    ``link`` of a push. ``sender`` is the address or number it comes from, empty for push.
    ``headers`` are an e-mail's own, each name once. ``labels`` say what it is for (``template``,
    ``source``), without personal data. ``is_test`` is a test send. ``composed_at`` is when it was
    rendered, naive UTC: an e-mail's Date, where we write its MIME ourselves.
    """

    message_id: str
    channel: str
    destination: str
    content: Mapping[str, str]
    sender: str = ""
    sender_name: str = ""
    reply_to: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    is_test: bool = False
    composed_at: datetime | None = None


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do, declared once: the sender, the checks of ``providers.yml`` and the
    table in the README read it.

    ``batch``: messages a request takes. ``max_bytes``: of one message as :meth:`Provider.item`
    makes it. ``idempotent_for``: so long the provider recognises a message that is sent again.
    ``per_second``: messages, where the vendor names a limit that holds without asking.
    ``looks_up``: whether it can be asked what became of a message. ``reports``: whether it calls
    a webhook. ``headers``, ``reply_to``: whether a message may carry them.
    """

    channel: str
    batch: int = 1
    max_bytes: int = 10_000_000
    idempotent_for: timedelta | None = None
    per_second: float | None = None
    looks_up: bool = False
    reports: bool = False
    headers: bool = False
    reply_to: bool = False
    addressed_by: str = "user_id"

    def check(self, message: Outgoing) -> None:
        """Raises :class:`Unsupported` for what cannot be sent this way."""
        if message.channel != self.channel and self.channel != "any":
            raise Unsupported(f"does not send {message.channel}")
        if message.headers and not self.headers:
            raise Unsupported("does not support headers")
        if message.reply_to is not None and not self.reply_to:
            raise Unsupported("does not support reply_to")
        names = {name.lower() for name, _ in message.headers}
        if len(names) < len(message.headers):
            raise Unsupported("a header is given twice")
        content = message.content
        lines = "".join(
            (
                *(part for pair in message.headers for part in pair),
                *(content.get("subject", ""), content.get("title", "")),
                *(message.sender, message.sender_name, message.reply_to or ""),
                message.destination,
            )
        )
        if "\r" in lines or "\n" in lines or "\0" in lines:
            raise Unsupported("a line break where one line is wanted")
        try:
            "".join((lines, *content.values(), *message.labels.values())).encode()
        except UnicodeEncodeError:
            raise Unsupported("half a character (a lone surrogate)") from None


class Item(NamedTuple):
    """A message and its bytes for one provider."""

    message: Outgoing
    body: bytes


class Provider(Protocol):
    """One provider, ready to send. ``name`` is its key in ``providers.yml``."""

    name: str
    capabilities: Capabilities

    def item(self, message: Outgoing) -> bytes:
        """The message as this provider is given it: the same bytes whenever it is asked.

        Raises :class:`Unsupported`.
        """

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        """Send up to ``capabilities.batch`` messages in one request; one outcome each, in order.

        Raises nothing: what goes wrong is an outcome.
        """

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        """What the provider knows of a message that may have been sent after ``since``; None
        where it knows nothing (yet). Only asked where ``capabilities.looks_up``.

        Raises ``OSError`` where it cannot be asked.
        """

    async def close(self) -> None: ...
