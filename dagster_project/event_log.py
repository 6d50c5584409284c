"""Dagster's SQLite event log with its connections kept open.

Dagster opens a new engine, a new connection and a new transaction for each of a run's thousands of
statements, and asks before many of them which columns its tables have, which costs seconds a run.
Only how it connects is changed here; files and tables stay Dagster's own, so its default storage
reads them too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

#: One for the index, the others for the runs last written or read.
_OPEN = 4


class EventLog(SqliteEventLogStorage):
    """:class:`SqliteEventLogStorage` that uses one connection a file, all under its lock."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        #: What was found in the files, and stays there once it is.
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        self._indexes: set[str] = set()
        #: The connections of the transaction that is open, by shard.
        self._together: tuple[ExitStack, dict[str, Connection]] | None = None
        super().__init__(base_dir, inst_data)
        self._db_lock = threading.RLock()

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> EventLog:
        return cls(inst_data=inst_data, **config_value)

    def store_event(self, event: EventLogEntry) -> None:
        with self._one_transaction():
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        with self._one_transaction():
            super().store_event_batch(events)

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """All that connects in the block shares one transaction for each file."""
        with self._db_lock, ExitStack() as ends:
            if self._together is not None:
                yield
                return
            self._together = ends, {}
            try:
                yield
            finally:
                self._together = None

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if self._together is None:
                with self._begun(shard) as connection:
                    yield connection
                return
            ends, connections = self._together
            if shard not in connections:
                connections[shard] = ends.enter_context(self._begun(shard))
            yield connections[shard]

    @contextmanager
    def _begun(self, shard: str) -> Iterator[Connection]:
        with self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def has_asset_key_col(self, column_name: str) -> bool:
        return column_name in self._columns or super().has_asset_key_col(column_name)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._columns:
            if not super()._has_asset_key_col_on_connection(conn, column_name):
                return False
            self._columns.add(column_name)
        return True

    def has_secondary_index(self, name: str) -> bool:
        if name not in self._indexes and super().has_secondary_index(name):
            self._indexes.add(name)
        return name in self._indexes

    def wipe(self) -> None:
        self._close()
        self._indexes.clear()
        super().wipe()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _configure)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        while len(self._engines) > _OPEN:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _configure(connection: Any, _record: Any) -> None:
    # Under a write-ahead log this loses nothing when the process dies.
    connection.execute("PRAGMA synchronous=NORMAL")
