"""Keeps messages in memory and calls nobody: for tests, rehearsals and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing
from reverse_etl.delivery.transport import Transport

NAME = "memory"
CAPABILITIES = Capabilities(
    channel="any",
    batch=500,
    idempotent_for=timedelta(days=3650),
    looks_up=True,
    headers=True,
    reply_to=True,
)
SECRETS: tuple[str, ...] = ()
#: Beyond ``SECRETS``: variables that may be set.
VARIABLES: tuple[str, ...] = ()
OPTIONS: tuple[str, ...] = ()
_ENCODE = msgspec.json.Encoder(order="sorted").encode


class Memory:
    """``sent`` holds what was accepted, by message id; ``decide`` may say otherwise of an item."""

    name, capabilities = NAME, CAPABILITIES

    def __init__(self, decide: Callable[[Item], Outcome | None] | None = None) -> None:
        self.sent: dict[str, bytes] = {}
        self.decide = decide

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        return _ENCODE(message)

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [self._one(item) for item in items]

    def _one(self, item: Item) -> Outcome:
        decided = self.decide(item) if self.decide else None
        if decided is not None:
            return decided
        ident = item.message.message_id
        if ident in self.sent:
            return Outcome(Kind.ACCEPTED, "", f"memory-{ident}", replayed=True)
        self.sent[ident] = item.body
        return Outcome(Kind.ACCEPTED, "", f"memory-{ident}")

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        known = message_id in self.sent
        return Outcome(Kind.ACCEPTED, "", f"memory-{message_id}") if known else None

    async def close(self) -> None:
        """Nothing to close."""


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Memory:
    return Memory()
