"""What a page and its figures are, read from `pages/*.yml` and `sql/*/*.sql`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from reverse_etl.rights import Right
from workspace.definitions.reading import Key, Strict, read

HERE = Path(__file__).parent

#: How a value is written. A ``word`` is a key without its underscores; ``money`` is in the base
#: currency and follows the page's choice of one; ``unit`` means that the row's own column ``unit``
#: says which of these it is.
Kind = Literal[
    "text",
    "word",
    "count",
    "number",
    "ratio",
    "money",
    "times",
    "points",
    "days",
    "hours",
    "months",
    "minutes",
    "milliseconds",
    "date",
    "month",
    "time",
    "flag",
    "status",
    "unit",
]


class Column(Strict):
    """A column of a figure's SQL as its table shows it."""

    label: Annotated[str, Field(min_length=1)]
    kind: Kind = "text"


class Drawing(Strict):
    """What is drawn above a figure's table; each field names a column of its SQL.

    ``tiles`` shows a card a row; ``lines`` and ``bars`` have one trace a value of ``series``;
    ``heatmap`` colours ``value`` over ``x`` and ``y``; ``graph`` draws boxes with ``value`` on the
    arrow from ``x`` to ``y``, and ``notes`` in the box of ``y``; ``calibration`` is lines beside
    the diagonal.
    """

    kind: Literal["tiles", "lines", "bars", "heatmap", "graph", "calibration"]
    x: str | None = None
    y: str | None = None
    series: str | None = None
    low: str | None = None
    high: str | None = None
    value: str | None = None
    label: str | None = None
    notes: list[str] = []
    horizontal: bool = False
    stacked: bool = False

    def columns(self) -> Iterator[str]:
        for name in (self.x, self.y, self.series, self.low, self.high, self.value, self.label):
            if name is not None:
                yield name
        yield from self.notes

    @model_validator(mode="after")
    def _complete(self) -> Drawing:
        needed = {"tiles": ("label", "value"), "heatmap": ("x", "y", "value")}
        needed["graph"] = needed["heatmap"]
        for name in needed.get(self.kind, ("x", "y")):
            if getattr(self, name) is None:
                raise ValueError(f"{self.kind} need {name}")
        return self


class Figure(Strict):
    """One question and its answer. ``period`` names the column that the period filters;
    ``choose`` one whose values are offered one at a time, the first as given; ``missing`` says
    what fills the figure when it is empty."""

    key: Key
    title: Annotated[str, Field(min_length=1)]
    definition: Annotated[str, Field(min_length=1)]
    missing: str = "marketing run"
    columns: dict[str, Column]
    draw: Drawing | None = None
    period: str | None = None
    choose: str | None = None

    @model_validator(mode="after")
    def _columns_exist(self) -> Figure:
        named = [*(self.draw.columns() if self.draw else ()), self.period, self.choose]
        for name in named:
            if name is not None and name not in self.columns:
                raise ValueError(f"{self.key}: no column {name!r}")
        if "unit" not in self.columns and any(
            column.kind == "unit" for column in self.columns.values()
        ):
            raise ValueError(f"{self.key}: a column of kind unit needs the column unit")
        return self


class Page(Strict):
    """``position`` is its place in the navigation; ``right`` what a reader's role must allow."""

    position: int
    right: Right = Right.AGGREGATES
    title: Annotated[str, Field(min_length=1)]
    about: Annotated[str, Field(min_length=1)]
    figures: Annotated[list[Figure], Field(min_length=1)]


@cache
def pages() -> dict[str, Page]:
    """Every page by its key, in the order of the navigation."""
    found = {path.stem: read(path, Page) for path in (HERE / "pages").glob("*.yml")}
    return dict(sorted(found.items(), key=lambda item: item[1].position))


def sql(page: str, figure: str) -> str:
    """The statement of a figure."""
    return (HERE / "sql" / page / f"{figure}.sql").read_text(encoding="utf-8").strip()


def figures() -> Sequence[tuple[str, Figure]]:
    """Every figure with its page's key."""
    return [(key, figure) for key, page in pages().items() for figure in page.figures]
