"""One provider against its stand-in, for the tests that all providers have to pass.

A developer of a provider adds a :class:`Harness` to :data:`tests.reverse_etl.delivery.conftest.
HARNESSES`; nothing else is needed to have it tested.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Provider
from reverse_etl.delivery.transport import Transport
from sandbox.servers.messaging import Desk, Fate, Said, Trouble

T = TypeVar("T")

NOW = datetime(2026, 11, 22, 9, 30)
#: For requests that are never answered; others get all the time they need.
SHORT = 0.3
LONG = 30.0

#: What each trouble has to become, where a provider's harness does not say otherwise.
KINDS: Mapping[Trouble, Kind] = {
    Trouble.THROTTLED: Kind.THROTTLED,
    Trouble.THROTTLED_SECONDS: Kind.THROTTLED,
    Trouble.THROTTLED_DATE: Kind.THROTTLED,
    Trouble.DENIED: Kind.DENIED,
    Trouble.PERMANENT: Kind.REJECTED,
    Trouble.REDIRECT: Kind.DENIED,
    **dict.fromkeys(
        (
            *(Trouble.HANG, Trouble.ERROR, Trouble.RESET, Trouble.EMPTY, Trouble.NO_ID),
            *(Trouble.HTML, Trouble.TRUNCATED, Trouble.SLOW),
        ),
        Kind.AMBIGUOUS,
    ),
}
CONTENT = {
    "email": {
        "subject": "Votre démonstration, enfin",
        "preheader": "Quinze minutes",
        "html": "<p>Bonjour à vous</p>",
        "text": "Bonjour à vous",
    },
    "sms": {"text": "Votre démo est prête. STOP au 36111"},
    "push": {"title": "Démo", "body": "Elle est prête", "link": "https://www.example.org/d"},
    "webhook": {"text": "une nouvelle"},
}
SENDERS = {"email": "news@mail.example.org", "sms": "+33600000000", "push": "", "webhook": ""}
LIST_UNSUBSCRIBE = (
    ("List-Unsubscribe", "<https://u.example.org/u/" + "x" * 120 + ">"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
)


def by_address(fate: Fate) -> str:
    return f"{fate}@clinique.example"


@dataclass(frozen=True)
class Harness:
    """How a provider is tested.

    ``serve`` runs its stand-in for a desk and gives the variables that lead there; ``standin`` is
    the module, where it calls webhooks. ``destination`` makes one that forces a fate.
    ``refused`` says what a refusal because of the recipient has to become; ``wrong`` are variables
    with credentials that are not right; ``closed`` those that lead to a port where nobody listens.
    ``tells_replays`` is false where the answer to a message sent again looks like the first.
    """

    name: str
    serve: Callable[[Desk], AbstractContextManager[Mapping[str, str]]]
    channel: str = "email"
    standin: ModuleType | None = None
    destination: Callable[[Fate], str] = by_address
    kinds: Mapping[Trouble, Kind] = field(default_factory=lambda: KINDS)
    refused: Mapping[Fate, Kind] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    closed: Callable[[int], Mapping[str, str]] | None = None
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    tells_replays: bool = True

    @property
    def capabilities(self) -> Capabilities:
        return providers.capabilities(self.name)

    def message(self, number: int = 0, fate: Fate = Fate.DELIVERED, **changes: Any) -> Outgoing:
        """A message as ordinary as can be, or with ``changes``."""
        given: dict[str, Any] = {
            "message_id": f"{number:064x}",
            "channel": self.channel,
            "destination": self.destination(fate),
            "content": CONTENT[self.channel],
            "sender": SENDERS[self.channel],
            "labels": {"template": "demo_invitation", "source": "campaign:demo"},
        }
        if self.channel == "email":
            given |= {"sender_name": "Démo, Équipe", "composed_at": NOW}
        return Outgoing(**{**given, **changes})


class Lane:
    """A harness whose stand-in runs; ``desk`` sees what arrives there."""

    def __init__(self, harness: Harness, desk: Desk, environment: Mapping[str, str]) -> None:
        self.harness, self.desk, self.environment = harness, desk, environment

    def ask(
        self,
        use: Callable[[Provider], Awaitable[T]],
        seconds: float = LONG,
        **environment: str,
    ) -> T:
        """What ``use`` makes of the provider, with other variables where they are given."""

        async def asked() -> T:
            transport = Transport(lambda: NOW, answer_seconds=seconds, connect_seconds=seconds)
            given = {**self.environment, **environment}
            harness = self.harness
            provider = providers.make(harness.name, given, harness.options, transport)
            try:
                return await use(provider)
            finally:
                await provider.close()
                await transport.close()

        return asyncio.run(asked())

    def send(self, *messages: Outgoing, seconds: float = LONG, **environment: str) -> list[Outcome]:
        return self.ask(
            lambda provider: provider.send([Item(one, provider.item(one)) for one in messages]),
            seconds,
            **environment,
        )

    def item(self, message: Outgoing) -> bytes:
        async def made(provider: Provider) -> bytes:
            return provider.item(message)

        return self.ask(made)


@dataclass
class Scripted:
    """A server that says whatever it is told to, over real HTTP. ``requests`` are method, path
    with query, headers (names in lower case) and body of each that came."""

    port: int = 0
    said: Said = field(default_factory=lambda: Said(200))
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        body = await request.body()
        self.requests.append((request.method, path, dict(request.headers), body))
        answer = Response(self.said.body, self.said.status, dict(self.said.headers))
        await answer(scope, receive, send)

    def lane(self, harness: Harness) -> Lane:
        assert harness.closed is not None
        return Lane(harness, Desk(), harness.closed(self.port))

    def outcome(
        self,
        harness: Harness,
        status: int,
        body: object,
        answered: Mapping[str, str] | None = None,
        /,
        **changes: Any,
    ) -> Outcome:
        """What an answer with ``body`` (JSON, or bytes) and the headers ``answered`` becomes;
        ``changes`` are the message's."""
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.said = Said(status, encoded, {"content-type": "application/json", **(answered or {})})
        (found,) = self.lane(harness).send(harness.message(1, **changes))
        return found


def shape(value: object) -> object:
    """What kinds of values stand where, of the first of each list."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value).__name__


def agree(ours: object, theirs: object) -> None:
    """What both say has to be of one kind; each may say what the other does not."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in set(ours) & set(theirs):
            if "NoneType" not in (ours[name], theirs[name]):
                agree(ours[name], theirs[name])
    elif isinstance(ours, list) and isinstance(theirs, list):
        if ours and theirs:
            agree(ours[0], theirs[0])
    else:
        assert ours == theirs


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
