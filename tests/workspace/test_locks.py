"""One run a workspace; the lock goes with its process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from workspace.locks import RunInProgress, run_lock


def test_a_second_run_is_told_who_holds_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    child = os.fork()
    if child == 0:
        with run_lock(lock, holder="nightly"):
            time.sleep(60)
    try:
        deadline = time.monotonic() + 10
        while not (lock.exists() and "nightly" in lock.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(RunInProgress, match=f"pid {child} nightly"), run_lock(lock):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with run_lock(lock, wait_seconds=5):
        assert f"pid {os.getpid()}" in lock.read_text()


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_lock(tmp_path / "l"):
        raise ZeroDivisionError
    with run_lock(tmp_path / "l"):
        pass
