"""What a dead sender left, what providers say of it, and what comes back by webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reverse_etl.delivery import returning
from reverse_etl.delivery.protocol import Outcome, Provider
from reverse_etl.delivery.providers.memory import Memory
from reverse_etl.delivery.recovering import GIVE_UP_AFTER, LOOK_UP_AFTER, reconcile, recover
from tests.reverse_etl.delivery.outboxes import NOW, fill, key, rows, states
from tests.reverse_etl.delivery.test_sender import Scripted
from workspace.lake import Lake
from workspace.ledger import Ledger, lease, open_ledger, outbox, schema
from workspace.streams import STREAMS

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "w").mkdir()
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


def die(ledger: Ledger, folder: Path, provider: str, count: int = 4) -> list[str]:
    """A sender claims messages and is gone."""
    ids = fill(ledger, count)
    with (
        lease.holding(ledger, folder / "w", folder / "witness", "dead", NOW) as held,
        ledger.writing() as connection,
    ):
        claims = [outbox.Claim(ident, 1, provider, "h") for ident in ids]
        outbox.start(connection, claims, held.epoch, NOW)
    return ids


def settle(
    ledger: Ledger, folder: Path, provider: Provider, at: datetime = LATER, asks: bool = True
) -> dict[str, int]:
    with lease.holding(ledger, folder / "w", folder / "witness", "next", at) as held:
        named = {provider.name: provider}
        recover(ledger, held, named, at)
        if asks:
            return dict(asyncio.run(reconcile(ledger, held, named, at)))
    return {}


def test_without_any_means_they_stay_unknown_and_visible(ledger: Ledger, tmp_path: Path) -> None:
    die(ledger, tmp_path, "one")
    assert settle(ledger, tmp_path, Scripted("one"))["unknown"] == 4
    assert states(ledger) == {"unknown": 4}
    assert {row["reason"] for row in rows(ledger)} == {"sender_died"}


def test_a_provider_that_recognises_them_gets_them_again_within_its_window(
    ledger: Ledger, tmp_path: Path
) -> None:
    die(ledger, tmp_path, "one")
    one = Scripted("one", idempotent_for=timedelta(minutes=30))
    settle(ledger, tmp_path, one, NOW + timedelta(minutes=20), asks=False)
    assert {(r["state"], r["is_pinned"], r["provider"]) for r in rows(ledger)} == {
        ("pending", True, "one")
    }


def test_and_not_after_it(ledger: Ledger, tmp_path: Path) -> None:
    die(ledger, tmp_path, "one")
    one = Scripted("one", idempotent_for=timedelta(minutes=30))
    settle(ledger, tmp_path, one, NOW + timedelta(minutes=31), asks=False)
    assert states(ledger) == {"unknown": 4}


def test_a_look_up_finds_those_that_were_taken(ledger: Ledger, tmp_path: Path) -> None:
    ids = die(ledger, tmp_path, "one")
    one = Scripted("one", looks_up=True)
    one.sent = dict.fromkeys(ids[:3], b"")
    early = settle(ledger, tmp_path, one, NOW + LOOK_UP_AFTER - timedelta(seconds=1))
    assert early.get("asked", 0) == 0
    found = settle(ledger, tmp_path, one)
    assert (found["asked"], found["accepted"], found["unknown"]) == (4, 3, 1)
    attempts = rows(ledger, schema.message_attempts)
    assert [row["provider_code"] for row in attempts].count("look-up") == 3
    assert states(ledger) == {"accepted": 3, "unknown": 1}
    assert settle(ledger, tmp_path, one, NOW + GIVE_UP_AFTER)["given_up"] == 1
    assert states(ledger) == {"accepted": 3, "failed_unknown": 1}


def test_a_provider_that_cannot_be_asked_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    class Down(Memory):
        name = "one"

        async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
            raise OSError

    die(ledger, tmp_path, "one")
    down = Down()
    down.capabilities = Scripted("one", looks_up=True).capabilities
    assert settle(ledger, tmp_path, down)["unasked"] == 4
    assert states(ledger) == {"unknown": 4}


# ---- webhooks ------------------------------------------------------------------------------------


def land(lake: Lake, batch: str, *events: dict[str, Any]) -> None:
    wanted = STREAMS[returning.STREAM].schema
    given = [
        {
            "provider": "one",
            "provider_event_id": f"{batch}{n}",
            "channel": "email",
            "known_at": LATER,
            **event,
        }
        for n, event in enumerate(events)
    ]
    lake.commit(returning.STREAM, batch, pa.Table.from_pylist(given, schema=wanted))


@pytest.mark.parametrize("kind", ["delivered", "opened", "bounced", "deferred", "complained"])
def test_whatever_a_provider_reports_of_a_message_proves_that_it_has_it(
    ledger: Ledger, tmp_path: Path, kind: str
) -> None:
    ids = die(ledger, tmp_path, "one")
    lake = Lake(tmp_path / "lake")
    # One is still `sending`, the webhook overtook the answer; the others are unknown.
    land(lake, "a", *({"event_type": kind, "outbox_id": i} for i in ids[:1]))
    assert returning.take(ledger, lake, LATER).proven == 1
    settle(ledger, tmp_path, Scripted("one"), asks=False)
    land(lake, "b", {"event_type": kind, "outbox_id": ids[1], "provider_message_id": "p"})
    assert returning.take(ledger, lake, LATER).proven == 1
    assert states(ledger) == {"accepted": 2, "unknown": 2}
    attempt = rows(ledger, schema.message_attempts)[1]
    assert (attempt["result"], attempt["provider_message_id"]) == ("accepted", "p")
    # The answer that was overtaken changes nothing any more.
    end = outbox.Settled(ids[0], 1, "unknown", "ambiguous", "timeout", "one", LATER)
    with ledger.writing() as connection:
        outbox.settle(connection, [end])
    assert states(ledger) == {"accepted": 2, "unknown": 2}


def test_a_message_nobody_tried_is_not_proven(ledger: Ledger, tmp_path: Path) -> None:
    (ident,) = fill(ledger, 1)
    lake = Lake(tmp_path / "lake")
    land(
        lake,
        "a",
        {"event_type": "delivered", "outbox_id": ident},
        {"event_type": "delivered", "outbox_id": "no id of ours"},
        {"event_type": "delivered"},
    )
    assert returning.take(ledger, lake, LATER).proven == 0
    assert states(ledger) == {"pending": 1}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"event_type": "bounced", "bounce_type": "permanent"}, "hard_bounce"),
        ({"event_type": "bounced", "bounce_type": "transient"}, None),
        ({"event_type": "complained"}, "complaint"),
        ({"event_type": "unsubscribed"}, "unsubscribed"),
        ({"event_type": "dropped", "reason": "Bounced Address"}, "hard_bounce"),
        ({"event_type": "dropped", "reason": "Unsubscribed Address"}, "unsubscribed"),
        ({"event_type": "dropped", "reason": "Invalid SMTPAPI header"}, None),
        ({"event_type": "opened"}, None),
    ],
)
def test_who_does_not_want_more_is_suppressed_at_once(
    ledger: Ledger, tmp_path: Path, event: dict[str, Any], reason: str | None
) -> None:
    lake = Lake(tmp_path / "lake")
    land(lake, "a", {**event, "email_key": key(7)}, event)
    assert returning.take(ledger, lake, LATER).suppressed == (1 if reason else 0)
    found = [(r["identifier_key"], r["reason"]) for r in rows(ledger, schema.suppressions)]
    assert found == ([(key(7), reason)] if reason else [])


@pytest.mark.parametrize(
    ("payload", "is_stop"),
    [
        ('{"Body": " STOP "}', True),
        ('{"data": {"payload": {"text": "Arrêt"}}}', True),
        ('{"Body": "Stop annoying me"}', False),
        ('{"Body": ["STOP"]}', False),
        ("[]", False),
        ("{", False),
    ],
)
def test_a_stop_by_text_message(
    ledger: Ledger, tmp_path: Path, payload: str, is_stop: bool
) -> None:
    lake = Lake(tmp_path / "lake")
    event = {"event_type": "received", "channel": "sms", "phone_key": key(7), "payload": payload}
    land(lake, "a", event)
    assert returning.take(ledger, lake, LATER).suppressed == int(is_stop)


def test_each_batch_is_read_once_however_late_it_lands(ledger: Ledger, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    land(lake, "a", {"event_type": "opened"})
    assert returning.take(ledger, lake, LATER).events == 1
    assert returning.take(ledger, lake, LATER).events == 0
    old = {"event_type": "unsubscribed", "known_at": NOW - timedelta(days=30), "email_key": key(7)}
    land(lake, "b", old)
    found = returning.take(ledger, lake, LATER)
    assert (found.events, found.suppressed) == (1, 1)
    # Merged files and a replay are read again as a whole, which changes nothing.
    land(lake, "c", {"event_type": "opened"})
    lake.compact(returning.STREAM)
    assert returning.take(ledger, lake, LATER).suppressed == 0
    assert returning.take(ledger, lake, LATER).events == 0
