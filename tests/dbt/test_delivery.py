"""Attempts and what providers tell: the log, the providers' figures, KPIs and proofs."""

from __future__ import annotations

import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse

AS_OF = datetime(2026, 4, 10, 12)
MARCH, APRIL = "2026-03-01", "2026-04-01"
LATE = datetime(2026, 3, 31, 22, 30)  # April in Paris
RESULTS = ["accepted"] * 6 + [
    *("throttled", "exhausted", "unreachable", "denied", "sender_refused", "ambiguous"),
    *("rejected", "invalid_recipient", "suppressed", None),
]
GROUPS = {
    "throttled": {"throttled", "exhausted"},
    "unreachable": {"unreachable", "denied", "sender_refused"},
    "refused": {"rejected", "invalid_recipient", "suppressed"},
    "unknown": {"ambiguous", None},
    "accepted": {"accepted"},
}
ANSWERED = GROUPS["accepted"] | GROUPS["refused"]
Row = dict[str, Any]


def attempts(draw: random.Random) -> list[Row]:
    """Calls of some messages each, before and within the last 30 days; a fifth of them tests."""
    found: list[Row] = []
    for n in range(120):
        provider, channel = draw.choice(
            [("sendgrid", "email"), ("ses", "email"), ("twilio", "sms"), ("console", "sms")]
        )
        at = AS_OF - timedelta(days=draw.choice([1, 20, 40]), seconds=n)
        is_test = draw.random() < 0.2
        took = draw.randrange(5000)
        for part in range(draw.choice([1, 1, 4])):
            result = draw.choice(RESULTS)
            proven = result == "accepted" and draw.random() < 0.1
            found.append(
                {
                    "message_id": f"m{n}-{part}",
                    "attempt": 1,
                    "provider": provider,
                    "channel": channel,
                    "destination_key": f"k{n}",
                    "started_at": at,
                    "finished_at": at + timedelta(seconds=1) if result else None,
                    "result": result,
                    "provider_code": "webhook" if proven else f"c{part}",
                    "provider_message_id": f"p{n}-{part}" if result == "accepted" else None,
                    "call": f"1-{n}" if result else None,
                    "answer_ms": took if result else None,
                    "is_test": is_test,
                    "sequence": 2,
                }
            )
    return found


def told(draw: random.Random, made: list[Row]) -> list[Row]:
    """Events of accepted messages, by our id or the provider's, some twice."""
    events = []
    for row in made:
        if row["result"] != "accepted":
            continue
        for kind in draw.sample(["delivered", "bounced", "complained", "opened"], 2):
            for _ in range(draw.choice([1, 2])):
                by_ours = draw.random() < 0.5
                events.append(
                    {
                        "provider": row["provider"],
                        "provider_event_id": f"e{len(events)}",
                        "event_type": kind,
                        "channel": row["channel"],
                        "provider_message_id": row["provider_message_id"],
                        "outbox_id": row["message_id"] if by_ours else None,
                        "occurred_at": row["finished_at"] + timedelta(minutes=1),
                    }
                )
    return events


def providers(made: list[Row], events: list[Row]) -> dict[tuple[str, str], Row]:
    """What `channel_providers` should say, one attempt after the other."""
    kinds: dict[str, set[str]] = defaultdict(set)
    ours = {row["provider_message_id"]: row["message_id"] for row in made}
    for event in events:
        kinds[ours[event["provider_message_id"]]].add(event["event_type"])
    recent = [r for r in made if not r["is_test"] and r["started_at"] > AS_OF - timedelta(days=30)]
    found: dict[tuple[str, str], Row] = {}
    for key in {(r["provider"], r["channel"]) for r in made if not r["is_test"]}:
        mine = [r for r in recent if (r["provider"], r["channel"]) == key]
        sent = [r["message_id"] for r in mine if r["result"] == "accepted"]
        times = sorted({r["call"]: r["answer_ms"] for r in mine if r["call"]}.values())
        found[key] = {
            "attempts": len(mine),
            **{name: sum(r["result"] in some for r in mine) for name, some in GROUPS.items()},
            "calls": len(times),
            "median_answer_ms": statistics.median(times),
            "accepted_messages": len(sent),
            **{
                f"{kind}_share": sum(kind in kinds[m] for m in sent) / len(sent)
                for kind in ("delivered", "bounced", "complained")
            },
        }
    return found


@pytest.fixture(scope="module")
def world() -> tuple[list[Row], list[Row]]:
    draw = random.Random(7)
    made = attempts(draw)
    return made, told(draw, made)


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, target: Path, world: tuple[list[Row], list[Row]]
) -> Lakehouse:
    made, events = world
    # An export found each while it was underway, too.
    before = [{**r, "result": None, "finished_at": None, "sequence": 1} for r in made]
    found = Lakehouse(tmp_path_factory.mktemp("delivery"), target).fill(
        as_of=AS_OF,
        parameters=worlds.parameters(),
        message_attempts=[*made, *before],
        delivery_events=events,
    )
    found.build("+channel_providers", "+fct_emails", tests="buildable")
    return found


def test_the_log_has_attempts_and_events(
    house: Lakehouse, world: tuple[list[Row], list[Row]]
) -> None:
    made, events = world
    rows = house.rows("select entry_kind, message_id, event_type, is_test from marts.delivery_logs")
    ours = {row["provider_message_id"]: row for row in made if row["provider_message_id"]}
    told_of = [ours[event["provider_message_id"]] for event in events]
    assert Counter(rows) == Counter(
        [
            *(
                ("attempt", r["message_id"], r["result"] or "unanswered", r["is_test"])
                for r in made
            ),
            *(
                ("event", row["message_id"], event["event_type"], row["is_test"])
                for row, event in zip(told_of, events, strict=True)
            ),
        ]
    )


def test_providers_are_counted_without_tests(
    house: Lakehouse, world: tuple[list[Row], list[Row]]
) -> None:
    expected = providers(*world)
    assert len(expected) == 4
    names = list(next(iter(expected.values())))
    rows = house.rows(f"select provider, channel, {', '.join(names)} from marts.channel_providers")
    found = {row[:2]: dict(zip(names, row[2:], strict=True)) for row in rows}
    for key, values in expected.items():
        assert found[key] == pytest.approx(values), key


def test_a_provider_stands_where_its_lane_says(house: Lakehouse) -> None:
    rows = house.rows(
        "select provider, channel, is_listed, is_live, lane_rank, first_share, attempts > 0 "
        "from marts.channel_providers where provider in ('sendgrid', 'ses', 'postmark', 'console') "
        "order by provider"
    )
    assert rows == [
        ("console", "sms", False, False, None, None, True),
        ("postmark", "email", True, False, None, None, False),
        ("sendgrid", "email", True, False, 1, 1.0, True),
        ("ses", "email", True, False, 2, 0.0, True),
    ]


def test_the_last_failure_is_told(house: Lakehouse, world: tuple[list[Row], list[Row]]) -> None:
    mine = [r for r in world[0] if r["provider"] == "ses" and not r["is_test"]]
    failed = [r for r in mine if r["result"] not in ("accepted", None)]
    last = max(r["finished_at"] for r in failed)
    kinds = {(r["result"], r["provider_code"]) for r in failed if r["finished_at"] == last}
    (row,) = house.rows(
        "select last_failure_at, last_failure, last_failure_code, last_success_at "
        "from marts.channel_providers where provider = 'ses'"
    )
    assert row[0] == last and row[1:3] in kinds
    assert row[3] == max(r["finished_at"] for r in mine if r["result"] == "accepted")


def test_two_acceptances_of_a_message_are_told(house: Lakehouse, tmp_path: Path) -> None:
    other = house.copied(tmp_path)
    statement = other.statement("a_message_is_accepted_once")
    assert other.rows(statement) == []
    logs = [
        {"message_id": "once", "entry_kind": "attempt", "event_type": "ambiguous"},
        {"message_id": "once", "entry_kind": "attempt", "event_type": "accepted"},
        {"message_id": "twice", "entry_kind": "attempt", "event_type": "accepted"},
        {"message_id": "twice", "entry_kind": "attempt", "event_type": "accepted"},
    ]
    other.put("marts.delivery_logs", logs)
    assert other.rows(statement) == [("twice", 2)]


def test_mails_of_test_sends_are_no_mails(
    house: Lakehouse, world: tuple[list[Row], list[Row]]
) -> None:
    made, events = world
    mails = {e["provider_message_id"] for e in events if e["channel"] == "email"}
    tests = {r["provider_message_id"] for r in made if r["is_test"]}
    assert mails & tests and mails - tests
    found = {row[0] for row in house.rows("select source_id from marts.fct_emails")}
    assert found == mails - tests


# ---- KPIs and proofs -----------------------------------------------------------------------------


def message(ident: str, state: str, at: datetime, attempts: int = 1, **more: Any) -> Row:
    return {
        "intent_id": ident,
        "message_id": ident,
        "source_kind": "campaign",
        "source_key": "spring",
        "contact_id": f"c{ident}",
        "channel": "email",
        "message_class": "marketing",
        "purpose": "marketing",
        "decision": "queued",
        "state": state,
        "attempts": attempts,
        "updated_at": at,
        "sent_at": at,
        "sequence": 1,
        **more,
    }


def call(ident: str, result: str, at: datetime, number: str | None, **more: Any) -> Row:
    return {
        "message_id": ident,
        "attempt": 1,
        "provider": "ses",
        "channel": "email",
        "started_at": at,
        "finished_at": at,
        "result": result,
        "call": number,
        "is_test": False,
        "sequence": 1,
        **more,
    }


def lake(messages: list[Row], calls: list[Row], **streams: list[Row]) -> worlds.Streams:
    from workspace.streams import STREAMS

    def of(name: str) -> list[Row]:
        names = set(STREAMS[name].schema.names)
        return [{k: v for k, v in row.items() if k in names} for row in messages]

    return {
        "parameters": worlds.parameters(),
        **{n: of(n) for n in ("message_intents", "message_decisions", "message_states")},
        "message_attempts": calls,
        **streams,
    }


def test_failures_are_per_message_and_successes_per_call(tmp_path: Path, target: Path) -> None:
    day = datetime(2026, 3, 5, 9)
    service = {"message_class": "transactional", "purpose": "service"}
    messages = [
        *(message(f"a{n}", "accepted", day, **service) for n in range(6)),
        # Tried again and accepted: no failure.
        message("again", "accepted", day, attempts=3, **service),
        message("refused", "failed", day, **service),
        message("nobody_knows", "failed_unknown", LATE, **service),
        message("settling", "unknown", day, **service),
        # Never given to a provider.
        message("unsupported", "failed", day, attempts=0, **service),
        message("blocked", "blocked", day, attempts=0, **service),
    ]
    calls = [
        *(call(f"a{n}", "accepted", day, "1-1") for n in range(5)),
        call("refused", "rejected", day, "1-1"),
        call("a5", "accepted", day, "1-2"),
        call("again", "throttled", day, "1-3"),
        call("again", "unreachable", day, None, attempt=2),
        call("again", "accepted", day, "1-4", attempt=3, provider_code="webhook"),
        call("nobody_knows", "ambiguous", LATE, "1-5"),
        call("tried", "ambiguous", day, "1-6", is_test=True),
    ]
    visit = worlds.event("visit", day, user_id="a", landed_at=day)
    house = Lakehouse(tmp_path, target).fill(as_of=AS_OF, **lake(messages, calls, events=[visit]))
    house.build("+kpi_monthly", tests=None)
    # Of the eight that ended in March one was refused; of four calls two broke off or had to wait.
    assert house.kpi("delivery_error_rate", MARCH) == (1 / 8, "measured")
    assert house.kpi("delivery_error_rate", APRIL) == (1.0, "measured")
    assert house.kpi("delivery_error_rate", APRIL, "ytd") == (2 / 9, "measured")
    assert house.kpi("api_success_rate", MARCH) == (2 / 4, "measured")
    assert house.kpi("api_success_rate", APRIL) == (0.0, "measured")
    status = "select target_status from marts.kpi_monthly where metric_window = 'month' "
    assert house.rows(
        f"{status} and month = date '{MARCH}' and vertical = 'company' "
        "and metric in ('delivery_error_rate', 'api_success_rate')"
    ) == [("missed",), ("missed",)]


@pytest.mark.parametrize(
    ("failed", "ended", "is_told"),
    [
        *[(1, 1, False), (99, 99, False), (100, 100, True)],
        *[(1, 100, False), (2, 100, True), (1, 999, False)],
        *[(2, 1_999, True), (2, 2_000, False), (3, 2_000, True)],
    ],
)
def test_how_many_failures_of_a_day_are_told(
    golden: Lakehouse, tmp_path: Path, failed: int, ended: int, is_told: bool
) -> None:
    house = golden.copied(tmp_path)
    name = "test.marketing_warehouse.no_more_than_one_message_in_a_thousand_failed"
    (statement,) = (s for key, s in house.project.statements.items() if key.startswith(name))
    row = {"channel": "email", "failed": failed, "ended": ended}
    house.put("intermediate.int_delivery_day", [row])
    assert bool(house.rows(statement)) is is_told


def test_without_sends_nothing_is_measured(golden: Lakehouse) -> None:
    for metric in ("delivery_error_rate", "api_success_rate"):
        assert golden.kpi(metric, "2026-09-01") == (None, "not_yet_measured")


def test_a_message_without_a_grant_stops_the_run(tmp_path: Path, target: Path) -> None:
    known = datetime(2026, 3, 1)
    parameters = [{**row, "known_at": known} for row in worlds.parameters()]
    consented = {
        "event_id": "e1",
        "identifier_type": "email",
        "identifier_key": "k1",
        "purpose": "marketing",
        "channel": "email",
        "brand": "",
        "state": "granted",
        "source_class": "form",
        "source": "newsletter form",
        "text_version": "v3",
        "occurred_at": datetime(2026, 2, 1),
        "known_at": datetime(2026, 2, 1),
    }
    at = datetime(2026, 3, 5, 9)
    house = Lakehouse(tmp_path, target)

    left = {**consented, "event_id": "e2", "state": "withdrawn", "source": "page"}
    left |= {"occurred_at": datetime(2026, 3, 4), "known_at": datetime(2026, 3, 4)}
    other = {**consented, "event_id": "e3", "identifier_key": "k2"}

    def fill(*messages: Row, also: Sequence[Row] = ()) -> None:
        streams = lake(list(messages), [], consent_events=[consented, other, *also])
        house.fill(as_of=AS_OF, **{**streams, "parameters": parameters})

    fill()
    house.build("+message_proofs", tests=None)
    evidence = "e1"
    proven = message(
        "proven", "accepted", at, consent_evidence_id=evidence, known_at=at, destination_key="k1"
    )
    bare = message("bare", "accepted", at, known_at=at)
    before = message("before", "accepted", at, known_at=known - timedelta(days=1))
    refused = message("stopped", "blocked", at, reason="consent", known_at=at)

    fill(proven, before, refused)
    house.build("+message_proofs", tests="cautious")
    assert house.rows(
        "select intent_id, state_then, text_version, is_by_this_policy from marts.message_proofs "
        "order by 1"
    ) == [("before", "missing", None, False), ("proven", "granted", "v3", True)]

    fill(proven, bare)
    stops = pytest.raises(AssertionError, match="no_marketing_message_was_sent_without_consent")
    with stops:
        house.build("+message_proofs", tests="cautious")

    # A refusal that our ledger held by then; one that it learnt later could not be heeded.
    fill(proven, also=[{**left, "recorded_at": at}])
    with stops:
        house.build("+message_proofs", tests="cautious")
    fill(proven, also=[{**left, "recorded_at": at + timedelta(seconds=1)}])
    house.build("+message_proofs", tests="cautious")
    assert house.rows("select state_then, refused_at from marts.message_proofs") == [
        ("granted", datetime(2026, 3, 4))
    ]

    house.build("+compliance_report", tests="cautious")
    report = {
        row[0]: row[1:]
        for row in house.rows(
            "select control, measured, counted_of, status from marts.compliance_report "
            "where month = date '2026-03-01'"
        )
    }
    assert report["messages_sent"] == (1, None, "no_limit")
    assert report["messages_with_proof"] == (1, 1, "no_limit")
    assert report["messages_without_proof"] == (0, 1, "met")
    assert report["messages_after_known_refusal"] == (0, 1, "met")
    assert report["messages_after_refusal"] == (1, 1, "no_limit")
    assert report["hours_to_honour_refusal"] == (33, 1, "met")
    assert report["refusals"] == (1, None, "no_limit")

    # Somebody else's grant stops the run of its time; identities that change later do not.
    fill({**proven, "consent_evidence_id": "e3"})
    house.build("+message_proofs", tests="cautious")
    assert house.one("select state_then from marts.message_proofs") == "other_person"
    fresh = {"known_at": AS_OF - timedelta(hours=1), "consent_evidence_id": "e3"}
    fill({**proven, **fresh})
    with stops:
        house.build("+message_proofs", tests="cautious")
