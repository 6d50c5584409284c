"""The gates at the claim: what was recorded since a message was queued holds it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.delivery.recheck import Rules, Verdicts, recheck
from tests.reverse_etl.delivery.outboxes import NOW, key, message, rules
from workspace.ledger import (
    Ledger,
    approvals,
    consent,
    messages,
    open_ledger,
    outstanding,
    schema,
)
from workspace.ledger.consent import ConsentEvent

CAPS = {
    "caps": [
        {"id": "week", "classes": ["marketing"], "channels": ["email"], "limit": 2, "days": 7},
    ]
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


def ask(ledger: Ledger, given_rules: Rules | None = None, at: datetime = NOW) -> Verdicts:
    with ledger.writing() as connection:
        due = [
            row
            for channel in ("email", "sms", "push")
            for row in outstanding.due(connection, channel, at, 1000, ())
        ]
        return recheck(connection, due, given_rules or rules(), at)


def queue(ledger: Ledger, *numbers: int, **more: Any) -> None:
    made = [message(n, **{"step": f"step-{n}", **more}) for n in numbers]
    messages.enqueue(ledger, made, NOW - timedelta(hours=1))


def suppress(ledger: Ledger, identifier: str, channel: str, reason: str) -> None:
    row = {"identifier_key": identifier, "channel": channel, "reason": reason}
    ledger.append(schema.suppressions, [{**row, "source": "t", "suppressed_at": NOW}])


def state(ledger: Ledger, what: str, purpose: str, channel: str, identifier: str = key(1)) -> None:
    event = ConsentEvent(
        identifier_type="email",
        identifier_key=identifier,
        purpose=purpose,
        channel=channel,
        state=what,
        source_class="preference_page",
        source="page",
        occurred_at=NOW,
        known_at=NOW,
        evidence=f"{what} {purpose} {channel} {consent.latest(ledger)}",
    )
    consent.append(ledger, [event], NOW)


def id_of(number: int) -> str:
    return f"{number:064x}"


@pytest.mark.parametrize(
    ("reason", "channel", "message_class", "gate"),
    [
        ("hard_bounce", "email", "marketing", "bounced"),
        ("complaint", "email", "transactional", "bounced"),
        ("unsubscribed", "email", "marketing", "unsubscribed"),
        ("unsubscribed", "all", "marketing", "unsubscribed"),
        ("unsubscribed", "email", "transactional", None),
        ("stop", "sms", "marketing", None),  # another channel
        ("legal", "email", "marketing", "suppressed"),
        ("legal", "email", "transactional", "suppressed"),
    ],
)
@pytest.mark.parametrize("whose", [key(1), key(1_000_001), key(77)])
def test_suppressions_hold_whatever_the_person_is_known_by(
    ledger: Ledger, reason: str, channel: str, message_class: str, gate: str | None, whose: str
) -> None:
    queue(ledger, 1, message_class=message_class, aliases=frozenset([key(77)]))
    queue(ledger, 2, message_class=message_class)
    suppress(ledger, whose, channel, reason)
    found = ask(ledger)
    assert found.blocked == ({id_of(1): gate} if gate else {})
    assert [row.message_id for row in found.open] == [id_of(2)] if gate else [id_of(1), id_of(2)]


def test_the_erased_are_not_written_to(ledger: Ledger) -> None:
    queue(ledger, 1, 2, message_class="transactional")
    ledger.append(
        schema.tombstones,
        [{"identifier_key": key(1_000_001), "request_id": "r", "erased_at": NOW}],
    )
    assert ask(ledger).blocked == {id_of(1): "erased"}


def test_a_request_that_was_taken_back_is_not_asked_about(ledger: Ledger) -> None:
    """A confirmation needs no consent to be asked for, and is refused by its purpose's end."""
    asking = {"message_class": "transactional", "purpose": "newsletter"}
    queue(ledger, 1, source_kind="consent", **asking)
    queue(ledger, 2, source_kind="campaign", **asking)
    state(ledger, "withdrawn", "newsletter", "email")
    state(ledger, "withdrawn", "newsletter", "email", key(2))
    found = ask(ledger)
    assert found.blocked == {f"{1:064x}": "consent"}
    assert [row.message_id for row in found.open] == [f"{2:064x}"]


@pytest.mark.parametrize(
    ("said", "purpose", "channel", "gate"),
    [
        ("withdrawn", "marketing_email", "email", "consent"),
        ("objection", "marketing_email", "all", "consent"),
        ("withdrawn", "all", "email", "unsubscribed"),
        ("objection", "all", "all", "unsubscribed"),
        ("withdrawn", "marketing_email", "sms", None),
        ("withdrawn", "profiling", "email", None),
        ("granted", "marketing_email", "email", None),
    ],
)
def test_consent_withdrawn_between_plan_and_claim(
    ledger: Ledger, said: str, purpose: str, channel: str, gate: str | None
) -> None:
    queue(ledger, 1)
    state(ledger, said, purpose, channel)
    found = ask(ledger)
    assert found.blocked == ({id_of(1): gate} if gate else {})
    assert dict(found.gates) == ({gate: 1} if gate else {})


def test_what_the_decision_had_seen_does_not_count_again(ledger: Ledger) -> None:
    """Somebody who had left and came back was let through: the old withdrawal is known."""
    state(ledger, "withdrawn", "marketing_email", "email")
    queue(ledger, 1, consent_seen=consent.latest(ledger))
    assert [row.message_id for row in ask(ledger).open] == [id_of(1)]
    state(ledger, "withdrawn", "marketing_email", "email")
    assert ask(ledger).blocked == {id_of(1): "consent"}


def test_pauses_and_approvals_leave_messages_where_they_are(ledger: Ledger) -> None:
    from workspace.ledger import pauses

    queue(ledger, 1, approval="h")
    queue(ledger, 2, source_key="autumn")
    pauses.record(ledger, "campaign", "autumn", "pause", "me", NOW)
    found = ask(ledger)
    assert (found.waiting, found.blocked) == ([id_of(1), id_of(2)], {})
    assert dict(found.gates) == {"approval": 1, "paused": 1}
    approvals.record(ledger, "campaign:spring", ["h"], "approved", "me", NOW)
    assert [row.message_id for row in ask(ledger).open] == [id_of(1)]
    approvals.record(ledger, "campaign:spring", ["h"], "withdrawn", "me", NOW)
    assert ask(ledger).open == []
    pauses.record(ledger, "all", "", "pause", "me", NOW)
    assert dict(ask(ledger).gates) == {"paused": 2}


def test_what_is_too_late_is_blocked(ledger: Ledger) -> None:
    queue(ledger, 1, not_after=NOW)
    queue(ledger, 2, not_after=NOW + timedelta(seconds=1))
    assert ask(ledger).blocked == {id_of(1): "not_after"}


def test_quiet_hours_of_the_recipient_s_zone(ledger: Ledger) -> None:
    quiet = rules(quiet_hours=[{"channels": ["sms"], "from": "20:00", "to": "08:00"}])
    evening = datetime(2026, 10, 1, 18, 30)  # 20:30 in Paris, 19:30 in London
    queue(ledger, 1, channel="sms", time_zone="Europe/Paris", scheduled_at=NOW)
    queue(ledger, 2, channel="sms", time_zone="Europe/London", scheduled_at=NOW)
    queue(
        ledger, 3, channel="sms", scheduled_at=NOW, not_after=evening + timedelta(hours=2)
    )  # no zone: the reports' own, and too late by the morning
    queue(ledger, 4, channel="sms", message_class="transactional", scheduled_at=NOW)
    found = ask(ledger, quiet, evening)
    assert found.held == {id_of(1): datetime(2026, 10, 2, 6)}
    assert [row.message_id for row in found.open] == [id_of(2), id_of(4)]
    assert found.blocked == {id_of(3): "quiet_hours"}


def test_quiet_hours_over_the_change_of_clocks(ledger: Ledger) -> None:
    quiet = rules(quiet_hours=[{"channels": ["sms"], "from": "20:00", "to": "08:00"}])
    queue(ledger, 1, channel="sms", time_zone="Europe/Paris", scheduled_at=NOW)
    night = datetime(2026, 10, 24, 23)  # summer time ends in it
    assert ask(ledger, quiet, night).held == {id_of(1): datetime(2026, 10, 25, 7)}


def sent(ledger: Ledger, number: int, at: datetime, **more: Any) -> None:
    queue(ledger, number, **more)
    with ledger.writing() as connection:
        connection.execute(
            sa.update(schema.messages)
            .where(schema.messages.c.message_id == id_of(number))
            .values(state="accepted", sent_at=at, attempts=1)
        )


def test_a_cap_counts_what_left_to_the_person_or_the_address(ledger: Ledger) -> None:
    given_rules = rules(**CAPS)
    sent(ledger, 10, NOW - timedelta(days=3), contact_id=key(500))
    sent(ledger, 11, NOW - timedelta(days=6), destination_key=key(1))
    sent(ledger, 12, NOW - timedelta(days=8), contact_id=key(500))  # out of the window
    queue(ledger, 1, contact_id=key(500))
    found = ask(ledger, given_rules)
    assert found.held == {id_of(1): NOW + timedelta(days=1)}
    assert dict(found.gates) == {"cap": 1}


def test_two_of_one_claim_count_against_each_other(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        queue(ledger, number, contact_id=key(500), step=f"s{number}")
    found = ask(ledger, rules(**CAPS))
    assert len(found.open) == 2 and list(found.held) == [id_of(3)]


def test_a_cap_of_the_calendar_week(ledger: Ledger) -> None:
    week = {**CAPS["caps"][0], "limit": 1, "calendar": "week"}
    del week["days"]
    given_rules = rules(caps=[week])
    sunday, monday = datetime(2026, 10, 4, 21, 59), datetime(2026, 10, 4, 22)  # midnight in Paris
    sent(ledger, 10, sunday, contact_id=key(500))
    queue(ledger, 1, contact_id=key(500), time_zone="Europe/Paris")
    assert ask(ledger, given_rules, sunday).held == {id_of(1): monday}
    assert len(ask(ledger, given_rules, monday).open) == 1


def test_test_sends_pass_the_caps_and_not_the_suppressions(ledger: Ledger) -> None:
    sent(ledger, 10, NOW, contact_id=key(500))
    sent(ledger, 11, NOW, contact_id=key(500))
    queue(ledger, 1, contact_id=key(500), is_test=True)
    suppress(ledger, key(2), "email", "hard_bounce")
    queue(ledger, 2, is_test=True)
    with ledger.writing() as connection:
        due = outstanding.due(connection, "email", NOW, 10, (), only=[id_of(1), id_of(2)])
        found = recheck(connection, due, rules(**CAPS), NOW)
    assert [row.message_id for row in found.open] == [id_of(1)]
    assert found.blocked == {id_of(2): "bounced"}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12 * 24)), max_size=12),
    st.lists(st.integers(0, 2), min_size=1, max_size=6),
    st.integers(0, 3),
)
def test_no_window_ever_holds_more_than_the_cap(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[int, int]],
    waiting: list[int],
    limit: int,
) -> None:
    """A person's messages that left, and those let go now, never exceed the limit; and none is
    held while there is room."""
    ledger = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('caps') / 'ledger.db'}")
    try:
        for number, (person, hours) in enumerate(before):
            at = NOW - timedelta(hours=hours)
            sent(ledger, 100 + number, at, contact_id=key(500 + person), step=f"b{number}")
        for number, person in enumerate(waiting):
            queue(ledger, number, contact_id=key(500 + person), step=f"w{number}")
        found = ask(ledger, rules(caps=[{**CAPS["caps"][0], "limit": limit}]))
        for person in range(3):
            recent = sum(p == person and hours < 7 * 24 for p, hours in before)
            asked = waiting.count(person)
            let_go = sum(row.contact_id == key(500 + person) for row in found.open)
            assert let_go == min(asked, max(0, limit - recent))
        assert len(found.open) + len(found.held) + len(found.blocked) == len(waiting)
        assert all(when > NOW for when in found.held.values())
        assert bool(found.blocked) == (limit == 0)
    finally:
        ledger.close()
