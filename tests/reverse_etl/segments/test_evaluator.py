"""Memberships of docs/segments.md, the whole of an evaluation, and that worlds show mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from reverse_etl.segments import comparing, evaluator
from reverse_etl.segments.evaluator import Evaluator
from tests.reverse_etl.segments.asking import evaluated, members
from tests.reverse_etl.segments.definitions import random_segments
from tests.reverse_etl.segments.worlds import FIELDS, MICROSECOND, T, random_world, world_of


def test_consents_lists_and_snapshots() -> None:
    state = {"contact_id": "c", "purpose": "news", "channel": "email"}
    world = world_of(
        contact_features=[{"contact_id": "c"}, {"contact_id": "d"}],
        consent_states=[
            {**state, "state": "withdrawn"},
            {**state, "state": "granted"},
            {**state, "state": "granted", "contact_id": None},
            {**state, "state": "granted", "contact_id": "d", "channel": "sms"},
        ],
        list_members=[
            {"list_id": "1", "list_name": "One", "contact_id": "c"},
            {"list_id": "2", "list_name": "1", "contact_id": "d"},
        ],
        segment_snapshots=[
            {"snapshot_id": "x", "contact_id": "c"},
            {"snapshot_id": "x", "contact_id": "gone"},
        ],
    )
    asked = {"purpose": "news", "channel": "email"}
    assert members(world, {"consent": "granted", **asked}) == "c"
    assert members(world, {"consent": "withdrawn", **asked}) == "c"
    assert members(world, {"not": {"consent": "granted", **asked}}) == "d"
    assert members(world, {"list": "One"}) == "c"
    assert members(world, {"list": "1"}) == "c d"
    assert members(world, {"list": "one"}) == ""
    assert members(world, {"snapshot": "x"}) == "c"
    assert members(world, {"not": {"snapshot": "y"}}) == "c d"


def test_contacts_of_an_account() -> None:
    accounts = {"two": ["x", "x"], "one": ["x", None], "none": [None], "empty": []}
    world = world_of(
        account_features=[{"account_id": account} for account in accounts],
        contact_features=[
            {"contact_id": f"{account}{n}", "account_id": account, "country": country}
            for account, countries in accounts.items()
            for n, country in enumerate(countries)
        ],
    )
    some = {"contacts": {"field": "contact.country", "is": "x"}}
    for asked, expected in (
        ({}, "one two"),
        ({"at_least": 2}, "two"),
        ({"at_most": 1}, "empty none one"),
        ({"at_most": 0}, "empty none"),
        ({"at_least": 1, "at_most": 1}, "one"),
        ({"at_least": 0}, "empty none one two"),
    ):
        assert members(world, {**some, **asked}, unit="account") == expected
    unlike = {"contacts": {"not": {"field": "contact.country", "is": "x"}}}
    assert members(world, unlike, unit="account") == "none one"


def test_segments_ask_one_another() -> None:
    world = world_of(
        account_features=[{"account_id": key, "country": key} for key in ("fr", "de", "empty")],
        contact_features=[
            {"contact_id": f"{account}_{role}", "account_id": account, "role": role}
            for account in ("fr", "de")
            for role in ("mayor", "buyer", None)
        ],
    )
    french = {"unit": "account", "where": {"field": "account.country", "is": "fr"}}
    mayors = {"where": {"field": "contact.role", "is": "mayor"}}
    found = evaluated(
        world,
        french=french,
        buyers={**french, "roles": ["buyer"]},
        mayors=mayors,
        of_french={"where": {"segment": "french"}},
        of_buyers={"where": {"segment": "buyers"}},
        others={"where": {"not": {"segment": "buyers"}}},
        with_mayor={"unit": "account", "where": {"segment": "mayors"}},
        not_french={"unit": "account", "where": {"not": {"segment": "buyers"}}},
        one_buyer={"unit": "account", "where": {"contacts": {"segment": "buyers"}}},
    )
    assert found.members("buyers") == {"fr"}
    assert found.contacts("buyers") == found.members("of_buyers") == {"fr_buyer"}
    assert found.contacts("french") == {"fr_mayor", "fr_buyer", "fr_None"}
    assert found.members("of_french") == found.contacts("french")
    assert len(found.members("others")) == 5
    assert found.members("with_mayor") == {"fr", "de"}
    assert found.members("not_french") == {"de", "empty"}
    assert found.members("one_buyer") == {"fr"}


def test_the_vertical_of_a_segment_is_that_of_its_members() -> None:
    world = world_of(
        account_features=[
            {"account_id": "a", "vertical": "public"},
            {"account_id": "b", "vertical": None},
        ],
        contact_features=[
            {"contact_id": "c", "account_id": "a", "vertical": "medical"},
            {"contact_id": "d", "account_id": "b", "vertical": "public"},
            {"contact_id": "e"},
        ],
    )
    anybody = {"not": {"snapshot": "none"}}
    assert members(world, anybody, vertical="public") == "d"
    everything = {"not": {"event": "E"}}
    found = evaluated(world, s={"unit": "account", "vertical": "public", "where": everything})
    assert found.members("s") == {"a"}
    assert found.contacts("s") == {"c"}


def test_empty_tables_have_no_members() -> None:
    world = random_world(1, contacts=0, accounts=0, events=0)
    found = Evaluator(world.tables, FIELDS, random_segments(1, 40).segments, T)
    assert not any(found.contacts(f"s{n:03}") or found.members(f"s{n:03}") for n in range(40))


def test_an_aware_time_is_the_same_moment() -> None:
    world, drawn = random_world(2), random_segments(2, 20).segments
    naive = Evaluator(world.tables, FIELDS, drawn, T)
    aware = T.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=5)))
    other = Evaluator(world.tables, FIELDS, drawn, aware)
    assert all(naive.members(key) == other.members(key) for key in drawn)


def _mistakes() -> Iterator[tuple[str, Any, str, Any]]:
    right = comparing.holds
    window = comparing.window
    yield (
        "windows are closed",
        evaluator,
        "window",
        lambda at, as_of, *days: window(at, as_of + MICROSECOND, *days),
    )
    yield "missing values are unlike any", evaluator, "holds", _holding_of_missing(right)
    yield (
        "names keep their accents",
        evaluator,
        "plain",
        lambda name: name.lower().replace(" ", "_"),
    )
    yield "numbers are read as Python does", comparing, "number_of", _python_number
    yield (
        "days are calendar days",
        evaluator,
        "window",
        lambda at, as_of, *days: window(at, datetime(as_of.year, as_of.month, as_of.day), *days),
    )


def _holding_of_missing(right: Any) -> Any:
    def holds(value: Any, dtype: Any, comparison: Any, as_of: datetime) -> Any:
        found = right(value, dtype, comparison, as_of)
        unlike = comparison.is_not is not None or comparison.not_in is not None
        return found | value.is_null() if unlike else found

    return holds


def _python_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _drawn_members() -> list[frozenset[str]]:
    found = []
    for seed in (1, 2, 3):
        drawn = random_segments(seed, 50).segments
        made = Evaluator(random_world(seed).tables, FIELDS, drawn, T)
        found += [made.members(key) for key in drawn]
    return found


@pytest.fixture(scope="module")
def right() -> list[frozenset[str]]:
    return _drawn_members()


@pytest.mark.parametrize("mistake", list(_mistakes()), ids=lambda mistake: mistake[0])
def test_drawn_definitions_show_a_mistake(
    mistake: Any, right: list[frozenset[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, module, name, wrong = mistake
    monkeypatch.setattr(module, name, wrong)
    assert _drawn_members() != right


def test_drawn_definitions_tell_people_apart(right: list[frozenset[str]]) -> None:
    nobody, all_accounts, all_contacts = 0, 16, 60
    sizes = [len(members) for members in right]
    some = [size for size in sizes if size not in (nobody, all_accounts, all_contacts)]
    assert len(some) > len(sizes) / 2
