"""The compiled SQL and the evaluator name the same members of definitions that nobody wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reverse_etl.segments.evaluator import Evaluator
from tests.reverse_etl.segments.definitions import random_segments, segment_of
from tests.reverse_etl.segments.worlds import (
    EVENTS,
    FIELDS,
    MICROSECOND,
    TEXTS,
    T,
    World,
    random_world,
    world_of,
)
from workspace.definitions.segments import Segment, Segments

compiler = pytest.importorskip("reverse_etl.segments.compiler")

Members = dict[tuple[str, str], set[tuple[str, str | None]]]


def compiled_members(world: World, segments: Segments) -> Members:
    """(segment, contact or account) -> its members, each with its account."""
    compiled = compiler.compile_segments(segments, world.fields, world.names, world.as_of)
    with world.database() as connection:
        rows = connection.execute(compiled.members_sql()).fetchall()
    assert len(rows) == len(set(rows)), "a member is named once"
    found: Members = defaultdict(set)
    for segment, member_type, member, account in rows:
        found[segment, member_type].add((member, account))
    return found


def evaluated_members(world: World, segments: Segments) -> Members:
    evaluator = Evaluator(world.tables, world.fields, segments.segments, world.as_of)
    rows = world.tables.contact_features.select("contact_id", "account_id").rows()
    account_of = dict(rows)
    found: Members = defaultdict(set)
    for key, segment in segments.segments.items():
        found[key, "contact"] = {(one, account_of[one]) for one in evaluator.contacts(key)}
        if segment.unit == "account":
            found[key, "account"] = {(one, one) for one in evaluator.members(key)}
    return found


def disagreements(world: World, segments: Segments) -> list[tuple[Any, ...]]:
    """Segment, kind of member, who only the SQL and who only the evaluator names, definition."""
    sql, ours = compiled_members(world, segments), evaluated_members(world, segments)
    return [
        (key, sql[key] - ours[key], ours[key] - sql[key], segments.segments[key[0]].plain)
        for key in sorted({*sql, *ours})
        if sql[key] != ours[key]
    ]


@pytest.mark.parametrize("seed", range(10))
def test_generated_definitions_have_the_same_members_both_ways(seed: int) -> None:
    assert not disagreements(random_world(seed), random_segments(seed, 50))


@pytest.mark.parametrize("size", [(0, 0, 0), (5, 0, 40), (0, 5, 40), (8, 3, 0)])
def test_they_agree_where_tables_are_empty(size: tuple[int, int, int]) -> None:
    assert not disagreements(random_world(100, *size), random_segments(100, 20))


def of(*conditions: dict[str, Any], **segment: Any) -> Segments:
    """A segment for each condition, which may ask the segments before it."""
    found: dict[str, Segment] = {}
    for number, where in enumerate(conditions):
        found[f"s{number}"] = segment_of({"where": where, **segment}, FIELDS, set(found))
    return Segments(segments=found)


def contacts_of(column: str, values: Iterable[Any]) -> World:
    """A contact for each value of a column."""
    rows = [{"contact_id": f"{n}:{value!r}", column: value} for n, value in enumerate(values)]
    return world_of(contact_features=rows)


NUMBERS = [0.1, 0.30000000000000004, 1 / 3, 1e-300, 1e15, -1e15, 999999999999999.9, -0.0, 4.35, 7]
RANGES = ("is", "is_not", "at_least", "above", "at_most", "below")


def test_they_agree_on_numbers_to_the_last_digit() -> None:
    field = "contact.lead_score"
    asked = of(*({"field": field, operator: n} for n in NUMBERS for operator in RANGES))
    assert not disagreements(contacts_of("lead_score", map(float, NUMBERS)), asked)


def test_they_agree_on_amounts_to_the_last_digit() -> None:
    amounts = ["12345678901234.5678", "0.3000", "0.3001", "-0.0001", "0.0000", "1.0050", "4.3500"]
    amounts += ["99999999999999.9999", "-99999999999999.9999", "100000000000.0001"]
    limits = [*NUMBERS, *map(float, amounts), 12345678901234.568, 0.30001, -0.00005]
    field = "contact.order_revenue_base"
    asked = of(*({"field": field, operator: n} for n in limits for operator in RANGES))
    assert not disagreements(contacts_of("order_revenue_base", map(Decimal, amounts)), asked)


def test_they_agree_on_what_is_a_number() -> None:
    texts = [
        "12",
        "12abc",
        "NaN",
        "nan",
        "inf",
        "1e400",
        "-1e400",
        " 7 ",
        "",
        " ",
        "1_000",
        "０",
        "²",
    ]
    texts += ["+5", "- 5", "1e-400", "1e15", "1000000000000000.1", "1000000000000001", "7\n", "\t7"]
    texts += ["\u00a07", "0x10", "1e", "1e+", "0b1", "1E5", "true", "9" * 400, "0" * 500 + "1"]
    texts += [
        "0." + "3" * 400,
        "1e0000000001",
        "1e99999999999999999999",
        "1'000",
        "1,5",
        "1d",
        "1L",
    ]
    texts += ["123456789012345.678", "0.30000000000000004", "-0", "1.5e3", "infinity", "٣"]
    world = world_of(
        contact_features=[{"contact_id": repr(text)} for text in texts],
        field_values=[
            {"owner": "contact", "owner_id": repr(text), "property": "p_number", "value": text}
            for text in texts
        ],
    )
    field = "contact.p_number"
    asked = of(
        {"field": field, "is_known": True},
        *({"field": field, "is": n} for n in (*NUMBERS, 1500, 123456789012345.678)),
    )
    assert not disagreements(world, asked)


def test_they_agree_on_texts_that_break_quoting() -> None:
    texts = [
        *dict.fromkeys([*TEXTS, "a\u200bb", "\u2028", "a\r\nb", "\U0010ffff", "ａ", "{{ a }}"])
    ]
    texts = [text for text in texts if text]
    rows = [{"contact_id": repr(text), "country": text} for text in texts]
    world = world_of(
        contact_features=rows,
        list_members=[{"list_id": row["country"], "list_name": "", **row} for row in rows],
        segment_snapshots=[{"snapshot_id": row["country"], **row} for row in rows],
    )
    field = "contact.country"
    asked = of(
        *({"field": field, operator: text} for text in texts for operator in ("is", "contains")),
        *({"field": field, "starts_with": text} for text in texts[::3]),
        *({"field": field, "ends_with": text} for text in texts[1::3]),
        *({"list": text} for text in texts[2::3]),
        *({"snapshot": text} for text in texts[::4]),
        {"field": field, "in": [*texts, *(f"x{n}" for n in range(1000))]},
    )
    assert not disagreements(world, asked)


def test_they_agree_on_names_of_events() -> None:
    names = [
        *EVENTS,
        *TEXTS,
        "Page Viewed",
        "page_viewed",
        "E\u0301t\u0301",
        "%",
        "__",
        "a__b",
        "a.b",
    ]
    names = [*dict.fromkeys(name for name in names if name)]
    told = [("track", name) for name in names]
    told += [(kind, None) for kind in ("page", "screen", "identify", "group", "alias", "track")]
    told += [("page", "a"), ("identify", "Pricing Viewed")]
    world = world_of(
        contact_features=[{"contact_id": f"{n}"} for n in range(len(told))],
        fct_events=[
            {
                "message_id": f"m{n}",
                "message_type": message_type,
                "event": event,
                "contact_id": f"{n}",
                "occurred_at": T - timedelta(days=1),
                "actor_class": "human",
            }
            for n, (message_type, event) in enumerate(told)
        ],
    )
    asked = [*names, "pricing_viewed", "page_viewed", "screen_viewed", "identified", "group", "et"]
    assert not disagreements(world, of(*({"event": name} for name in asked)))


@pytest.mark.parametrize(
    ("as_of", "zone"),
    [
        (datetime(2026, 3, 29, 1, 30, 0, 123457), "Pacific/Kiritimati"),
        (datetime(2024, 2, 29, 23, 59, 59, 999999), "America/Los_Angeles"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=UTC), "Europe/Paris"),
    ],
)
def test_they_agree_on_the_edges_of_windows(as_of: datetime, zone: str) -> None:
    days = [1 / 3, 0.7, 30, 365.2425, 36500, 1e-6, 2e-11]
    now = as_of.replace(tzinfo=None)
    edges = [now + sign * timedelta(days=some) for some in (0, *days) for sign in (-1, 1)]
    times = sorted({edge + near * MICROSECOND for edge in edges for near in (-1, 0, 1)})
    world = world_of(
        zone=zone,
        contact_features=[{"contact_id": f"{at}", "created_at": at} for at in times],
        fct_events=[
            {
                "message_id": f"{at}",
                "message_type": "track",
                "event": "E",
                "contact_id": f"{at}",
                "occurred_at": at,
                "actor_class": "human",
            }
            for at in times
        ],
    )
    windows = ("within_days", "older_than_days")
    lasts = ("last_at_least_days_ago", "last_below_days_ago")
    asked = of(
        *({"event": "E", operator: some} for some in days for operator in (*windows, *lasts)),
        *(
            {"field": "contact.created_at", operator: some}
            for some in days
            for operator in (*windows, "within_next_days")
        ),
    )
    assert not disagreements(replace(world, as_of=as_of), asked)


def test_they_agree_on_what_is_deep_or_long() -> None:
    some: dict[str, Any] = {"field": "contact.orders", "at_least": 1}
    negated, nested = some, some
    for level in range(40):
        negated = {"not": negated}
        nested = {("any", "all")[level % 2]: [nested, {"field": "contact.orders", "is": level % 4}]}
    long = [{"field": "contact.orders", "is_not": number} for number in range(3, 150)]
    asked = [some, negated, nested, {"all": long}, {"not": {"any": long}}]
    chain = [{"not": {"segment": f"s{number}"}} for number in range(len(asked) - 1, 60)]
    assert not disagreements(random_world(1), of(*asked, *chain))
