"""What becomes of a message after each kind of answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reverse_etl.delivery.protocol import Kind, Outcome
from reverse_etl.delivery.routing import Routes
from reverse_etl.delivery.verdict import LADDER, LONGEST_WAIT, settle
from workspace.definitions.providers import Place
from workspace.ledger.outbox import Settled
from workspace.ledger.outstanding import Due
from workspace.paths import PROJECT

NOW = datetime(2026, 10, 1, 10)
DAY = timedelta(days=1)
MESSAGE = Due(
    **{
        **dict.fromkeys(Due.__slots__),
        "message_id": "ab" * 32,
        "channel": "email",
        "rung": 0,
        "is_pinned": False,
    }
)


def end(
    kind: Kind,
    message: Due = MESSAGE,
    provider: str = "sendgrid",
    lane: Sequence[str] = ("sendgrid", "ses"),
    idempotent_for: timedelta | None = None,
    first_at: datetime = NOW,
    **more: object,
) -> Settled:
    places = [Place(provider=name, weight=1 - n) for n, name in enumerate(lane)]
    outcome = Outcome(kind, "code", **more)  # type: ignore[arg-type]
    routes = Routes({"email": places})
    return settle(message, 1, provider, outcome, routes, idempotent_for, first_at, NOW, lambda: 0.0)


def waits(found: Settled) -> float:
    assert found.state == "pending" and found.due_at is not None
    return (found.due_at - NOW).total_seconds()


ENDS = {
    Kind.ACCEPTED: "accepted",
    Kind.REJECTED: "failed",
    Kind.INVALID: "failed",
    Kind.SUPPRESSED: "failed",
    Kind.AMBIGUOUS: "unknown",
    Kind.THROTTLED: "pending",
    Kind.EXHAUSTED: "pending",
    Kind.UNREACHABLE: "pending",
    Kind.DENIED: "pending",
    Kind.SENDER: "pending",
    Kind.RELEASED: "pending",
}


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_an_end(kind: Kind) -> None:
    assert end(kind).state == ENDS[kind]


def test_the_ladder() -> None:
    found = [
        waits(end(Kind.THROTTLED, replace(MESSAGE, rung=rung), lane=["sendgrid"]))
        for rung in range(4)
    ]
    assert found == list(LADDER) == [1, 5, 30, 300]


@pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.DENIED, Kind.SENDER])
def test_another_provider_is_asked_at_once_where_nothing_left(kind: Kind) -> None:
    found = end(kind)
    assert (found.provider, found.rung, waits(found)) == ("ses", 0, 0)
    last = end(kind, provider="ses")
    # A sender is not allowed within a moment.
    assert (last.provider, waits(last)) == ("ses", 300 if kind is Kind.SENDER else 1)


def test_a_busy_provider_is_left_after_its_ladder() -> None:
    for rung in range(3):
        assert end(Kind.THROTTLED, replace(MESSAGE, rung=rung)).provider == "sendgrid"
    assert end(Kind.THROTTLED, replace(MESSAGE, rung=3)).provider == "ses"
    # After the last one the order begins anew, as late as the ladder's last wait.
    found = end(Kind.THROTTLED, replace(MESSAGE, rung=3), provider="ses")
    assert (found.provider, found.rung, waits(found)) == (None, 0, 300)


def test_what_is_about_one_recipient_waits_where_it_is() -> None:
    """Greylisting remembers who asked; to another provider it would be the first time again."""
    for rung, wait in enumerate([1, 5, 30, 300, 300, 300]):
        for provider in ("sendgrid", "ses"):
            waiting = replace(MESSAGE, rung=rung)
            found = end(Kind.THROTTLED, waiting, provider, is_own=True)
            assert (found.provider, found.rung, waits(found)) == (provider, rung + 1, wait)


def test_a_quota_is_waited_for_and_not_worked_around() -> None:
    assert end(Kind.EXHAUSTED).provider == "sendgrid"
    assert waits(end(Kind.EXHAUSTED)) == 600
    assert waits(end(Kind.EXHAUSTED, retry_after=1800)) == 1800


@pytest.mark.parametrize(
    ("asked", "waited"), [(0.0, 1.0), (7.0, 7.0), (1e9, LONGEST_WAIT), (None, 1.0)]
)
def test_what_a_provider_asks_for_is_kept_within_bounds(asked: float | None, waited: float) -> None:
    assert waits(end(Kind.THROTTLED, retry_after=asked)) == waited


@pytest.mark.parametrize("kind", [Kind.AMBIGUOUS])
def test_what_may_have_been_taken_never_goes_to_another(kind: Kind) -> None:
    assert end(kind).state == "unknown"
    again = end(kind, idempotent_for=DAY)
    assert (again.state, again.provider, again.is_pinned) == ("pending", "sendgrid", True)


def test_a_provider_forgets() -> None:
    old = NOW - DAY
    assert end(Kind.AMBIGUOUS, idempotent_for=DAY, first_at=old).state == "unknown"
    last = old + timedelta(seconds=2)
    assert end(Kind.AMBIGUOUS, idempotent_for=DAY, first_at=last).state == "pending"


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.ACCEPTED])
def test_a_pinned_message_is_never_given_to_another_nor_called_failed(kind: Kind) -> None:
    pinned = replace(MESSAGE, is_pinned=True, rung=7)
    found = end(kind, pinned, idempotent_for=DAY)
    assert found.provider == "sendgrid"
    assert found.state in ("pending", "unknown")
    assert found.is_pinned or found.state == "unknown"


def test_what_was_never_asked_for_is_as_it_was() -> None:
    """Its provider became busy while it waited: no rung is lost, and no pin."""
    for message in (replace(MESSAGE, rung=2), replace(MESSAGE, rung=2, is_pinned=True)):
        found = end(Kind.RELEASED, message, retry_after=40.0)
        assert (found.provider, found.rung, waits(found)) == ("sendgrid", 2, 40)
        assert found.is_pinned == message.is_pinned
        assert (found.result, found.code) == ("throttled", "released")


def test_marts_know_every_result_an_attempt_can_have() -> None:
    text = (PROJECT / "dbt/models/marts/delivery/delivery_logs.yml").read_text()
    listed = {
        value
        for found in re.findall(r"values: \[(accepted, [^]]*)]", text)
        for value in found.split(", ")
    }
    for kind in Kind:
        for message in (MESSAGE, replace(MESSAGE, is_pinned=True)):
            assert end(kind, message, idempotent_for=DAY).result in listed, kind
