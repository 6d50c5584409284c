"""`marketing serve` itself: what it answered stands, whatever happens next."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from tests.ingestion.collector.serving import ROOT, as_process, kill
from tests.ingestion.consent.offices import TOKEN
from workspace import settings, tokens
from workspace.ledger import open_ledger, schema

ONE_CLICK = {"List-Unsubscribe": "One-Click"}

#: Queues messages as a run does, chunk after chunk, until it is killed.
ENQUEUE = """
import sys
from datetime import datetime
from workspace.ledger import open_ledger, messages
from workspace.ledger.messages import Message
ledger, at, n = open_ledger(sys.argv[1]), datetime(2026, 3, 3), 0
while n < 1_000_000:
    rows = [
        Message(f"{i:064x}", f"c{i}", f"{i:032x}", "campaign", "c", "send", "1", "email",
                "marketing", "marketing", at, destination="x@example.com", payload=b"p" * 500)
        for i in range(n, n + 5000)
    ]
    messages.enqueue(ledger, rows, at)
    n += 5000
    print(n, flush=True)
"""


def withdrawn(url: str) -> int:
    ledger = open_ledger(url)
    table = schema.consent_events
    with ledger.reading() as connection:
        found = connection.execute(
            sa.select(sa.func.count()).where(table.c.state == "withdrawn")
        ).scalar()
    ledger.close()
    return found or 0


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_answered_survives_kill_9(tmp_path: Path, workers: int) -> None:
    opened = settings.load(tmp_path / "w")
    with as_process(tmp_path / "w", workers) as (served, process):
        for n in range(5):
            token = replace(TOKEN, identifier_key=f"{n:032x}")
            url = f"{served.url}/u/{tokens.sign(opened.keyring, token)}"
            assert requests.get(url, timeout=20).status_code == 200
            assert requests.post(url, data=ONE_CLICK, timeout=20).status_code == 200
        kill(process, signal.SIGKILL)
    assert withdrawn(opened.ledger_url) == 5


def test_it_is_answered_while_a_run_queues(tmp_path: Path) -> None:
    """In another process, between the run's transactions."""
    opened = settings.load(tmp_path / "w")
    open_ledger(opened.ledger_url).close()
    with as_process(tmp_path / "w") as (served, _):
        run = subprocess.Popen(
            [sys.executable, "-c", ENQUEUE, opened.ledger_url], cwd=ROOT, stdout=subprocess.PIPE
        )
        try:
            assert run.stdout is not None and run.stdout.readline()
            slowest = 0.0
            for n in range(20):
                token = replace(TOKEN, identifier_key=f"{n:032x}", at=datetime(2026, 3, 3))
                url = f"{served.url}/u/{tokens.sign(opened.keyring, token)}"
                since = time.perf_counter()
                assert requests.post(url, data=ONE_CLICK, timeout=20).status_code == 200
                slowest = max(slowest, time.perf_counter() - since)
                assert withdrawn(opened.ledger_url) == n + 1
            assert run.poll() is None, "the run ended before it was disturbed"
            print(f"slowest answer: {slowest:.3f} s")
        finally:
            run.kill()
            run.wait()
