"""What stand-ins for message providers share: what they took, how they go wrong, who reads.

A stand-in's module has ``PROVIDER``, ``environment(url)`` (the variables that point the provider
at it) and ``app(desk)``. Where the vendor calls webhooks it also has ``secret()``, what our
collector has to know to believe them, and ``calls(events, url)``, signed for the address ``url``.
``python -m sandbox.servers.messaging NAME --port 8025 --no-log`` runs one in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from hashlib import blake2b
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import requests
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Every stand-in that takes messages over HTTP.
NAMES = (
    *("sendgrid", "ses", "postmark", "brevo_email"),
    *("twilio", "telnyx", "fcm", "onesignal", "webhook"),
)
#: What THROTTLED_SECONDS and THROTTLED_DATE ask for.
WAIT_SECONDS = 7


class Trouble(StrEnum):
    """What can be ordered instead of the right answer to the next message."""

    # Nothing is taken.
    THROTTLED = "throttled"
    THROTTLED_SECONDS = "throttled for seconds"
    THROTTLED_DATE = "throttled until a date"
    DENIED = "denied"
    PERMANENT = "permanent"
    REDIRECT = "redirect"
    # The message is taken, and then this.
    HANG = "hang"
    ERROR = "error"
    RESET = "reset"
    EMPTY = "empty body"
    NO_ID = "no id"
    HTML = "html body"
    TRUNCATED = "truncated"
    SLOW = "slow"


NOT_TAKEN = frozenset(
    {
        *(Trouble.THROTTLED, Trouble.THROTTLED_SECONDS, Trouble.THROTTLED_DATE),
        *(Trouble.DENIED, Trouble.PERMANENT, Trouble.REDIRECT),
    }
)


class Said(NamedTuple):
    """An answer as it goes over the wire."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {"content-type": "application/json"}


class Fate(StrEnum):
    """What becomes of a message at its recipient's."""

    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    #: The provider itself says no, because of its own list.
    SUPPRESSED = "suppressed"
    #: The provider itself says no, because nobody can have this address.
    INVALID = "invalid"


#: Of a thousand recipients, in this order; all others get their message and leave it at that.
_SHARES = (
    (Fate.BOUNCED, 12),
    (Fate.DEFERRED, 8),
    (Fate.COMPLAINED, 1),
    (Fate.UNSUBSCRIBED, 5),
    (Fate.CLICKED, 40),
    (Fate.OPENED, 220),
)
_EVENTS: Mapping[Fate, tuple[str, ...]] = {
    Fate.DELIVERED: ("delivered",),
    Fate.OPENED: ("delivered", "opened"),
    Fate.CLICKED: ("delivered", "opened", "clicked"),
    Fate.UNSUBSCRIBED: ("delivered", "unsubscribed"),
    Fate.COMPLAINED: ("delivered", "complained"),
    Fate.DEFERRED: ("deferred", "delivered"),
    Fate.BOUNCED: ("bounced",),
}
_WORDS = {fate.value: fate for fate in Fate}
#: The last four digits of a number that forces a fate.
_DIGITS = {f"{i:04d}": fate for i, fate in enumerate(Fate, 1)}


def fate_of(destination: str) -> Fate:
    """What a recipient does, always the same.

    ``bounced@…``, ``bounced+7@…`` and so on force what they say, as do numbers that end with
    the fate's place among them (``…0001`` is delivered).
    """
    local, at, _ = destination.lower().partition("@")
    if at:
        forced = local.partition("+")[0]
        if forced in _WORDS:
            return _WORDS[forced]
    elif destination[-4:] in _DIGITS:
        return _DIGITS[destination[-4:]]
    draw = int.from_bytes(blake2b(destination.lower().encode(), digest_size=4).digest(), "big")
    place = draw % 1000
    for fate, share in _SHARES:
        if place < share:
            return fate
        place -= share
    return Fate.DELIVERED


class Taken(NamedTuple):
    """A message that a stand-in accepted. ``outbox_id`` is our own id, as it was carried;
    ``at`` naive UTC."""

    provider_message_id: str
    outbox_id: str
    recipient: str
    body: bytes
    tracks_opens: bool
    at: datetime


class Event(NamedTuple):
    """Something to tell our collector: ``name`` is one of ``sent``, ``delivered``, ``deferred``,
    ``opened``, ``clicked``, ``bounced``, ``unsubscribed``, ``complained``; ``at`` naive UTC."""

    name: str
    taken: Taken
    at: datetime


class Call(NamedTuple):
    """One webhook: its body, its headers, and what to add to the address."""

    body: bytes
    headers: Mapping[str, str]
    suffix: str = ""


@dataclass
class Desk:
    """What a test sees and orders of one stand-in.

    ``taken`` is empty where ``keeps`` is false, which is for measuring; ``posts`` are the bodies
    of all requests that wanted to send, ``count`` the messages taken. ``clock`` gives naive UTC.
    """

    keeps: bool = True
    clock: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None)
    fate: Callable[[str], Fate] = fate_of
    taken: list[Taken] = field(default_factory=list)
    posts: list[bytes] = field(default_factory=list)
    troubles: deque[Trouble] = field(default_factory=deque)
    count: int = 0
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def order(self, *troubles: Trouble) -> None:
        self.troubles.extend(troubles)

    def next_id(self) -> int:
        return next(self._ids)

    def take(
        self, ident: str, outbox_id: str, recipient: str, body: bytes, tracks_opens: bool = False
    ) -> None:
        self.count += 1
        if self.keeps:
            self.taken.append(Taken(ident, outbox_id, recipient, body, tracks_opens, self.clock()))

    def events(self, taken: Iterable[Taken] | None = None) -> Iterator[Event]:
        """What becomes of messages, by their recipients' fates, a few minutes apart."""
        for one in self.taken if taken is None else taken:
            for minute, name in enumerate(_EVENTS.get(self.fate(one.recipient), ()), 1):
                # Clicks are counted by our own links, so a provider never sees one.
                if name == "clicked" or (name == "opened" and not one.tracks_opens):
                    continue
                yield Event(name, one, one.at + timedelta(minutes=minute))


class Misbehaving:
    """A stand-in's app, behind the troubles that are ordered of it.

    ``said`` holds the vendor's own way to say what takes nothing, and NO_ID.
    """

    def __init__(self, app: ASGIApp, desk: Desk, said: Mapping[Trouble, Said]) -> None:
        self.app, self.desk, self.said = app, desk, said

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        if not self.desk.keeps and not self.desk.troubles:
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        self.desk.posts.append(body)
        trouble = self.desk.troubles.popleft() if self.desk.troubles else None
        given = _Once(body, receive)
        if trouble is None:
            await self.app(scope, given, send)
        elif trouble in NOT_TAKEN:
            await _answer(send, self._refusal(trouble))
        else:
            answer = _Captured()
            await self.app(scope, given, answer)
            await self._spoil(trouble, answer, receive, send)

    def _refusal(self, trouble: Trouble) -> Said:
        if trouble is Trouble.REDIRECT:
            return Said(307, b"", {"location": "http://169.254.169.254/latest/meta-data/"})
        if trouble in self.said:
            return self.said[trouble]
        if trouble not in (Trouble.THROTTLED_SECONDS, Trouble.THROTTLED_DATE):
            raise ValueError(f"no answer for {trouble}")
        status, body, headers = self.said[Trouble.THROTTLED]
        wait = str(WAIT_SECONDS)
        if trouble is Trouble.THROTTLED_DATE:
            until = self.desk.clock() + timedelta(seconds=WAIT_SECONDS)
            wait = format_datetime(until.replace(tzinfo=UTC), usegmt=True)
        return Said(status, body, {**headers, "retry-after": wait})

    async def _spoil(
        self, trouble: Trouble, answer: _Captured, receive: Receive, send: Send
    ) -> None:
        if trouble is Trouble.HANG:
            while (await receive())["type"] != "http.disconnect":
                pass
        elif trouble is Trouble.RESET:
            # uvicorn's own: nothing in ASGI breaks a connection off.
            send.__self__.transport.abort()  # type: ignore[attr-defined]
        elif trouble is Trouble.ERROR:
            await _answer(send, Said(500, b'{"message": "internal error"}'))
        elif trouble is Trouble.EMPTY:
            await _answer(send, Said(answer.status))
        elif trouble is Trouble.NO_ID:
            await _answer(send, self.said[Trouble.NO_ID])
        elif trouble is Trouble.HTML:
            page = b"<html><body>Bad gateway</body></html>"
            await _answer(send, Said(answer.status, page, {"content-type": "text/html"}))
        elif trouble is Trouble.TRUNCATED:
            await _answer(send, Said(answer.status, answer.body[: len(answer.body) // 2]))
        else:
            await self._slowly(answer, send)

    async def _slowly(self, answer: _Captured, send: Send) -> None:
        """A byte a second, so no reader waits for the end."""
        body = answer.body or b"   "
        length = [(b"content-length", str(len(body)).encode())]
        start = {"type": "http.response.start", "status": answer.status, "headers": length}
        await send(start)
        for i in range(len(body)):
            more = i + 1 < len(body)
            try:
                await send(
                    {"type": "http.response.body", "body": body[i : i + 1], "more_body": more}
                )
            except OSError:
                return
            await asyncio.sleep(1)


class _Once:
    """A request's body that was read before, and then its connection."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self.body, self.receive, self.given = body, receive, False

    async def __call__(self) -> Message:
        if self.given:
            return await self.receive()
        self.given = True
        return {"type": "http.request", "body": self.body, "more_body": False}


class _Captured:
    """An answer that nobody got."""

    def __init__(self) -> None:
        self.status, self.body = 0, b""

    async def __call__(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


async def _read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _answer(send: Send, said: Said) -> None:
    headers = [(name.encode(), value.encode()) for name, value in said.headers.items()]
    headers.append((b"content-length", str(len(said.body)).encode()))
    await send({"type": "http.response.start", "status": said.status, "headers": headers})
    await send({"type": "http.response.body", "body": said.body})


def report(
    standin: ModuleType, events: Iterable[Event], collector: str, public_url: str | None = None
) -> list[int]:
    """Tell a collector at ``collector`` what happened, as the vendor would; its answers'
    statuses. ``public_url`` is where it says it is, if elsewhere: some vendors sign that.

    Raises ``requests.RequestException``.
    """
    path = f"/webhooks/{standin.PROVIDER}"
    url = collector + path
    with requests.Session() as session:
        session.trust_env = False
        return [
            session.post(
                url + call.suffix,
                data=call.body,
                headers=dict(call.headers),
                timeout=10,
                allow_redirects=False,
            ).status_code
            for call in standin.calls(events, (public_url or collector) + path)
        ]


def load(name: str) -> ModuleType:
    """The module of a stand-in. Raises ``KeyError`` for a name that is none."""
    if name not in NAMES:
        raise KeyError(name)
    return import_module(f"sandbox.servers.{name}")


def _late(app: ASGIApp, seconds: float) -> ASGIApp:
    """An app that answers after a while."""
    if not seconds:
        return app

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(seconds)
        await app(scope, receive, send)

    return late


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one stand-in until it is ended."""
    import uvicorn

    parser = argparse.ArgumentParser(prog="python -m sandbox.servers.messaging")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025)
    parser.add_argument("--no-log", action="store_true", help="keep nothing, for measuring")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    given: Any = parser.parse_args(arguments)
    app = _late(load(given.name).app(Desk(keeps=not given.no_log)), given.latency)
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
