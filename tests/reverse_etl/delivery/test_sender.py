"""The sender: order, fallback, and that one broken provider stalls nobody else."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reverse_etl.delivery.claiming import Claims
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.providers.memory import Memory
from reverse_etl.delivery.routing import Routes
from reverse_etl.delivery.sender import Sender
from tests.reverse_etl.delivery.outboxes import (
    NOW,
    fill,
    key,
    message,
    payload,
    rows,
    rules,
    send,
    states,
)
from workspace.definitions.providers import Place, ProviderSettings
from workspace.ledger import Ledger, lease, messages, open_ledger, pauses, providers, schema
from workspace.ledger.lease import Fenced


class Scripted(Memory):
    """A provider that answers as a test says."""

    def __init__(
        self,
        name: str,
        decide: Callable[[Item], Outcome | None] | None = None,
        seconds: float = 0.0,
        **more: Any,
    ) -> None:
        super().__init__(decide)
        given = {"idempotent_for": None, "looks_up": False, "batch": 1, **more}
        self.name, self.seconds = name, seconds
        self.capabilities: Capabilities = replace(self.capabilities, **given)
        self.asked: list[str] = []

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        self.asked += [item.message.message_id for item in items]
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return await super().send(items)


def always(kind: Kind, **more: Any) -> Callable[[Item], Outcome]:
    return lambda _: Outcome(kind, "scripted", **more)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "w").mkdir()
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


def test_everything_due_is_sent_once(ledger: Ledger, tmp_path: Path) -> None:
    ids = fill(ledger, 1_200)
    late = messages.enqueue(ledger, [message(9_999, scheduled_at=NOW + timedelta(1))], NOW).new
    one = Scripted("one", batch=50)
    report = send(ledger, tmp_path / "w", [one])
    assert Counter(one.asked) == Counter(ids) and late[0] not in one.sent
    assert report.outcomes == {"accepted": 1_200}
    found = {row["message_id"]: row for row in rows(ledger)}
    assert states(ledger) == {"accepted": 1_200, "pending": 1}
    first = found[ids[0]]
    assert (first["provider"], first["attempts"], first["sent_at"]) == ("one", 1, NOW)
    attempts = rows(ledger, schema.message_attempts)
    body = hashlib.sha256(one.sent[attempts[0]["message_id"]]).hexdigest()
    assert attempts[0]["request_hash"] == body
    assert attempts[0]["provider_message_id"] == f"memory-{attempts[0]['message_id']}"
    again = Scripted("one")
    send(ledger, tmp_path / "w", [again])
    assert again.asked == []


@pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.DENIED])
def test_what_never_left_goes_to_the_next_provider(
    ledger: Ledger, tmp_path: Path, kind: Kind
) -> None:
    ids = fill(ledger, 60)
    one, other = Scripted("one", always(kind)), Scripted("other")
    send(ledger, tmp_path / "w", [one, other], settings={"one": ProviderSettings(in_flight=4)})
    assert set(other.sent) == set(ids) and len(other.asked) == len(ids)
    assert states(ledger) == {"accepted": 60}
    # It is found out early: the breaker opens, a refused key pauses.
    assert len(one.asked) < 20
    assert bool(providers.paused(ledger)) == (kind is Kind.DENIED)


def from_one(item: Item) -> Outcome | None:
    """Refuses one of two senders."""
    refused = item.message.sender == "other@example.com"
    return Outcome(Kind.SENDER, "400") if refused else None


def test_a_sender_that_is_not_allowed_stops_no_other(ledger: Ledger, tmp_path: Path) -> None:
    """It is asked elsewhere, or waits; the provider goes on with those of everybody else."""
    fill(ledger, 40)
    theirs = {n: payload(n, sender="other@example.com") for n in range(100, 110)}
    messages.enqueue(ledger, [message(n, payload=p) for n, p in theirs.items()], NOW)
    one = Scripted("one", from_one, batch=5)
    clock = Clock()
    report = send(ledger, tmp_path / "w", [one], clock=clock)
    assert states(ledger) == {"accepted": 40, "pending": 10} and len(one.asked) == 50
    assert report.outcomes == {"accepted": 40, "sender_refused": 10} and not report.denied
    assert providers.paused(ledger) == []
    clock.at += timedelta(minutes=10)
    other = Scripted("other")
    send(ledger, tmp_path / "w", [one, other], clock=clock)
    assert len(other.sent) == 10 and states(ledger) == {"accepted": 50}


def test_what_may_have_been_taken_goes_nowhere(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 4)
    one, other = Scripted("one", always(Kind.AMBIGUOUS)), Scripted("other")
    send(ledger, tmp_path / "w", [one, other])
    assert other.asked == [] and states(ledger) == {"unknown": 4}


def test_a_provider_that_recognises_a_message_is_asked_again_with_the_same_bytes(
    ledger: Ledger, tmp_path: Path
) -> None:
    ids = fill(ledger, 4)
    seen: dict[str, list[bytes]] = {}

    def lost_first(item: Item) -> Outcome | None:
        its = seen.setdefault(item.message.message_id, [])
        its.append(item.body)
        return Outcome(Kind.AMBIGUOUS, "timeout") if len(its) == 1 else None

    clock = Clock()
    one = Scripted("one", lost_first, idempotent_for=timedelta(hours=1))
    other = Scripted("other")
    send(ledger, tmp_path / "w", [one, other], clock=clock)
    assert states(ledger) == {"pending": 4}
    clock.at += timedelta(minutes=1)
    send(ledger, tmp_path / "w", [one, other], clock=clock)
    assert states(ledger) == {"accepted": 4} and other.asked == []
    assert all(len(set(seen[i])) == 1 and len(seen[i]) == 2 for i in ids)


def test_a_provider_that_has_forgotten_a_message_does_not_get_it_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Between the answer and the next claim may lie a pause, a night, or a broken provider."""
    fill(ledger, 3)
    clock = Clock()
    one = Scripted("one", always(Kind.AMBIGUOUS), idempotent_for=timedelta(minutes=15))
    send(ledger, tmp_path / "w", [one], clock=clock)
    assert states(ledger) == {"pending": 3}
    clock.at += timedelta(hours=3)
    one.decide, one.asked = None, []
    send(ledger, tmp_path / "w", [one], clock=clock)
    assert one.asked == [] and states(ledger) == {"unknown": 3}
    assert {row["reason"] for row in rows(ledger)} == {"window_over"}


def test_what_only_a_closed_provider_can_send_waits_for_it(ledger: Ledger, tmp_path: Path) -> None:
    class Small(Scripted):
        def item(self, message: Outgoing) -> bytes:
            raise Unsupported("too large")

    fill(ledger, 2)
    clock = Clock()
    prints = {"fingerprints": {"small": "a", "large": "b"}}
    with ledger.writing() as connection:
        providers.pause(connection, "large", "401", "b", NOW)
    small, large = Small("small"), Scripted("large")
    send(ledger, tmp_path / "w", [small, large], clock=clock, **prints)
    assert states(ledger) == {"pending": 2}
    providers.resume(ledger, "large", "me", NOW)
    clock.at += timedelta(minutes=2)
    send(ledger, tmp_path / "w", [small, large], clock=clock, **prints)
    assert states(ledger) == {"accepted": 2}


def test_one_broken_provider_stalls_nobody_else(ledger: Ledger, tmp_path: Path) -> None:
    """Its own messages wait; those of the other go on meanwhile."""
    ids = fill(ledger, 400)
    slow = Scripted("slow", always(Kind.AMBIGUOUS), seconds=0.15)
    quick = Scripted("quick")
    places = {"slow": ProviderSettings(in_flight=2), "quick": ProviderSettings(in_flight=8)}
    send(ledger, tmp_path / "w", [slow, quick], settings=places, weights=[1, 1])
    asked = set(slow.asked)
    assert len(asked) <= 16, "the breaker stayed closed"
    assert set(quick.sent) == set(ids) - asked
    assert states(ledger) == {"accepted": 400 - len(asked), "unknown": len(asked)}


def test_a_slow_provider_holds_no_more_than_its_room(ledger: Ledger, tmp_path: Path) -> None:
    """What is its own waits in the outbox, not in a sender that may die."""
    ids = fill(ledger, 600)
    slow, quick = Scripted("slow", seconds=0.1), Scripted("quick")
    most = 0

    def look(_: Item) -> None:
        nonlocal most
        most = max(
            most, sum(r["state"] == "sending" and r["provider"] == "slow" for r in rows(ledger))
        )

    slow.decide = look
    places = {"slow": ProviderSettings(in_flight=8), "quick": ProviderSettings(in_flight=8)}
    send(ledger, tmp_path / "w", [slow, quick], settings=places, weights=[1, 4])
    assert set(slow.sent) | set(quick.sent) == set(ids) and not set(slow.sent) & set(quick.sent)
    assert 80 < len(slow.sent) < 160  # its share
    assert most <= 10


def test_a_sender_ends_when_nobody_can_be_asked(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 3)
    one = Scripted("one", always(Kind.DENIED))
    send(ledger, tmp_path / "w", [one], patience=timedelta(seconds=1))
    assert states(ledger) == {"pending": 3}


def test_a_busy_provider_is_left_alone_for_as_long_as_it_says(
    ledger: Ledger, tmp_path: Path
) -> None:
    fill(ledger, 30)
    clock = Clock()
    one = Scripted("one", always(Kind.THROTTLED, retry_after=90.0))
    settings = {"one": ProviderSettings(in_flight=2)}
    send(ledger, tmp_path / "w", [one], clock=clock, settings=settings)
    assert len(one.asked) <= 4
    found = [row for row in rows(ledger) if row["attempts"]]
    assert all(row["due_at"] >= NOW + timedelta(seconds=85) for row in found)
    clock.at += timedelta(minutes=5)
    one.decide = None
    send(ledger, tmp_path / "w", [one], clock=clock, settings=settings)
    assert states(ledger) == {"accepted": 30}


def test_one_recipient_that_is_deferred_holds_back_nobody_else(
    ledger: Ledger, tmp_path: Path
) -> None:
    fill(ledger, 40)

    def greylisted(item: Item) -> Outcome | None:
        is_one = int(item.message.message_id, 16) % 10 == 0
        return Outcome(Kind.THROTTLED, "450", retry_after=600.0, is_own=True) if is_one else None

    one = Scripted("one", greylisted)
    send(ledger, tmp_path / "w", [one], settings={"one": ProviderSettings(in_flight=2)})
    assert states(ledger) == {"accepted": 36, "pending": 4} and len(one.asked) == 40
    waiting = [row for row in rows(ledger) if row["state"] == "pending"]
    assert all(row["due_at"] >= NOW + timedelta(minutes=10) for row in waiting)
    assert {row["provider"] for row in waiting} == {"one"}


def test_a_revoked_key_pauses_and_loses_nothing(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 50)
    prints = {"fingerprints": {"one": "of the old key"}}
    one = Scripted("one", always(Kind.DENIED))
    clock = Clock()
    report = send(ledger, tmp_path / "w", [one], clock=clock, **prints)
    assert report.denied == {"one": "scripted"} and states(ledger) == {"pending": 50}
    one.decide, one.asked = None, []
    clock.at += timedelta(hours=1)
    send(ledger, tmp_path / "w", [one], clock=clock, **prints)
    assert one.asked == []  # still the same key
    send(ledger, tmp_path / "w", [one], clock=clock, fingerprints={"one": "of a new key"})
    assert states(ledger) == {"accepted": 50} and providers.paused(ledger) == []


def test_a_recipient_that_is_refused_for_good_is_suppressed(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 3)

    def decide(item: Item) -> Outcome | None:
        number = int(item.message.message_id, 16)
        if number == 0:
            return Outcome(Kind.SUPPRESSED, "406", reason="hard_bounce")
        return Outcome(Kind.INVALID, "300") if number == 1 else None

    send(ledger, tmp_path / "w", [Scripted("one", decide)])
    assert states(ledger) == {"accepted": 1, "failed": 2}
    found = {row["identifier_key"]: row["reason"] for row in rows(ledger, schema.suppressions)}
    assert found == {key(0): "hard_bounce", key(1): "invalid_address"}
    # The next message to the same address does not leave.
    messages.enqueue(ledger, [message(100, destination_key=key(0), step="two")], NOW)
    send(ledger, tmp_path / "w", [Scripted("one")])
    blocked = {row["reason"] for row in rows(ledger) if row["state"] == "blocked"}
    assert blocked == {"bounced"}


def test_a_device_that_is_gone_is_not_its_owner(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 2, channel="push")
    by_token = Scripted(
        "by_token", always(Kind.INVALID, reason="unregistered"), addressed_by="device_token"
    )
    send(ledger, tmp_path / "w", [by_token], channel="push")
    found = {row["identifier_key"] for row in rows(ledger, schema.suppressions)}
    assert found == {key(5_000), key(5_001)}
    messages.enqueue(ledger, [message(1, channel="push", step="two", message_id="f" * 64)], NOW)
    by_user = Scripted("by_user")
    send(ledger, tmp_path / "w", [by_user], channel="push")
    assert b'"destination":"u1"' in by_user.sent["f" * 64]


def test_what_no_provider_can_send_fails_and_the_rest_goes_on(
    ledger: Ledger, tmp_path: Path
) -> None:
    class Small(Scripted):
        def item(self, message: Outgoing) -> bytes:
            if int(message.message_id, 16) % 2:
                raise Unsupported("too large")
            return super().item(message)

    fill(ledger, 10)
    small, large = Small("small"), Scripted("large")
    send(ledger, tmp_path / "w", [small, large])
    assert (len(small.sent), len(large.sent)) == (5, 5)
    messages.enqueue(ledger, [message(n, step="two") for n in range(20, 24)], NOW)
    send(ledger, tmp_path / "w", [Small("small")])
    assert states(ledger) == {"accepted": 12, "failed": 2}
    assert {row["reason"] for row in rows(ledger) if row["state"] == "failed"} == {"unsupported"}


def test_a_poisoned_payload_is_one_message_s_trouble(ledger: Ledger, tmp_path: Path) -> None:
    messages.enqueue(ledger, [message(0, payload=b"{not json"), *map(message, range(1, 5))], NOW)
    send(ledger, tmp_path / "w", [Scripted("one")])
    assert states(ledger) == {"accepted": 4, "failed": 1}


@pytest.mark.parametrize("odd", ["\udcff", "\0"])
def test_what_no_database_takes_is_one_answer_s_trouble(
    ledger: Ledger, tmp_path: Path, odd: str
) -> None:
    """Bytes that are no text come out of a header as half a character."""
    said = [
        Outcome(Kind.ACCEPTED, f"202{odd}", f"id{odd}"),
        Outcome(Kind.REJECTED, f"4{odd}"),
        Outcome(Kind.ACCEPTED, "202", "é"),
    ]
    fill(ledger, 3)
    one = Scripted("one", lambda item: said[int(item.message.message_id, 16)], batch=3)
    send(ledger, tmp_path / "w", [one])
    assert states(ledger) == {"accepted": 2, "failed": 1}
    kept = {row["provider_code"]: row for row in rows(ledger, schema.message_attempts)}
    assert kept.keys() == {"202?", "4?", "202"}
    assert kept["202?"]["provider_message_id"] == "id?"
    assert kept["202"]["provider_message_id"] == "é"
    assert "rejected: 4?" in {row["reason"] for row in rows(ledger)}


def test_a_provider_that_raises_leaves_its_messages_unknown(ledger: Ledger, tmp_path: Path) -> None:
    def explode(_: Item) -> Outcome:
        raise ZeroDivisionError

    fill(ledger, 2)
    send(ledger, tmp_path / "w", [Scripted("one", explode)])
    assert states(ledger) == {"unknown": 2}


def test_stop_all_and_a_pause_hold_from_the_next_claim_on(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 300)
    one = Scripted("one")

    def pause_at_ten(item: Item) -> Outcome | None:
        if len(one.asked) == 10:
            pauses.record(ledger, "campaign", "spring", "pause", "me", NOW)
        return None

    one.decide = pause_at_ten
    send(ledger, tmp_path / "w", [one], settings={"one": ProviderSettings(in_flight=4)})
    assert 10 <= len(one.asked) <= 20
    pauses.record(ledger, "campaign", "spring", "resume", "me", NOW)
    pauses.record(ledger, "all", "", "pause", "me", NOW)
    sent = len(one.asked)
    send(ledger, tmp_path / "w", [one])
    assert len(one.asked) == sent


def test_a_limit_and_a_list_are_kept(ledger: Ledger, tmp_path: Path) -> None:
    ids = fill(ledger, 100)
    one = Scripted("one")
    send(ledger, tmp_path / "w", [one], limit=7)
    assert len(one.asked) == 7
    wanted = [i for i in ids if i not in one.asked][:3]
    other = Scripted("one")
    send(ledger, tmp_path / "w", [other], only=wanted)
    assert sorted(other.asked) == sorted(wanted)


def test_a_sender_whose_lease_was_taken_writes_no_more(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 40)
    one = Scripted("one", seconds=0.05)

    def steal(item: Item) -> Outcome | None:
        with ledger.writing() as connection:
            connection.execute(sa.update(schema.sending_lease).values(epoch=99))
        return None

    one.decide = steal
    with pytest.raises(Fenced):
        send(ledger, tmp_path / "w", [one], settings={"one": ProviderSettings(in_flight=4)})
    assert states(ledger)["sending"] == len([r for r in rows(ledger) if r["attempts"]])
    assert "accepted" not in states(ledger)


def test_what_is_restored_is_not_sent_again(ledger: Ledger, tmp_path: Path) -> None:
    """A message that left in the time a backup does not know of, queued anew by the next run."""
    fill(ledger, 5)
    folder, witness = tmp_path / "w", tmp_path / "witness"
    with lease.holding(ledger, folder, witness, "test", NOW) as held:
        held.note(message(n).dedup_key() for n in range(2))
        with ledger.writing() as connection:
            connection.execute(sa.update(schema.sending_lease).values(is_restored=True))
    one = Scripted("one")
    with lease.holding(ledger, folder, witness, "test", NOW, take=True) as held:
        with ledger.writing() as connection:  # as if they had been planned after the restore
            connection.execute(
                sa.update(schema.messages).values(state="pending", reason=None, attempts=0)
            )
        claims = Claims(
            ledger,
            held,
            rules(),
            Routes({"email": [Place(provider="one", weight=1)]}),
            {"one": one},
        )
        sender = Sender(claims, {}, lambda: NOW)
        asyncio.run(sender.run())
        sender.close()
    assert sorted(one.asked) == [f"{n:064x}" for n in range(2, 5)]
    assert states(ledger) == {"accepted": 3, "unknown": 2}
    assert {r["reason"] for r in rows(ledger) if r["state"] == "unknown"} == {"restored"}


def test_a_slow_rate_with_large_batches_sends_all_the_same(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 250)
    one = Scripted("one", batch=500)
    settings = {"one": ProviderSettings(per_second=100, in_flight=1)}
    send(ledger, tmp_path / "w", [one], settings=settings)
    assert states(ledger) == {"accepted": 250}
    assert all(row["attempts"] == 1 for row in rows(ledger))


def test_what_another_process_ended_is_not_claimed(ledger: Ledger, tmp_path: Path) -> None:
    """A run expires messages between a sender's reading and its claim."""
    from workspace.ledger import outbox

    fill(ledger, 4, not_after=NOW + timedelta(hours=1))
    one = Scripted("one")
    made = one.item

    def expire_first(given: Outgoing) -> bytes:
        outbox.expire(ledger, NOW + timedelta(hours=2))
        return made(given)

    one.item = expire_first  # type: ignore[method-assign]
    send(ledger, tmp_path / "w", [one])
    assert one.asked == [] and states(ledger) == {"blocked": 4}


def test_an_answer_after_its_webhook_keeps_what_was_proven(ledger: Ledger, tmp_path: Path) -> None:
    from workspace.ledger import outbox

    (ident,) = fill(ledger, 1)

    def overtaken(_: Item) -> Outcome:
        with ledger.writing() as connection:
            outbox.prove(connection, {ident: "theirs"}, "webhook", NOW)
        return Outcome(Kind.AMBIGUOUS, "reset")

    send(ledger, tmp_path / "w", [Scripted("one", overtaken)])
    (attempt,) = rows(ledger, schema.message_attempts)
    assert states(ledger) == {"accepted": 1}
    assert (attempt["result"], attempt["provider_message_id"]) == ("accepted", "theirs")
