"""A ledger with messages to send, and a sender for it, for tests of delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from reverse_etl.delivery.claiming import Claims
from reverse_etl.delivery.protocol import Provider
from reverse_etl.delivery.recheck import Rules
from reverse_etl.delivery.routing import Routes
from reverse_etl.delivery.sender import Report, Sender
from workspace.definitions.campaigns import Ramp
from workspace.definitions.caps import Caps
from workspace.definitions.providers import Place, ProviderSettings
from workspace.ledger import Ledger, lease, messages, schema
from workspace.ledger.messages import Message

NOW = datetime(2026, 10, 1, 10)
CLASSES = {
    "marketing": {"name": "Marketing"},
    "transactional": {
        "name": "Transactional",
        "skips": ["consent", "unsubscribed", "holdout", "quiet_hours", "cap"],
    },
}


def key(number: int) -> str:
    return f"{number:032x}"


def payload(number: int, channel: str = "email", **more: Any) -> bytes:
    content = {
        "email": {"subject": f"Hello {number}", "html": f"<p>{number}</p>", "text": f"{number}\n"},
        "sms": {"text": f"Hello {number}"},
        "push": {"title": "Hello", "body": str(number)},
    }[channel]
    sender = {"email": "us@example.com", "sms": "+33600000000"}.get(channel, "")
    made = {"content": content, "sender": sender, "sender_name": "Us", "labels": {}, **more}
    return msgspec.json.encode(made, order="sorted")


def message(number: int, **more: Any) -> Message:
    channel = more.get("channel", "email")
    given = {
        "message_id": f"{number:064x}",
        "contact_id": key(1_000_000 + number),
        "destination_key": key(number),
        "source_kind": "campaign",
        "source_key": "spring",
        "step": "",
        "occurrence": "2026-10",
        "channel": channel,
        "message_class": "marketing",
        "purpose": "marketing_email",
        "scheduled_at": NOW - timedelta(hours=1),
        "destination": {
            "email": f"p{number}@example.com",
            "sms": f"+3361{number:07}",
            "push": msgspec.json.encode(
                {"user_id": f"u{number}", "device_token": "t", "device_key": key(5_000 + number)}
            ).decode(),
        }[channel],
        "payload": payload(number, channel),
    }
    return Message(**{**given, **more})


def fill(ledger: Ledger, count: int, **more: Any) -> list[str]:
    """Queue messages; their ids."""
    made = [message(n, **more) for n in range(count)]
    return messages.enqueue(ledger, made, NOW - timedelta(hours=2)).new


def rules(**caps: Any) -> Rules:
    return Rules(Caps.model_validate({"classes": CLASSES, **caps}), "Europe/Paris")


def send(
    ledger: Ledger,
    folder: Path,
    providers: Sequence[Provider],
    given: Rules | None = None,
    channel: str = "email",
    clock: Callable[[], datetime] = lambda: NOW,
    settings: Mapping[str, ProviderSettings] | None = None,
    weights: Sequence[int] | None = None,
    take: bool = False,
    patience: timedelta = timedelta(0),
    ramps: Mapping[str, Ramp] | None = None,
    only: Sequence[str] | None = None,
    **more: Any,
) -> Report:
    """One sender at work until nothing is due."""
    named = {provider.name: provider for provider in providers}
    shares = weights or [1] + [0] * (len(named) - 1)
    places = [Place(provider=n, weight=w) for n, w in zip(named, shares, strict=True)]

    with lease.holding(ledger, folder, folder.parent / "witness", "test", NOW, take) as held:
        routes = Routes({channel: places})
        claims = Claims(ledger, held, given or rules(), routes, named, only, ramps or {})

        async def main() -> Report:
            sender = Sender(claims, settings or {}, clock, **more)
            try:
                return await sender.run(patience)
            finally:
                sender.close()

        return asyncio.run(main())


def states(ledger: Ledger) -> dict[str, int]:
    table = schema.messages
    query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
    with ledger.reading() as connection:
        return dict(connection.execute(query).tuples().all())


def rows(ledger: Ledger, table: sa.Table = schema.messages) -> list[dict[str, Any]]:
    with ledger.reading() as connection:
        found = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
        return [dict(row) for row in found]
