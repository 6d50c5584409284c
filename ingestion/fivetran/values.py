"""Single cells: ids, times and flags as exports write them, in the one form that contracts read.

A cell that is none of that is handed on as it is, for the contract to refuse by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from ingestion.contracts.fields import read_time
from ingestion.errors import RowError

Values = Mapping[str, str]

SYNCED = "_fivetran_synced"
_NUMBER = re.compile(r"[0-9]+([.][0-9]+)?([eE][+]?[0-9]{1,2})?")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{1,2}):([0-9]{2})(:[0-9]{2})?([.][0-9]{1,9})?"
    r" ?(UTC|Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_DIGITS = frozenset("0123456789 ")
_TRUE = frozenset({"true", "t", "1", "yes"})


def first(values: Values, *names: str) -> str | None:
    """The first of these columns that is filled."""
    for name in names:
        value = values.get(name, "").strip()
        if value:
            return value
    return None


def ident(text: str | None) -> str | None:
    """An id; a warehouse may have kept it as a double (``123.0``, ``2.18e9``)."""
    if text is None:
        return None
    text = text.strip()
    if text.isdigit():
        return text
    if _NUMBER.fullmatch(text):
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text
        if number == number.to_integral_value():
            return str(int(number))
    return text or None


def identifier(values: Values, *names: str) -> str | None:
    """The first of these columns that is filled, as an id."""
    return ident(first(values, *names))


def tail(values: Values, *names: str) -> str | None:
    """An id, or the last part of a resource name such as ``customers/1/adGroups/2``."""
    found = first(values, *names)
    return ident(found.rpartition("/")[2]) if found else None


def time_text(text: str | None) -> str | None:
    """A time with two digits an hour and no word for the zone; what is no time stays."""
    if text is None or text[:1] not in _DIGITS:
        return text
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return text
    day, hour, minute, second, fraction, zone = match.groups()
    zone = "Z" if zone == "UTC" else zone or ""
    return f"{day}T{hour.zfill(2)}:{minute}{second or ':00'}{fraction or ''}{zone}"


def parsed(text: str | None) -> datetime | None:
    """The time, naive UTC; None for what is none."""
    if text is None:
        return None
    try:
        return read_time(time_text(text))
    except RowError:
        return None


def latest(*texts: str | None) -> str | None:
    """The last of these times; without any, the first text, which its contract will refuse."""
    given = [text for text in texts if text]
    times = [(time, text) for text in given if (time := parsed(text)) is not None]
    if times:
        return time_text(max(times)[1])
    return given[0] if given else None


def day_text(text: str | None) -> str | None:
    """A date, also where it was kept as the first moment of the day."""
    if text is None:
        return None
    match = _TIME.fullmatch(text.strip())
    if match and int(match[2]) == int(match[3]) == 0 and (match[4] or ":00") == ":00":
        return match[1]
    return text


def is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in _TRUE


def is_deleted(values: Values) -> bool:
    return is_true(values.get("_fivetran_deleted")) or is_true(values.get("is_deleted"))
