"""Which rows of an Arrow array may hold what is looked for, by the bytes of its texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from reverse_etl.privacy.columns import is_text, side_by_side

#: Where in bytes something may stand: the ends of it, in order.
Near = Callable[[memoryview], Sequence[int]]


def rows_near(array: pa.Array, near: Near) -> list[int]:
    """The rows, in order, in whose text or bytes (or those inside of it) something may stand.

    Texts stand in Arrow without a mark between them: what reaches over two of them names one.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        some = rows_near(array.dictionary, near)
        if not some:
            return []
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.flatnonzero(np.isin(codes, some)).tolist()
    if pa.types.is_struct(kind):
        return sorted({row for part in array.flatten() for row in rows_near(part, near)})
    if pa.types.is_map(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _of_lists(array, near)
    if is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _of_texts(array, near)
    return []


def _of_lists(array: pa.Array, near: Near) -> list[int]:
    is_map = pa.types.is_map(array.type)
    parts = [array.keys, array.items] if is_map else [array.values]
    offsets = array.offsets.to_numpy()
    items = {item for part in parts for item in rows_near(part, near)}
    rows = np.searchsorted(offsets, sorted(items), side="right") - 1
    return sorted({int(row) for row in rows if 0 <= row < len(array)})


def _of_texts(array: pa.Array, near: Near) -> list[int]:
    data, bounds = side_by_side(array)
    offsets = np.asarray(bounds)
    found = near(data[offsets[0] : offsets[-1]])
    if not found:
        return []
    rows = np.searchsorted(offsets, np.asarray(found) + offsets[0], side="left") - 1
    return np.unique(rows).tolist()
