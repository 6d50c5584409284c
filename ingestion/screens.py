"""Checks over whole chunks and whole columns, with numpy and Arrow.

What belongs here: functions that know bytes, texts and times, and nothing of messages.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.string()
TIME = pa.timestamp("us")

#: The one spelling of times that is cast in bulk; every other goes to the contract.
_PLAIN_TIME = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{3}([0-9]{3})?)?Z\z"

#: Two bytes as one little-endian number: a quote and what follows it.
_KEY_END = np.uint16(0x3A22)  # ":
_QUOTE_SPACE = np.uint16(0x2022)


def count_keys_by_line(data: bytes, lines: list[bytes]) -> tuple[np.ndarray, bool]:
    """How often ``":`` stands in each line; whether some line needs a closer look first.

    A closer look is due where white space follows a quote (it may hide a key from the count)
    and where bytes are not UTF-8. ``lines`` are the data split at line feeds.
    """
    closer = b'"\t' in data if b"\t" in data else False
    closer |= b'"\r' in data if b"\r" in data else False
    ends = np.cumsum(np.fromiter(map(len, lines), dtype=np.int64, count=len(lines)) + 1)
    counts = np.zeros(len(lines), dtype=np.int64)
    for shift in (0, 1):  # pairs that begin at even places, and at odd ones
        count = (len(data) - shift) // 2
        if count > 0:
            pairs = np.frombuffer(data, dtype="<u2", offset=shift, count=count)
            places = 2 * np.flatnonzero(pairs == _KEY_END) + shift
            counts += np.diff(np.searchsorted(places, ends), prepend=0)
            closer |= bool((pairs == _QUOTE_SPACE).any())
    return counts, closer or not is_utf8(data)


def is_utf8(data: bytes) -> bool:
    """Whether the whole is valid UTF-8, without copying it."""
    offsets = pa.py_buffer(np.array([0, len(data)], dtype=np.int32))
    whole = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)])
    try:
        whole.cast(TEXT)
    except pa.ArrowInvalid:
        return False
    return True


def texts(values: list[Any]) -> pa.Array:
    """A text column; values of any other type are NULL."""
    try:
        return pa.array(values, TEXT)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([v if isinstance(v, str) else None for v in values], TEXT)


def no_empty(array: pa.Array) -> pa.Array:
    """Empty texts as NULL."""
    empty = pc.equal(pc.binary_length(array), 0)
    if not pc.any(empty).as_py():
        return array
    return pc.if_else(pc.fill_null(empty, False), pa.scalar(None, TEXT), array)


def is_there(array: pa.Array) -> np.ndarray:
    """Where a column is filled."""
    if array.null_count == 0:
        return np.ones(len(array), dtype=bool)
    return array.is_valid().to_numpy(zero_copy_only=False)


def cast_times(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Times, and which texts were plain ones (or absent)."""
    sound = np.ones(len(array), dtype=bool)
    if array.null_count == len(array):
        return pa.nulls(len(array), TIME), sound
    plain = pc.fill_null(pc.match_substring_regex(array, _PLAIN_TIME), True)
    if not pc.all(plain).as_py():  # Arrow reads spellings that the contract refuses
        sound = plain.to_numpy(zero_copy_only=False).copy()
        array = pc.if_else(plain, array, pa.scalar(None, TEXT))
    try:
        return _cast_plain(array), sound
    except pa.ArrowInvalid:  # the spelling of a time that is in no calendar
        values = array.to_pylist()
        for i, text in enumerate(values):
            if text is not None and not _is_time(text):
                values[i], sound[i] = None, False
        return _cast_plain(pa.array(values, TEXT)), sound


def between(times: pa.Array, earliest: Any, latest: Any) -> np.ndarray:
    """Which times lie in a range (an absent one does)."""
    if times.null_count == len(times):
        return np.ones(len(times), dtype=bool)
    inside = pc.and_(
        pc.greater_equal(times, pa.scalar(earliest, TIME)),
        pc.less_equal(times, pa.scalar(latest, TIME)),
    )
    return pc.fill_null(inside, True).to_numpy(zero_copy_only=False)


def _cast_plain(array: pa.Array) -> pa.Array:
    return pc.cast(array, pa.timestamp("us", "UTC")).cast(TIME)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
