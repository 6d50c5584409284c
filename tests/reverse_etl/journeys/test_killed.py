"""kill -9 during ticks leaves the log that ticks without it write."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reverse_etl.journeys.tick import STEPS
from workspace.lake import Lake
from workspace.paths import PROJECT

COMMAND = [sys.executable, "-m", "tests.reverse_etl.journeys.killed"]


def start(lake: Path, seed: int) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [*COMMAND, str(lake), str(seed)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def whole(lake: Path, seed: int) -> float:
    began = time.monotonic()
    out, _ = start(lake, seed).communicate(timeout=120)
    assert out.strip() == "done"
    return time.monotonic() - began


def rows(lake: Path) -> list[dict]:
    found = Lake(lake).read(STEPS).to_pylist()
    return sorted(found, key=lambda row: (row["enrolment_id"], row["step_number"]))


def kill(tmp_path: Path, kills: int, seed: int) -> None:
    draw = random.Random(seed)
    takes = whole(tmp_path / "whole", seed)
    expected = rows(tmp_path / "whole")
    assert len(expected) > 20
    done = round_ = 0
    while done < kills:
        lake = tmp_path / f"killed-{round_}"
        round_ += 1
        for _ in range(4):
            process = start(lake, seed)
            time.sleep(draw.uniform(0.3, 1.0) * takes)
            process.send_signal(signal.SIGKILL)
            process.wait()
            done += 1
        whole(lake, seed)
        assert rows(lake) == expected


def test_killed_a_few_times(tmp_path: Path) -> None:
    kill(tmp_path, 4, 3)


@pytest.mark.torture
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    kill(tmp_path, 200, 3)
