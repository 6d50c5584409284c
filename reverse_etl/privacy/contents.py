"""What a file says, in pieces for the sieve: its bytes, and what they hold in other forms."""

from __future__ import annotations

import mmap
import sqlite3
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip_lib

from reverse_etl.privacy import columns
from reverse_etl.privacy.forms import BESIDE
from reverse_etl.privacy.sieve import Sieve

PIECE_BYTES = 8 << 20
#: What a packed stream is read in; where it is broken, what one of these unpacks to is lost.
_PACKED_BYTES = 1 << 16
#: What is unpacked at a time: little enough for a processor's cache.
_STREAM_BYTES = 1 << 20
#: Tables of a warehouse that are read at the same time.
_TABLES = 2
#: How deep archives and packed streams are opened inside each other.
DEEPEST = 4
#: What a stream may unpack to, in bytes.
LARGEST = 8 << 30

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_SQLITE, _PARQUET, _DUCKDB = b"SQLite format 3\0", b"PAR1", b"DUCK"
#: What a sieve has to tell: what begins a packed stream, and what the head of a mail's part has.
MARKS = (_GZIP, _ZSTD, b"content-transfer-encoding")
_MAIL = 2


class Unreadable(Exception):
    """What a file holds cannot be known; the message says why, without its content."""


def read(path: Path, group: str, name: str, sieve: Sieve, inside: str = "", depth: int = 0) -> None:
    """Hand every piece of a file to ``sieve``, as ``name``; ``inside`` begins its places.

    Raises :class:`Unreadable`, after its bytes were read where they can be.
    """
    trouble: Exception | None = None
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
        reader = _reader(head)
        if reader is not None:
            try:
                reader(path, _Told(sieve, name, group, inside), depth)
            except (duckdb.Error, sqlite3.Error, pa.ArrowException, tarfile.TarError) as error:
                trouble = error
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
                trouble = error
        if head:
            is_database = reader is not None or group != name
            told = _Told(sieve, name, group if is_database else None, inside, is_raw=is_database)
            with path.open("rb") as file:
                data = _mapped(file)
            # What a reader has unpacked need not be looked for in its bytes.
            _bytes(data, told, depth if reader is None or trouble else DEEPEST)
    except (OSError, ValueError) as error:
        trouble = error
    if trouble is not None:
        raise Unreadable(type(trouble).__name__) from None


def _mapped(file: IO[bytes]) -> memoryview:
    """A file's bytes, until nobody has them any more."""
    return memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))


class _Piece(NamedTuple):
    """``data[begin:end]`` of what is longer, with what stands before and behind it; ``at`` is
    where ``data`` begins."""

    data: bytes | memoryview
    begin: int
    end: int
    at: int = 0


class _Mark(NamedTuple):
    """One of :data:`MARKS`, and where it begins."""

    number: int
    at: int


class _Told:
    """Where pieces of one file go."""

    def __init__(
        self, sieve: Sieve, name: str, group: str | None, inside: str, is_raw: bool = False
    ) -> None:
        self.sieve, self.name, self.group, self.inside = sieve, name, group, inside
        self._is_raw = is_raw

    def add(self, place: str, pieces: Iterable[_Piece]) -> list[_Mark]:
        """The marks in the pieces: which, and where they begin."""
        found = []
        place = f"{self.inside}{place}"
        for data, begin, end, at in pieces:
            marks = self.sieve.add(self.name, place, data, self.group, self._is_raw, begin, end)
            found += [_Mark(mark, at + here) for here, mark in marks]
        return found

    def cut(self, data: bytes | memoryview) -> Iterator[_Piece]:
        """What is in memory, in pieces."""
        view = memoryview(data)
        for at in range(0, len(view), PIECE_BYTES):
            begin, end = max(0, at - BESIDE), min(len(view), at + PIECE_BYTES)
            yield _Piece(view[begin : end + self.sieve.overlap], at - begin, end - begin, begin)

    def gathered(self, chunks: Iterable[bytes]) -> Iterator[_Piece]:
        """What comes in chunks, in pieces."""
        data, begin, at = b"", 0, 0
        for chunk in chunks:
            data += chunk
            end = len(data) - self.sieve.overlap
            if end > begin:
                yield _Piece(data, begin, end, at)
                kept = max(0, end - BESIDE)
                data, begin, at = data[kept:], end - kept, at + kept
        if len(data) > begin:
            yield _Piece(data, begin, len(data), at)

    def within(self, what: str) -> _Told:
        return _Told(self.sieve, self.name, self.group, f"{self.inside}{what}: ", self._is_raw)


def _reader(head: bytes) -> Callable[[Path, _Told, int], None] | None:
    if head.startswith(_SQLITE):
        return _sqlite
    if head.startswith(_PARQUET):
        return _parquet
    if head[8:12] == _DUCKDB:
        return _duckdb
    if head.startswith(_ZIP):
        return _zip
    if _is_tar(head) or _is_tar(next(_inflated(head, 0, igzip_lib.DECOMP_GZIP), b"")):
        return _tar
    return None


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _bytes(data: memoryview, told: _Told, depth: int) -> None:
    _marked(data, told.add("bytes", told.cut(data)), told, depth)


def _marked(data: memoryview, marks: Sequence[_Mark], told: _Told, depth: int) -> None:
    """What marks tell of: parts of mails, and streams that begin there."""
    for number in sorted({at // PIECE_BYTES for mark, at in marks if mark == _MAIL}):
        begin = number * PIECE_BYTES
        _mail(bytes(data[begin : begin + PIECE_BYTES]), told)
    if depth < DEEPEST:
        for mark, at in marks:
            if mark != _MAIL:
                _unpack(data, at, told, depth)


def _mail(piece: bytes, told: _Told) -> None:
    """The lines of a mail's parts joined: base64 and quoted-printable are broken after 76."""
    for ending in (b"\r\n", b"\n", b"\\r\\n", b"\\n"):
        if ending in piece:
            told.add("mail", told.cut(piece.replace(b"=" + ending, b"").replace(ending, b"")))


def _unpack(data: memoryview, at: int, told: _Told, depth: int) -> None:
    """A stream that begins at ``at``; nothing where the bytes only look like one."""
    if data[at : at + 3] == _GZIP:
        opened = partial(_inflated, data, at, igzip_lib.DECOMP_GZIP)
        _unpacked(opened, told.within("gzip"), depth + 1)
    else:
        _unpacked(partial(_zstd, data, at), told.within("zstd"), depth + 1)


def _unpacked(opened: Callable[[], Iterator[bytes]], told: _Told, depth: int) -> None:
    """What a stream unpacks to. Where there are marks in it, it is unpacked once more: to memory
    where it is short, else to a file without a name."""
    marks = told.add("bytes", told.gathered(_bounded(opened())))
    if not marks:
        return
    with tempfile.SpooledTemporaryFile(PIECE_BYTES) as file:
        for chunk in opened():
            file.write(chunk)
        if file.tell() <= PIECE_BYTES:
            file.seek(0)
            data = memoryview(file.read())
        else:
            file.rollover()
            file.flush()
            data = _mapped(file)
        _marked(data, marks, told, depth)


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Raises :class:`Unreadable` beyond :data:`LARGEST`."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > LARGEST:
            raise Unreadable("a stream unpacks to more than can be read")
        yield chunk


def _inflated(data: bytes | memoryview, at: int, form: int) -> Iterator[bytes]:
    """A stream's content up to where it ends or breaks; ``form`` is one of `igzip_lib`'s."""
    unpacker = igzip_lib.IgzipDecompressor(flag=form)
    try:
        while not unpacker.eof:
            given = b"" if not unpacker.needs_input else data[at : at + _PACKED_BYTES]
            if unpacker.needs_input and not len(given):
                return
            at += len(given)
            yield unpacker.decompress(given, _STREAM_BYTES)
    except igzip_lib.IsalError:
        return


def _zstd(data: memoryview, at: int) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.BufferReader(data[at:]), "zstd") as stream:
            while chunk := stream.read(_STREAM_BYTES):
                yield chunk
    except (OSError, pa.ArrowException):  # it ends here, or was none
        return


def _value(value: bytes, place: str, told: _Told, depth: int) -> None:
    """A binary value of a table: it may be packed."""
    if depth >= DEEPEST:
        return
    told = told.within(place)
    if value[:3] == _GZIP or value[:4] == _ZSTD:
        _unpack(memoryview(value), 0, told, depth)
    elif len(value) > 2 and value[0] == 0x78 and (value[0] << 8 | value[1]) % 31 == 0:
        opened = partial(_inflated, value, 0, igzip_lib.DECOMP_ZLIB)
        _unpacked(opened, told.within("zlib"), depth + 1)


def _sqlite(path: Path, told: _Told, depth: int) -> None:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("select name from sqlite_master where type = 'table'")
        for (name,) in tables.fetchall():
            table = name.decode()
            rows = connection.execute('select * from "{}"'.format(table.replace('"', '""')))
            names = [column[0] for column in rows.description]
            while batch := rows.fetchmany(columns.ROWS):
                _columns(table, names, batch, told, depth)


def _columns(
    table: str, names: list[str], batch: list[tuple[Any, ...]], told: _Told, depth: int
) -> None:
    gathered: dict[str, list[bytes]] = defaultdict(list)
    for row in batch:
        for column, value in zip(names, row, strict=True):
            if isinstance(value, bytes):
                gathered[column].append(value)
                if value[:1] in b"\x78\x1f\x28" and value:
                    _value(value, f"{table}.{column}", told, depth)
            elif isinstance(value, int) and value.bit_length() > 32:
                gathered[column].append(b"%d" % value)
    for column, values in gathered.items():
        told.add(f"{table}.{column}", told.cut(b"\n".join(values)))


def _duckdb(path: Path, told: _Told, depth: int) -> None:
    with duckdb.connect(str(path), read_only=True, config={"threads": 2}) as connection:
        tables = connection.execute(
            """select schema_name, table_name from duckdb_tables() where not internal
            order by estimated_size desc, schema_name, table_name"""
        ).fetchall()

        def read(table: tuple[str, str]) -> Sieve:
            mine = _Told(told.sieve.beside(Counter()), told.name, told.group, told.inside)
            with connection.cursor() as cursor:
                _table(cursor, *table, mine, depth)
            return mine.sieve

        with ThreadPoolExecutor(_TABLES) as pool:
            for sieve in pool.map(read, tables):
                told.sieve.join(sieve)


def _table(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, told: _Told, depth: int
) -> None:
    relation = f"{_quoted(schema)}.{_quoted(table)}"
    described = connection.execute(f"describe {relation}").fetchall()
    wanted = ", ".join(
        _quoted(name)
        if kind in ("VARCHAR", "BLOB", "JSON")
        else f"cast({_quoted(name)} as varchar) as {_quoted(name)}"
        for name, kind, *_ in described
        if _holds_text(kind)
    )
    if wanted:
        reader = connection.execute(f"select {wanted} from {relation}")
        for batch in reader.to_arrow_reader(columns.ROWS * 5):
            for name, values in columns.of_batch(batch):
                _column(values, f"{schema}.{table}.{name}", told, depth)


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _holds_text(kind: str) -> bool:
    return any(word in kind for word in ("VARCHAR", "BLOB", "JSON", "ENUM", "STRUCT", "MAP"))


def _parquet(path: Path, told: _Told, depth: int) -> None:
    for name, values in columns.of_parquet(path):
        _column(values, name, told, depth)


def _column(values: pa.Array, place: str, told: _Told, depth: int) -> None:
    if not columns.is_text(values.type):
        for start in (b"\x1f\x8b", b"\x28\xb5", b"\x78"):
            for value in values.filter(pc.starts_with(values, pattern=start)):
                _value(value.as_py(), place, told, depth)
    place = f"{told.inside}{place}"
    told.sieve.add_values(told.name, place, *columns.side_by_side(values), told.group)


def _zip(path: Path, told: _Told, depth: int) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as file:
                    _member(file, member.filename, told, depth)


def _tar(path: Path, told: _Told, depth: int) -> None:
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                _member(file, member.name, told, depth)


def _member(file: IO[bytes], name: str, told: _Told, depth: int) -> None:
    """A file of an archive, read as any other, from a folder of ours that is gone afterwards."""
    told.add("name", told.cut(name.encode()))
    if depth >= DEEPEST:
        raise Unreadable("too many archives inside each other")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "member"
        with path.open("wb") as copy:
            while chunk := file.read(PIECE_BYTES):
                copy.write(chunk)
        group = f"{told.name}/{name}"
        read(path, group, told.name, told.sieve, f"{told.inside}{name}: ", depth + 1)
