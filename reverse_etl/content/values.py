"""Values of one person, checked and written as a message shows them."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from html import escape

LONGEST = 2_000
Primitive = str | int | float | bool | Decimal | date | None

_URL = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][!-~]*)?")
_URL_FORBIDS = re.compile(r"[\s\"'<>\\^`{|}]")
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
#: What ends a line or turns the direction of what is read.
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}
_SEPARATORS = {"fr": ("\u00a0", ","), "en": (",", ".")}


class BadValue(ValueError):
    """A value that cannot stand where it is asked for; the message does not repeat it."""


def written(value: Primitive, kind: str, language: str, decimals: int | None = None) -> str | None:
    """A value as text of a language; None where there is none. Raises :class:`BadValue`.

    A text of blanks is none. Numbers come as numbers or as text with a decimal point, days as
    dates or ISO text.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        if len(value) > LONGEST:
            raise BadValue(f"is longer than {LONGEST:,} characters")
        if _NO_TEXT.search(value):
            raise BadValue("holds a control character, or half of one")
    if kind == "number":
        return _number(value, language, decimals)
    if kind == "date":
        return _day(value, language)
    if kind == "url":
        return _url(value)
    if not isinstance(value, str):
        raise BadValue("is no text")
    return value.strip()


def check_line(value: str) -> None:
    """Raises :class:`BadValue` for what would break a header line."""
    if _NOT_IN_A_LINE.search(value):
        raise BadValue("holds a line break or control character")


def escaped(url: str) -> str:
    """A link as it stands in an attribute."""
    return escape(url, quote=True)


def _number(value: Primitive, language: str, decimals: int | None) -> str:
    if isinstance(value, bool):
        raise BadValue("is no number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise BadValue("is no number") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 18:
        raise BadValue("is no number")
    group, point = _SEPARATORS.get(language[:2], _SEPARATORS["en"])
    if decimals is None:
        number = number.normalize() if number != number.to_integral() else number.to_integral()
        text = f"{number:,f}"
    else:
        text = f"{number:,.{decimals}f}"
    return text.translate(str.maketrans({",": group, ".": point}))


def _day(value: Primitive, language: str) -> str:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise BadValue("is no date") from None
    if not isinstance(value, date):
        raise BadValue("is no date")
    months = MONTHS.get(language[:2])
    if months is None:
        return value.strftime("%Y-%m-%d")
    day = "1er" if language[:2] == "fr" and value.day == 1 else str(value.day)
    return f"{day} {months.split()[value.month - 1]} {value.year}"


def _url(value: Primitive) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not _URL.fullmatch(text) or _URL_FORBIDS.search(text):
        raise BadValue("is no https:// link")
    return text
