"""Files as tables: which table a file is, and its records one after the other."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from ingestion.chunks import SourceRow
from ingestion.csvs import Sheet
from ingestion.errors import IngestError
from ingestion.fivetran.model import Table
from workspace.definitions import nearest

_ENDINGS = (".csv", ".csv.gz", ".parquet")
#: How files and folders name a connector; the longest beginning is tried first.
_CONNECTORS = {
    "hubspot": "hubspot",
    "google_ads": "google_ads",
    "facebook_ads": "facebook_ads",
    "linkedin_ads": "linkedin_ads",
    "linkedin": "linkedin_ads",
}


@dataclass(frozen=True)
class Named:
    """What a file's name says: its table, or why none can be told."""

    path: Path
    table: Table | None = None
    trouble: str | None = None


@dataclass
class TableFile:
    """A file of a table, its columns' names in lower case.

    ``plain`` is the file itself, or the CSV that was made of it.
    """

    path: Path
    table: Table
    plain: Path
    names: list[str] = field(default_factory=list)
    header: bytes = b""

    @classmethod
    def open(cls, path: Path, table: Table, scratch: Path) -> TableFile:
        """Read the header; what is no plain CSV is made one, below ``scratch``. Raises
        :class:`IngestError`."""
        file = cls(path, table, _plain(path, scratch))
        with file._sheet() as sheet:
            file.header = sheet.header.rstrip(b"\r")
            file.names = sheet.names
            twice = sorted({n for n in file.names if n and file.names.count(n) > 1})
            if twice:
                raise IngestError(path, f"the header names {twice[0]!r} twice")
        return file

    def rows(self) -> Iterator[SourceRow]:
        """Every record with its line and bytes; its value by column, or what is wrong."""
        with self._sheet() as sheet:
            yield from sheet.rows()

    @contextmanager
    def _sheet(self) -> Iterator[Sheet]:
        try:
            with open(self.plain, "rb") as handle:
                yield _lowered(Sheet(handle, self.path))
        except OSError as error:
            raise IngestError(self.path, f"cannot be read ({error.strerror})") from error


def _lowered(sheet: Sheet) -> Sheet:
    sheet.names = [name.lower() for name in sheet.names]
    return sheet


def page_rows(body: bytes) -> Iterator[SourceRow]:
    """The records of a landed page: a header and whole records."""
    yield from _lowered(Sheet(io.BytesIO(body), Path("page"))).rows()


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those below folders, in order. Raises :class:`IngestError`."""
    for path in paths:
        if path.is_dir():
            below = (one for one in path.rglob("*") if not one.name.startswith("."))
            yield from sorted(one for one in below if one.is_file())
        elif path.is_file():
            yield path
        else:
            raise IngestError(path, "there is no such file or folder")


def named(path: Path, catalogue: Mapping[str, Table]) -> Named:
    """Which table a file is, by its name and, where two connectors have it, its folder's."""
    ending = next((end for end in _ENDINGS if path.name.lower().endswith(end)), None)
    if ending is None:
        return Named(path, trouble="is no table: CSV (plain or gzip) or Parquet is read")
    stem = re.sub(r"[^a-z0-9]+", "_", path.name[: -len(ending)].lower()).strip("_")
    stem = stem.removesuffix("_data")
    hints = [*_connectors(stem), *_connectors(path.parent.name.lower())]
    found = [
        table
        for connector, rest in hints
        if (table := catalogue.get(f"{connector}.{rest or stem}"))
        or (table := catalogue.get(f"{connector}.{stem}"))
    ]
    if not found:
        same = (table for table in catalogue.values() if table.name == stem)
        found = list({table.full_name: table for table in same}.values())
        if len(found) > 1:
            among = " or ".join(f"{table.connector}_{stem}" for table in found)
            return Named(path, trouble=f"may be of several connectors; name it {among}")
    if found:
        return Named(path, table=found[0])
    known = sorted({*catalogue, *(table.name for table in catalogue.values())})
    prefixed = [f"{connector}.{rest}" for connector, rest in _connectors(stem) if rest]
    return Named(
        path, trouble=f"unknown table {stem!r}{nearest(next(iter(prefixed), stem), known)}"
    )


def _connectors(name: str) -> list[tuple[str, str]]:
    """The connectors that a name begins with, and what is left of it."""
    return [
        (connector, name.removeprefix(prefix).strip("_"))
        for prefix, connector in _CONNECTORS.items()
        if name == prefix or name.startswith(f"{prefix}_")
    ]


# ---- bytes -----------------------------------------------------------------------------------


def _plain(path: Path, scratch: Path) -> Path:
    """The file as CSV. Raises :class:`IngestError` for one that does not unpack to its end."""
    name = path.name.lower()
    if not name.endswith((".parquet", ".gz")):
        return path
    target = scratch / f"{uuid4().hex}.csv"
    try:
        if name.endswith(".gz"):
            with gzip.open(path, "rb") as packed, open(target, "xb") as out:
                shutil.copyfileobj(packed, out)
        else:
            _write_csv(path, target)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise IngestError(path, f"cannot be unpacked ({type(error).__name__})") from None
    return target


def _write_csv(path: Path, target: Path) -> None:
    import pyarrow.parquet as pq

    with (
        pq.ParquetFile(path) as file,
        open(target, "x", encoding="utf-8", newline="") as handle,
    ):
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(file.schema_arrow.names)
        for batch in file.iter_batches(10_000):
            columns = [[_text(value) for value in column.to_pylist()] for column in batch]
            writer.writerows(zip(*columns, strict=True))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str)
    return value if isinstance(value, str) else str(value)
