"""Runs that are read meanwhile, and runs that are killed."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.end_to_end.runner import END, Finished, ask, marts, open_workspace, run
from workspace.paths import PROJECT

#: Each line asks for a run in a process of its own, which begins with everything imported.
RUNS = """
import os, sys
from pathlib import Path
from workspace import settings
settings.quiet_third_parties()
import dagster_project.build
from dagster_project import runs
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        runs.run(settings.load(Path(sys.argv[1])))
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


def test_readers_are_served_while_a_run_writes(finished: Finished, tmp_path: Path) -> None:
    opened = finished.copied(tmp_path / "w")
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
    "rounds", [3, pytest.param(50, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_kill_9_at_random_moments_of_a_run(finished: Finished, tmp_path: Path, rounds: int) -> None:
    calm = finished.copied(tmp_path / "calm")
    killed = open_workspace(tmp_path / "killed", END)
    shutil.copytree(calm.paths.landing, killed.paths.landing, dirs_exist_ok=True)
    rng = random.Random(11)
    seconds = finished.seconds
    command = [sys.executable, "-c", RUNS, str(killed.paths.root)]
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen(command, cwd=PROJECT, **pipe) as parent:
        unfinished = attempts = 0
        while unfinished < rounds:
            attempts += 1
            assert attempts <= 3 * rounds, "every run ends before it can be killed"
            parent.stdin.write("run\n")
            child, began = int(parent.stdout.readline()), time.monotonic()
            ended, _, _ = select.select([parent.stdout], [], [], rng.uniform(0, seconds))
            if ended:  # faster than the run that was measured
                seconds = time.monotonic() - began
            else:
                os.kill(child, signal.SIGKILL)
                unfinished += 1
            assert parent.stdout.readline() == "ended\n"
        parent.stdin.close()
    run(killed)
    assert marts(killed) == marts(calm)
