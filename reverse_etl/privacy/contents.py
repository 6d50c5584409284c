"""What a file says, in pieces for the sieve: its bytes, and what they hold in other forms."""

from __future__ import annotations

import mmap
import sqlite3
import tarfile
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reverse_etl.privacy.forms import BESIDE
from reverse_etl.privacy.sieve import Sieve

PIECE_BYTES = 8 << 20
#: Rows of a table that are read at a time.
ROWS = 20_000
#: How deep archives and packed streams are opened inside each other.
DEEPEST = 4
#: What a stream may unpack to, in bytes.
LARGEST = 8 << 30

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_SQLITE, _PARQUET, _DUCKDB = b"SQLite format 3\0", b"PAR1", b"DUCK"
_MAIL = (b"ontent-Transfer-Encoding", b"ontent-transfer-encoding")


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
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
                # What a reader has unpacked need not be looked for in its bytes.
                _bytes(data, told, depth if reader is None or trouble else DEEPEST)
    except (OSError, ValueError) as error:
        trouble = error
    if trouble is not None:
        raise Unreadable(type(trouble).__name__) from None


class _Told:
    """Where pieces of one file go."""

    def __init__(
        self, sieve: Sieve, name: str, group: str | None, inside: str, is_raw: bool = False
    ) -> None:
        self.sieve, self.name, self.group, self.inside = sieve, name, group, inside
        self._is_raw = is_raw

    def cut(self, place: str, data: mmap.mmap | bytes) -> None:
        """``data`` in pieces, each with what stands before and behind it."""
        for at in range(0, len(data), PIECE_BYTES):
            begin, end = max(0, at - BESIDE), at + PIECE_BYTES
            piece = data[begin : end + self.sieve.overlap]
            self.add(place, piece, at - begin, end - begin)

    def add(self, place: str, data: bytes, begin: int = 0, end: int | None = None) -> None:
        place = f"{self.inside}{place}"
        self.sieve.add(self.name, place, data, self.group, self._is_raw, begin, end)

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
    if _is_tar(head) or _is_tar(next(_inflated(head, 0, 31), b"")):
        return _tar
    return None


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _bytes(data: mmap.mmap | bytes, told: _Told, depth: int, place: str = "bytes") -> None:
    for at in range(0, len(data), PIECE_BYTES):
        _mail(data[at : at + PIECE_BYTES], told)
    told.cut(place, data)
    if depth < DEEPEST:
        for at in _packed(data):
            _unpack(data, at, told, depth)


def _packed(data: mmap.mmap | bytes) -> Iterator[int]:
    """Where a gzip or zstd stream may begin."""
    for magic in (_GZIP, _ZSTD):
        at = data.find(magic)
        while at >= 0:
            yield at
            at = data.find(magic, at + 1)


def _mail(piece: bytes, told: _Told) -> None:
    """The lines of a mail's parts joined: base64 and quoted-printable are broken after 76."""
    if any(header in piece for header in _MAIL):
        for ending in (b"\r\n", b"\n", b"\\r\\n", b"\\n"):
            if ending in piece:
                told.add("mail", piece.replace(b"=" + ending, b"").replace(ending, b""))


def _unpack(data: mmap.mmap | bytes, at: int, told: _Told, depth: int) -> None:
    """A stream that begins at ``at``; nothing where the bytes only look like one."""
    is_gzip = data[at : at + 3] == _GZIP
    chunks = _inflated(data, at, 31) if is_gzip else _zstd(data, at)
    _unpacked(chunks, told.within("gzip" if is_gzip else "zstd"), depth + 1)


def _unpacked(chunks: Iterator[bytes], told: _Told, depth: int) -> None:
    """What a stream unpacks to: in memory where it is short, else in a file without a name.

    Raises :class:`Unreadable` beyond :data:`LARGEST`.
    """
    with tempfile.SpooledTemporaryFile(PIECE_BYTES) as file:
        for chunk in chunks:
            file.write(chunk)
            if file.tell() > LARGEST:
                raise Unreadable("a stream unpacks to more than can be read")
        if not file.tell():
            return
        if file.tell() <= PIECE_BYTES:
            file.seek(0)
            _bytes(file.read(), told, depth)
        else:
            file.rollover()
            file.flush()
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
                _bytes(data, told, depth)


def _inflated(data: mmap.mmap | bytes, at: int, wbits: int) -> Iterator[bytes]:
    """A stream's content up to where it ends or breaks."""
    unpacker = zlib.decompressobj(wbits)
    try:
        while at < len(data) and not unpacker.eof:
            given = data[at : at + (1 << 16)]
            at += len(given)
            while given:
                yield unpacker.decompress(given, PIECE_BYTES)
                given = unpacker.unconsumed_tail
    except zlib.error:
        return


def _zstd(data: mmap.mmap | bytes, at: int) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.BufferReader(data[at:]), "zstd") as stream:
            while chunk := stream.read(PIECE_BYTES):
                yield chunk
    except (OSError, pa.ArrowException):  # it ends here, or was none
        return


def _value(value: bytes, place: str, told: _Told, depth: int) -> None:
    """A binary value of a table: it may be packed."""
    told.add(place, value)
    if depth >= DEEPEST:
        return
    if value[:3] == _GZIP or value[:4] == _ZSTD:
        _unpack(value, 0, told.within(place), depth)
    elif len(value) > 2 and value[0] == 0x78 and (value[0] << 8 | value[1]) % 31 == 0:
        _unpacked(_inflated(value, 0, zlib.MAX_WBITS), told.within(place).within("zlib"), depth + 1)


def _sqlite(path: Path, told: _Told, depth: int) -> None:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        names = connection.execute("select name from sqlite_master where type = 'table'")
        for (name,) in names.fetchall():
            table = name.decode()
            rows = connection.execute('select * from "{}"'.format(table.replace('"', '""')))
            columns = [column[0] for column in rows.description]
            while batch := rows.fetchmany(ROWS):
                _columns(table, columns, batch, told, depth)


def _columns(
    table: str, columns: list[str], batch: list[tuple[Any, ...]], told: _Told, depth: int
) -> None:
    gathered: dict[str, list[bytes]] = defaultdict(list)
    for row in batch:
        for column, value in zip(columns, row, strict=True):
            if isinstance(value, bytes):
                gathered[column].append(value)
                if value[:1] in b"\x78\x1f\x28" and value:
                    _value(value, f"{table}.{column}", told, depth)
            elif isinstance(value, int) and value.bit_length() > 32:
                gathered[column].append(b"%d" % value)
    for column, values in gathered.items():
        told.cut(f"{table}.{column}", b"\n".join(values))


def _duckdb(path: Path, told: _Told, depth: int) -> None:
    with duckdb.connect(str(path), read_only=True, config={"threads": 2}) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal"
        ).fetchall()
        for schema, table in tables:
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
                for batch in reader.to_arrow_reader(ROWS * 5):
                    _batch(batch, f"{schema}.{table}.", told, depth)


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _holds_text(kind: str) -> bool:
    return any(word in kind for word in ("VARCHAR", "BLOB", "JSON", "ENUM", "STRUCT", "MAP"))


def _parquet(path: Path, told: _Told, depth: int) -> None:
    with pq.ParquetFile(path) as file:
        wanted = [
            file.schema.column(i).path
            for i in range(len(file.schema))
            if file.schema.column(i).physical_type in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
        ]
        if wanted:
            for batch in file.iter_batches(ROWS * 5, columns=wanted):
                _batch(batch, "", told, depth)


def _batch(batch: pa.RecordBatch, prefix: str, told: _Told, depth: int) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for leaf in _leaves(column):
            _column(leaf, f"{prefix}{name}", told, depth)


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """The arrays of text and bytes inside an array."""
    kind = column.type
    if pa.types.is_struct(kind):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(column.flatten())
    elif pa.types.is_dictionary(kind):
        yield from _leaves(column.dictionary)
    elif isinstance(kind, pa.BaseExtensionType):
        yield from _leaves(column.storage)
    elif _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        yield column
    elif pa.types.is_fixed_size_binary(kind):
        yield column.cast(pa.binary())


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _column(values: pa.Array, place: str, told: _Told, depth: int) -> None:
    values = pc.drop_null(values)
    if not len(values):
        return
    is_text = _is_text(values.type)
    if not is_text:
        for start in (b"\x1f\x8b", b"\x28\xb5", b"\x78"):
            for value in values.filter(pc.starts_with(values, pattern=start)):
                _value(value.as_py(), place, told, depth)
    if is_text:
        joined = pl.Series(values).str.join("\n")[0].encode()
    else:
        joined = b"\n".join(values.to_pylist())
    told.cut(place, joined)


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
    told.add("name", name.encode())
    if depth >= DEEPEST:
        raise Unreadable("too many archives inside each other")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "member"
        with path.open("wb") as copy:
            while chunk := file.read(PIECE_BYTES):
                copy.write(chunk)
        group = f"{told.name}/{name}"
        read(path, group, told.name, told.sieve, f"{told.inside}{name}: ", depth + 1)
