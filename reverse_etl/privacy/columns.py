"""Columns that hold text or bytes, as Arrow has them: the bytes of many values at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

#: Rows of a column that are read at a time, and about how many bytes they may have.
ROWS = 20_000
_BYTES = 64 << 20
_LEAST_ROWS = 1000
#: A column whose values take fewer bytes in a file is one of numbers into a dictionary.
_NUMBER_BYTES = 3


@dataclass
class _Column:
    """A column of a file: its leaves that hold text or bytes, and how it is read."""

    leaves: list[str] = field(default_factory=list)
    #: Rows at a time.
    rows: int = ROWS
    is_numbered: bool = False


def of_parquet(path: Path) -> Iterator[tuple[str, pa.Array]]:
    """The text and bytes of a file, column by column: each column's name and some of its values.

    Values that a row group of the file keeps once, and numbers, are given once for it. Raises what
    PyArrow raises.
    """
    with pq.ParquetFile(path) as file:
        metadata = file.metadata
        found = _columns(file)
    numbered = [name for name, column in found.items() if column.is_numbered]
    options = {"memory_map": True, "pre_buffer": False, "read_dictionary": numbered}
    with pq.ParquetFile(path, metadata=metadata, **options) as file:
        for column in found.values():
            for batch in _batches(file, column):
                yield from of_batch(batch)


def _batches(file: pq.ParquetFile, column: _Column) -> Iterator[pa.RecordBatch]:
    """Some rows of a column at a time; of one in numbers a row group, since each batch has the
    whole dictionary."""
    if not column.is_numbered:
        yield from file.iter_batches(column.rows, columns=column.leaves, use_threads=False)
        return
    for group in range(file.num_row_groups):
        yield from file.read_row_group(group, column.leaves, use_threads=False).to_batches()


def _columns(file: pq.ParquetFile) -> dict[str, _Column]:
    found: dict[str, _Column] = defaultdict(_Column)
    for i in range(len(file.schema)):
        leaf = file.schema.column(i)
        if leaf.physical_type in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"):
            name = leaf.path.split(".")[0]
            width = _width(file.metadata, i)
            column = found[name]
            column.leaves.append(leaf.path)
            column.rows = min(column.rows, max(_LEAST_ROWS, int(_BYTES / max(width, 1))))
            column.is_numbered = (
                leaf.path == name and width < _NUMBER_BYTES and _has_dictionaries(file.metadata, i)
            )
    return dict(found)


def _width(metadata: pq.FileMetaData, column: int) -> float:
    """How many bytes a value of a column takes in a file, before it is compressed."""
    chunks = [metadata.row_group(i).column(column) for i in range(metadata.num_row_groups)]
    values = sum(chunk.num_values for chunk in chunks)
    return sum(chunk.total_uncompressed_size for chunk in chunks) / values if values else 0.0


def _has_dictionaries(metadata: pq.FileMetaData, column: int) -> bool:
    groups = range(metadata.num_row_groups)
    return all(metadata.row_group(i).column(column).has_dictionary_page for i in groups)


def of_batch(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    """The arrays of text and bytes in a batch, with the names of their columns."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for leaf in _leaves(column):
            yield name, leaf


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def side_by_side(values: pa.Array) -> tuple[memoryview, memoryview]:
    """The bytes of text or binary values, and where in them each begins and the last one ends."""
    _, offsets, data = values.buffers()
    if not len(values) or data is None:
        return memoryview(b""), memoryview(bytes(4)).cast("i")
    is_large = pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)
    width, code = (8, "q") if is_large else (4, "i")
    wanted = slice(values.offset * width, (values.offset + len(values) + 1) * width)
    return memoryview(data), memoryview(offsets)[wanted].cast(code)


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """The arrays of text and bytes inside an array."""
    kind = column.type
    if pa.types.is_struct(kind):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        yield from _leaves(column.flatten())
    elif pa.types.is_dictionary(kind):
        yield from _leaves(column.dictionary)
    elif isinstance(kind, pa.BaseExtensionType):
        yield from _leaves(column.storage)
    elif is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        yield column
    elif pa.types.is_string_view(kind):
        yield column.cast(pa.large_string())
    elif pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        yield column.cast(pa.large_binary())
