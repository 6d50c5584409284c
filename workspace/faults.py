"""Errors without the values they are about: what is logged or stored must not name a person.

DuckDB and pyarrow quote the value that they could not read.
"""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa

_OF_VALUES = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
    duckdb.ConstraintException,
    pa.ArrowException,
)
#: Quoted text (to the end where the value holds the mark itself), addresses, numbers of people.
_VALUES = re.compile(r"\"[^\n]*\"|'[^\n]*'|[\"'].*|\S*@\S*|\+?[0-9][0-9 .-]{4,}[0-9]")
#: What DuckDB says of bad input in words of its own, with the value in quotes.
_KNOWN = re.compile("Invalid Input Error: (Could not parse string|Malformed JSON)")


def said(error: BaseException) -> str:
    """The text of an error; of one that is about data, its first line without the values."""
    if not isinstance(error, _OF_VALUES):
        return str(error)
    text = str(error).partition("\n")[0]
    if isinstance(error, duckdb.InvalidInputException) and not _KNOWN.match(text):
        return text.partition(":")[0]  # a value may be all that is said
    return _VALUES.sub("…", text)


def without_values(error: BaseException) -> BaseException:
    """The same error where it names no values, else one of its type that does not."""
    if not isinstance(error, _OF_VALUES):
        return error
    return type(error)(said(error))
