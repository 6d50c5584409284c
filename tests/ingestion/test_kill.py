"""kill -9 at random moments of loads: one clean load afterwards ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, seed: int, rounds: int) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.ingestion.kill_rounds", str(folder), str(seed), str(rounds)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(results: list[dict]) -> None:
    expected, *rounds = results
    assert expected["digest"]
    for number, found in enumerate(rounds):
        assert found["digest"] == expected["digest"], f"round {number}"
        assert found["left"] == []
    assert sum(found["kills"] for found in rounds) >= len(rounds) // 2


def test_killed_loads_converge(tmp_path: Path) -> None:
    check(run(tmp_path, seed=1, rounds=20))


@pytest.mark.torture
def test_many_killed_loads_converge(tmp_path: Path) -> None:
    check(run(tmp_path, seed=2, rounds=200))
