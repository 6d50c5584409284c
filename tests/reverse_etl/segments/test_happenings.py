"""Events, touches and sequences of docs/segments.md, with who must meet them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from reverse_etl.segments.evaluator import plain
from tests.reverse_etl.segments.asking import DAY, EVENT, does, happened, members
from tests.reverse_etl.segments.worlds import MICROSECOND, T, World, world_of


@pytest.mark.parametrize(
    ("ago", "window", "inside"),
    [
        (timedelta(0), {}, False),
        (MICROSECOND, {}, True),
        (7 * DAY, {"within_days": 7}, True),
        (7 * DAY + MICROSECOND, {"within_days": 7}, False),
        (timedelta(hours=12), {"within_days": 0.5}, True),
        (DAY, {"within_days": 7, "older_than_days": 1}, False),
        (DAY + MICROSECOND, {"within_days": 7, "older_than_days": 1}, True),
        (DAY, {"older_than_days": 1}, False),
        (DAY + MICROSECOND, {"older_than_days": 1}, True),
        (-DAY, {}, False),
        (-DAY, {"within_days": 7}, False),
    ],
)
def test_windows(ago: timedelta, window: dict[str, float], inside: bool) -> None:
    world = happened({"occurred_at": T - ago})
    assert does(world, **window) is inside
    assert does(world, at_most=0, **window) is not inside


def test_what_counts() -> None:
    at = {"occurred_at": T - DAY}
    assert does(happened({**at, "actor_class": "human"}))
    assert does(happened({**at, "actor_class": "unsure"}))
    assert not does(happened({**at, "actor_class": "machine"}))
    assert not does(happened({**at, "contact_id": None}))
    assert not does(happened({**at, "contact_id": "d"}))
    nobody_known = happened({**at, "contact_id": "gone"})
    assert members(nobody_known, {"event": "E"}) == ""


def test_names() -> None:
    def asked(name: str, message_type: str, event: str | None) -> bool:
        told = {"occurred_at": T - DAY, "message_type": message_type, "event": event}
        return does(happened(told), event=name)

    assert asked("Démo réservée !", "track", "Démo réservée !")
    assert asked("demo_reservee", "track", "Démo réservée !")
    assert not asked("démo réservée !", "track", "Démo réservée !")
    assert not asked("Demo_Reservee", "track", "Démo réservée !")
    assert asked("page_viewed", "page", None)
    assert asked("screen_viewed", "screen", None)
    assert asked("identified", "identify", None)
    assert not asked("page_viewed", "screen", None)
    assert not asked("group", "group", None)
    assert not asked("demo", "page", "demo")
    assert plain("ROI  Calculator--used") == "roi_calculator_used"
    assert plain("$mp_web_page_view") == "mp_web_page_view"
    assert plain("日本 Œuvre É e\u0301") == "日本_œuvre_e_e"


def test_both_events_that_a_plain_form_means_count() -> None:
    times = {"occurred_at": T - DAY}
    world = happened({**times, "event": "A b"}, {**times, "event": "a_b"})
    assert does(world, event="a_b", at_least=2)
    assert not does(world, event="A b", at_least=2)


@pytest.mark.parametrize(
    ("asked", "by_times"),
    [
        ({}, "0111"),
        ({"at_least": 2}, "0011"),
        ({"at_most": 2}, "1110"),
        ({"at_most": 0}, "1000"),
        ({"at_least": 0}, "1111"),
        ({"at_least": 1, "at_most": 2}, "0110"),
    ],
)
def test_counts(asked: dict[str, int], by_times: str) -> None:
    for times, expected in enumerate(by_times):
        world = happened(*[{"occurred_at": T - DAY}] * times)
        assert does(world, **asked) is (expected == "1"), times


@pytest.mark.parametrize(
    ("amounts", "asked", "expected"),
    [
        (["0.1000", "0.2000"], {"sum_at_least": 0.3}, True),
        (["0.1000", "0.2000"], {"sum_below": 0.3}, False),
        (["0.1000", "0.2000"], {"sum_at_least": 0.30001}, False),
        (["0.1000", "0.2000"], {"sum_below": 0.30001}, True),
        (["0.1000", None], {"sum_below": 1}, True),
        ([None], {"sum_below": 1}, False),
        ([None], {"sum_at_least": -1}, False),
        ([], {"sum_below": 1}, False),
        ([], {"sum_at_least": 0}, False),
        (["5.0000", "-5.0000"], {"sum_at_least": 0, "sum_below": 0.1}, True),
        (["9.0000"], {"sum_at_least": 1, "at_least": 2}, False),
        (["9.0000", "1.0000"], {"sum_at_least": 10, "at_least": 2}, True),
        ([None], {"at_most": 1}, True),
    ],
)
def test_sums(amounts: list[str | None], asked: dict[str, float], expected: bool) -> None:
    told = [
        {"occurred_at": T - DAY, "revenue_base": amount and Decimal(amount)} for amount in amounts
    ]
    assert does(happened(*told), **asked) is expected


@pytest.mark.parametrize(
    ("agos", "asked", "expected"),
    [
        ([DAY, 3 * DAY], {"last_at_least_days_ago": 1}, True),
        ([DAY, 3 * DAY], {"last_below_days_ago": 1}, False),
        ([DAY - MICROSECOND], {"last_at_least_days_ago": 1}, False),
        ([DAY - MICROSECOND], {"last_below_days_ago": 1}, True),
        ([], {"last_at_least_days_ago": 1}, False),
        ([], {"last_below_days_ago": 1}, False),
        # The last one in the window, not of all.
        ([DAY, 9 * DAY], {"last_at_least_days_ago": 5, "older_than_days": 3}, True),
        ([9 * DAY], {"last_at_least_days_ago": 5, "within_days": 7}, False),
        ([DAY], {"last_below_days_ago": 2, "at_least": 2}, False),
    ],
)
def test_last_times(agos: list[timedelta], asked: dict[str, float], expected: bool) -> None:
    assert does(happened(*[{"occurred_at": T - ago} for ago in agos]), **asked) is expected


def test_where_narrows() -> None:
    world = happened(
        {"occurred_at": T - DAY, "page_path": "/tarifs/a", "revenue_base": Decimal("1.0000")},
        {"occurred_at": T - DAY, "page_path": None, "revenue_base": Decimal("2.0000")},
    )
    path = {"page_path": {"starts_with": "/tarifs"}}
    assert does(world, where=path) and not does(world, where=path, at_least=2)
    assert does(world, where={"page_path": {"is_not": "/x"}}, at_most=1)
    assert does(world, where={"page_path": {"is_known": False}}, sum_at_least=2)
    assert not does(world, where={**path, "revenue_base": {"above": 1}})
    assert does(world, where={**path, "revenue_base": {"is": 1}})


def test_touches() -> None:
    told = {"touch_type": "meeting", "occurred_at": T - DAY, "depth": 0.5}
    world = happened(told, {**told, "actor_class": "machine"}, table="fct_touchpoints")
    assert does(world, touch="meeting", at_most=1)
    assert not does(world, touch="meeting", at_least=2)
    assert does(world, touch="meeting", where={"depth": {"at_least": 0.5}})
    assert not does(world, touch="email_click")


def test_events_of_an_account_are_those_of_its_contacts() -> None:
    world = world_of(
        contact_features=[
            {"contact_id": "c", "account_id": "a"},
            {"contact_id": "d", "account_id": "a"},
            {"contact_id": "e"},
        ],
        account_features=[{"account_id": "a"}, {"account_id": "b"}],
        fct_events=[
            {**EVENT, "contact_id": who, "occurred_at": T - DAY, "event": name}
            for who, name in (("c", "E"), ("d", "E"), ("e", "E"))
        ],
    )
    assert members(world, {"event": "E", "at_least": 2}, unit="account") == "a"
    assert members(world, {"event": "E", "at_most": 1}, unit="account") == "b"
    assert members(world, {"event": "E", "at_least": 2}) == ""


@pytest.mark.parametrize(
    ("hours_ago", "expected"),
    [
        ("A3 B2", True),
        ("B3 A2", False),
        ("A2 B2", False),
        ("A3 A1 B2", True),
        ("B4 A3 B2", True),
        ("A3", False),
        ("A24 B23", True),
        ("A25 B23", False),
        ("A25 A5 B23", False),
        ("A3 B0", False),
    ],
)
def test_sequences(hours_ago: str, expected: bool) -> None:
    told = [
        {"event": step[0], "occurred_at": T - timedelta(hours=int(step[1:]))}
        for step in hours_ago.split()
    ]
    leaf = {"sequence": ["A", {"event": "B"}], "within_days": 1}
    assert members(happened(*told), leaf) == ("c" if expected else "")
    assert members(happened(*told), leaf, unit="account") == ("a" if expected else "")


def test_a_sequence_of_the_same_event_needs_it_twice() -> None:
    once, twice = {"occurred_at": T - DAY}, {"occurred_at": T - 2 * DAY}
    leaf = {"sequence": ["E", "E"]}
    assert members(happened(once, once), leaf) == ""
    assert members(happened(once, twice), leaf) == "c"


def test_a_sequence_of_events_and_touches() -> None:
    world = happened(
        {"event": "A", "occurred_at": T - 2 * DAY, "page_path": "/x"},
        {"event": "A", "occurred_at": T - 2 * DAY, "page_path": "/y", "contact_id": "d"},
    )
    told = {**EVENT, "touch_type": "meeting", "occurred_at": T - DAY}
    touches = happened(*({**told, "contact_id": who} for who in "cd"), table="fct_touchpoints")
    tables = {**vars(world.tables), "fct_touchpoints": touches.tables.fct_touchpoints}
    both = World(type(world.tables)(**tables))
    narrowed = {"event": "A", "where": {"page_path": {"is": "/x"}}}
    assert members(both, {"sequence": ["A", {"touch": "meeting"}]}) == "c d"
    assert members(both, {"sequence": [narrowed, {"touch": "meeting"}]}) == "c"
    assert members(both, {"sequence": [{"touch": "meeting"}, "A"]}) == ""
