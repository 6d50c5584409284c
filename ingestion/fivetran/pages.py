"""Pages: records of a table as they came, with what was looked up for them in others.

The body of a page is the table's header and whole records, byte for byte. Its parent, JSON, has
the table, the records' lines, how many of them stand together, and what they need of other
tables. A record that cannot be read has a page of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingestion.chunks import SourceRow
from ingestion.errors import RowError
from ingestion.fivetran.joins import Joins
from ingestion.fivetran.model import Shape
from ingestion.fivetran.reading import TableFile, page_rows
from ingestion.fivetran.values import Values
from ingestion.sources import lines

PAGE_ROWS = 1_000
PAGE_BYTES = 1 << 20
#: A row shows the bytes it is made of up to this length; landing has all of them.
SHOWN_BYTES = 50_000

Group = list[SourceRow]


@dataclass(frozen=True)
class Page:
    body: bytes
    parent: bytes


@dataclass
class Count:
    """How the records of a table ended; those left out by ``left_out``'s reason."""

    read: int = 0
    broken: int = 0
    left_out: int = 0
    #: Records that are told, with others of their group, by fewer rows.
    folded: int = 0
    rows: int = 0


@dataclass
class Paging:
    """Cuts one file of a table into pages for one shape, and counts."""

    file: TableFile
    shape: Shape
    joins: Joins
    count: Count = field(default_factory=Count)

    def pages(self) -> Iterator[Page]:
        waiting: list[Group] = []
        size = rows = 0
        for group in self._groups():
            waiting.append(group)
            rows += len(group)
            size += sum(len(row.original) for row in group)
            if rows >= PAGE_ROWS or size >= PAGE_BYTES:
                yield self._page(waiting)
                waiting, size, rows = [], 0, 0
        if waiting:
            yield self._page(waiting)
        yield from self._broken_pages

    def _groups(self) -> Iterator[Group]:
        """Records that make rows together. Where they do, the table is held in memory."""
        key: Callable[[Values, Joins], Hashable] | None = self.shape.key
        held: dict[Hashable, Group] = {}
        self._broken_pages: list[Page] = []
        for row in self.file.rows():
            self.count.read += 1
            if isinstance(row.value, RowError):
                self.count.broken += 1
                self._broken_pages.append(self._broken(row, row.value))
            elif self.shape.keep is not None and not self.shape.keep(row.value, self.joins):
                self.count.left_out += 1
            elif key is None:
                yield [row]
            else:
                held.setdefault(key(row.value, self.joins), []).append(row)
        yield from held.values()

    def _page(self, groups: Sequence[Group]) -> Page:
        records = [row for group in groups for row in group]
        values = [row.value for row in records if isinstance(row.value, dict)]
        needed = self.shape.look_up(values, self.joins) if self.shape.look_up else {}
        parent: dict[str, Any] = {
            "table": self.file.table.full_name,
            "file": self.file.path.name,
            "lines": [row.line for row in records],
            "needed": needed,
        }
        if self.shape.key is not None:
            parent["groups"] = [len(group) for group in groups]
        body = b"\n".join([self.file.header, *(row.original for row in records), b""])
        page = Page(body, lines.encoded(parent))
        made = len(records)
        if self.shape.key is not None:
            made = len(page_values(self.shape, page.body, lines.decoded(page.parent)))
        self.count.rows += made
        self.count.folded += len(records) - made
        return page

    def _broken(self, row: SourceRow, error: RowError) -> Page:
        parent = {
            "table": self.file.table.full_name,
            "file": self.file.path.name,
            "lines": [row.line],
            "broken": error.reason,
        }
        return Page(row.original, lines.encoded(parent))


def page_values(shape: Shape, body: bytes, parent: Any) -> list[Any]:
    """The rows of a page for their contract, each with where it is from. A record that cannot
    be read is a list, which no contract takes."""
    shown = {"table": parent["table"], "file": parent["file"]}
    if "broken" in parent:
        return [[shown, parent["lines"][0], parent["broken"], body.decode("utf-8", "replace")]]
    records = list(page_rows(body))
    if len(records) != len(parent["lines"]):
        raise ValueError("a page of another number of records")
    found = []
    at = 0
    for size in parent.get("groups") or [1] * len(records):
        group = records[at : at + size]
        origin = shown | {
            "lines": parent["lines"][at : at + size],
            "rows": [row.original[:SHOWN_BYTES].decode("utf-8", "replace") for row in group],
        }
        at += size
        values = [row.value for row in group if isinstance(row.value, dict)]
        try:
            made = list(shape.rows(values, parent["needed"]))
        except lines.FAULTS:
            made = [{}]  # refused by its contract, with its bytes
        found += [{**row, "_source": origin} for row in made]
    return found
