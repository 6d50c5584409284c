"""The bytes that rows of the lake were read from: back from a row's file and line to landing.

Rows keep ``landing_file`` and ``landing_line``. A line of a CRM page holds several objects, which
are told apart by their ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingestion.chunks import SourceRow, crm_objects, ndjson_rows, numbered_lines
from ingestion.contracts import TABLES
from ingestion.csvs import CsvFile
from ingestion.errors import IngestError
from ingestion.landing import LandedFile, column_map_of, landed
from ingestion.unpack import Plain, plain

#: By line: the ids wanted of a page's objects; empty where the line is one row.
Wanted = Mapping[int, Collection[str]]
_BLOCK = 4 << 20


@dataclass(frozen=True)
class Original:
    """One row as it came: the row's own bytes, of a page the object's; None where the file is not
    there any more."""

    landing_file: str
    landing_line: int
    data: bytes | None


def originals(wanted: Mapping[str, Wanted], landing: Path, staging: Path) -> Iterator[Original]:
    """The originals of rows, by their file and line.

    ``staging`` is a folder for what has to be unpacked, which is removed again.
    """
    for name, lines in sorted(wanted.items()):
        try:
            file = landed(name.split("/", 1)[0], landing / name, landing)
            with plain(file.path, file.file_name, staging) as source:
                yield from _of_file(file, source, lines)
        except IngestError:
            yield from (Original(name, line, None) for line in sorted(lines))


def _of_file(file: LandedFile, source: Plain, lines: Wanted) -> Iterator[Original]:
    rows = _rows(file, source, lines)
    last = max(lines)
    for row in crm_objects(rows) if file.kind == "crm" else rows:
        if row.line > last:
            return
        if row.line in lines and _is_wanted(row, lines[row.line]):
            yield Original(file.landing_file, row.line, row.original)


def _is_wanted(row: SourceRow, ids: Collection[str]) -> bool:
    return not ids or (isinstance(row.value, dict) and str(row.value.get("id")) in ids)


def _rows(file: LandedFile, source: Plain, lines: Wanted) -> Iterable[SourceRow]:
    if source.format == "csv":
        contract = TABLES[file.kind]
        return CsvFile(source.path, file.path, contract, column_map_of(file.path)).rows()
    return _lines(source.path, lines)


def _lines(path: Path, wanted: Wanted) -> Iterator[SourceRow]:
    """Some rows of an NDJSON file, without reading the others or holding more than a block."""
    number, rest = 1, b""
    with open(path, "rb") as handle:
        while block := handle.read(_BLOCK):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            if newline:
                yield from _picked(whole, number, wanted)
                number += whole.count(b"\n") + 1
    yield from _picked(rest, number, wanted)


def _picked(data: bytes, first_line: int, wanted: Wanted) -> Iterator[SourceRow]:
    for line, original in numbered_lines(data, first_line):
        if line in wanted:
            yield from ndjson_rows(original, line)
