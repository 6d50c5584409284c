"""NDJSON files in chunks, read by this process and, when a file is large, by helpers beside it.

A helper is a plain child process that gets tasks as JSON lines and leaves its tables as Arrow
files in the lake's staging folder. It needs no import of the caller's main module, so it works
from scripts, tests and Dagster alike; it ends when its input does. A helper that dies costs
nothing but time: its chunk is read here.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import traceback
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from ingestion import strict
from ingestion.chunks import (
    Chunk,
    Origin,
    Rejects,
    SourceRow,
    ndjson_rows,
    read_crm_rows,
    read_table_rows,
)
from ingestion.contracts.model import KeyCache
from ingestion.errors import RowError
from ingestion.events import read_events
from workspace.identifiers import Keyring
from workspace.paths import PROJECT

CHUNK_BYTES = 4 << 20
#: From this size on, a file is worth the start of helpers (about half a second of a core).
PARALLEL_BYTES = 40 << 20
MAX_PROCESSES = 4
#: From this size on, tables wait on disk for their commit and not in memory.
SPILL_BYTES = 512 << 20


@dataclass(frozen=True)
class Span:
    """Whole lines of a file. ``too_long`` is a single line that no row can be."""

    start: int
    size: int
    too_long: bool = False


@dataclass(frozen=True)
class Task:
    """What to read, and with which names: `column_map` renames top-level keys."""

    path: Path
    origin: Origin
    column_map: dict[str, str]


def read_ndjson(
    task: Task,
    keyring: Keyring,
    staging: Path,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    parallel_bytes: int = PARALLEL_BYTES,
) -> list[Chunk]:
    """All rows of an NDJSON file, in order, with line numbers counted from 1."""
    size = task.path.stat().st_size
    spans = plan(task.path, size, chunk_bytes)
    spill = staging if size > SPILL_BYTES else None
    todo = deque(enumerate(spans))
    done: dict[int, tuple[Chunk, int]] = {}
    keys = KeyCache(keyring)
    helpers = []
    if size >= parallel_bytes:
        count = min(os.cpu_count() or 1, MAX_PROCESSES, len(spans)) - 1
        helpers = [_Helper(task, keyring, staging, todo, done) for _ in range(count)]
    try:
        while True:
            try:
                index, span = todo.popleft()
            except IndexError:
                if all(helper.join() for helper in helpers) and not todo:
                    break
                continue
            chunk, lines = read_span(task, span, keys)
            done[index] = (_spilled(chunk, spill), lines)
    finally:
        for helper in helpers:
            helper.close()
    return _numbered([done[index] for index in range(len(spans))])


def plan(path: Path, size: int, chunk_bytes: int) -> list[Span]:
    """Cut a file at line ends into spans of about ``chunk_bytes``."""
    spans = []
    start = 0
    with open(path, "rb") as handle:
        while start < size:
            end = _line_end(handle, min(start + chunk_bytes, size), size)
            if end - start > chunk_bytes + 2 * strict.MAX_ROW_BYTES:
                # The nominal end fell into a line too long for any row: take it by itself.
                before = _line_start(handle, start, start + chunk_bytes)
                if before > start:
                    spans.append(Span(start, before - start))
                spans.append(Span(before, end - before, too_long=True))
            else:
                spans.append(Span(start, end - start))
            start = end
    return spans


def read_span(task: Task, span: Span, keys: KeyCache) -> tuple[Chunk, int]:
    """One span's rows, with line numbers from 1, and how many lines it has."""
    with open(task.path, "rb") as handle:
        handle.seek(span.start)
        data = handle.read(min(span.size, strict.MAX_ROW_BYTES) if span.too_long else span.size)
    if span.too_long:
        rejects = Rejects(task.origin)
        error = RowError("too_long", None, f"a row may be {strict.MAX_ROW_BYTES:,} bytes long")
        rejects.add(1, data, error, size=span.size)
        return Chunk(1, {}, rejects.table()), 1
    lines = data.count(b"\n")
    kind = task.origin.kind
    if kind == "events":
        return read_events(data, 1, task.origin, keys), lines
    rows = ndjson_rows(data, 1)
    if kind == "crm":
        return read_crm_rows(rows, task.origin, keys), lines
    return read_table_rows(_renamed(rows, task.column_map), task.origin, keys), lines


def _renamed(rows: Any, column_map: dict[str, str]) -> Any:
    for row in rows:
        if column_map and isinstance(row.value, dict):
            value = {column_map.get(key, key): item for key, item in row.value.items()}
            row = SourceRow(row.line, row.original, value)
        yield row


def _line_end(handle: Any, position: int, size: int) -> int:
    """The first position at or after ``position`` that begins a line (or the end)."""
    if position <= 0:
        return 0
    handle.seek(position - 1)
    at = position - 1
    while at < size:
        block = handle.read(1 << 16)
        found = block.find(b"\n")
        if found >= 0:
            return at + found + 1
        if not block:
            break
        at += len(block)
    return size


def _line_start(handle: Any, start: int, position: int) -> int:
    """Where the line around ``position`` begins."""
    handle.seek(start)
    return start + handle.read(position - start).rfind(b"\n") + 1


def _numbered(results: list[tuple[Chunk, int]]) -> list[Chunk]:
    """Line numbers of the whole file instead of the chunk's own."""
    chunks, before = [], 0
    for chunk, lines in results:
        if before:
            chunk = Chunk(
                chunk.received,
                {stream: _shifted(table, before) for stream, table in chunk.tables.items()},
                _shifted(chunk.rejected, before),
            )
        chunks.append(chunk)
        before += lines
    return chunks


def _shifted(table: pa.Table, by: int) -> pa.Table:
    import pyarrow.compute as pc

    index = table.schema.get_field_index("landing_line")
    lines = pc.add(table.column(index), pa.scalar(by, pa.int64()))
    return table.set_column(index, table.schema.field(index), lines)


# ---- chunks on disk --------------------------------------------------------------------------


def _spilled(chunk: Chunk, folder: Path | None) -> Chunk:
    """The chunk with its tables on disk instead of in memory."""
    return chunk if folder is None else _read_stored(_store(chunk, folder))


def _store(chunk: Chunk, folder: Path) -> dict[str, Any]:
    files = {}
    for name, table in [*chunk.tables.items(), ("", chunk.rejected)]:
        path = folder / f"{uuid4().hex}.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        files[name] = str(path)
    return {"received": chunk.received, "files": files}


def _read_stored(stored: dict[str, Any]) -> Chunk:
    tables = {}
    for name, path in stored["files"].items():
        tables[name] = pa.ipc.open_file(pa.memory_map(path)).read_all()
        os.unlink(path)  # the mapping keeps the bytes; nothing is left behind after a kill
    rejected = tables.pop("")
    return Chunk(stored["received"], tables, rejected)


# ---- helpers ---------------------------------------------------------------------------------


class _Helper:
    """A child process and the thread that feeds it."""

    def __init__(
        self,
        task: Task,
        keyring: Keyring,
        staging: Path,
        todo: deque[tuple[int, Span]],
        done: dict[int, tuple[Chunk, int]],
    ) -> None:
        self._todo, self._done = todo, done
        code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); "
        code += "from ingestion.workers import serve; serve()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        origin = asdict(task.origin) | {"landed_at": task.origin.landed_at.isoformat()}
        self._send(
            {
                "pepper": keyring.pepper.hex(),
                "path": str(task.path),
                "staging": str(staging),
                "origin": origin,
                "column_map": task.column_map,
            }
        )
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def join(self) -> bool:
        self._thread.join()
        return True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        self._thread.join()
        self._process.stdout.close()  # type: ignore[union-attr]
        self._process.wait()

    def _feed(self) -> None:
        while True:
            try:
                index, span = self._todo.popleft()
            except IndexError:
                return
            try:
                self._send({"start": span.start, "size": span.size, "too_long": span.too_long})
                answer = json.loads(self._process.stdout.readline())  # type: ignore[union-attr]
                self._done[index] = (_read_stored(answer), answer["lines"])
            except (OSError, ValueError, KeyError):
                self._todo.append((index, span))  # the parent reads it, and meets the error
                return

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message) + "\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]


class _NoPandas(MetaPathFinder):
    """pyarrow asks for pandas, which a helper has no use for and which takes long to import."""

    def find_spec(self, fullname: str, *_: Any) -> None:
        if fullname == "pandas":
            raise ImportError("pandas is left out of helpers")


def serve() -> None:
    """The helper's main loop: tasks on standard input, answers on standard output."""
    pa.set_cpu_count(1)
    sys.meta_path.insert(0, _NoPandas())
    first = json.loads(sys.stdin.readline())
    origin = first["origin"]
    origin["landed_at"] = datetime.fromisoformat(origin["landed_at"])
    task = Task(Path(first["path"]), Origin(**origin), first["column_map"])
    keys = KeyCache(Keyring(bytes.fromhex(first["pepper"])))
    staging = Path(first["staging"])
    for line in sys.stdin:
        try:
            chunk, lines = read_span(task, Span(**json.loads(line)), keys)
            answer = _store(chunk, staging) | {"lines": lines}
        except Exception:
            answer = {"error": traceback.format_exc(limit=3)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
