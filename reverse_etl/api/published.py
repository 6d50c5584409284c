"""The version in force, with what is asked most in memory."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import duckdb

from reverse_etl.api.tables import TABLES
from reverse_etl.api.watching import Watch
from reverse_etl.publish import NothingPublished
from reverse_etl.publish.publisher import VERSION_FILE, current_version
from reverse_etl.publish.reader import dicts, held
from workspace.clock import parse_time
from workspace.paths import Paths

SECONDS = 5.0
#: Of one worker; while it moves to the next version, of each of the two.
MEMORY = "8GB"
_WATCH = Watch()
_LOG = logging.getLogger(__name__)


class Version:
    """One published version: its views, and tables of memory that are made when first asked for."""

    def __init__(self, paths: Paths, name: str) -> None:
        self.name = name
        self._connection = held(paths, name, MEMORY)
        described = json.loads((paths.published / name / VERSION_FILE).read_bytes())
        self.as_of: datetime = parse_time(described["as_of"])
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self.tables: set[str] = set()

    def hold(self, *tables: str) -> None:
        """Make the tables that there are not yet. Raises :class:`NothingPublished` where the
        version has not what they are made of."""
        missing = [name for name in tables if name not in self.tables]
        if not missing:
            return
        with self._making:
            for name in missing:
                if name not in self.tables:
                    self._make(name)

    def rows(self, sql: str, values: Mapping[str, Any], seconds: float = SECONDS) -> list[dict]:
        """Raises :class:`~reverse_etl.publish.TookTooLong`."""
        cursor = self._cursor()
        try:
            with _WATCH.over(cursor, seconds):
                return dicts(cursor, sql, dict(values))
        except duckdb.CatalogException:
            raise NothingPublished(f"{self.name} has not what is asked for") from None
        finally:
            cursor.close()

    def _make(self, name: str) -> None:
        cursor = self._cursor()
        try:
            cursor.execute(f"create table {name} as {TABLES[name]}")
        except (duckdb.CatalogException, duckdb.BinderException):
            raise NothingPublished(f"{self.name} has not what {name} is made of") from None
        finally:
            cursor.close()
        self.tables.add(name)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            return self._connection.cursor()


class Versions:
    """Gives the version to answer from.

    When another is published, the one before answers until the tables of the next are made, so
    nobody waits but who asks first of all. The memory of a version is free after its last answer.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._open: Version | None = None
        self._moving = False

    def in_force(self) -> Version:
        """Raises :class:`NothingPublished`."""
        name = current_version(self._paths)
        with self._lock:
            if self._open is None:
                self._open = Version(self._paths, name)
            elif self._open.name != name and not self._moving:
                self._moving = True
                threading.Thread(target=self._move, args=(name,), daemon=True).start()
            return self._open

    def close(self) -> None:
        """Forget what is held; it is freed after the last answer that reads it."""
        with self._lock:
            self._open = None

    def _move(self, name: str) -> None:
        try:
            after = Version(self._paths, name)
            before = self._open
            for table in sorted(before.tables if before else ()):
                with suppress(NothingPublished):  # who asks for it is told
                    after.hold(table)
            with self._lock:
                self._open = after
        except (NothingPublished, duckdb.Error, OSError) as error:
            _LOG.warning("version %s cannot be opened: %s", name, type(error).__name__)
        finally:
            self._moving = False
