"""Reading JSON lines fast without believing more than the strict reader does.

The C decoder is strict about syntax, but the last of two equal keys wins in it, silently. So
every key of a decoded line is counted and compared with the ``":`` in its bytes: where the two
agree, no key was given twice. Whatever is in doubt goes to :mod:`ingestion.strict`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ingestion import strict
from ingestion.errors import RowError

#: Longer lines and lines with more brackets than this are read strictly.
CAUTIOUS_BYTES = 100_000
CAUTIOUS_BRACKETS = 60

#: Between a key and its colon, white space hides the key from the count.
HIDING = (b'" ', b'"\t', b'"\r')

#: What a decoder raises; to us each is only a doubt.
DOUBTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, RowError, ValueError)

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=strict.read_fraction).decode


def parse(line: bytes) -> dict[str, Any]:
    """The same object, or the same :class:`RowError`, as :func:`ingestion.strict.parse`."""
    found = _try(line)
    return strict.parse(line) if found is None else found


def holds(line: bytes) -> bool:
    """Whether a line passes without the strict reader."""
    return _try(line) is not None


def _try(line: bytes) -> dict[str, Any] | None:
    if len(line) > CAUTIOUS_BYTES or line.count(b"[") > CAUTIOUS_BRACKETS:
        return None
    for mark in HIDING:
        if mark in line:
            return None
    try:
        line.decode()
        found = _decode(line)
        keys = count_keys(found)
    except DOUBTS:
        return None
    return found if keys == line.count(b'":') else None


def count_keys(value: dict[str, Any] | list[Any], depth: int = 1) -> int:
    """All keys at every level. Raises :class:`RowError` beyond the depth limit."""
    if depth > strict.MAX_DEPTH:
        raise RowError("too_deep")
    if value.__class__ is dict:
        count = len(value)
        items = value.values()
    else:
        count = 0
        items = value
    for item in items:
        if item.__class__ is dict or item.__class__ is list:
            count += count_keys(item, depth + 1)
    return count
