"""The run lock: one pipeline run a workspace, across command line, UI and schedules.

It is an operating-system lock on ``run.lock``, so it goes with its process: nothing is left
to clean up after a kill, and no time-out ever steals it from a live run.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RunInProgress(RuntimeError):
    """Another run holds the workspace."""


@contextmanager
def run_lock(path: Path, wait_seconds: float = 0.0, holder: str = "") -> Iterator[None]:
    """Hold the lock for the block. Raises :class:`RunInProgress` after ``wait_seconds``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    who = os.pread(fd, 200, 0).decode("utf-8", "replace").strip() or "unknown"
                    raise RunInProgress(
                        f"another run holds this workspace ({who}); try again when it has ended"
                    ) from None
                time.sleep(0.05)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"pid {os.getpid()} {holder}\n".encode(), 0)
        yield
    finally:
        os.close(fd)
