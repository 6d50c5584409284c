"""Writes each message into a folder: e-mails as ``.eml``, which mail programs open, others as JSON.

A file's name is the message's id, so a message that is sent again is recognised however long ago
it was. Files are complete or not there, and readable by their owner only.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from reverse_etl.delivery import mail
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing
from reverse_etl.delivery.transport import Transport
from workspace import durable

NAME = "file"
CAPABILITIES = Capabilities(
    channel="any",
    batch=500,
    idempotent_for=timedelta(days=3650),
    looks_up=True,
    headers=True,
    reply_to=True,
)
SECRETS = ("MARKETING_FILE_FOLDER",)
VARIABLES: tuple[str, ...] = ()
OPTIONS: tuple[str, ...] = ()
_ENCODE = msgspec.json.Encoder(order="sorted").encode
_ENDINGS = (".eml", ".json")


class Folder:
    name, capabilities = NAME, CAPABILITIES

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        return mail.build(message) if message.channel == "email" else _ENCODE(message)

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return await asyncio.to_thread(lambda: [self._one(item) for item in items])

    def _one(self, item: Item) -> Outcome:
        message = item.message
        ending = _ENDINGS[message.channel != "email"]
        target = self._folder / f"{_name(message.message_id)}{ending}"
        if target.exists():
            return Outcome(Kind.ACCEPTED, "", target.name, replayed=True)
        try:
            durable.make_folder(self._folder, 0o700)
            durable.write(target, item.body, 0o600)
        except OSError as error:
            # The file has its name only when it is complete.
            return Outcome(Kind.UNREACHABLE, errno.errorcode.get(error.errno or 0, "OSError"))
        return Outcome(Kind.ACCEPTED, "", target.name)

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        for ending in _ENDINGS:
            target = self._folder / f"{_name(message_id)}{ending}"
            if os.path.lexists(target):
                return Outcome(Kind.ACCEPTED, "", target.name)
        return None

    async def close(self) -> None:
        """Nothing to close."""


def _name(message_id: str) -> str:
    if not message_id.isalnum():
        raise ValueError("not a message's id")
    return message_id


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Folder:
    return Folder(Path(environment["MARKETING_FILE_FOLDER"]))
