"""One publish into Postgres, from the turn to the swap."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import psycopg
from adbc_driver_postgresql import dbapi

from reverse_etl.publish.catalogue import OPEN
from reverse_etl.publish.postgres import notes, places
from reverse_etl.publish.postgres.columns import NotStorable, columns_of, storable
from reverse_etl.publish.postgres.notes import Mart
from reverse_etl.publish.postgres.rights import held
from reverse_etl.publish.postgres.swap import (
    NEXT,
    Busy,
    Refused,
    Swap,
    check,
    perform,
    taking_turns,
)
from reverse_etl.publish.postgres.told import Loaded, PostgresFault, kind, unreached
from reverse_etl.publish.publisher import current_version
from reverse_etl.publish.views import literal, quoted
from workspace.locks import RunInProgress
from workspace.paths import Paths

#: Seconds to wait for another publish: one that was killed is gone at once.
_TURN = 10.0
_MEMORY = "1GB"
_BATCH_ROWS = 50_000


def load(
    paths: Paths,
    url: str,
    at: datetime,
    everything: bool,
    patience: float,
    take_over: bool,
) -> Loaded:
    """See :func:`reverse_etl.publish.postgres.load`."""
    current_version(paths)
    with control(url) as session:
        publish = _Publish(paths, url, session)
        try:
            return publish.run(at, everything, patience, take_over)
        except (Refused, Busy, NotStorable, RunInProgress) as error:
            raise PostgresFault(str(error)) from None
        except (psycopg.Error, dbapi.Error, duckdb.Error) as error:
            raise PostgresFault(f"{kind(error)}, {publish.place}") from None


class _Publish:
    """``place`` says how far it came."""

    def __init__(self, paths: Paths, url: str, control: psycopg.Connection[Any]) -> None:
        self._paths = paths
        self._url = url
        self._control = control
        self._nuls: Counter[str] = Counter()
        self.place = "before anything was loaded"

    def run(self, at: datetime, everything: bool, patience: float, take_over: bool) -> Loaded:
        began = time.perf_counter()
        control = self._control
        if not taking_turns(control, _TURN):
            raise Busy("another publish into this database is under way")
        # By now: whoever had the turn before may have taken long.
        workspace = places.remember(self._paths, place(control)).workspace
        owner = notes.owner(control)
        if owner not in (None, workspace) and not take_over:
            raise Refused(
                f"the schema {OPEN} has what another workspace published; 'marketing publish "
                "--postgres --take-over' replaces it"
            )
        version = notes.read_version(self._paths.published / current_version(self._paths))
        there, own = notes.loaded_marts(control), notes.own(control)
        self._refuse_others({*version.marts, *notes.TABLES} - set(there) - own)
        kept = [
            mart
            for name, mart in version.marts.items()
            if name in there and there[name]["content_hash"] == mart.content_hash and not everything
        ]
        names = set(version.marts) - {mart.name for mart in kept}
        gone = set(there) - set(version.marts)
        is_other = (notes.loaded_version(control), owner) != (version.name, workspace)
        if names or gone or is_other:
            noted = [row for row in notes.rights(control) if row[0] not in there]
            returning = [row for row in noted if row[0] in names]
            swap = Swap(names | notes.TABLES, (names & set(there)) | gone | own, returning)
            check(control, swap.outgoing)
            self._clear()
            self._fill([version.marts[name] for name in sorted(names)])
            self.place = "before anything was replaced"
            rights = [row for row in noted if row[0] not in version.marts]
            self._note(version, at, kept, there, workspace, rights + held(control, gone))
            perform(control, swap, patience)
        return Loaded(
            version.name,
            {name: version.marts[name].row_count for name in sorted(names)},
            tuple(mart.name for mart in kept),
            tuple(sorted(gone)),
            dict(self._nuls),
            time.perf_counter() - began,
        )

    def _refuse_others(self, wanted: set[str]) -> None:
        """Nothing is dropped that no publish made."""
        found = self._control.execute(
            "select relname from pg_class where relnamespace = to_regnamespace(%s) "
            "and relname = any(%s) order by 1",
            [OPEN, sorted(wanted)],
        ).fetchall()
        if found:
            listed = ", ".join(f"{OPEN}.{name}" for (name,) in found)
            raise Refused(f"no publish made {listed}, whose place it needs: drop or rename it")

    def _clear(self) -> None:
        """Both schemas, and the one to load into empty: what a killed publish left goes."""
        for schema in (OPEN, NEXT):
            found = self._control.execute("select to_regnamespace(%s)", [schema]).fetchone()
            if found is None or found[0] is None:
                self._control.execute(f"create schema {quoted(schema)}")
        left = self._control.execute(
            "select tablename from pg_tables where schemaname = %s", [NEXT]
        ).fetchall()
        if left:
            listed = ", ".join(f"{quoted(NEXT)}.{quoted(name)}" for (name,) in left)
            self._control.execute(f"drop table {listed}")

    def _fill(self, marts: list[Mart]) -> None:
        if not marts:
            return
        with (
            duckdb.connect(config={"memory_limit": _MEMORY}) as source,
            dbapi.connect(self._url, autocommit=True) as loader,
            loader.cursor() as cursor,
        ):
            source.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
            cursor.execute(_NO_LIMITS)
            cursor.fetchall()
            for mart in marts:
                self.place = f"while {OPEN}.{mart.name} was loaded"
                self._fill_one(mart, source, cursor)
        self.place = "when all tables were loaded"
        listed = ", ".join(f"{quoted(NEXT)}.{quoted(mart.name)}" for mart in marts)
        self._control.execute(f"analyze {listed}")

    def _fill_one(
        self, mart: Mart, source: duckdb.DuckDBPyConnection, cursor: dbapi.Cursor
    ) -> None:
        """Create a table and load it, a batch at a time."""
        files = f"read_parquet({literal(f'{mart.files}/*.parquet')})"
        columns = columns_of(source, mart.name, files)
        listed = ", ".join(f"{quoted(column.name)} {column.kind}" for column in columns)
        self._control.execute(f"create table {quoted(NEXT)}.{quoted(mart.name)} ({listed})")
        chosen = ", ".join(f"{one.expression} as {quoted(one.name)}" for one in columns)
        batches = source.execute(f"select {chosen} from {files}").to_arrow_reader(_BATCH_ROWS)
        faults: list[NotStorable] = []
        ready = storable(mart.name, batches, self._nuls, faults)
        try:
            cursor.adbc_ingest(mart.name, ready, mode="append", db_schema_name=NEXT)
        except dbapi.Error:
            if faults:  # the driver has words of its own for it
                raise faults[0] from None
            raise
        notes.describe(self._control, NEXT, mart.relation)

    def _note(
        self,
        version: notes.Version,
        at: datetime,
        kept: list[Mart],
        there: dict[str, Any],
        workspace: str,
        rights: list[tuple[Any, ...]],
    ) -> None:
        marts = dict(version.marts)
        for mart in kept:
            before = there[mart.name]
            marts[mart.name] = replace(mart, loaded_version=before["loaded_version"])
            if before["text_hash"] != mart.text_hash:
                notes.describe(self._control, OPEN, mart.relation)
        notes.write(self._control, version, at, list(marts.values()), workspace, rights)


def place(connection: psycopg.Connection[Any]) -> str:
    """The database of a session, as it is remembered."""
    info = connection.info
    return places.place_of(info.host, info.port, info.dbname)


@contextmanager
def control(url: str) -> Iterator[psycopg.Connection[Any]]:
    """The session that has the turn, and says what goes where."""
    try:
        connection = psycopg.connect(
            url, autocommit=True, connect_timeout=15, fallback_application_name="marketing publish"
        )
    except psycopg.Error as error:
        raise PostgresFault(f"Postgres was not reached: {unreached(error)}") from None
    with connection:
        try:
            connection.execute(_NO_LIMITS)
            connection.execute(_SETTINGS)
            row = connection.execute("select current_setting('server_encoding')").fetchone()
        except psycopg.Error as error:
            raise PostgresFault(f"Postgres does not answer as it should: {kind(error)}") from None
        if row is None or row[0] != "UTF8":
            raise PostgresFault("the database's encoding is not UTF8; make one whose encoding is")
        yield connection


#: A role's or a server's limits are for people's questions.
_NO_LIMITS = """
select set_config(name, '0', false) from pg_settings where name in
('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')
"""
_SETTINGS = """
set standard_conforming_strings = on; set TimeZone = 'UTC'; set search_path = pg_catalog
"""
