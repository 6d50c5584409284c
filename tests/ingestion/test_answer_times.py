"""The server's answer times: counted in buckets, landed by period, lost by nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import answer_times, load_pending
from ingestion.answer_times import BOUNDS_MS, KIND, AnswerTimes
from tests.ingestion.conftest import KEYRING
from workspace.lake import Lake

AT = datetime(2026, 6, 1, 12)
Rows = list[dict[str, Any]]


def _rows(landing: Path) -> Rows:
    files = sorted((landing / KIND).glob("[!.]*")) if (landing / KIND).exists() else []
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def _counted(landing: Path, *work: Callable[[AnswerTimes], None]) -> Rows:
    """The rows of periods in each of which some work was done."""

    async def run() -> None:
        times = AnswerTimes(landing, lambda: AT, seconds=0.01)
        await times.start()
        for one in work:
            before = len(_rows(landing))
            one(times)
            while one is not work[-1] and len(_rows(landing)) == before:
                await asyncio.sleep(0.005)
        await times.stop()

    asyncio.run(run())
    return _rows(landing)


def test_bounds_follow_one_another_closely_and_hold_the_targets() -> None:
    assert list(BOUNDS_MS) == sorted(set(BOUNDS_MS))
    assert max(after / before for before, after in pairwise(BOUNDS_MS)) <= 8 / 7 + 1e-12
    assert {0.1, 100, 200, 1000, 100_000} <= set(BOUNDS_MS)


@given(st.floats(min_value=0, max_value=1e6, allow_nan=False))
def test_a_time_lies_in_its_bucket(milliseconds: float) -> None:
    times = AnswerTimes(Path("nowhere"), lambda: AT)
    times.add("read_api", 200, milliseconds / 1000)
    (row,) = times._rows(times._counts, AT)
    counted = milliseconds / 1000 * 1000  # as the clock gives it
    assert row["from_ms"] <= counted and counted < (row["below_ms"] or float("inf"))


def test_bounds_belong_to_the_bucket_above(tmp_path: Path) -> None:
    def work(times: AnswerTimes) -> None:
        for milliseconds in (0, 0.05, 0.1, 199.9, 200, 200.1, 3_600_000):
            times.add("read_api", 200, milliseconds / 1000)

    found = {row["from_ms"]: (row["below_ms"], row["requests"]) for row in _counted(tmp_path, work)}
    assert found == {0: (0.1, 2), 0.1: (0.112, 1), 180: (200, 1), 200: (224, 2), 1e5: (None, 1)}


def test_a_row_says_nothing_of_who_asked_for_what(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"anna@example.fr"})

    async def ignored(_: Any) -> None: ...

    async def run() -> None:
        times = AnswerTimes(tmp_path, lambda: AT)
        await times.start()
        scope = {
            "type": "http",
            "path": "/api/v1/contacts/c1",
            "query_string": b"cursor=c2",
            "client": ("203.0.113.9", 1),
            "headers": [(b"authorization", b"Bearer secret")],
        }
        await times.timed("read_api", app)(scope, None, ignored)
        await times.stop()

    asyncio.run(run())
    (row,) = _rows(tmp_path)
    assert set(row) == {
        *("worker_id", "period", "family", "outcome", "from_ms", "below_ms"),
        *("requests", "occurred_at", "known_at"),
    }
    assert (row["family"], row["outcome"], row["requests"]) == ("read_api", "answered", 1)
    (file,) = (tmp_path / KIND).iterdir()
    for told in (b"c1", b"c2", b"203.0.113.9", b"secret", b"anna"):
        assert told not in file.read_bytes().replace(row["worker_id"].encode(), b"")


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [((200, 204, 304, 101), "answered"), ((400, 401, 404, 429), "refused"), ((500, 503), "failed")],
)
def test_outcomes(tmp_path: Path, statuses: tuple[int, ...], outcome: str) -> None:
    def work(times: AnswerTimes) -> None:
        for status in statuses:
            times.add("scores", status, 0.01)

    (row,) = _counted(tmp_path, work)
    assert (row["outcome"], row["requests"]) == (outcome, len(statuses))


def test_streams_and_faults_count_once(tmp_path: Path) -> None:
    async def streams(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError

    async def breaks_late(scope: Any, receive: Any, send: Any) -> None:
        await streams(scope, receive, send)
        raise ValueError

    async def ignored(_: Any) -> None: ...

    async def run() -> None:
        times = AnswerTimes(tmp_path, lambda: AT)
        await times.start()
        await times.timed("streams", streams)({}, None, ignored)
        for name, app in {"breaks": breaks, "breaks_late": breaks_late}.items():
            with pytest.raises(ValueError):
                await times.timed(name, app)({}, None, ignored)
        await times.stop()

    asyncio.run(run())
    assert sorted((row["family"], row["outcome"], row["requests"]) for row in _rows(tmp_path)) == [
        ("breaks", "failed", 1),
        ("breaks_late", "answered", 1),
        ("streams", "answered", 1),
    ]


def test_each_period_lands_what_is_new_and_an_empty_one_nothing(tmp_path: Path) -> None:
    def asked(times: AnswerTimes) -> None:
        times.add("read_api", 200, 0.01)

    def idle(_: AnswerTimes) -> None: ...

    rows = _counted(tmp_path, asked, asked, idle)
    assert sorted((row["period"], row["requests"]) for row in rows) == [(1, 1), (2, 1)]
    assert len({row["worker_id"] for row in rows}) == 1


def test_a_full_disk_delays_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Path] = []
    write = answer_times.durable.write

    def full(target: Path, data: bytes) -> None:
        if not refused:
            refused.append(target)
            raise OSError(28, "no space left")
        write(target, data)

    monkeypatch.setattr(answer_times.durable, "write", full)

    async def run() -> None:
        times = AnswerTimes(tmp_path, lambda: AT, seconds=0.01)
        await times.start()
        times.add("read_api", 200, 0.01)
        while not refused:
            await asyncio.sleep(0.005)
        times.add("read_api", 200, 0.01)
        await times.stop()

    asyncio.run(run())
    assert sorted((row["period"], row["requests"]) for row in _rows(tmp_path)) in (
        [(1, 2)],
        [(1, 1), (2, 1)],  # the next period came before the second request
    )


def test_the_rows_fit_their_kind(tmp_path: Path) -> None:
    def work(times: AnswerTimes) -> None:
        times.add("read_api", 200, 0.004)
        times.add("scores", 503, 500)

    _counted(tmp_path / "landing", work)
    lake = Lake(tmp_path / "lake")
    (result,) = load_pending(KIND, tmp_path / "landing", lake, KEYRING)
    assert (result.good, result.received) == (2, 2)
    first, last = lake.read(KIND).sort_by("from_ms").to_pylist()
    assert (first["from_ms"], first["below_ms"], first["requests"]) == (4, 4.5, 1)
    assert (last["from_ms"], last["below_ms"], last["outcome"]) == (1e5, None, "failed")
