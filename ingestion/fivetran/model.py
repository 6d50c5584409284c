"""What a table of a connector is made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ingestion.fivetran.values import Values, first

if TYPE_CHECKING:
    from ingestion.fivetran.joins import Joins

Row = dict[str, Any]
#: What a page has to know of other tables, as JSON.
Parent = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """The first filled one of some columns, read in some way."""

    names: tuple[str, ...]
    read: Callable[[str | None], Any] = str.strip  # type: ignore[assignment]

    def __call__(self, values: Values) -> Any:
        found = first(values, *self.names)
        return None if found is None else self.read(found)


def cell(*names: str, read: Callable[[str | None], Any] | None = None) -> Cell:
    return Cell(names, read) if read else Cell(names)


@dataclass(frozen=True)
class Shape:
    """Rows of one kind that a table's records become.

    ``rows`` makes them of the records of one group: those with the same ``key``, or each record
    by itself. ``look_up`` gives what it has to know for the records of a page; ``keep`` tells
    which records are meant at all, and ``left_out`` names the others.
    """

    kind: str
    rows: Callable[[Sequence[Values], Parent], Iterable[Row]]
    key: Callable[[Values, Joins], Hashable] | None = None
    look_up: Callable[[Sequence[Values], Joins], Parent] | None = None
    keep: Callable[[Values, Joins], bool] | None = None
    left_out: str = ""
    #: What the kind's fields are made of, for people to read.
    fields: Mapping[str, str] | None = None
    #: Only where this table is not there.
    unless: str | None = None


@dataclass(frozen=True)
class Table:
    """A table that somebody may bring.

    Without ``shapes`` it gives no rows: ``about`` says who looks it up, or why it is left.
    ``columns`` are needed, one of each tuple; ``needs`` names tables it cannot be read without,
    unless it has one of the columns named beside.
    """

    connector: str
    name: str
    about: str
    columns: tuple[tuple[str, ...], ...] = ()
    shapes: tuple[Shape, ...] = ()
    is_looked_up: bool = False
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: Why it cannot be read, where other tables leave that open.
    check: Callable[[Joins], str | None] | None = None
    #: For a report of spend: its level, and what its records spent in all, by currency.
    level: str | None = None
    spend: Callable[[Iterable[Values], Joins], Mapping[str, Decimal]] | None = None

    @property
    def full_name(self) -> str:
        return f"{self.connector}.{self.name}"

    def resource(self, shape: Shape) -> str:
        """The name of the landed resource that a shape's rows come from."""
        return self.full_name + (f".{shape.kind}" if len(self.shapes) > 1 else "")
