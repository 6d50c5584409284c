"""Runs that are read meanwhile, and runs that are killed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.end_to_end.runner import (
    END,
    ask,
    marts,
    open_workspace,
    run,
    small,
)
from workspace.paths import PROJECT

RUN = """
import sys
from pathlib import Path
from dagster_project import runs
from workspace import settings
settings.quiet_third_parties()
print("ready", flush=True)
runs.run(settings.load(Path(sys.argv[1])), None)
"""


def test_readers_are_served_while_a_run_writes(tmp_path: Path) -> None:
    opened = small(tmp_path / "w", tmp_path)
    run(opened)
    stop, faults, answers = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            try:
                answers.append(ask(opened, "select count(*) from marts.kpi_monthly"))
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    run(opened)
    stop.set()
    reader.join()
    assert not faults and len(answers) > 10 and len(set(map(str, answers))) == 1


@pytest.mark.parametrize(
    "rounds", [4, pytest.param(50, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_kill_9_at_random_moments_of_a_run(tmp_path: Path, rounds: int) -> None:
    calm = small(tmp_path / "calm", tmp_path / "files")
    began = time.monotonic()
    run(calm)
    seconds = time.monotonic() - began
    killed = open_workspace(tmp_path / "killed", END)
    shutil.copytree(calm.paths.landing, killed.paths.landing, dirs_exist_ok=True)
    rng = random.Random(11)
    unfinished = 0
    for _ in range(rounds):
        command = [sys.executable, "-c", RUN, str(killed.paths.root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as child:
            child.stdout.readline()  # it is about to begin
            time.sleep(rng.uniform(0, seconds))
            unfinished += child.poll() is None
            child.kill()
    assert unfinished > rounds / 2
    run(killed)
    assert marts(killed) == marts(calm)
