"""Prints what would be sent, a line a message, to standard error: to look at, not to keep.

A line has the subject or the text's beginning, and a destination that nobody can be reached by.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing
from reverse_etl.delivery.transport import Transport

NAME = "console"
CAPABILITIES = Capabilities(channel="any", batch=500, headers=True, reply_to=True)
SECRETS: tuple[str, ...] = ()
VARIABLES: tuple[str, ...] = ()
OPTIONS: tuple[str, ...] = ()
_ENCODE = msgspec.json.Encoder(order="sorted").encode
_SHOWN = 70


class Console:
    name, capabilities = NAME, CAPABILITIES

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        return _ENCODE(message)

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        for item in items:
            print(_line(item.message), file=sys.stderr)
        return [Outcome(Kind.ACCEPTED, "", f"console-{item.message.message_id}") for item in items]

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        """Nothing is kept."""
        raise OSError("a console cannot be asked")

    async def close(self) -> None:
        """Nothing to close."""


def _line(message: Outgoing) -> str:
    content = message.content
    text = content.get("subject") or content.get("title") or content.get("text") or ""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    shown = "".join(character if character.isprintable() else " " for character in shown)
    return f"{message.channel} to {masked(message.destination)}: {shown}"


def masked(destination: str) -> str:
    """Enough of a destination to tell two apart in a rehearsal: ``j***@example.com``."""
    local, at, domain = destination.rpartition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    return f"{destination[:3]}***{destination[-2:]}" if len(destination) > 8 else "***"


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Console:
    return Console()
