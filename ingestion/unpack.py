"""A landed file as plain bytes on disk: gzip and segments undone under caps, its format told.

A gzip stream that breaks keeps its whole lines; the broken one is handed back by itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal
from uuid import uuid4

from isal import isal_zlib

from ingestion.collector import deliveries, messages, segments
from ingestion.collector.segments import MAGIC, Record
from ingestion.errors import IngestError
from ingestion.landing import BLOCK, read_unchanged
from ingestion.sources import lines as pulled

GZIP = b"\x1f\x8b"
#: What a gzip file may unpack to, in all and against its own size (honest text stays below 100).
MAX_UNPACKED_BYTES = 32 << 30
MAX_RATIO = 200
RATIO_FLOOR_BYTES = 4 << 20
#: What a file's format is told by where its name does not tell it.
_HEAD_BYTES = 4096

Format = Literal["ndjson", "csv"]


@dataclass(frozen=True)
class Break:
    """Where a file broke: the line it was in, what was read of it, and why."""

    line: int
    original: bytes
    detail: str
    reason: str = "truncated_gzip"


@dataclass(frozen=True)
class Plain:
    """Plain bytes to read rows from. ``broken`` is the row that the end of the stream cut."""

    path: Path
    format: Format
    broken: Break | None = None


@contextmanager
def plain(path: Path, file_name: str, staging: Path) -> Iterator[Plain]:
    """The file unpacked into ``staging`` if need be; what was unpacked is removed at the end.

    Raises :class:`IngestError` for a gzip file beyond the caps.
    """
    with open(path, "rb") as handle:
        head = handle.read(len(MAGIC))
    if not head.startswith((GZIP, MAGIC)):
        yield Plain(path, _format(path, file_name))
        return
    target = staging / f"{uuid4().hex}.plain"
    try:
        if head == MAGIC:
            with open(path, "rb") as handle, open(target, "xb") as out:
                lines = 0
                for lines, line in enumerate(_segment_lines(handle, path), 1):  # noqa: B007
                    out.write(line + b"\n")
                rest = segments.rest(handle)
            broken = None
            if rest:
                broken = Break(lines + 1, rest, "nothing can be read from here", "damaged_segment")
            yield Plain(target, "ndjson", broken)
            return
        detail = _unpack(path, target)
        broken = _cut_tail(target, detail) if detail else None
        yield Plain(target, _format(target, _unpacked_name(file_name)), broken)
    finally:
        target.unlink(missing_ok=True)


def _segment_lines(handle: BinaryIO, path: Path) -> Iterator[bytes]:
    for record in segments.records(handle):
        yield from segment_record_lines(record, path)


def segment_record_lines(record: Record, path: Path) -> list[bytes]:
    """The lines of one record of the segment at ``path``.

    Raises :class:`IngestError` for a page of a source that is not there any more.
    """
    if record.path == pulled.KEPT_LINES:
        return record.body.split(b"\n") if record.body else []
    try:
        return list(_reader(record.path)(record))
    except pulled.UnknownSource as error:
        raise IngestError(path, f"no source {error} to read its pages with") from None
    except Exception:  # whatever one request does, the others land
        return [record.body.replace(b"\n", b" ").replace(b"\r", b" ") or b"null"]


def _reader(path: str) -> Callable[[Record], Iterator[bytes]]:
    if path.startswith((pulled.PAGE, pulled.END)):
        return pulled.record_lines
    return (deliveries if path.startswith(deliveries.PATHS) else messages).record_lines


def _unpack(path: Path, target: Path) -> str | None:
    """Write the unpacked bytes; what broke, or None."""
    # Where a file broke, zlib alone tells what can still be read.
    for library in (isal_zlib, zlib):
        unpacked = Unpacked(path, library)
        with open(target, "wb") as out:
            out.writelines(unpacked)
        if unpacked.broken is None:
            break
    return unpacked.broken


class Unpacked:
    """The text of a gzip file, in blocks of at most :data:`~ingestion.landing.BLOCK` bytes.

    After the last one ``broken`` says what broke, None where nothing did. Of a broken file igzip,
    which is fast, may give what is none of its text: read that by :func:`plain`. Raises
    :class:`IngestError` for a file beyond the caps or one that changes meanwhile.
    """

    def __init__(self, path: Path, library: Any = isal_zlib) -> None:
        self.path, self._library = path, library
        self.broken: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._texts(self._library)
        except isal_zlib.error as error:
            self.broken = f"the gzip stream is damaged ({error})"

    def _texts(self, library: Any) -> Iterator[bytes]:
        self.broken = None
        unpacker = library.decompressobj(wbits=31)
        size_in = size_out = 0
        ended = False
        for data in read_unchanged(self.path):
            size_in += len(data)
            while data:
                if ended:
                    if not data.strip(b"\0"):  # padding after the last member
                        break
                    if not data.startswith(GZIP[: len(data)]):
                        self.broken = "other bytes follow the end of the gzip stream"
                        return
                    unpacker, ended = library.decompressobj(wbits=31), False
                before = unpacker.copy() if library is zlib else None
                try:
                    text = unpacker.decompress(data, BLOCK)
                except zlib.error as error:
                    yield _salvage(before, data)
                    self.broken = f"the gzip stream is damaged ({error})"
                    return
                yield text
                size_out += len(text)
                _check_caps(self.path, size_in, size_out)
                ended = unpacker.eof
                data = unpacker.unused_data if ended else unpacker.unconsumed_tail
        while not ended and (text := unpacker.decompress(b"", BLOCK)):
            yield text
            size_out += len(text)
            _check_caps(self.path, size_in, size_out)
            ended = unpacker.eof
        if not ended:
            self.broken = "the gzip stream ends too early"


def _salvage(unpacker: Any, data: bytes) -> bytes:
    """What can be read before the damage: an error takes with it all that its call had read."""
    found = []
    for i in range(len(data)):
        try:
            found.append(unpacker.decompress(data[i : i + 1]))
        except zlib.error:
            break
    return b"".join(found)


def _check_caps(path: Path, size_in: int, size_out: int) -> None:
    if size_out > MAX_UNPACKED_BYTES:
        raise IngestError(path, f"unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB")
    if size_out > RATIO_FLOOR_BYTES and size_out > size_in * MAX_RATIO:
        raise IngestError(path, f"unpacks to more than {MAX_RATIO} times its size")


def _cut_tail(path: Path, detail: str) -> Break:
    """Take the last, unfinished line off the file."""
    with open(path, "r+b") as handle:
        lines, end = 0, 0
        position = 0
        while block := handle.read(BLOCK):
            count = block.count(b"\n")
            if count:
                lines += count
                end = position + block.rfind(b"\n") + 1
            position += len(block)
        handle.seek(end)
        tail = handle.read(BLOCK)
        handle.truncate(end)
    return Break(lines + 1, tail, detail)


def format_of(path: Path, file_name: str) -> Format:
    """The format of a landed file that is no segment, packed or not."""
    with open(path, "rb") as handle:
        is_packed = handle.read(len(GZIP)) == GZIP
    if not is_packed:
        return _format(path, file_name)
    named = _format_named(_unpacked_name(file_name))
    return named or _format_seen(next(iter(Unpacked(path)), b"")[:_HEAD_BYTES])


def _unpacked_name(name: str) -> str:
    return name[:-3] if name.lower().endswith(".gz") else name


def _format(path: Path, name: str) -> Format:
    named = _format_named(name)
    if named:
        return named
    with open(path, "rb") as handle:
        return _format_seen(handle.read(_HEAD_BYTES))


def _format_named(name: str) -> Format | None:
    lower = name.lower()
    if lower.endswith(".csv"):
        return "csv"
    return "ndjson" if lower.endswith((".ndjson", ".jsonl", ".json")) else None


def _format_seen(head: bytes) -> Format:
    return "ndjson" if head.lstrip(b" \t\r\n")[:1] in (b"{", b"[", b"") else "csv"
