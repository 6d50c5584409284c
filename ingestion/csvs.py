"""CSV: a header, then a record a line, comma or semicolon between the cells, UTF-8.

A record may run over several lines inside quotes. When a quote is never closed, only the line
that opened it is bad: reading goes on with the next one, so that no neighbour is lost.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from ingestion import strict
from ingestion.chunks import SourceRow
from ingestion.contracts.model import Contract
from ingestion.errors import IngestError, RowError

#: A quoted cell may run over this many lines.
MAX_RECORD_LINES = 200
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
csv.field_size_limit(strict.MAX_ROW_BYTES)


class CsvFile:
    """The rows of one CSV file, as dictionaries by the names that the contract knows."""

    def __init__(
        self, path: Path, shown_as: Path, contract: Contract, column_map: dict[str, str] | None
    ) -> None:
        self.path = path
        self.shown_as = shown_as
        self.contract = contract
        self.column_map = {k.strip().lower(): v for k, v in (column_map or {}).items()}
        self.ignored: list[str] = []

    def rows(self) -> Iterator[SourceRow]:
        """All records. Raises :class:`IngestError` when the header will not do."""
        with open(self.path, "rb") as handle:
            lines = _Lines(handle)
            begun = self._begin(lines)
            while begun and (taken := lines.take()) is not None:
                number, line = taken
                if not strict.is_blank(line):
                    yield _record(number, line, lines, *begun)

    def holding(
        self, wanted: Sequence[int], odd: Iterable[int]
    ) -> Iterator[tuple[int, int, SourceRow]]:
        """The records that some lines are of, each behind the offsets where its first line begins
        and where the next record begins at the earliest. Their line numbers are 1.

        ``wanted``: offsets where those lines begin, sorted. ``odd``: offsets of all lines with an
        odd number of quotes, sorted: only with one of them a record of several lines begins.
        Raises :class:`IngestError` when the header will not do.
        """
        with open(self.path, "rb") as handle:
            begun = self._begin(_Lines(handle))
            end = handle.tell()
            for start, _ in groupby(merge(wanted, odd)):
                if start < end or begun is None:
                    continue
                handle.seek(start)
                lines = _Lines(handle)
                taken = lines.take()
                if taken is None or strict.is_blank(taken[1]):
                    continue
                row = _record(*taken, lines, *begun)
                end = handle.tell() if b"\n" in row.original else start + 1
                if bisect_left(wanted, start) < bisect_left(wanted, end):
                    yield start, end, row

    def _begin(self, lines: _Lines) -> tuple[str, list[str | None]] | None:
        """Read the header: the delimiter and the columns' names; None for an empty file."""
        header = lines.take()
        while header is not None and strict.is_blank(header[1]):
            header = lines.take()
        return self._header(*header) if header else None

    def _header(self, number: int, line: bytes) -> tuple[str, list[str | None]]:
        text = _header_text(self.shown_as, number, line)
        known = {
            name.lower(): field.sources[0]
            for field in self.contract.all_fields
            for name in field.sources
        }
        choices = []
        for delimiter in (",", ";"):
            cells = [cell.strip() for cell in _split(text, delimiter) or []]
            names = [self._known(cell, known) for cell in cells]
            choices.append((sum(n is not None for n in names), delimiter, cells, names))
        _, delimiter, cells, names = max(choices, key=lambda choice: choice[0])
        for given in self.column_map.keys() - {cell.lower() for cell in cells}:
            raise IngestError(
                self.shown_as,
                f"the header has no column {given!r}, which the mapping names "
                f"(it has: {', '.join(cells)[:300]})",
                line=number,
                field=self.column_map[given],
            )
        self._check(number, cells, names)
        self.ignored = [
            cell for cell, name in zip(cells, names, strict=True) if name is None and cell
        ]
        return delimiter, names

    def _known(self, cell: str, known: dict[str, str]) -> str | None:
        name = self.column_map.get(cell.lower(), cell)
        return known.get(name.lower())

    def _check(self, number: int, cells: Sequence[str], names: Sequence[str | None]) -> None:
        found = [name for name in names if name is not None]
        for field in self.contract.fields:
            if field.required and field.default is None and field.column not in found:
                shown = field.names[-1] if field.names else field.column
                raise IngestError(
                    self.shown_as,
                    f"the header has no column {shown!r} (it has: {', '.join(cells)[:300]})",
                    line=number,
                    field=field.column,
                )
        if self.contract.one_of and not set(self.contract.one_of) & set(found):
            raise IngestError(
                self.shown_as,
                "the header has no column " + " or ".join(map(repr, self.contract.one_of)),
                line=number,
                field=self.contract.one_of[0],
            )
        twice = sorted({name for name in found if found.count(name) > 1})
        if twice:
            raise IngestError(
                self.shown_as,
                f"the header names {twice[0]!r} twice",
                line=number,
                field=twice[0],
            )


class Sheet:
    """The records of any CSV by the header's own names; ``header`` is its line as it came.

    Raises :class:`IngestError` for a header that cannot be read or names a column twice.
    """

    def __init__(self, handle: BinaryIO, shown_as: Path) -> None:
        self._lines = _Lines(handle)
        taken = self._lines.take()
        while taken is not None and strict.is_blank(taken[1]):
            taken = self._lines.take()
        if taken is None:
            raise IngestError(shown_as, "is empty")
        number, self.header = taken
        text = _header_text(shown_as, number, self.header)
        splits = ((mark, _split(text, mark) or []) for mark in (",", ";", "\t"))
        self._delimiter, cells = max(splits, key=lambda split: len(split[1]))
        self.names = [cell.strip() for cell in cells]
        twice = sorted({name for name in self.names if name and self.names.count(name) > 1})
        if twice:
            raise IngestError(shown_as, f"the header names {twice[0]!r} twice", line=number)

    def rows(self) -> Iterator[SourceRow]:
        while (taken := self._lines.take()) is not None:
            number, line = taken
            if not strict.is_blank(line):
                yield _record(number, line, self._lines, self._delimiter, [*self.names])


def _header_text(shown_as: Path, number: int, line: bytes) -> str:
    if line.startswith(_UTF16):
        raise IngestError(shown_as, "is UTF-16; save it as UTF-8", line=number)
    try:
        return line.removeprefix(_BOM).rstrip(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise IngestError(shown_as, "the header is not UTF-8", line=number) from None


class _Lines:
    """Numbered lines that can be put back."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self._back: list[tuple[int, bytes]] = []
        self._number = 0

    def take(self) -> tuple[int, bytes] | None:
        if self._back:
            return self._back.pop()
        line = self._handle.readline(strict.MAX_ROW_BYTES + 2)
        if not line:
            return None
        while not line.endswith(b"\n") and (rest := self._handle.readline(strict.MAX_ROW_BYTES)):
            # Longer than any row may be: keep enough to show it, pass over the rest.
            if rest.endswith(b"\n"):
                break
        self._number += 1
        return self._number, line.removesuffix(b"\n")

    def put_back(self, taken: list[tuple[int, bytes]]) -> None:
        self._back.extend(reversed(taken))


def _record(
    number: int, line: bytes, lines: _Lines, delimiter: str, names: list[str | None]
) -> SourceRow:
    original = line.rstrip(b"\r")
    if len(original) > strict.MAX_ROW_BYTES:
        error = RowError("too_long", None, f"a row may be {strict.MAX_ROW_BYTES:,} bytes long")
        return SourceRow(number, original, error)
    alone = _split(original.decode("utf-8", "replace"), delimiter)
    if alone is None and original.count(b'"') % 2:
        joined = _joined(original, lines, delimiter, len(names))
        if joined is None:
            error = RowError("csv_quote", None, "a quote that is never closed")
            return SourceRow(number, original, error)
        original = joined
    try:
        text = original.decode("utf-8")
    except UnicodeDecodeError as failure:
        error = RowError("invalid_utf8", None, f"at byte {failure.start}")
        return SourceRow(number, original, error)
    cells = _split(text, delimiter)
    if cells is None:
        error = RowError("csv_quote", None, "text after a closing quote")
    elif len(cells) != len(names):
        error = RowError("cell_count", None, f"{len(cells)} cells for {len(names)} columns")
    elif "\0" in text:
        error = RowError("control_character", None, "a NUL byte")
    else:
        found = {name: cell for name, cell in zip(names, cells, strict=True) if name and cell}
        return SourceRow(number, original, found)
    return SourceRow(number, original, error)


def _joined(line: bytes, lines: _Lines, delimiter: str, width: int) -> bytes | None:
    """The whole record when the open quote is closed on a later line; else nothing is taken."""
    taken: list[tuple[int, bytes]] = []
    record = line
    while len(taken) < MAX_RECORD_LINES and len(record) <= strict.MAX_ROW_BYTES:
        following = lines.take()
        if following is None:
            break
        taken.append(following)
        record = record + b"\n" + following[1].rstrip(b"\r")
        if record.count(b'"') % 2 == 0:
            cells = _split(record.decode("utf-8", "replace"), delimiter)
            if cells is not None and len(cells) == width:
                return record
            break
    lines.put_back(taken)
    return None


def _split(text: str, delimiter: str) -> list[str] | None:
    """The cells of one record; None when its quotes are wrong."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        lines = [f"{line}\n" for line in text.split("\n")]
        records = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None
