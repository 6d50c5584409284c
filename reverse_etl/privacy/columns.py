"""Columns that hold text or bytes, as Arrow has them: the bytes of many values at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

#: Rows of a column that are read at a time, and about how many bytes.
ROWS = 100_000
_BYTES = 64 << 20
_LEAST_ROWS = 1000
#: A column whose values take fewer bytes in a file is one of numbers into a dictionary.
_NUMBER_BYTES = 3


def of_parquet(path: Path) -> Iterator[tuple[str, pa.Array]]:
    """The text and bytes of a file, column by column: each column's name and some of its values.

    Values that the file has once and numbers are given once a row group. Raises what PyArrow
    raises.
    """
    with pq.ParquetFile(path) as file:
        metadata = file.metadata
        together: dict[str, list[str]] = {}
        numbered = []
        rows = {}
        for i in range(len(file.schema)):
            leaf = file.schema.column(i)
            if leaf.physical_type in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"):
                top = leaf.path.split(".")[0]
                together.setdefault(top, []).append(leaf.path)
                width = _width(metadata, i)
                rows[top] = min(rows.get(top, ROWS), max(_LEAST_ROWS, int(_BYTES / (width or 1))))
                if width < _NUMBER_BYTES and leaf.path == top and _has_dictionaries(metadata, i):
                    numbered.append(top)
    options = {"memory_map": True, "pre_buffer": False, "read_dictionary": numbered}
    with pq.ParquetFile(path, metadata=metadata, **options) as file:
        for top, paths in together.items():
            # A batch of a column in numbers would bring the whole dictionary again.
            size = metadata.num_rows if top in numbered else rows[top]
            for batch in file.iter_batches(max(1, size), columns=paths, use_threads=False):
                yield from of_batch(batch)


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
