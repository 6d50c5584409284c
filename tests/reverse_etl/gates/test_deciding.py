"""The gates against a slow oracle, their order, and what does not change them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.gates import facts as facts_module
from reverse_etl.gates.deciding import DECISIONS, decide, reachable_sql
from reverse_etl.gates.facts import Facts
from tests.reverse_etl.gates.oracle import Oracle
from tests.reverse_etl.gates.worlds import (
    AS_OF,
    ZONE,
    World,
    contact,
    granted,
    intent,
    put,
    shipped,
    some,
    world,
)
from workspace.definitions.caps import GATES, PERMANENT, Cap, Caps

CAPS = shipped()
CHOOSING = CAPS.model_copy(update={"send_time": CAPS.send_time.model_copy(update={"choose": True})})
#: Caps that overlap, of which some let nothing through and some everything.
CROSSED = CAPS.model_copy(
    update={
        "queue_ahead_hours": 72.0,
        "caps": [
            Cap(id=name, classes=classes.split(), channels=channels.split(), limit=limit, **window)
            for name, classes, channels, limit, window in [
                ("a", "marketing lifecycle", "email sms", 2, {"days": 7}),
                ("b", "lifecycle", "email push", 1, {"calendar": "week"}),
                ("c", "lifecycle digest", "email", None, {"days": 1}),
                ("d", "newsletter", "sms", 0, {"days": 1}),
                ("e", "newsletter marketing digest", "email push", 2, {"days": 1}),
                ("f", "digest sales", "email push", 3, {"calendar": "week"}),
            ]
        ],
    }
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("set threads = 2; set TimeZone = 'UTC'")
        yield opened


def decided(
    connection: duckdb.DuckDBPyConnection, made: World, caps: Caps = CAPS, at: datetime = AS_OF
) -> dict[str, dict[str, Any]]:
    facts = put(connection, made)
    table = decide(connection, "intents", facts, caps, at, ZONE)
    assert table.schema == DECISIONS
    rows = {row["intent_id"]: row for row in table.to_pylist()}
    assert len(rows) == table.num_rows == len(made["intents"])  # one each, none lost
    return rows


def as_oracle(made: World, caps: Caps = CAPS, at: datetime = AS_OF) -> dict[str, dict[str, Any]]:
    found = Oracle(made, caps, at, ZONE).decide()
    return {
        key: {**dict.fromkeys(DECISIONS.names), "intent_id": key, **row}
        for key, row in found.items()
    }


def differences(left: dict[str, Any], right: dict[str, Any]) -> list[Any]:
    return [(left[key], right[key]) for key in left if left[key] != right[key]][:3]


@pytest.mark.parametrize("caps", [CAPS, CHOOSING, CROSSED], ids=["shipped", "choosing", "crossed"])
@pytest.mark.parametrize("seed", range(3))
def test_thousands_of_people_as_asked_one_by_one(
    connection: duckdb.DuckDBPyConnection, caps: Caps, seed: int
) -> None:
    made = some(random.Random(seed), 700)
    expected = as_oracle(made, caps)
    assert differences(decided(connection, made, caps), expected) == []
    gates = Counter(row["gate"] for row in expected.values())
    asked = {g.gate for g in GATES if g.kind != "later"} | {None}
    assert seed or set(gates) == asked, asked - set(gates)  # the world has them all


@given(st.randoms(use_true_random=False), st.integers(1, 4), st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_changes_nothing(draw: random.Random, people: int, more: bool) -> None:
    made = some(draw, people, most=12)
    caps = CROSSED if more else CAPS
    with duckdb.connect() as opened:
        opened.execute("set threads = 2; set TimeZone = 'UTC'")
        first = decided(opened, made, caps)
        assert differences(first, as_oracle(made, caps)) == []
        for rows in made.values():
            draw.shuffle(rows)
        assert decided(opened, made, caps) == first


@given(st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None)
def test_no_window_ever_holds_more_than_its_cap(draw: random.Random) -> None:
    """Run after run, whatever was due when, until nothing waits any more."""
    made = some(draw, 3, most=12)
    made["sent"] = []  # what was sent before may have been too much
    queue: list[dict[str, Any]] = []
    with duckdb.connect() as opened:
        opened.execute("set threads = 2; set TimeZone = 'UTC'")
        at = AS_OF
        for _ in range(30):
            if not made["intents"]:
                break
            rows = decided(opened, made, CROSSED, at)
            waiting = []
            for row in made["intents"]:
                answer = rows[row["intent_id"]]
                if answer["decision"] == "queued":
                    assert answer["scheduled_at"] >= at
                    queue.append({**row, "sent_at": answer["scheduled_at"]})
                elif answer["decision"] == "deferred":
                    waiting.append({**row, "deferred_until": answer["deferred_until"]})
            made["intents"] = waiting
            made["sent"] = [
                {
                    "message_id": row["intent_id"],
                    **{
                        name: row[name]
                        for name in ("contact_id", "message_class", "channel", "sent_at")
                    },
                }
                for row in queue
            ]
            at += timedelta(hours=draw.choice([1, 5, 24]))
    for cap in CROSSED.caps:
        if cap.limit is None or cap.days is None:
            continue
        counted: dict[str, list[datetime]] = {}
        for row in queue:
            if row["message_class"] in cap.classes and row["channel"] in cap.channels:
                counted.setdefault(row["contact_id"], []).append(row["sent_at"])
        for times in counted.values():
            for time in times:
                inside = [t for t in times if time <= t < time + timedelta(days=cap.days)]
                assert len(inside) <= cap.limit, (cap.id, sorted(times))


def test_each_gate_in_its_order(connection: duckdb.DuckDBPyConnection) -> None:
    """One message fails at every gate; mending one after the other shows the next."""
    saturday = AS_OF + timedelta(days=1)  # at 20:30 in Paris
    made = world(
        intents=[
            intent(
                1,
                channel="sms",
                message_class="unheard_of",
                approval="h",
                variant="holdout",
                scheduled_at=saturday,
                not_after=saturday + timedelta(hours=1),
            )
        ],
        contacts=[contact(phone_key=None, band="cold")],
        consents=[granted(channel="sms", state="withdrawn", reason="stop")],
        stops=[
            {"contact_id": "c", "channel": "all", "purpose": None, "gate": gate, "detail": gate}
            for gate in ("erased", "bounced", "unsubscribed", "suppressed")
        ],
        pauses=[{"scope": "all", "source_key": "", "event": "pause"}],
        incomplete=[{"intent_id": "i1", "missing": "last_name"}],
        sent=[
            {
                "message_id": f"s{n}",
                "contact_id": "c",
                "message_class": "marketing",
                "channel": "sms",
                "sent_at": AS_OF - timedelta(days=n + 9),
            }
            for n in range(2)
        ],
    )
    order = made["intents"][0]
    clock = {"at": saturday}
    wednesday = saturday + timedelta(days=4, hours=-6)

    def lift(gate: str) -> None:
        made["stops"] = [row for row in made["stops"] if row["gate"] != gate]

    mended = {
        "class": lambda: order.update(message_class="marketing"),
        "erased": lambda: lift("erased"),
        "no_address": lambda: made.update(contacts=[contact(band="cold")]),
        "bounced": lambda: lift("bounced"),
        "consent": lambda: made.update(consents=[granted(channel="sms")]),
        "unsubscribed": lambda: lift("unsubscribed"),
        "suppressed": lambda: lift("suppressed"),
        "holdout": lambda: order.update(variant="a"),
        "approval": lambda: made.update(approvals=[{"subject_hash": "h", "decision": "approved"}]),
        "paused": lambda: made.update(pauses=[]),
        "template": lambda: (made.update(incomplete=[]), order.update(not_after=saturday)),
        "not_after": lambda: order.update(not_after=wednesday + timedelta(days=30)),
        "lead_band": lambda: made.update(contacts=[contact()]),
        "quiet_hours": lambda: order.update(scheduled_at=wednesday),
        "scheduled": lambda: clock.update(at=wednesday),
        "cap": lambda: made.update(sent=[]),
    }
    for gate in GATES:
        if gate.kind == "later":
            continue
        row = decided(connection, made, at=clock["at"])["i1"]
        assert row["gate"] == gate.gate
        assert (row["decision"] == "deferred") == (gate.kind == "hold"), gate.gate
        mended[gate.gate]()
    row = decided(connection, made, at=wednesday)["i1"]
    assert (row["decision"], row["gate"]) == ("queued", None)
    assert row["consent_evidence_id"] == "proof-c"
    assert row["scheduled_at"] == wednesday


def mails(count: int, **more: Any) -> World:
    rows = [intent(n, priority=-n, expected_value=10.0 - n, **more) for n in range(count)]
    return world(intents=rows, contacts=[contact()], consents=[granted()])


def sent(*days_ago: float) -> list[dict[str, Any]]:
    return [
        {
            "message_id": f"s{days}",
            "contact_id": "c",
            "message_class": "marketing",
            "channel": "email",
            "sent_at": AS_OF - timedelta(days=days),
        }
        for days in days_ago
    ]


@pytest.mark.parametrize(
    ("state", "is_stopped", "source_kind", "gate"),
    [
        ("pending", False, "consent", None),
        ("granted", False, "consent", None),
        ("withdrawn", False, "consent", "consent"),
        ("objection", False, "consent", "consent"),
        ("suppressed", False, "consent", "consent"),
        ("pending", True, "consent", "consent"),
        ("withdrawn", True, "campaign", None),
    ],
)
def test_a_request_that_was_taken_back_is_not_asked_about(
    connection: duckdb.DuckDBPyConnection,
    state: str,
    is_stopped: bool,
    source_kind: str,
    gate: str | None,
) -> None:
    """Though it needs no consent to be asked: it may have waited for the end of quiet hours."""
    stop = {"contact_id": "c", "channel": "email", "gate": "consent", "detail": "withdrawn"}
    made = world(
        intents=[intent(1, source_kind=source_kind, message_class="confirmation")],
        contacts=[contact()],
        consents=[granted(state=state)],
        stops=[{**stop, "purpose": "marketing"}] if is_stopped else [],
    )
    assert decided(connection, made)["i1"]["gate"] == gate
    assert as_oracle(made)["i1"]["gate"] == gate


def test_three_mails_in_seven_days(connection: duckdb.DuckDBPyConnection) -> None:
    """The golden case: two were sent 6 and 2 days ago, so one of three goes out; the next waits
    until the oldest has left the window, a day later."""
    made = mails(3, not_after=AS_OF + timedelta(days=3))
    made["sent"] = sent(6, 2)
    found = decided(connection, made)
    assert [found[f"i{n}"]["decision"] for n in range(3)] == ["queued", "deferred", "deferred"]
    for loser in ("i1", "i2"):
        assert found[loser]["gate"] == "cap"
        assert found[loser]["detail"] == "marketing_mails"
        assert found[loser]["deferred_until"] == AS_OF + timedelta(days=1)
        assert found[loser]["winner_intent_id"] == "i0"
    assert found["i1"]["value_lost"] == 9.0
    # At that moment the slot is free, for the one that comes first.
    for row in made["intents"]:
        row["deferred_until"] = found[row["intent_id"]]["deferred_until"]
    made["intents"] = made["intents"][1:]
    made["sent"] += [{**sent(0)[0], "message_id": "i0"}]
    again = decided(connection, made, at=AS_OF + timedelta(days=1))
    assert again["i1"]["decision"] == "queued"
    assert again["i1"]["scheduled_at"] == AS_OF + timedelta(days=1)
    assert again["i2"]["decision"] == "blocked"  # the next place is free on day 5, too late


def test_a_window_is_half_open(connection: duckdb.DuckDBPyConnection) -> None:
    made = mails(1)
    made["sent"] = sent(7, 3, 2)
    assert decided(connection, made)["i0"]["decision"] == "queued"
    made["sent"] = sent(7 - 1 / 86_400, 3, 2)
    found = decided(connection, made)["i0"]
    assert (found["decision"], found["deferred_until"]) == (
        "deferred",
        AS_OF + timedelta(seconds=1),
    )


def test_whoever_is_not_to_wait_is_blocked(connection: duckdb.DuckDBPyConnection) -> None:
    made = mails(4, on_capped="skip")
    found = decided(connection, made)
    gates = [(row["decision"], row["gate"], row["detail"]) for row in found.values()]
    # Two a day, whatever the class, stops the third before three a week would.
    assert (
        sorted(gates, key=str) == [("blocked", "cap", "one_day")] * 2 + [("queued", None, None)] * 2
    )


def test_null_is_no_cap_and_zero_lets_nothing_through(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    def limited(limit: int | None) -> Caps:
        cap = Cap(id="x", classes=["lifecycle"], channels=["email"], limit=limit, days=7)
        return CAPS.model_copy(update={"caps": [cap]})

    made = mails(50)
    assert {r["decision"] for r in decided(connection, made, limited(None)).values()} == {"queued"}
    none = decided(connection, made, limited(0)).values()
    assert {(r["decision"], r["gate"], r["winner_intent_id"]) for r in none} == {
        ("blocked", "cap", None)
    }


def test_what_is_held_back_takes_no_place(connection: duckdb.DuckDBPyConnection) -> None:
    """Held out, paused, at night: whoever does not go out leaves the place to others."""
    made = mails(3)
    for row, change in zip(
        made["intents"][:2], [{"variant": "holdout"}, {"approval": "nobody"}], strict=True
    ):
        row.update(change, priority=99)
    made["sent"] = sent(6, 5)
    found = decided(connection, made)
    assert [found[f"i{n}"]["gate"] for n in range(3)] == ["holdout", "approval", None]


def test_the_share_held_out(connection: duckdb.DuckDBPyConnection) -> None:
    people = [f"person{n}" for n in range(4000)]
    made = world(
        intents=[intent(n, who) for n, who in enumerate(people)],
        contacts=[contact(who) for who in people],
        consents=[granted(who) for who in people],
    )
    first = decided(connection, made)
    out = {key for key, row in first.items() if row["gate"] == "holdout"}
    assert 80 < len(out) < 165  # 3 % of 4,000
    later = decided(connection, made, at=AS_OF + timedelta(hours=10))
    assert {key for key, row in later.items() if row["gate"] == "holdout"} == out


def test_reachable_is_who_passes_every_permanent_gate(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    made = some(random.Random(11), 300)
    made["intents"] = [
        intent(n, row["contact_id"], purpose=row["purpose"], channel=row["channel"])
        for n, row in enumerate(made["consents"])
    ]
    found = decided(connection, made)
    passed = {
        (row["contact_id"], row["purpose"], row["channel"])
        for row in made["intents"]
        if found[row["intent_id"]]["gate"] not in PERMANENT
    }
    rows = connection.execute(reachable_sql(put(connection, made))).fetchall()
    assert set(rows) == passed and len(rows) == len(passed) > 500


def test_nothing_to_decide(connection: duckdb.DuckDBPyConnection) -> None:
    assert decided(connection, world()) == {}
    facts_module.check(connection, Facts())
    with pytest.raises(ValueError, match=r"contacts lacks .*band"):
        facts_module.check(connection, Facts(contacts="(select 'c' as contact_id)"))


def test_texts_are_no_sql(connection: duckdb.DuckDBPyConnection) -> None:
    made = mails(1)
    name = "o'brien'; drop table intents; --"
    made["contacts"] = [contact(name)]
    made["consents"] = [granted(name)]
    made["intents"][0].update(contact_id=name, message_class="x'", source_key="'")
    caps = CAPS.model_copy(update={"holdout": CAPS.holdout.model_copy(update={"salt": "it's"})})
    assert decided(connection, made, caps)["i0"]["gate"] == "class"


def test_a_share_goes_at_any_hour_and_says_how_likely(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """One in ten; as likely each of 24 hours; likelihoods weigh the hours back to even."""
    people = [f"c{n}" for n in range(6000)]
    made = world(
        intents=[intent(n, one) for n, one in enumerate(people)],
        contacts=[contact(one, country="DE", time_zone="UTC") for one in people],
        consents=[granted(one) for one in people],
        send_times=[
            {"contact_id": one, "channel": "email", "weekday_hour": 7, "weekend_hour": 15}
            for one in people[:3000]
        ],
    )
    free = CHOOSING.model_copy(
        update={"holdout": CHOOSING.holdout.model_copy(update={"share": 0.0})}
    )
    found = decided(connection, made, free).values()
    told = [(json.loads(row["detail"]), row["scheduled_at"].hour) for row in found]
    kinds = Counter(choice["hour"] for choice, _ in told)
    assert set(kinds) == {"best", "default", "random"}
    assert 520 < kinds["random"] < 680
    hours = Counter(hour for choice, hour in told if choice["hour"] == "random")
    assert len(hours) == 24 and max(hours.values()) < 3 * min(hours.values())
    # AS_OF is a Friday evening: the next fitting hour is a Saturday's.
    assert {h for choice, h in told if choice["hour"] == "best"} == {15}
    for choice, hour in told:
        own = choice["hour"] in ("best", "default")
        likely = 0.9 * own + 0.1 / 24
        if own or hour not in (10, 15):
            assert choice["propensity"] == pytest.approx(likely, abs=1e-6)
    weights = Counter()
    for choice, hour in told:
        weights[hour] += 1 / choice["propensity"]
    assert sum(weights.values()) / 24 == pytest.approx(len(people), rel=0.15)


@pytest.mark.parametrize(("explore", "kinds"), [(0.0, {"default"}), (1.0, {"random"})])
def test_nobody_or_everybody_at_random_hours(
    connection: duckdb.DuckDBPyConnection, explore: float, kinds: set[str]
) -> None:
    people = [f"c{n}" for n in range(50)]
    made = world(
        intents=[intent(n, one) for n, one in enumerate(people)],
        contacts=[contact(one) for one in people],
        consents=[granted(one) for one in people],
    )
    send_time = CHOOSING.send_time.model_copy(update={"explore": explore})
    free = CHOOSING.holdout.model_copy(update={"share": 0.0})
    caps = CHOOSING.model_copy(update={"send_time": send_time, "holdout": free})
    told = [json.loads(row["detail"]) for row in decided(connection, made, caps).values()]
    assert {choice["hour"] for choice in told} == kinds
    expected = 1.0 if explore == 0 else round(1 / 24, 6)
    assert {choice["propensity"] for choice in told} == {expected}


def test_an_hour_that_nobody_may_be_written_to_leaves_the_planned_time(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    made = world(
        intents=[intent(1, not_after=AS_OF + timedelta(minutes=20))],
        contacts=[contact()],
        consents=[granted()],
    )
    free = CHOOSING.holdout.model_copy(update={"share": 0.0})
    row = decided(connection, made, CHOOSING.model_copy(update={"holdout": free}))["i1"]
    assert row["scheduled_at"] == AS_OF
    assert json.loads(row["detail"]) == {"hour": "planned", "propensity": 1.0}


@pytest.mark.parametrize("choose", [False, True])
def test_a_message_says_itself_whether_it_goes_at_the_best_hour(
    connection: duckdb.DuckDBPyConnection, choose: bool
) -> None:
    """Else caps.yml does; a class that skips the choice goes when it is planned in any case."""
    said = {"best": "best", "planned": "planned", "silent": None, "owed": "best"}
    made = world(
        intents=[
            intent(n, name, send_time=its, message_class=kind)
            for n, (name, its) in enumerate(said.items())
            for kind in ["transactional" if name == "owed" else "lifecycle"]
        ],
        contacts=[contact(name) for name in said],
        consents=[granted(name) for name in said],
    )
    base = CHOOSING if choose else CAPS
    sure = base.send_time.model_copy(update={"explore": 0.0})
    free = base.holdout.model_copy(update={"share": 0.0})
    caps = base.model_copy(update={"send_time": sure, "holdout": free})
    found = decided(connection, made, caps)
    at_default = {name: found[f"i{n}"]["detail"] is not None for n, name in enumerate(said)}
    assert at_default == {"best": True, "planned": False, "silent": choose, "owed": False}
    assert found["i1"]["scheduled_at"] == AS_OF < found["i0"]["scheduled_at"]
