"""A demo world built, and what 100,000 more events cost: a run behind the change, and all anew.

    python -m benchmarks.refresh [--size S|M] [--workspace DIR]

Each step is a process of its own, as a user starts it; its time is from start to end and its memory
the largest it held. With a workspace that is already built, only the refresh is measured.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from workspace.clock import parse_time

EVENTS = 100_000
#: Of these, one in so many happened up to thirty days before it was received.
LATE = 50


def messages(landing: Path) -> list[dict[str, Any]]:
    """What the world's people did in its last month, read from the file as it landed."""
    found = landing.glob("*__events-20*")
    last = max(found, key=lambda path: path.name.rpartition("__")[2])
    known = []
    with gzip.open(last) if last.suffix == ".gz" else last.open("rb") as lines:
        for line in itertools.islice(lines, EVENTS):
            with suppress(ValueError):  # some lines of the demo's files are bad on purpose
                known.append(json.loads(line))
    return [message for message in known if isinstance(message, dict)]


def write_news(workspace: Path, target: Path) -> None:
    """The same people again, in the last day before the workspace's present."""
    present = parse_time((workspace / "as_of.txt").read_text().strip())
    rng = random.Random(5)
    known = messages(workspace / "landing" / "events")
    with open(target, "w", encoding="utf-8") as file:
        for number in range(EVENTS):
            days = rng.uniform(1, 30) if number % LATE == 0 else rng.uniform(0.001, 1)
            at = _z(present - timedelta(days=days))
            told = {"messageId": f"news-{number}", "timestamp": at, "sentAt": at}
            received = {"receivedAt": _z(present - timedelta(seconds=60))}
            file.write(json.dumps(rng.choice(known) | told | received) + "\n")


def _z(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds") + "Z"


def step(name: str, workspace: Path, *arguments: str) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "interfaces.cli", *arguments, "--workspace", str(workspace)],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    assert os.waitstatus_to_exitcode(status) == 0, name
    print(f"{name:28} {seconds:8.1f} s {usage.ru_maxrss / 2**20:6.1f} GB", flush=True)
    return seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=["S", "M"], default="S")
    parser.add_argument("--workspace", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workspace = options.workspace or Path(folder) / "w"
        if options.workspace is None:
            step(f"demo world, size {options.size}", workspace, "demo", "--size", options.size)
        news = Path(folder) / "news.ndjson"
        write_news(workspace, news)
        step(f"ingest {EVENTS:,} events", workspace, "ingest", "events", str(news))
        behind = step("run behind the change", workspace, "run")
        anew = step("run that builds everything", workspace, "run", "--full-refresh")
    print(f"ratio                        {anew / behind:8.1f}")


if __name__ == "__main__":
    main()
