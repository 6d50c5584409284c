"""The compiled SQL and the evaluator name the same members of definitions that nobody wrote."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from reverse_etl.segments.evaluator import Evaluator
from tests.reverse_etl.segments.definitions import random_segments
from tests.reverse_etl.segments.worlds import World, random_world
from workspace.definitions.segments import Segments

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
    assert not disagreements(random_world(100, *size), random_segments(100, 40))
