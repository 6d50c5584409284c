"""Freshness: what is too old, what is not, and what cannot be told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from workspace import freshness

AS_OF = datetime(2026, 5, 1, 12)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("limit", "newest", "passed", "text"),
    [
        (DAY, AS_OF - DAY, True, "the newest row is 1d old; the limit is 1d"),
        (DAY, AS_OF - DAY - timedelta(minutes=1), False, "1d 1m old; the limit is 1d"),
        (DAY, AS_OF + timedelta(hours=2), True, "0m old"),
        (DAY, None, True, "no row yet"),
        (None, AS_OF - 900 * DAY, True, "900d old; nothing is expected"),
        (None, None, True, "no row yet"),
    ],
)
def test_a_stream(limit: timedelta, newest: datetime, passed: bool, text: str) -> None:
    verdict = freshness.of_stream(limit, newest, AS_OF)
    assert verdict.passed is passed and text in verdict.text and verdict.judged


@pytest.mark.parametrize(
    ("limit", "answered_at", "missing", "passed", "text"),
    [
        (DAY, AS_OF, [], True, "0m old"),
        (DAY, AS_OF - 2 * DAY, [], False, "the last complete answer is 2d old"),
        (DAY, AS_OF - 2 * DAY, ["MARKETING_X_TOKEN"], True, "not set: MARKETING_X_TOKEN"),
        (DAY, None, [], False, "has never answered"),
        (None, None, [], True, "has never answered"),
    ],
)
def test_a_source(
    limit: timedelta, answered_at: datetime, missing: list[str], passed: bool, text: str
) -> None:
    verdict = freshness.of_source(limit, answered_at, AS_OF, missing)
    assert verdict.passed is passed and text in verdict.text


def test_a_past_run_judges_nothing() -> None:
    for verdict in (
        freshness.of_stream(DAY, AS_OF - 9 * DAY, AS_OF, is_past=True),
        freshness.of_source(DAY, None, AS_OF, is_past=True),
    ):
        assert verdict.passed and verdict.facts["judged"] is False


def test_the_facts() -> None:
    newest = AS_OF - timedelta(hours=25, minutes=3, seconds=59)
    assert freshness.of_stream(DAY, newest, AS_OF).facts == {
        "verdict": "the newest row is 1d 1h old; the limit is 1d",
        "judged": True,
        "newest": "2026-04-30T10:56:01Z",
        "age": "1d 1h",
        "limit": "1d",
    }


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=59), "0m"),
        (timedelta(minutes=30), "30m"),
        (timedelta(hours=1, minutes=28, seconds=9), "1h 28m"),
        (timedelta(days=12, hours=16, minutes=4), "12d 16h"),
        (timedelta(days=3), "3d"),
    ],
)
def test_a_span_reads_well(duration: timedelta, text: str) -> None:
    assert freshness.span(duration) == text
