"""kill -9 of the collector under load: each acknowledged event is there, and once."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.ingestion.collector.serving import Served, as_process, kill


def send_until_it_dies(served: Served, part: str, acknowledged: set[str], sent: set[str]) -> None:
    with requests.Session() as session:
        session.auth = ("server-key", "")
        for i in range(1_000_000):
            ids = [f"{part}-{i}-{n}" for n in range(1 + i % 3)]
            items = [
                {"messageId": id_, "type": "track", "event": "E", "userId": "u"} for id_ in ids
            ]
            sent.update(ids)
            try:
                answer = session.post(
                    served.url + "/v1/batch",
                    data=json.dumps({"batch": items}),
                    headers={"content-type": "application/json"},
                    timeout=10,
                )
            except requests.RequestException:
                return
            if answer.ok:
                acknowledged.update(ids)


def rounds(folder: Path, seed: int, count: int) -> None:
    rng = random.Random(seed)
    acknowledged: set[str] = set()
    sent: set[str] = set()
    seen: list[str] = []
    done: set[str] = set()
    for number in range(count):
        with as_process(folder, workers=1 + number % 2) as (served, process):
            threads = [
                threading.Thread(
                    target=send_until_it_dies,
                    args=(served, f"{number}-{part}", acknowledged, sent),
                )
                for part in range(3)
            ]
            for thread in threads:
                thread.start()
            time.sleep(rng.uniform(0.0, 0.4))
            kill(process, signal.SIGKILL)
            for thread in threads:
                thread.join()
        with contextlib.suppress(FileNotFoundError):
            for result in served.load():
                assert result.balanced
                assert (result.bad, result.quarantined, result.duplicate) == (0, 0, 0)
    for row in served.rows():
        seen.append(row["message_id"])
    done.update(seen)
    assert len(seen) == len(done), "an event twice"
    assert acknowledged <= done, f"lost: {sorted(acknowledged - done)[:5]}"
    assert done <= sent
    assert len(acknowledged) > count


def test_acknowledged_events_survive_kills(tmp_path: Path) -> None:
    rounds(tmp_path, seed=1, count=6)


@pytest.mark.torture
def test_acknowledged_events_survive_many_kills(tmp_path: Path) -> None:
    rounds(tmp_path, seed=2, count=500)
