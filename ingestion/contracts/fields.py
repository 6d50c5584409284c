"""What a contract is made of: fields with a type, and the checks that go with each type.

A field reads one value, as text (CSV) or as JSON, and gives the Python value of its column or
raises :class:`RowError`. Decimals never pass through a float.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ingestion.contracts.currencies import CURRENCIES
from ingestion.errors import RowError
from workspace.clock import EARLIEST, FUTURE_TOLERANCE
from workspace.identifiers import (
    KEY_LENGTH,
    normalise_domain,
    normalise_email,
    normalise_phone,
)

#: Plans and contracts may lie ahead, but not beyond this.
LATEST = datetime(2200, 1, 1)
MAX_TEXT = 100_000
_INT_LIMIT = 1 << 63
_json = msgspec.json.Encoder(decimal_format="number").encode

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_LONG_YEAR = re.compile(r"[+-]?[0-9]{5,}-[0-9]{2}-[0-9]{2}.*", re.DOTALL)
_EPOCH_MS = re.compile(r"-?[0-9]{5,20}")
_KEY = re.compile(f"[0-9a-f]{{{KEY_LENGTH}}}")
_NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True)
class Field:
    """One column of a contract.

    ``names`` are the names a source may use, in order of preference (the column's own first);
    ``future`` lets a time lie after the landing time; ``minimum`` and ``maximum`` are inclusive
    unless ``above`` asks for more than the minimum.
    """

    column: str
    type: str = "text"
    required: bool = False
    names: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    above: bool = False
    default: Any = None
    future: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.column, *self.names)

    def read(self, value: Any, landed_at: datetime) -> Any:
        """The column's value for a source value. Raises :class:`RowError`."""
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            if self.required and self.default is None:
                raise RowError("missing_field", self.column, "required")
            return self.default
        try:
            result = _READERS[self.type](value)
        except RowError as error:
            raise RowError(error.reason, self.column, error.detail) from None
        self._check(result, landed_at)
        return result

    def _check(self, value: Any, landed_at: datetime) -> None:
        if self.allowed and value not in self.allowed:
            raise RowError("unknown_value", self.column, "one of " + ", ".join(self.allowed))
        if self.minimum is not None and (
            value < self.minimum or (self.above and value == self.minimum)
        ):
            word = "more than" if self.above else "at least"
            raise RowError("out_of_range", self.column, f"{word} {self.minimum}")
        if self.maximum is not None and value > self.maximum:
            raise RowError("out_of_range", self.column, f"at most {self.maximum}")
        if self.type in _CLOCKS:
            check_time(value, landed_at, self.column, self.future)


def check_time(value: date, landed_at: datetime, field: str, future: bool = False) -> None:
    """Refuse times before 1900 and after the landing time plus 24 hours (or after 2200)."""
    limit = LATEST if future else landed_at + FUTURE_TOLERANCE
    time = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if time < EARLIEST or time > limit:
        detail = "from 1900 to 2199" if future else "from 1900 to 24 hours after landing"
        raise RowError("time_range", field, detail)


#: The last digit of a decimal, by its scale.
_UNITS = [Decimal(1).scaleb(-scale) for scale in range(9)]


def read_text(value: Any) -> str:
    """Text, or an integer as its digits (ids are often sent as numbers)."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RowError("wrong_type", None, "expected a text")
    if len(value) > MAX_TEXT:
        raise RowError("too_long", None, f"at most {MAX_TEXT:,} characters")
    return value


def read_decimal(value: Any, digits: int = 14, scale: int = 4) -> Decimal:
    """An exact decimal with at most ``digits`` before and ``scale`` behind the point."""
    number = _number(value)
    if abs(number) >= 10**digits:
        raise RowError("too_many_digits", None, f"at most {digits} digits before the point")
    rounded = number.quantize(_UNITS[scale])
    if rounded != number:
        raise RowError("too_many_digits", None, f"at most {scale} digits behind the point")
    return rounded


def read_rate(value: Any) -> Decimal:
    return read_decimal(value, digits=10, scale=8)


def read_integer(value: Any) -> int:
    number = _number(value)
    if abs(number) >= _INT_LIMIT:
        raise RowError("too_many_digits", None, "beyond 64 bits")
    if number != int(number):
        raise RowError("not_a_number", None, "expected a whole number")
    return int(number)


def read_float(value: Any) -> float:
    number = float(_number(value))
    if not math.isfinite(number):
        raise RowError("number_range", None, "beyond the range of a double")
    return number


def read_time(value: Any) -> datetime:
    """An ISO 8601 date or time as naive UTC; without a zone it is UTC."""
    if not isinstance(value, str):
        raise RowError("not_a_time", None, "expected an ISO 8601 text")
    if not _TIME.fullmatch(value):
        if _LONG_YEAR.fullmatch(value):
            raise RowError("time_range", None, "a year has four digits")
        raise RowError("not_a_time", None, "expected an ISO 8601 date or time")
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is not None:
            parsed = parsed.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise RowError("not_a_time", None, "there is no such date or time") from None
    return parsed


def read_crm_time(value: Any) -> datetime:
    """ISO 8601, or milliseconds since 1970 as a number or a text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and _EPOCH_MS.fullmatch(value):
        try:
            return datetime(1970, 1, 1) + timedelta(milliseconds=int(value))
        except OverflowError:
            raise RowError("time_range", None, "beyond the calendar") from None
    return read_time(value)


def read_crm_date(value: Any) -> date:
    return read_crm_time(value).date()


def read_date(value: Any) -> date:
    if isinstance(value, str) and len(value) != 10 and not _LONG_YEAR.fullmatch(value):
        raise RowError("not_a_time", None, "expected a date, YYYY-MM-DD")
    return read_time(value).date()


def read_month(value: Any) -> date:
    """A month as ``YYYY-MM`` or its first day."""
    if isinstance(value, str) and len(value) == 7:
        value = f"{value}-01"
    day = read_date(value)
    if day.day != 1:
        raise RowError("not_a_time", None, "expected a month, YYYY-MM or its first day")
    return day


def read_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise RowError("wrong_type", None, "expected true or false")


def read_currency(value: Any) -> str:
    code = read_text(value).upper()
    if code not in CURRENCIES:
        raise RowError("unknown_currency", None, "expected an ISO 4217 code")
    return code


def read_email(value: Any) -> str:
    text = read_text(value)
    if normalise_email(text) is None:
        raise RowError("not_an_email", None, "expected an e-mail address")
    return text


def read_phone(value: Any) -> str:
    text = read_text(value)
    if normalise_phone(text) is None:
        raise RowError("not_a_phone", None, "expected a phone number")
    return text


def read_code(value: Any) -> str:
    """A short code, compared in lower case."""
    return read_text(value).lower()


def read_domain(value: Any) -> str:
    """The host of a domain, as `workspace.identifiers.domain_key` takes it."""
    domain = normalise_domain(read_text(value))
    if domain is None:
        raise RowError("not_a_domain", None, "expected a domain")
    return domain


def read_key(value: Any) -> str:
    """A keyed hash that this workspace made."""
    text = read_text(value)
    if not _KEY.fullmatch(text):
        raise RowError("not_a_key", None, f"expected {KEY_LENGTH} hexadecimal digits")
    return text


def read_json(value: Any) -> str:
    """An object or a list as JSON text: what a source sent, beside the columns made of it."""
    if not isinstance(value, (dict, list)):
        raise RowError("wrong_type", None, "expected an object or a list")
    return _json(value).decode()


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise RowError("not_a_number", None, "expected a number")
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int):
        number = Decimal(value)
    else:
        if value.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            raise RowError("not_finite", None, "NaN and Infinity are not numbers")
        if len(value) > 100 or not _NUMBER.fullmatch(value):
            raise RowError("not_a_number", None, "expected digits and a decimal point")
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise RowError("not_a_number", None, "expected a number") from None
    if number and number.adjusted() > 308:
        raise RowError("number_range", None, "beyond the range of a double")
    if number and number.adjusted() < -400:
        raise RowError("too_many_digits", None, "too small to be kept exactly")
    return number


_READERS: dict[str, Callable[[Any], Any]] = {
    "text": read_text,
    "code": read_code,
    "decimal": read_decimal,
    "rate": read_rate,
    "integer": read_integer,
    "float": read_float,
    "time": read_time,
    "crm_time": read_crm_time,
    "crm_date": read_crm_date,
    "date": read_date,
    "month": read_month,
    "boolean": read_boolean,
    "currency": read_currency,
    "email": read_email,
    "phone": read_phone,
    "domain": read_domain,
    "json": read_json,
    "key": read_key,
}
_CLOCKS = ("time", "crm_time", "crm_date", "date", "month")
