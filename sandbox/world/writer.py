"""Writing files quickly and the same every time: JSON built from columns, CSV, gzip.

JSON objects are concatenated from text columns, without a Python loop over rows; a null value
leaves its member out, as the sources do. Gzip headers carry no time and no name.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

#: Rows turned into text at once, which bounds memory.
CHUNK = 250_000
GZIP_LEVEL = 1


def escaped(column: pl.Expr | str) -> pl.Expr:
    """Free text as the inside of a JSON string (no control characters occur in this world)."""
    text = pl.col(column) if isinstance(column, str) else column
    return text.str.replace_all("\\", "\\\\", literal=True).str.replace_all(
        '"', '\\"', literal=True
    )


def quoted(column: pl.Expr | str) -> pl.Expr:
    """A JSON string of a column that needs no escaping; null stays null."""
    text = pl.col(column) if isinstance(column, str) else column
    return pl.concat_str(pl.lit('"'), text, pl.lit('"'))


def json_object(members: Mapping[str, pl.Expr]) -> pl.Expr:
    """A JSON object of members whose values are JSON texts; null members are left out.

    The first member must not be null.
    """
    parts: list[pl.Expr] = []
    for i, (key, value) in enumerate(members.items()):
        prefix = ("{" if i == 0 else ",") + f'"{key}":'
        parts.append(pl.concat_str(pl.lit(prefix), value).fill_null(""))
    return pl.concat_str(*parts, pl.lit("}"))


def iso_ms(column: str) -> pl.Expr:
    """An int64 column of milliseconds as a JSON string with milliseconds and Z; null stays."""
    time = pl.from_epoch(pl.col(column), time_unit="ms")
    return pl.concat_str(pl.lit('"'), time.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"), pl.lit('"'))


def lines_bytes(lines: pl.Series) -> memoryview:
    """The UTF-8 bytes of a text column, each row ended by a newline, in one buffer."""
    if lines.is_empty():
        return memoryview(b"")
    joined = lines.to_frame("line").select(pl.concat_str("line", pl.lit("\n"))).to_series()
    array = joined.rechunk().to_arrow()
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    array = array.cast(pa.large_string())
    offsets = memoryview(array.buffers()[1]).cast("q")
    start, end = offsets[array.offset], offsets[array.offset + len(array)]
    return memoryview(array.buffers()[2])[start:end]


@dataclass
class Files:
    """What has been written: rows and bytes per file, relative to the world's directory."""

    directory: Path
    rows: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def write(self, name: str, chunks: Iterable[memoryview | bytes], rows: int) -> None:
        """Write bytes to a file, gzipped when its name ends in .gz."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as raw:
            if name.endswith(".gz"):
                with gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0) as packed:
                    for chunk in chunks:
                        packed.write(chunk)
            else:
                for chunk in chunks:
                    raw.write(chunk)
        self.rows[name] = rows
        self.sizes[name] = path.stat().st_size

    def ndjson(self, name: str, lines: pl.Series, extra: bytes = b"") -> None:
        """One JSON text a row; `extra` raw lines are appended."""
        self.write(name, [lines_bytes(lines), extra], len(lines) + extra.count(b"\n"))

    def csv(self, name: str, table: pl.DataFrame, extra: bytes = b"", separator: str = ",") -> None:
        """A CSV file with a header; `extra` raw lines are appended (the planted bad rows)."""
        body = table.write_csv(separator=separator).encode()
        self.write(name, [body, extra], table.height + extra.count(b"\n"))
