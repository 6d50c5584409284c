"""The records of landed pages as rows: one line of JSON each, for the kind's contract to judge.

A value that is not where it belongs, or not of the kind that was expected, becomes one that the
contract refuses, so a vendor's change of type shows up as a rejected row and never as a silent
null. A field nobody names stays in the payload.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingestion import strict
from ingestion.collector import segments
from ingestion.collector.segments import Record as Kept
from ingestion.errors import RowError
from ingestion.sources import registry
from ingestion.sources.model import PullError, Record, Rows

PAGE = "pull:"
END = "pulled:"
#: The path of a record whose lines are kept instead of what was received: `ingestion.redaction`.
KEPT_LINES = "lines:"


class UnknownSource(Exception):
    """A landed page of a source or resource that is not there any more."""


#: What a function of a record raises where it does not find what it expects.
FAULTS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RowError)

#: No contract takes an object as a value.
_UNFIT: dict[str, Any] = {}

_decode = msgspec.json.Decoder(float_hook=strict.read_fraction).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_DOUBTS = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, RowError)


def record_lines(kept: Kept) -> Iterator[bytes]:
    """The rows of one landed page."""
    if not kept.path.startswith(PAGE):
        return
    rows = rows_of(kept.path.removeprefix(PAGE))
    parent = dict(kept.headers).get(b"parent")
    yield from page_lines(rows, kept.body, decoded(parent) if parent else None)


def rows_of(name: str) -> Rows:
    """How the records of ``source/resource`` become rows. Raises :class:`UnknownSource`."""
    source, _, resource = name.partition("/")
    try:
        return registry.load(source).resource(resource).rows
    except (KeyError, StopIteration):
        raise UnknownSource(name) from None


def page_lines(rows: Rows, body: bytes, parent: Any = None) -> Iterator[bytes]:
    for value in records_of(rows, body, parent):
        if isinstance(value, dict):
            yield encoded(_row(rows, Record(value, parent)))
        else:
            yield encoded(value)


def records_of(rows: Rows, body: bytes, parent: Any = None) -> list[Any]:
    """The records of a page. Raises :class:`PullError` when it is none."""
    if rows.with_parent is not None or callable(rows.records):
        try:
            if rows.with_parent is not None:
                return list(rows.with_parent(body, parent))
            return list(rows.records(body))
        except FAULTS as error:
            raise PullError(f"an answer of another shape ({type(error).__name__})") from None
    return records_at(decoded(body), rows.records)


def records_at(page: Any, path: str) -> list[Any]:
    """The list at a path of a parsed page."""
    try:
        found = Record(page)[path] if path else page
    except TypeError:
        found = None
    if not isinstance(found, list):
        raise PullError(f"the answer has no list {path!r}".replace(" ''", ""))
    return found


def decoded(body: bytes) -> Any:
    """A page's JSON; fractions are decimals. Raises :class:`PullError`.

    A value that no strict reader takes (half of a surrogate pair, a number beyond a double) is
    read all the same: it must spoil its own record and not the page.
    """
    try:
        return _decode(body)
    except _DOUBTS:
        pass
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        raise PullError("the answer is no JSON") from None


def encoded(value: Any) -> bytes:
    """JSON in one line; what could not be read strictly stays as unreadable as it was."""
    try:
        return _encode(value)
    except _DOUBTS:
        return json.dumps(value, default=float).encode()


def read_note(path: Path) -> dict[str, Any] | None:
    """The last frame of a pulled file; None when the file is something else."""
    with open(path, "rb") as handle:
        for record in segments.records(handle):
            if record.path.startswith(END):
                return json.loads(record.body)
            if not record.path.startswith((PAGE, KEPT_LINES)):
                return None
    return None


def _row(rows: Rows, record: Record) -> dict[str, Any]:
    if rows.whole is not None:
        try:
            return rows.whole(record)
        except FAULTS:
            return record.value
    row = dict(rows.constants)
    for name, place in rows.fields.items():
        try:
            row[name] = record[place] if isinstance(place, str) else place(record)
        except FAULTS:
            row[name] = _UNFIT
    row["payload"] = record.value
    return row
