"""Erased people out of what landed: the only rewrite of landed bytes.

A line that gave an erased person's row becomes blank, which no reader counts; in a line that only
names them, stand-ins take their place. Line numbers, the file's time and, wherever it can be, its
size stay, and the manifests are told of its new digest and batch before the file is put in place:
killed at any moment, doing it again ends the same.

Files are read in pieces. Only lines that may name somebody, and those that the lake says are
theirs, are looked at one by one; the others are copied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO
from uuid import uuid4

from ingestion.collector import segments
from ingestion.collector.segments import MAGIC, Record
from ingestion.contracts import KINDS, STREAMS_OF, TABLES
from ingestion.contracts.model import KeyCache
from ingestion.csvs import CsvFile
from ingestion.errors import IngestError
from ingestion.landing import BLOCK, LandedFile, column_map_of, landed_files
from ingestion.mending import Mender, Names
from ingestion.pieces import Counted, Edit, Output, around, edited, line_end, odd_quotes, pieces
from ingestion.sources.lines import KEPT_LINES
from ingestion.unpack import GZIP, Unpacked, format_of, plain, segment_record_lines
from workspace import durable
from workspace.identifiers import Keyring
from workspace.lake import Entry, Lake

#: Files at a time: what takes time runs outside of Python's lock.
_THREADS = 2


@dataclass
class Redacted:
    """``lines`` were made blank, in ``files``; ``mended`` lines name somebody who is erased."""

    files: int = 0
    lines: int = 0
    mended: int = 0
    unread: list[str] = field(default_factory=list)


def redact(
    landing: Path,
    lake: Lake,
    keyring: Keyring,
    names: Names,
    lines: Mapping[str, frozenset[int]],
    kinds: Sequence[str] = KINDS,
) -> Redacted:
    """Take the people of ``names`` out of every landed file; ``lines`` are known to concern them.

    Segments that collectors hold are sealed first. Call it with the run lock held.
    """
    files: list[LandedFile] = []
    for kind in kinds:
        segments.request_rotation(landing, kind)
        segments.seal_abandoned(landing, kind)
        files += landed_files(kind, landing)
    files.sort(key=lambda file: file.size_bytes, reverse=True)
    names.near(b"")  # makes what threads share
    found = Redacted()
    desk = _Desk(lake, keyring, names)

    def one(file: LandedFile) -> Mender | None:
        try:
            return desk.redact(file, lines.get(file.landing_file, frozenset()))
        except IngestError:
            found.unread.append(file.landing_file)
            return None

    with ThreadPoolExecutor(_THREADS) as pool:
        for mender in pool.map(one, files):
            if mender:
                found.files += 1
                found.lines += mender.blanked
                found.mended += mender.mended
    found.unread.sort()
    return found


def redact_buried(file: LandedFile, lake: Lake, keyring: Keyring, lines: frozenset[int]) -> None:
    """Take erased people out of a file that came after their erasure; ``lines`` have their rows."""
    _Desk(lake, keyring, _Buried(lake.buried(), keyring)).redact(file, lines)


class _Desk:
    """What every file is redacted with."""

    def __init__(self, lake: Lake, keyring: Keyring, names: Names) -> None:
        self._lake, self._keyring, self._names = lake, keyring, names
        self._manifests = Lock()

    def redact(self, file: LandedFile, lines: frozenset[int]) -> Mender | None:
        """Write a file anew, durably; who did it, None where nothing is to change."""
        staging = self._lake.staging()
        target = staging / f"{uuid4().hex}.redacted"
        editor = _Editor(file, Mender(file, self._keyring, self._names), lines, staging, target)
        try:
            digest = editor.write()
            if digest is None:
                return None
            status = file.path.stat()
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.chmod(target, status.st_mode & 0o777)
            durable.fsync_file(target)
            with self._manifests:
                _put_in_place(file, target, digest, self._lake)
            return editor.mender
        finally:
            target.unlink(missing_ok=True)


class _Buried:
    """Erased people by their keyed hashes alone: nothing else is known of them any more."""

    def __init__(self, keys: frozenset[str], keyring: Keyring) -> None:
        self._erased, self._keys = keys, KeyCache(keyring)

    def of(self, kind: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        key = value if kind == "key" else self._keys.key(kind, value)
        return None if key in self._erased else value

    def in_text(self, text: str) -> str:
        return text

    def stands_in(self, text: str) -> bool:
        return False

    def near(self, data: bytes) -> list[int]:
        return []

    def in_json(self, value: Any) -> Any:
        return value


def _put_in_place(file: LandedFile, target: Path, digest: str, lake: Lake) -> None:
    size = target.stat().st_size
    batch = file.batch.replace(f"__{file.size_bytes}__", f"__{size}__", 1)
    if file.batch == file.path.name:  # a landed name says nothing of the size
        batch = file.batch

    def told(entry: Entry) -> Entry:
        if entry.batch not in (file.batch, f"{file.kind}/{file.batch}"):
            return entry
        meta = dict(entry.meta)
        if meta.get("landing_file") == file.landing_file:
            meta |= {"sha256": digest, "size_bytes": size}
        return replace(entry, batch=entry.batch.replace(file.batch, batch), meta=meta)

    for stream in (*STREAMS_OF[file.kind], "rejected_rows"):
        lake.amend(stream, told)
    durable.replace(target, file.path)


class _Editor:
    """One landed file, read as its loader does and written without the people."""

    def __init__(
        self,
        file: LandedFile,
        mender: Mender,
        concerned: frozenset[int],
        staging: Path,
        target: Path,
    ) -> None:
        self.file, self.mender, self.concerned = file, mender, concerned
        self._names, self._staging, self._target = mender.names, staging, target

    def write(self) -> str | None:
        """Write the new file; the digest of its bytes, None where nothing is to change."""
        path = self.file.path
        with open(path, "rb") as handle:
            head = handle.read(len(MAGIC))
        if head == MAGIC:
            return self._segment()
        is_packed = head.startswith(GZIP)
        if is_packed and format_of(path, self.file.file_name) == "ndjson":
            unpacked = Unpacked(path)
            digest = self._ndjson(unpacked.__iter__, is_packed, False)
            if unpacked.broken is None:
                return digest
            self._target.unlink(missing_ok=True)
        with plain(path, self.file.file_name, self._staging) as source:
            # What cannot be read goes where it names somebody.
            is_cut = source.broken is not None and self.mender.says(source.broken.original)
            if source.format == "csv":
                return self._csv(source.path, is_packed, is_cut)
            return self._ndjson(lambda: _blocks(source.path), is_packed, is_cut)

    # ---- lines of JSON ----------------------------------------------------------------------

    def _ndjson(
        self, read: Callable[[], Iterable[bytes]], is_packed: bool, is_cut: bool
    ) -> str | None:
        if not (self.concerned or is_cut or any(e for _, e in self._with_edits(read()))):
            return None
        self.mender.blanked = self.mender.mended = 0
        has_changed = is_cut
        with Output(self._target, is_packed) as out:
            for piece, edits in self._with_edits(read()):
                out.write(edited(piece, edits))
                has_changed = has_changed or bool(edits)
        return out.digest if has_changed else None

    def _with_edits(self, blocks: Iterable[bytes]) -> Iterator[tuple[bytes, list[Edit]]]:
        known = Counted(self.concerned)
        for piece in pieces(blocks):
            yield piece, self._edits(piece, known)

    def _edits(self, piece: bytes, known: Counted) -> list[Edit]:
        edits = []
        for start in self._starts(piece, known):
            end = line_end(piece, start)
            line = piece[start:end]
            new = self.mender.line(line)
            if new != line:
                edits.append((start, end, new))
        return edits

    def _starts(self, piece: bytes, known: Counted) -> list[int]:
        """Where the lines begin that may have to change."""
        return sorted({*around(piece, self._names.near(piece)), *known.starts(piece)})

    # ---- CSV --------------------------------------------------------------------------------

    def _csv(self, path: Path, is_packed: bool, is_cut: bool) -> str | None:
        edits = list(self._csv_edits(path))
        if not edits and not is_cut:
            return None
        with Output(self._target, is_packed) as out, open(path, "rb") as handle:
            for start, end, new in edits:
                _copy(handle, start, out)
                out.write(new)
                handle.seek(end)
            _copy(handle, None, out)
        return out.digest

    def _csv_edits(self, path: Path) -> Iterator[Edit]:
        wanted: list[int] = []
        odd: list[int] = []
        known = Counted(self.concerned)
        done = 0
        for piece in pieces(_blocks(path)):
            wanted += [done + start for start in self._starts(piece, known)]
            odd += [done + start for start in odd_quotes(piece)]
            done += len(piece)
        if not wanted:
            return
        contract = TABLES[self.file.kind]
        file = CsvFile(path, self.file.path, contract, column_map_of(self.file.path))
        with open(path, "rb") as handle:
            for start, end, row in file.holding(wanted, odd):
                is_own = self.mender.owns(row)
                self.mender.blanked += is_own
                handle.seek(start)
                while start < end:
                    line = handle.readline()
                    text = line.removesuffix(b"\n")
                    new = b" " * len(text) if is_own else self.mender.cells(text)
                    if new != text:
                        yield start, start + len(text), new
                    start += len(line)

    # ---- segments ---------------------------------------------------------------------------

    def _segment(self) -> str | None:
        changed = False
        known = Counted(self.concerned)
        with open(self.file.path, "rb") as handle, Output(self._target) as out:
            out.write(MAGIC)
            for record in segments.records(handle):
                new = self._record(record, known)
                changed = changed or new is not record
                out.write(segments.frame(new))
            rest = segments.rest(handle)
            if rest and self.mender.says(rest):
                rest, changed = b"", True
            out.write(rest)
        return out.digest if changed else None

    def _record(self, record: Record, known: Counted) -> Record:
        """A record as it is to be: one with a line to change becomes its lines."""
        lines = segment_record_lines(record, self.file.path)
        text = b"".join(line + b"\n" for line in lines)
        edits = self._edits(text, known)
        whole = [
            record.path.encode(),
            record.body,
            *(one for pair in record.headers for one in pair),
        ]
        if not edits and not any(map(self.mender.says, whole)):
            return record
        body = edited(text, edits)[:-1]
        if record.path == KEPT_LINES and body == record.body:
            return record
        return Record(record.received_at, record.source, KEPT_LINES, [], body, record.request_id)


def _blocks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as handle:
        yield from iter(partial(handle.read, BLOCK), b"")


def _copy(handle: BinaryIO, end: int | None, out: Output) -> None:
    """What is left of a file, up to an offset where one is given."""
    while block := handle.read(BLOCK if end is None else min(BLOCK, end - handle.tell())):
        out.write(block)
