"""From a landed file to the lake, the same for every kind.

A load is: read and judge each row (`workers`, `contracts`), find duplicates and conflicts
(`duplicates`), look at the batch as a whole (`quality`), commit. The rejected rows are committed
first and the stream that carries the counts last; until that last commit the file counts as not
loaded, and loading it again ends the same. So a load may be killed at any moment.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion import quality
from ingestion.chunks import ORIGINAL, Chunk, Origin, Rejects, read_table_rows
from ingestion.contracts import KINDS, STREAMS_OF, TABLES, crm
from ingestion.contracts.model import KeyCache
from ingestion.csvs import CsvFile
from ingestion.duplicates import RULES, judge
from ingestion.errors import FileChanged, IngestError, RowError
from ingestion.landing import (
    LandedFile,
    column_map_of,
    counting_stream,
    read_unchanged,
)
from ingestion.landing import (
    landed as file_in_landing,
)
from ingestion.redaction import redact_buried
from ingestion.sources import lines as pulled
from ingestion.unpack import Plain, plain
from ingestion.workers import Task, read_ndjson
from workspace import catalogue
from workspace.clock import iso, parse_time
from workspace.definitions.reading import nearest
from workspace.identifiers import Keyring
from workspace.lake import ROW_GROUP_ROWS, Entry, Lake, parquet_options
from workspace.streams import STREAMS

_log = logging.getLogger(__name__)
#: It gives the copy of one row group the memory of the one before.
_POOL = pa.system_memory_pool()


RECEIPTS = pa.schema(
    [
        ("kind", pa.string()),
        ("landing_file", pa.string()),
        ("file_name", pa.string()),
        ("sha256", pa.string()),
        ("landed_at", pa.timestamp("us")),
        ("received", pa.int64()),
        ("good", pa.int64()),
        ("bad", pa.int64()),
        ("duplicate", pa.int64()),
        ("quarantined", pa.int64()),
        ("erased", pa.int64()),
        ("size_bytes", pa.int64()),
    ]
)


@dataclass(frozen=True)
class LoadResult:
    """What became of one landed file. received = good + bad + duplicate + quarantined + erased.

    ``suites`` are the batch suites' results by stream; ``ignored_columns`` CSV columns that no
    contract names; ``same_as`` the landed file with the same bytes, when there was one;
    ``examples`` the first rejected rows in words; ``pull`` where a source stands after its file.
    """

    kind: str
    landing_file: str
    file_name: str
    sha256: str
    landed_at: datetime
    size_bytes: int
    received: int = 0
    good: int = 0
    bad: int = 0
    duplicate: int = 0
    quarantined: int = 0
    erased: int = 0
    suites: list[dict[str, Any]] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    column_map: dict[str, str] = field(default_factory=dict)
    same_as: str | None = None
    refused: bool = False
    examples: list[str] = field(default_factory=list)
    pull: dict[str, Any] | None = None

    @property
    def balanced(self) -> bool:
        """Every row ended in exactly one way."""
        rejected = self.bad + self.quarantined
        return self.received == self.good + rejected + self.duplicate + self.erased

    @property
    def suite_failures(self) -> list[str]:
        """The expectations that the batch failed, with their suite."""
        return [f"{suite['suite']}: {name}" for suite in self.suites for name in suite["failed"]]

    def meta(self) -> dict[str, Any]:
        return self.__dict__ | {"landed_at": iso(self.landed_at)}

    @classmethod
    def from_meta(cls, meta: dict[str, Any]) -> LoadResult:
        return cls(**{**meta, "landed_at": parse_time(meta["landed_at"])})


def _check_map(kind: str, landed: LandedFile, column_map: Mapping[str, str]) -> None:
    """A column that goes nowhere could be a refusal that nobody hears."""
    if not column_map:
        return
    known = {name.lower() for field in TABLES[kind].all_fields for name in field.sources}
    for given, ours in column_map.items():
        if ours.lower() not in known:
            raise IngestError(
                landed.path,
                f"the mapping gives {given!r} to {ours!r}, which {kind} do not have"
                f"{nearest(ours, known)}",
                field=ours,
            )


def load(
    kind: str,
    landed: LandedFile,
    lake: Lake,
    keyring: Keyring,
    column_map: dict[str, str] | None = None,
    guard: bool = True,
    again: bool = False,
) -> LoadResult:
    """Load one landed file; a file that is loaded already gives its stored counts.

    ``guard=False`` leaves the batch suites out; ``again`` loads it anew, in place of the rows it
    gave before. Raises :class:`IngestError` when the file is
    refused as a whole.
    """
    column_map = column_map or column_map_of(landed.path)
    if column_map and not (kind in TABLES and TABLES[kind].column_map):
        raise IngestError(landed.path, f"files of kind {kind} take no column mapping")
    _check_map(kind, landed, column_map or {})
    main = counting_stream(kind)
    for entry in lake.entries(main):
        if entry.batch == landed.batch and not again:
            return LoadResult.from_meta(entry.meta)
    result = LoadResult(
        kind=kind,
        landing_file=landed.landing_file,
        file_name=landed.file_name,
        sha256=landed.sha256 or _digest(landed.path),
        landed_at=landed.received_at,
        size_bytes=landed.size_bytes,
        column_map=dict(column_map or {}),
        pull=pulled.read_note(landed.path),
    )
    # Where rows have versions, the same bytes may restate what another file changed meanwhile.
    # A file that is loaded again is the first: its copies hold none of its rows.
    may_be_twin = RULES[main].identity == "id" and not again
    twin = _twin(lake.entries(main), result) if may_be_twin else None
    if twin is not None:
        rows = twin["received"]
        result = replace(result, received=rows, duplicate=rows, same_as=twin["landing_file"])
        lake.commit(main, landed.batch, None, result.meta())
        return result
    before = [e.meta.get("erased", 0) for e in lake.entries(main) if e.batch == landed.batch]
    erased = sum(before)
    try:
        return _load(result, landed, lake, keyring, guard, again, erased)
    except _Buried as found:
        # What came of somebody who was erased leaves a count, in landing, too.
        redact_buried(landed, lake, keyring, found.lines)
        root = landed.path.parents[len(Path(landed.landing_file).parts) - 1]
        landed = replace(file_in_landing(kind, landed.path, root), sha256=None)
        digest = _digest(landed.path)
        result = replace(result, sha256=digest, size_bytes=landed.size_bytes)
        return _load(result, landed, lake, keyring, guard, again, erased + found.rows)


class _Buried(Exception):
    """Rows of people who were erased: how many, and the lines they are on."""

    def __init__(self, rows: int, lines: frozenset[int]) -> None:
        self.rows, self.lines = rows, lines


def _load(
    result: LoadResult,
    landed: LandedFile,
    lake: Lake,
    keyring: Keyring,
    guard: bool,
    again: bool,
    erased: int,
) -> LoadResult:
    with plain(landed.path, landed.file_name, lake.staging()) as source:
        return _Load(replace(result, erased=erased), landed, lake, keyring, source).run(
            guard, again
        )


def _refuse_buried(chunks: Sequence[Chunk], buried: frozenset[str]) -> None:
    """Raises :class:`_Buried` where a row is that of somebody who was erased."""
    if not buried:
        return
    wanted = pa.array(sorted(buried))
    rows, lines = 0, set()
    for chunk in chunks:
        for stream, table in chunk.tables.items():
            columns = {
                name
                for holding in catalogue.of("lake", stream)
                for name, kind in holding.owners.items()
                if kind == "key"
            }
            mask = np.zeros(table.num_rows, dtype=bool)
            for name in columns:
                mask |= pc.is_in(table[name], wanted).to_numpy(zero_copy_only=False)
            rows += int(mask.sum())
            lines.update(table["landing_line"].to_numpy()[mask].tolist())
    if rows:
        raise _Buried(rows, frozenset(lines))


def receipts(lake: Lake) -> pa.Table:
    """One row per landed file that was loaded: :data:`RECEIPTS`, from the manifests."""
    rows = []
    for kind in KINDS:
        for entry in lake.entries(counting_stream(kind)):
            if "landing_file" in entry.meta:
                meta = entry.meta | {"landed_at": parse_time(entry.meta["landed_at"])}
                rows.append({"erased": 0} | {n: meta[n] for n in RECEIPTS.names if n in meta})
    return pa.Table.from_pylist(rows, RECEIPTS)


def replaceable(lake: Lake, stream: str) -> set[str]:
    """Batches of a stream that a later load replaces: broken off, or with rows to replay."""
    batches = {entry.batch for entry in lake.entries(stream)}
    if stream == "rejected_rows":
        return batches
    kind = next((kind for kind in KINDS if stream in STREAMS_OF[kind]), None)
    if kind is None:
        return set()
    entries = lake.entries(counting_stream(kind))
    return batches - {entry.batch for entry in entries if entry.meta and not rejections(entry)}


def rejections(entry: Entry) -> int:
    """How many rows of the file were bad or quarantined; 0 for a further file of a batch."""
    return entry.meta.get("bad", 0) + entry.meta.get("quarantined", 0)


def suite_results(lake: Lake, kind: str) -> list[dict[str, Any]]:
    """The suites' results of every file of a kind, with the file they are about."""
    return [
        {**suite, "landing_file": entry.meta["landing_file"]}
        for entry in lake.entries(counting_stream(kind))
        for suite in entry.meta.get("suites", [])
    ]


class _Load:
    """One load of one file."""

    def __init__(
        self, result: LoadResult, landed: LandedFile, lake: Lake, keyring: Keyring, source: Plain
    ) -> None:
        self.result = result
        self.landed = landed
        self.lake = lake
        self.keyring = keyring
        self.source = source
        self.origin = Origin(result.kind, landed.landing_file, landed.file_name, landed.received_at)
        self.quarantine = Rejects(self.origin)

    def run(self, guard: bool, again: bool) -> LoadResult:
        chunks = self._read()
        _refuse_buried(chunks, self.lake.buried())
        kept: dict[str, list[_Kept]] = {}
        duplicates = 0
        for stream in STREAMS_OF[self.result.kind]:
            tables = [c.tables[stream] for c in chunks if stream in c.tables]
            kept[stream], found = self._without_repeats(stream, tables)
            duplicates += found
        suites = self._guard(kept) if guard else []
        rejected = pa.concat_tables([*(c.rejected for c in chunks), self.quarantine.table()])
        bad = pc.sum(pc.equal(rejected["verdict"], "bad")).as_py() or 0
        result = replace(
            self.result,
            received=sum(chunk.received for chunk in chunks) + self.result.erased,
            good=sum(part.num_rows for parts in kept.values() for part in parts),
            bad=bad,
            duplicate=duplicates,
            quarantined=rejected.num_rows - bad,
            suites=[suite.meta() for suite in suites],
            examples=_examples(self.landed.file_name, rejected),
        )
        if not result.balanced:
            raise RuntimeError(f"rows of {self.landed.path} are unaccounted for: {result}")
        self._check_unchanged()
        self._commit(kept, rejected, result, again)
        return result

    def _read(self) -> list[Chunk]:
        kind = self.result.kind
        if self.source.format == "csv":
            if kind not in TABLES:
                raise IngestError(self.landed.path, f"files of kind {kind} are NDJSON, not CSV")
            file = CsvFile(self.source.path, self.landed.path, TABLES[kind], self.result.column_map)
            chunks = [read_table_rows(file.rows(), self.origin, KeyCache(self.keyring))]
            self.result = replace(self.result, ignored_columns=file.ignored)
        else:
            task = Task(self.source.path, self.origin, self.result.column_map)
            chunks = read_ndjson(task, self.keyring, self.lake.staging())
        if self.source.broken is not None:
            broken = self.source.broken
            rejects = Rejects(self.origin)
            error = RowError(broken.reason, None, broken.detail)
            rejects.add(broken.line, broken.original, error)
            chunks.append(Chunk(1, {}, rejects.table()))
        return chunks

    def _without_repeats(self, stream: str, tables: list[pa.Table]) -> tuple[list[_Kept], int]:
        judgement = judge(stream, tables, self.lake, self.landed.batch)
        if judgement.conflicts:
            numbers = np.array([number for number, _ in judgement.conflicts])
            rows = _pick(tables, numbers)
            originals = self._originals(rows)
            reason = RULES[stream].conflict
            for line, (_, detail), original in zip(
                rows["landing_line"].to_pylist(), judgement.conflicts, originals, strict=True
            ):
                self.quarantine.add(line, original, RowError(reason, None, detail), "quarantined")
        kept, start = [], 0
        for table in tables:
            kept.append(_Kept(table, judgement.keep[start : start + table.num_rows]))
            start += table.num_rows
        return kept, judgement.duplicates

    def _guard(self, kept: dict[str, list[_Kept]]) -> list[quality.SuiteResult]:
        """Run the suites; one that fails takes every row of the file into quarantine."""
        found = [
            quality.check(stream, [part.rows(quality.columns(stream)) for part in parts])
            for stream, parts in kept.items()
        ]
        suites = [suite for suite in found if suite is not None]
        failed = [name for suite in suites for name in suite.failed]
        if failed:
            error = RowError("batch_suite", None, "; ".join(failed))
            for parts in kept.values():
                for part in parts:
                    table = part.rows()
                    for line, original in zip(
                        table["landing_line"].to_pylist(), self._originals(table), strict=True
                    ):
                        self.quarantine.add(line, original, error, "quarantined")
                parts.clear()
        return suites

    def _originals(self, table: pa.Table) -> list[bytes]:
        """The bytes of these rows: kept beside them, or read again by line."""
        if ORIGINAL in table.schema.names:
            return table[ORIGINAL].to_pylist()
        wanted = table["landing_line"].to_pylist()
        missing = set(wanted)
        lines = {}
        with open(self.source.path, "rb") as handle:
            for number, line in enumerate(handle, 1):
                if number in missing:
                    lines[number] = line.removesuffix(b"\n")
        return [lines[number] for number in wanted]

    def _check_unchanged(self) -> None:
        """The bytes that were read are the bytes that landed."""
        try:
            status = self.landed.path.stat()
        except FileNotFoundError:
            raise FileChanged(self.landed.path, "the file went while it was read") from None
        if (status.st_size, status.st_mtime_ns) != (self.landed.size_bytes, self.landed.mtime_ns):
            raise FileChanged(self.landed.path, "the file changed while it was read")

    def _commit(
        self, kept: dict[str, list[_Kept]], rejected: pa.Table, result: LoadResult, again: bool
    ) -> None:
        batch = self.landed.batch
        if rejected.num_rows or self.lake.has("rejected_rows", f"{result.kind}/{batch}"):
            data = rejected.sort_by("landing_line")
            self.lake.commit("rejected_rows", f"{result.kind}/{batch}", data, replace=True)
        *others, main = STREAMS_OF[result.kind]
        for stream in others:
            if kept[stream] or self.lake.has(stream, batch):
                self.lake.commit(stream, batch, self._parquet(stream, kept[stream]), replace=True)
        data = self._parquet(main, kept[main])
        self.lake.commit(main, batch, data, result.meta(), replace=again)

    def _parquet(self, stream: str, parts: Sequence[_Kept]) -> pa.Table | list[Path] | None:
        """The rows for the lake: a table, or finished files, one a thread, when there are many."""
        schema = STREAMS[stream].schema
        groups = _row_groups([part for part in parts if part.num_rows])
        if not groups:
            return None
        if len(groups) == 1:
            return pa.concat_tables([part.rows(schema.names) for part in groups[0]])
        staging = self.lake.staging()

        def write(groups: list[list[_Kept]]) -> Path:
            path = staging / f"{uuid4().hex}.parquet"
            with pq.ParquetWriter(path, schema, **parquet_options(schema)) as writer:
                for group in groups:
                    table = pa.concat_tables([part.rows(schema.names) for part in group])
                    writer.write_table(table, row_group_size=table.num_rows)
            return path

        cut = (len(groups) + 1) // 2
        with ThreadPoolExecutor() as threads:
            return list(threads.map(write, (groups[:cut], groups[cut:])))


@dataclass(frozen=True)
class _Kept:
    """A chunk's rows without repeats. They are copied when asked for, so never all at once."""

    table: pa.Table
    mask: np.ndarray

    @property
    def num_rows(self) -> int:
        return int(np.count_nonzero(self.mask))

    def rows(self, columns: list[str] | None = None) -> pa.Table:
        table = self.table.select(columns) if columns else self.table
        # By position: on many narrow slices Arrow's filter takes several times as long.
        if self.mask.all():
            return table
        return pc.take(table, pa.array(np.flatnonzero(self.mask)), memory_pool=_POOL)


def _row_groups(parts: Sequence[_Kept]) -> list[list[_Kept]]:
    """The parts by row group, about ``ROW_GROUP_ROWS`` rows each."""
    groups: list[list[_Kept]] = []
    rows = ROW_GROUP_ROWS
    for part in parts:
        if rows >= ROW_GROUP_ROWS:
            groups.append([])
            rows = 0
        groups[-1].append(part)
        rows += part.num_rows
    return groups


def record_refusal(kind: str, file: LandedFile, lake: Lake, error: IngestError) -> LoadResult:
    """One bad row that stands for the whole file."""
    rejects = Rejects(Origin(kind, file.landing_file, file.file_name, file.received_at))
    with open(file.path, "rb") as handle:
        head = handle.read(4096)
    reason = RowError("refused_file", error.field, error.message)
    rejects.add(error.line or 1, head, reason, size=file.size_bytes)
    rejected = rejects.table()
    result = LoadResult(
        kind=kind,
        landing_file=file.landing_file,
        file_name=file.file_name,
        sha256=file.sha256 or _digest(file.path),
        landed_at=file.received_at,
        size_bytes=file.size_bytes,
        received=1,
        bad=1,
        refused=True,
        examples=_examples(file.file_name, rejected),
    )
    lake.commit("rejected_rows", f"{kind}/{file.batch}", rejected, replace=True)
    lake.commit(counting_stream(kind), file.batch, None, result.meta(), replace=True)
    return result


def _examples(file_name: str, rejected: pa.Table) -> list[str]:
    found = []
    for row in (
        rejected.select(["landing_line", "reason", "field", "detail"]).slice(0, 5).to_pylist()
    ):
        where = f" {row['field']}" if row["field"] else ""
        why = f": {row['detail']}" if row["detail"] else ""
        found.append(f"{file_name}:{row['landing_line']}{where} {row['reason']}{why}")
    return found


def _digest(path: Path) -> str:
    digest = sha256()
    for block in read_unchanged(path):
        digest.update(block)
    return digest.hexdigest()


def _twin(entries: Sequence[Entry], result: LoadResult) -> dict[str, Any] | None:
    """The meta of a loaded file with the same bytes. A batch that a suite stopped is none."""
    for entry in entries:
        meta = entry.meta
        if (
            meta.get("sha256") == result.sha256
            and not meta.get("refused")
            and meta.get("column_map", {}) == result.column_map
            # The name of a CRM file can say what its objects are.
            and (
                result.kind != "crm"
                or _named_type(meta["file_name"]) == _named_type(result.file_name)
            )
            and all(suite["success"] for suite in meta.get("suites", []))
        ):
            return meta
    return None


def _named_type(file_name: str) -> str | None:
    contract = crm.named_by(file_name)
    return contract and contract.object_type


def _pick(tables: Sequence[pa.Table], numbers: np.ndarray) -> pa.Table:
    """Rows by their number through all tables; ``numbers`` are sorted."""
    parts, start = [], 0
    for table in tables:
        inside = numbers[(numbers >= start) & (numbers < start + table.num_rows)] - start
        parts.append(table.take(pa.array(inside)))
        start += table.num_rows
    return pa.concat_tables(parts)
