"""The collector's own times become rows."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from ingestion import load_pending
from ingestion.collector.latency import BUCKETS_MS, KIND, Latencies
from tests.ingestion.conftest import KEYRING
from workspace.lake import Lake

AT = datetime(2026, 6, 1, 12)
SEGMENT = Path("20260601T120000000000Z__0123456789ab__collector.segment")


def test_counts_fall_into_their_buckets_and_begin_anew(tmp_path: Path) -> None:
    latencies = Latencies()
    for milliseconds in (0.2, 1.0, 1.01, 49, 99, 100, 20_000):
        latencies.add(milliseconds / 1000)
    latencies.land(tmp_path, SEGMENT, "events", AT)
    (file,) = (tmp_path / KIND).iterdir()
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["up_to_ms"]: row["requests"] for row in rows} == {
        1: 2,
        2: 1,
        50: 1,
        100: 2,
        BUCKETS_MS[-1]: 1,
    }
    latencies.land(tmp_path, SEGMENT, "events", AT)
    assert len(list((tmp_path / KIND).iterdir())) == 1


def test_the_rows_fit_their_kind(tmp_path: Path) -> None:
    latencies = Latencies()
    latencies.add(0.004)
    latencies.land(tmp_path / "landing", SEGMENT, "events", AT)
    lake = Lake(tmp_path / "lake")
    (result,) = load_pending(KIND, tmp_path / "landing", lake, KEYRING)
    assert (result.good, result.received) == (1, 1)
    (row,) = lake.read("collector_requests").to_pylist()
    assert (row["up_to_ms"], row["requests"], row["occurred_at"]) == (5.0, 1, AT)
