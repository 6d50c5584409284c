"""The lake: append-only Parquet streams, each with one manifest.

Only files listed in a stream's manifest exist for a reader. A commit writes the Parquet file
under a fresh name, makes it durable, and then replaces the manifest; killed at any byte, the
stream is in its old state or its new one. Files that no manifest lists are leftovers and are
removed by :meth:`Lake.sweep`.

A commit is keyed by its batch: committing a batch that is already there does nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workspace import durable
from workspace.clock import iso
from workspace.streams import STREAMS, Stream

MANIFEST = "manifest.json"
BURIED = ".buried"
#: Rows of a Parquet row group: what is read to get at one row.
ROW_GROUP_ROWS = 122_880


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How the lake writes Parquet: dictionaries pay for texts, and cost time for anything else."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    return {"compression": "zstd", "use_dictionary": texts}


@dataclass(frozen=True)
class Entry:
    """One commit. ``file`` is relative to the stream's folder; None when it held no rows.

    ``residual``: what an erasure left of rows, which landing does not give any more.
    """

    batch: str
    file: str | None
    rows: int
    size_bytes: int = 0
    meta: dict[str, Any] = field(default_factory=dict)
    residual: bool = False


class Lake:
    """The streams below one root folder (``<workspace>/lake``)."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    # ---- reading -------------------------------------------------------------------------

    def entries(self, stream: str) -> list[Entry]:
        """The stream's commits, oldest first."""
        try:
            raw = self._manifest(stream).read_bytes()
        except FileNotFoundError:
            return []
        return [Entry(**entry) for entry in json.loads(raw)["entries"]]

    def has(self, stream: str, batch: str) -> bool:
        return any(entry.batch == batch for entry in self.entries(stream))

    def files(self, stream: str, without: str | None = None) -> list[Path]:
        """Absolute paths of the stream's Parquet files, oldest first; one batch's left out."""
        folder = self._folder(stream)
        entries = self.entries(stream)
        return [folder / e.file for e in entries if e.file and e.batch != without]

    def rows(self, stream: str) -> int:
        return sum(entry.rows for entry in self.entries(stream))

    def read(self, stream: str, columns: list[str] | None = None) -> pa.Table:
        """All rows of a stream, in commit order."""
        schema = STREAMS[stream].schema
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        tables = [
            pq.read_table(path, columns=[n for n in schema.names if n in _columns(str(path))])
            for path in self.files(stream)
        ]
        if not tables:
            return schema.empty_table()
        return pa.concat_tables(fitted(table, schema) for table in tables)

    def latest(self, stream: str, column: str) -> datetime | None:
        """The largest value of a time column, from the files' own statistics."""
        found = []
        for path in self.files(stream):
            metadata = pq.read_metadata(path)
            position = metadata.schema.names.index(column)
            for group in range(metadata.num_row_groups):
                statistics = metadata.row_group(group).column(position).statistics
                if statistics is not None and statistics.has_min_max:
                    found.append(statistics.max)
        return max(found, default=None)

    def snapshot_id(self, streams: list[str] | None = None) -> str:
        """A hash of which batches each stream holds: the input snapshot of a run.

        It names batches and not files, so that compaction does not change it, and leaves out what
        runs decided.
        """
        inputs = [name for name, stream in STREAMS.items() if not stream.decided]
        digest = hashlib.sha256()
        for name in sorted(streams or inputs):
            for batch in sorted({entry.batch for entry in self.entries(name)}):
                digest.update(f"{name}\0{batch}\n".encode())
        return digest.hexdigest()[:16]

    def version(self, stream: str, as_of: datetime) -> str:
        """Changes whenever :meth:`relation_sql` may give other rows than it did.

        ``as_of`` counts only where it cuts something off.
        """
        definition = STREAMS[stream]
        digest = hashlib.sha256()
        for entry in self.entries(stream):
            digest.update(f"{entry.file}\n".encode())
        clocks = ("known_at", definition.occurred) if definition.occurred else ("known_at",)
        latest = [self.latest(stream, clock) for clock in clocks]
        if any(time is not None and time >= as_of for time in latest):
            digest.update(iso(as_of).encode())
        return digest.hexdigest()[:16]

    def relation_sql(
        self,
        stream: str,
        as_of: datetime | None = None,
        columns: str = "*",
        without: str | None = None,
    ) -> str:
        """A SELECT over :meth:`files`, cut at both clocks; typed and empty without files."""
        definition = STREAMS[stream]
        files = self.files(stream, without)
        read = read_files(definition, files)
        return f"select {columns} from {read}" + (clocks(definition, as_of) if files else "")

    # ---- writing -------------------------------------------------------------------------

    def staging(self) -> Path:
        """A folder for unfinished files: the lake's file system, but listed by no manifest."""
        return durable.make_folder(self.root / ".staging")

    def commit(
        self,
        stream: str,
        batch: str,
        data: pa.Table | Sequence[Path] | None,
        meta: dict[str, Any] | None = None,
        replace: bool = False,
    ) -> bool:
        """Append one batch; False when it is already there (and ``replace`` is not asked for).

        ``data`` is a table of the stream's schema, the paths of finished Parquet files inside
        :meth:`staging`, or None. Of several files the first one's entry carries the meta. Raises
        ``ValueError`` when the columns or types differ.
        """
        folder = durable.make_folder(self._folder(stream))
        with self._writing(folder):
            entries = self.entries(stream)
            if any(entry.batch == batch for entry in entries):
                if not replace:
                    return False
                self._refuse_merged(folder, entries, batch)
                entries = [e for e in entries if e.batch != batch or e.residual]
            stored = [self._store(stream, folder, part) for part in _parts(data)]
            if not stored:
                entries.append(Entry(batch, None, 0, 0, meta or {}))
            for number, (path, rows) in enumerate(stored):
                own = {} if number else meta or {}
                entries.append(Entry(batch, path.name, rows, path.stat().st_size, own))
            self._swap(stream, entries)
        return True

    def compact(self, stream: str, leave: Collection[str] = (), below_bytes: int = 32 << 20) -> int:
        """Merge small files into one, by one commit; returns the files saved.

        Batches and their meta stay in the manifest: the merged file hangs on the last one, and
        none of them can be replaced any more. ``leave`` names batches that still may be.
        """
        folder = self._folder(stream)
        if not folder.exists():
            return 0
        with self._writing(folder):
            entries = self.entries(stream)
            small = [
                i
                for i, e in enumerate(entries)
                if e.file and e.size_bytes < below_bytes and e.batch not in leave and not e.residual
            ]
            if len(small) < 2:
                return 0
            merged = pa.concat_tables(
                fitted(pq.read_table(folder / entries[i].file), STREAMS[stream].schema)  # type: ignore[operator]
                for i in small
            )
            path, _ = self._store(stream, folder, merged)
            for i in small:
                entry = asdict(entries[i])
                last = i == small[-1]
                entry["file"] = path.name if last else None
                entry["size_bytes"] = path.stat().st_size if last else 0
                entries[i] = Entry(**entry)
            self._swap(stream, entries)
        self.sweep()
        return len(small) - 1

    def rewrite(
        self, stream: str, files: Mapping[str, tuple[Path | None, pa.Table | None]]
    ) -> None:
        """Put other rows in place of some files', by one commit, and delete those files.

        ``files``: a file's name -> a finished file inside :meth:`staging` with the rows that stay
        (None: no rows), and what is left of the others, which becomes a residual entry. Batches
        and their meta stay, so the input snapshot does. For erasure and retention only:
        everything else appends.
        """
        folder = self._folder(stream)
        with self._writing(folder):
            entries: list[Entry] = []
            for entry in self.entries(stream):
                kept, residual = files.get(entry.file or "", (None, None))
                if entry.file not in files:
                    entries.append(entry)
                    continue
                before = pq.read_metadata(folder / entry.file).num_rows  # type: ignore[operator]
                if kept is None:
                    rows = max(entry.rows - before, 0)
                    entries.append(replace(entry, file=None, rows=rows, size_bytes=0))
                else:
                    path, rows = self._store(stream, folder, kept)
                    # Of a file that was merged the other batches have their share of the rows.
                    rows = max(entry.rows - (before - rows), 0)
                    size = path.stat().st_size
                    entries.append(replace(entry, file=path.name, rows=rows, size_bytes=size))
                if residual is not None and residual.num_rows:
                    path, rows = self._store(stream, folder, residual)
                    size = path.stat().st_size
                    entries.append(Entry(entry.batch, path.name, rows, size, residual=True))
            self._swap(stream, entries)
        for name in files:
            (folder / name).unlink(missing_ok=True)
        durable.fsync_folder(folder)

    def merged(self, stream: str) -> set[str]:
        """Names of files that hold the rows of several batches."""
        folder = self._folder(stream)
        return {
            entry.file
            for entry in self.entries(stream)
            if entry.file and pq.read_metadata(folder / entry.file).num_rows != entry.rows
        }

    def amend(self, stream: str, change: Callable[[Entry], Entry]) -> None:
        """Change what is said of a stream's commits, not their rows, by one commit.

        ``change`` gives the entry back as it was where nothing changes.
        """
        folder = self._folder(stream)
        if not folder.exists():
            return
        with self._writing(folder):
            before = self.entries(stream)
            after = [change(entry) for entry in before]
            if after != before:
                self._swap(stream, after)

    def bury(self, identifier_keys: Iterable[str]) -> None:
        """Remember the keyed hashes of erased people: a load lets none of them in again."""
        known = self.buried()
        new = sorted(set(identifier_keys) - known)
        if new:
            text = "".join(f"{key}\n" for key in sorted({*known, *new}))
            durable.write(self.root / BURIED, text.encode(), mode=0o600)

    def buried(self) -> frozenset[str]:
        """The keyed hashes of erased people."""
        try:
            return frozenset((self.root / BURIED).read_text().split())
        except FileNotFoundError:
            return frozenset()

    def sweep(self) -> list[Path]:
        """Remove files that no manifest lists. Call it with the run lock held."""
        removed = []
        for stream in STREAMS:
            folder = self._folder(stream)
            if not folder.exists():
                continue
            listed = {entry.file for entry in self.entries(stream)}
            for path in folder.glob("*.parquet"):
                if path.name not in listed:
                    path.unlink()
                    removed.append(path)
        staging = self.root / ".staging"
        if staging.exists():
            for path in staging.iterdir():
                if path.is_file():
                    path.unlink()
                    removed.append(path)
        return removed

    # ---- inside --------------------------------------------------------------------------

    def _folder(self, stream: str) -> Path:
        return self.root / STREAMS[stream].path

    def _manifest(self, stream: str) -> Path:
        return self._folder(stream) / MANIFEST

    def _store(self, stream: str, folder: Path, data: pa.Table | Path) -> tuple[Path, int]:
        schema = STREAMS[stream].schema
        if isinstance(data, pa.Table):
            _check(stream, schema, data.schema)
            staged = self.staging() / f"{uuid.uuid4().hex}.parquet"
            pq.write_table(data.cast(schema), staged, ROW_GROUP_ROWS, **parquet_options(schema))
        else:
            staged = data
            given = pq.read_schema(staged)
            _check(stream, schema, given)
            if given.types != schema.types:
                raise ValueError(f"stream {stream}: column types differ in {staged.name}")
        rows = pq.read_metadata(staged).num_rows
        target = folder / f"{uuid.uuid4().hex}.parquet"
        durable.replace(staged, target)
        return target, rows

    def _refuse_merged(self, folder: Path, entries: list[Entry], batch: str) -> None:
        """A file shared with other batches cannot be taken away."""
        for entry in entries:
            if entry.batch == batch and entry.rows and not entry.residual:
                path = folder / entry.file if entry.file else None
                if path is None or pq.read_metadata(path).num_rows != entry.rows:
                    raise ValueError(f"batch {batch} was merged with others; it cannot be replaced")

    def _swap(self, stream: str, entries: list[Entry]) -> None:
        body = {"stream": stream, "entries": [asdict(entry) for entry in entries]}
        durable.write(self._manifest(stream), json.dumps(body, indent=1).encode())

    @contextmanager
    def _writing(self, folder: Path) -> Iterator[None]:
        """One writer a stream. The lock goes with the process, so a kill leaves none behind."""
        with open(folder / ".lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _parts(data: pa.Table | Sequence[Path] | None) -> Sequence[pa.Table | Path]:
    if isinstance(data, pa.Table):
        return [data] if data.num_rows else []
    return data or []


def _check(stream: str, wanted: pa.Schema, given: pa.Schema) -> None:
    if wanted.names != given.names:
        missing = [n for n in wanted.names if n not in given.names]
        unknown = [n for n in given.names if n not in wanted.names]
        raise ValueError(
            f"stream {stream}: columns differ (missing {missing}, unknown {unknown})"
            if missing or unknown
            else f"stream {stream}: columns are in another order"
        )


def _duckdb_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return _DUCKDB_TYPES[kind]


_DUCKDB_TYPES = {
    pa.string(): "varchar",
    pa.int64(): "bigint",
    pa.bool_(): "boolean",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
    pa.binary(): "blob",
}


def read_files(stream: Stream, files: Sequence[Path | str]) -> str:
    """The rows of some of a stream's files, to select from; typed and empty without files.

    Files that were written before the stream had a column have NULL there.
    """
    if files:
        listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        there = [_columns(str(path)) for path in files]
        wanted = set(stream.schema.names)
        if all(columns >= wanted for columns in there):
            return f"read_parquet([{listed}])"
        known = frozenset[str]().union(*there)
        columns = ", ".join(f'"{f.name}"' if f.name in known else _null(f) for f in stream.schema)
        return f"(select {columns} from read_parquet([{listed}], union_by_name = true))"
    empty = ", ".join(map(_null, stream.schema))
    return f"(select * from (select {empty}) where false)"


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table as its stream has it: what was written before a column was, has NULL there."""
    there = set(table.column_names)
    columns = [
        table[f.name].cast(f.type) if f.name in there else pa.nulls(table.num_rows, f.type)
        for f in schema
    ]
    return pa.table(columns, schema=schema)


def _null(column: pa.Field) -> str:
    return f'cast(null as {_duckdb_type(column.type)}) as "{column.name}"'


@lru_cache(maxsize=1 << 16)
def _columns(path: str) -> frozenset[str]:
    """Of a file, which never changes."""
    return frozenset(pq.read_schema(path).names)


def clocks(stream: Stream, as_of: datetime | None) -> str:
    """The condition that cuts a stream's rows at both clocks, led by `where`."""
    if as_of is None:
        return ""
    limit = f"timestamp '{iso(as_of).removesuffix('Z').replace('T', ' ')}'"
    cut = f" where known_at <= {limit}"
    if stream.occurred:
        cut += f" and ({stream.occurred} < {limit} or {stream.occurred} is null)"
    return cut
