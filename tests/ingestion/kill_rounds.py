"""Loads files in child processes and kills them at random moments; run by test_kill.py.

    python -m tests.ingestion.kill_rounds FOLDER SEED ROUNDS

Prints one JSON line a round: how many kills hit a running load, and a digest of the lake after
one clean load. This process itself only imports and forks, so that a fork inherits no threads.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas  # noqa: F401  pyarrow imports it at first use: better once than in every fork

from ingestion import landing, load_pending, receipts
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.streams import STREAMS

KEYRING = Keyring(b"a pepper for tests")
START = datetime(2026, 6, 1)


def make_files(folder: Path) -> list[tuple[str, Path]]:
    """Files with good, bad, repeated and contradicting rows."""
    folder.mkdir(parents=True)
    made = []

    def write(kind: str, name: str, rows: list[Any], pack: bool = False) -> None:
        data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        path = folder / name
        path.write_bytes(gzip.compress(data, mtime=0) if pack else data)
        made.append((kind, path))

    def event(i: int, **more: Any) -> dict[str, Any]:
        return {
            "messageId": f"m{i}",
            "type": "track",
            "event": "E",
            "userId": f"u{i % 9}",
            "timestamp": "2026-05-01T00:00:00.000Z",
            "properties": {"i": i},
            **more,
        }

    write("events", "a.ndjson", [*(event(i) for i in range(400)), event(1), event(2, event="X"), 5])
    write("events", "b.ndjson.gz", [*(event(i) for i in range(300, 600)), {"x": 1}], pack=True)
    crm = [
        {
            "id": str(i),
            "objectType": kind,
            "updatedAt": f"2026-05-0{1 + i % 3}T00:00:00Z",
            "properties": {"name": "n", "amount": str(i)},
        }
        for i in range(40)
        for kind in ("contacts", "companies", "deals")
    ]
    write("crm", "all.ndjson", [*crm, crm[0], {**crm[1], "properties": {}}, {"id": 1}])
    write("crm", "more.ndjson", crm[30:60])
    costs = [
        {"vertical": "v", "cost_month": "2026-01", "line": f"l{i % 20}", "cost_class": "other"}
        | {"amount": i // 20, "currency": "EUR"}
        for i in range(60)
    ]
    write("costs", "costs.ndjson", costs)
    return made


def load_everything(files: list[tuple[str, Path]], workspace: Path) -> None:
    for i, (kind, path) in enumerate(files):
        landing.land(kind, path, workspace / "landing", START + timedelta(seconds=i))
        load_pending(kind, workspace / "landing", Lake(workspace / "lake"), KEYRING, guard=False)


def digest(workspace: Path) -> str:
    """Of every row of every stream, the receipts, and what is left in landing."""
    lake = Lake(workspace / "lake")
    found = hashlib.sha256()
    for stream in STREAMS:
        rows = sorted(repr(row) for row in lake.read(stream).to_pylist())
        found.update("\n".join([stream, *rows]).encode())
    found.update(repr(receipts(lake).to_pylist()).encode())
    landed = sorted(p.name for p in (workspace / "landing").glob("[a-z]*/*") if p.is_file())
    found.update("\n".join(landed).encode())
    return found.hexdigest()


def in_child(work: Any) -> tuple[int, int]:
    """Run in a fork; its pid and the reading end of a pipe that carries its answer."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            os.write(write, str(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    return pid, read


def answer(pid: int, read: int) -> str:
    with os.fdopen(read) as handle:
        text = handle.read()
    os.waitpid(pid, 0)
    return text


def main(folder: Path, seed: int, rounds: int) -> None:
    rng = random.Random(seed)
    files = make_files(folder / "in")

    def timed() -> str:
        load_everything(files, folder / "clean")
        return digest(folder / "clean")

    started = time.monotonic()
    expected = answer(*in_child(timed))
    duration = time.monotonic() - started
    print(json.dumps({"digest": expected, "kills": 0}), flush=True)
    for number in range(rounds):
        workspace = folder / f"round-{number}"
        kills = 0
        for _ in range(rng.randint(1, 4)):
            pid, read = in_child(lambda w=workspace: load_everything(files, w))
            time.sleep(rng.uniform(0, duration))
            os.kill(pid, signal.SIGKILL)
            os.close(read)
            kills += os.WIFSIGNALED(os.waitpid(pid, 0)[1])

        def clean(workspace: Path = workspace) -> str:
            load_everything(files, workspace)
            Lake(workspace / "lake").sweep()
            return digest(workspace)

        found = answer(*in_child(clean))
        left = [p.name for p in (workspace / "lake" / ".staging").iterdir()]
        print(json.dumps({"digest": found, "kills": kills, "left": left}), flush=True)
        shutil.rmtree(workspace)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
