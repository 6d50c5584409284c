"""Alerts: what is worth telling, how it reads, and what a channel remembers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace import alerts
from workspace.alerts import (
    AGAIN_SECONDS,
    Alert,
    Fault,
    Kind,
    Memory,
    Seen,
    memories_text,
    read_memories,
)

HOUR = 3600.0
STALE = Seen(False, "too old", "WARN", asset="lake/events", check="is_fresh")
FRESH = Seen(True, "", "WARN", asset="lake/events", check="is_fresh")
STEP = Seen(False, "broke", step="load_crm")


def tell(memory: Memory, at: float, *seen: Seen, is_told: bool = True) -> list[str]:
    """What a run that ended at a time brings to tell: state, what, and hours since it appeared."""
    news = memory.news(seen, at)
    memory.pass_by(f"run {at}", at, seen, is_told)
    return [
        f"{state} {one.check or one.step or 'run'} {(at - since) / HOUR:g}"
        for one, state, since in news
    ]


def test_a_fault_is_told_when_it_appears_daily_and_when_it_is_gone() -> None:
    memory = Memory(0)
    told = {at: tell(memory, at * HOUR, STALE) for at in range(50)}
    assert {at: texts for at, texts in told.items() if texts} == {
        0: ["appeared is_fresh 0"],
        23: ["stays is_fresh 23"],
        46: ["stays is_fresh 46"],
    }
    assert tell(memory, 50 * HOUR, FRESH) == ["gone is_fresh 50"]
    assert tell(memory, 51 * HOUR, FRESH) == [] and memory.faults == {}
    assert tell(memory, 52 * HOUR, STALE) == ["appeared is_fresh 0"]


def test_what_a_run_does_not_say_stays_as_it_was() -> None:
    memory = Memory(0)
    assert tell(memory, 0, STALE, STEP) == ["appeared is_fresh 0", "appeared load_crm 0"]
    assert tell(memory, HOUR, STEP) == []
    assert tell(memory, 2 * HOUR, FRESH) == ["gone is_fresh 2"]
    assert list(memory.faults) == ["load_crm"]


def test_what_could_not_be_told_is_told_by_the_next_run_that_sees_it() -> None:
    memory = Memory(0)
    assert tell(memory, 0, STALE, STEP, is_told=False) == [
        "appeared is_fresh 0",
        "appeared load_crm 0",
    ]
    # Gone before anybody was told of it: nothing to tell. The other is told with its beginning.
    assert tell(memory, HOUR, FRESH, STEP) == ["appeared load_crm 1"]
    done = Seen(True, "", step="load_crm")
    assert tell(memory, 2 * HOUR, done, is_told=False) == ["gone load_crm 2"]
    assert tell(memory, 3 * HOUR, done) == ["gone load_crm 3"]
    assert memory.faults == {}


def test_what_nobody_asks_about_is_forgotten() -> None:
    memory = Memory(0)
    tell(memory, 0, STALE, STEP)
    tell(memory, 29 * 24 * HOUR, STALE)
    tell(memory, 31 * 24 * HOUR, FRESH)
    assert memory.faults == {}


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.booleans()), max_size=40))
def test_somebody_who_hears_everything_told_knows_what_stands(
    runs: list[tuple[int, bool, bool]],
) -> None:
    """Whatever is lost on the way: a fault is open for its reader from its first alert that
    arrived to the one that says it is gone, and no two that arrived within a day are the same."""
    memory, at, is_open, last = Memory(0), 0.0, False, 0.0
    for hours, ok, arrives in runs:
        at += hours * HOUR
        news = memory.news([FRESH if ok else STALE], at)
        memory.pass_by(f"{at}", at, [FRESH if ok else STALE], arrives)
        for _, state, _ in news if arrives else []:
            assert state == ("gone" if ok else "stays" if is_open else "appeared")
            assert state != "stays" or at - last >= AGAIN_SECONDS
            is_open, last = not ok, at
        assert not (arrives and ok and is_open)
        assert not (arrives and not ok and not is_open)


def test_memories_survive_the_cursor() -> None:
    memory, other = Memory(1_000.5), Memory(7)
    tell(memory, 0, STALE, STEP, Seen(False, "broke"))
    tell(memory, 1, STEP, is_told=False)
    tell(other, 9, STALE, is_told=False)
    memory.attempts = 3
    memories = {"log": memory, "mail 1": other}
    assert read_memories(memories_text(memories)) == memories


@pytest.mark.parametrize(
    "cursor",
    [None, "", "x", "[]", "3", '{"log": 1}', '{"log": {"since": 1, "runs": [], "faults": {}}}'],
)
def test_a_cursor_that_nobody_can_read_begins_anew(cursor: str | None) -> None:
    assert read_memories(cursor) == {}


def test_runs_that_end_at_one_time_are_told_apart() -> None:
    memory = Memory(1_000)
    memory.pass_by("one", 1_100, [], True)
    assert memory.knows("one", 1_100) and not memory.knows("two", 1_100)
    assert not memory.knows("late", 1_100 - alerts.OVERLAP_SECONDS)
    assert memory.knows("long_ago", 1_000)
    memory.pass_by("three", 1_200, [], True)
    assert list(memory.runs) == ["three"]
    memory.pass_by("four", 1_190, [], True)
    assert memory.since == 1_200 and set(memory.runs) == {"three", "four"}


def fault(**changes: Any) -> Fault:
    given = {
        "kind": Kind.STALE_SEGMENT,
        "asset": "marketing_segments",
        "check": "no_segment_is_stale",
        "step": None,
        "severity": "WARN",
        "state": "appeared",
        "since": "2026-10-01T00:05:12Z",
        "text": "surgeons",
        "link": "https://hooks.example.com/control-room/segments.html#sizes",
    }
    return Fault(**{**given, **changes})


def test_a_line_says_what_since_when_how_bad_and_where() -> None:
    assert str(fault()) == (
        "appeared: stale segment: marketing_segments no_segment_is_stale "
        "(WARN, since 2026-10-01T00:05:12Z): surgeons "
        "https://hooks.example.com/control-room/segments.html#sizes"
    )
    run = fault(kind=Kind.RUN, asset=None, check=None, state="gone", text="", link="x")
    assert str(run) == "gone: run: the run (WARN, since 2026-10-01T00:05:12Z) x"


def test_a_document_is_plain_json() -> None:
    alert = Alert(
        "alert_1", "dev", "/w", "1", "refresh", "2026-10-01T00:05:12Z", "SUCCESS", (fault(),)
    )
    document = json.loads(json.dumps(alert.document))
    assert document["ident"] == "alert_1"
    assert document["faults"] == [{**vars(fault()), "kind": "stale_segment"}]
