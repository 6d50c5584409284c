"""Comparisons of a definition as Polars expressions, and texts of properties as typed values.

Serves the evaluator only: the compiled SQL must be checked by something that shares none of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import cache, reduce
from operator import and_
from typing import Any

import polars as pl

from workspace.definitions.segment_fields import Kind
from workspace.definitions.segments import LARGEST, Comparison

#: Kind -> what its values are held as; numbers of the marts that are DECIMAL stay that.
TYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Datetime("us"),
    "time": pl.Datetime("us"),
}
MONEY = pl.Decimal(38, 4)
_PLACES = Decimal("0.0001")
_EXACT = Context(prec=60)

_NUMBER = re.compile(r" *[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)? *")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
_MILLISECONDS = re.compile(r"-?[1-9][0-9]{4,14}")


def window(at: pl.Expr, as_of: datetime, within: float | None, older: float | None) -> pl.Expr:
    """Whether a time is in [as_of - within, as_of - older), days being 24 hours."""
    end = as_of - timedelta(days=older or 0)
    inside = at < end
    return inside if within is None else inside & (at >= as_of - timedelta(days=within))


def holds(value: pl.Expr, dtype: pl.DataType, comparison: Comparison, as_of: datetime) -> pl.Expr:
    """Whether a comparison holds of values of a type: never null, and false of a missing value."""
    given = comparison.operators()
    if "is_known" in given:
        return value.is_not_null() == given["is_known"]
    if "within_days" in given or "older_than_days" in given:
        found = window(value, as_of, given.get("within_days"), given.get("older_than_days"))
    elif (days := given.get("within_next_days")) is not None:
        found = (value >= as_of) & (value < as_of + timedelta(days=days))
    else:
        tests = [_test(value, dtype, operator, wanted) for operator, wanted in given.items()]
        found = reduce(and_, tests)
    return found.fill_null(False)


def _test(value: pl.Expr, dtype: pl.DataType, operator: str, wanted: Any) -> pl.Expr:
    if operator in ("contains", "starts_with", "ends_with"):
        text: dict[str, Callable[[], pl.Expr]] = {
            "contains": lambda: value.str.contains(wanted, literal=True),
            "starts_with": lambda: value.str.starts_with(wanted),
            "ends_with": lambda: value.str.ends_with(wanted),
        }
        return text[operator]()
    if operator in ("is", "is_not", "in", "not_in"):
        among = wanted if isinstance(wanted, list) else [wanted]
        found = value.is_in(pl.Series(_equals(among, dtype), dtype=dtype).implode())
        return ~found if operator in ("is_not", "not_in") else found
    if dtype == MONEY:
        return _money_test(value, operator, _decimal(wanted))
    literal = pl.lit(_literal(wanted, dtype), dtype=dtype)
    return {
        "at_least": value >= literal,
        "above": value > literal,
        "at_most": value <= literal,
        "below": value < literal,
    }[operator]


def _literal(wanted: Any, dtype: pl.DataType) -> Any:
    if dtype == pl.Float64:
        return float(wanted)
    if isinstance(dtype, pl.Datetime):
        day = date.fromisoformat(wanted) if isinstance(wanted, str) else wanted
        return datetime(day.year, day.month, day.day)
    return wanted


def _equals(among: Iterable[Any], dtype: pl.DataType) -> list[Any]:
    """The values of a list that some value of the type can be equal to."""
    if dtype != MONEY:
        return [_literal(item, dtype) for item in among]
    exact = [_decimal(item) for item in among]
    return [item for item in exact if item == item.quantize(_PLACES, context=_EXACT)]


def _decimal(wanted: float) -> Decimal:
    """The number as the file writes it, not as binary holds it."""
    return Decimal(repr(wanted))


def at_least(total: pl.Expr, wanted: float) -> pl.Expr:
    return _money_test(total, "at_least", _decimal(wanted))


def below(total: pl.Expr, wanted: float) -> pl.Expr:
    return _money_test(total, "below", _decimal(wanted))


def _money_test(value: pl.Expr, operator: str, wanted: Decimal) -> pl.Expr:
    # Amounts have four places; a limit with more lies between two amounts, and the same amounts
    # are above and below it as of the nearest one on its far side.
    up, down = (
        pl.lit(wanted.quantize(_PLACES, rounding, context=_EXACT), dtype=MONEY)
        for rounding in (ROUND_CEILING, ROUND_FLOOR)
    )
    return {
        "at_least": value >= up,
        "above": value > down,
        "at_most": value <= down,
        "below": value < up,
    }[operator]


def parsed(texts: Iterable[str | None], kind: Kind) -> pl.Series:
    """Texts of a property as values of its kind; null where a text is none."""
    parse: dict[Kind, Callable[[str], Any]] = {
        "text": str,
        "number": number_of,
        "boolean": {"true": True, "false": False}.get,
        "date": _day_of,
        "time": time_of,
    }
    read = cache(parse[kind])  # few texts are told of many
    return pl.Series([None if text is None else read(text) for text in texts], dtype=TYPES[kind])


def number_of(text: str) -> float | None:
    """A finite number between -1e15 and 1e15; None for any other text."""
    number = float(text) if _NUMBER.fullmatch(text) else None
    return None if number is None or abs(number) > LARGEST else number


def time_of(text: str) -> datetime | None:
    """ISO 8601 or epoch milliseconds (five digits or more) as naive UTC; None for any other text.

    As the CRM's times are read everywhere: a year outside 1900 to 2199 is no time either.
    """
    try:
        if _MILLISECONDS.fullmatch(text):
            found = datetime(1970, 1, 1) + timedelta(milliseconds=int(text))
        elif _TIME.fullmatch(text):
            found = datetime.fromisoformat(text)
        else:
            return None
        if found.tzinfo is not None:
            found = found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return found if 1900 <= found.year <= 2199 else None


def _day_of(text: str) -> datetime | None:
    found = time_of(text)
    return None if found is None else datetime(found.year, found.month, found.day)
