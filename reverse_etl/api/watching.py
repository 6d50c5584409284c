"""A limit on the time of each question, by one thread for all: to start one for each costs as much
as a question."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from reverse_etl.publish import TookTooLong

#: How late a question may be stopped.
EVERY = 0.1


class Watch:
    """Interrupts what takes too long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._any = threading.Event()
        self._due: dict[int, tuple[float, duckdb.DuckDBPyConnection]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
        """Raises :class:`TookTooLong` where the block's questions take longer."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, daemon=True)
                self._thread.start()
            self._due[id(cursor)] = time.monotonic() + seconds, cursor
        self._any.set()
        try:
            yield
        except duckdb.InterruptException as error:
            raise TookTooLong(f"no answer within {seconds:g} s") from error
        finally:
            with self._lock:
                del self._due[id(cursor)]

    def _look(self) -> None:
        while self._any.wait():
            time.sleep(EVERY)
            with self._lock:
                for due, cursor in self._due.values():
                    if due < time.monotonic():
                        cursor.interrupt()
                if not self._due:
                    self._any.clear()
