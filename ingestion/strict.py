"""Strict JSON: the slow and obvious reading of one line, which decides every doubt.

Faster readers (:mod:`ingestion.events`) must give the same answer as this one or pass the line
on to it. Numbers with a fraction or an exponent come back as Decimal, so nothing is rounded.
"""

from __future__ import annotations

import json
import math
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Any

from ingestion.errors import RowError

MAX_ROW_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_DIGITS = 4300

_SPACE = b" \t\r"
_EXACT = Context(prec=MAX_DIGITS * 4, Emax=MAX_EMAX, Emin=MIN_EMIN)


def is_blank(line: bytes) -> bool:
    """A line of nothing but JSON white space is not a row."""
    return not line.strip(_SPACE)


def parse(line: bytes) -> dict[str, Any]:
    """The object on this line. Raises :class:`RowError`."""
    if len(line) > MAX_ROW_BYTES:
        raise RowError("too_long", None, f"a row may be {MAX_ROW_BYTES:,} bytes long")
    if line.startswith(b"\xef\xbb\xbf"):
        raise RowError("byte_order_mark", None, "save the file as UTF-8 without BOM")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RowError("invalid_utf8", None, f"at byte {error.start}") from None
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_pairs,
            parse_constant=_no_constant,
            parse_float=read_fraction,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise RowError("invalid_json", None, f"{error.msg} at character {error.pos}") from None
    if "\\u" in text:
        _check_surrogates(value)
    if not isinstance(value, dict):
        raise RowError("not_an_object", None, "a row is one JSON object")
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    inside = escaped = False
    for char in text:
        if inside:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise RowError("too_deep", None, f"at most {MAX_DEPTH} levels")
        elif char in "]}":
            depth -= 1


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise RowError("duplicate_key", None, "each key may appear once in an object")
    return result


def _no_constant(name: str) -> None:
    raise RowError("not_finite", None, "NaN and Infinity are not JSON")


def read_fraction(text: str) -> Decimal:
    if not math.isfinite(float(text)):
        raise RowError("number_range", None, "beyond the range of a double")
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent below every limit: nothing, to any reader
        return Decimal(0)


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise RowError("number_range", None, f"an integer may have {MAX_DIGITS:,} digits")
    return int(text)


def _check_surrogates(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise RowError("lone_surrogate", None, "an escaped half of a pair") from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_surrogates(key)
            _check_surrogates(item)
    elif isinstance(value, list):
        for item in value:
            _check_surrogates(item)


def canonical(text: str | None) -> str | None:
    """One spelling for equal JSON texts: sorted keys, no white space, plain numbers."""
    if text is None:
        return None
    value = json.loads(text, parse_float=_plain, parse_int=_plain)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


class _Number(str):
    """A number in its plain spelling; tagged, so that it never equals a text."""


def _plain(text: str) -> str:
    try:
        number = Decimal(text).normalize(_EXACT)
    except InvalidOperation:
        return _Number(f"\0{text}")
    return _Number(f"\0{number if number else 0}")
