"""The pages as files: one HTML file a page, and the scripts they share beside them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import minijinja

from reverse_etl.control_room import definitions
from reverse_etl.control_room.definitions import HERE, Figure, Page
from reverse_etl.publish.publisher import CURRENT, VERSION_FILE, NothingPublished
from reverse_etl.publish.reader import reader
from workspace import durable
from workspace.clock import iso
from workspace.paths import Paths

PLOTLY = "plotly.min.js"
FIRST = "index.html"
STATIC = ("room.css", "room.js", "graph.js", "drawing.js", "formats.js")
#: More rows than anybody reads would make a page slow to open.
MOST_ROWS = 3_000

CURRENCIES = """
select currency, is_base, base_per_unit from marts.dim_currencies order by not is_base, currency
"""


class PageError(RuntimeError):
    """A figure whose SQL and definition do not fit."""


@dataclass(frozen=True)
class Built:
    """``rows`` are by ``page/figure``; ``size`` is in bytes, of everything in the folder."""

    folder: Path
    pages: tuple[str, ...]
    rows: dict[str, int]
    size: int
    seconds: float


def build(paths: Paths) -> Built:
    """Write every page into the workspace's folder, each file at once.

    Without anything published the pages say so. Raises :class:`PageError`.
    """
    began = time.perf_counter()
    folder = durable.make_folder(paths.control_room)
    rows: dict[str, int] = {}
    files = _static()
    with _reading(paths) as connection:
        about = _about(connection, paths)
        for key, page in definitions.pages().items():
            answers = [_answer(connection, key, figure) for figure in page.figures]
            rows |= {
                f"{key}/{figure.key}": len(answer["rows"])
                for figure, answer in zip(page.figures, answers, strict=True)
            }
            files[file_of(key)] = _page(key, page, about, answers)
    for name, data in files.items():
        target = folder / name
        if not (target.is_file() and target.read_bytes() == data):
            durable.write(target, data)
    size = sum(len(data) for data in files.values())
    return Built(folder, tuple(definitions.pages()), rows, size, time.perf_counter() - began)


def names() -> set[str]:
    """Every file that :func:`build` makes."""
    return {PLOTLY, *STATIC, *map(file_of, definitions.pages())}


def file_of(key: str) -> str:
    """A page's file, by the page's key."""
    return FIRST if key == next(iter(definitions.pages())) else f"{key}.html"


def _static() -> dict[str, bytes]:
    from plotly.offline import get_plotlyjs

    return {
        PLOTLY: get_plotlyjs().encode(),
        **{name: (HERE / "static" / name).read_bytes() for name in STATIC},
    }


@contextmanager
def _reading(paths: Paths) -> Iterator[duckdb.DuckDBPyConnection | None]:
    try:
        with reader(paths) as connection:
            yield connection
    except NothingPublished:
        yield None


def _about(connection: duckdb.DuckDBPyConnection | None, paths: Paths) -> dict[str, Any]:
    """What the head of each page says, and what its filters offer."""
    if connection is None:
        return {"as_of": None, "version": None, "currencies": []}
    facts = json.loads((paths.published / CURRENT / VERSION_FILE).read_bytes())
    try:
        currencies = connection.execute(CURRENCIES).fetchall()
    except duckdb.Error as error:
        raise _fault("currencies", error) from error
    return {
        "as_of": facts["as_of"],
        "version": facts["version"],
        "currencies": [
            {"code": code, "rate": rate, "is_base": is_base} for code, is_base, rate in currencies
        ],
    }


def _answer(
    connection: duckdb.DuckDBPyConnection | None, page: str, figure: Figure
) -> dict[str, Any]:
    """A figure's rows, in the order of its columns, and what draws them."""
    names = list(figure.columns)
    shape = {
        "key": figure.key,
        "title": figure.title,
        "columns": [
            {"name": name, "label": column.label, "kind": column.kind}
            for name, column in figure.columns.items()
        ],
        "draw": figure.draw.model_dump(exclude_defaults=True) if figure.draw else None,
        "period": figure.period,
        "choose": figure.choose,
        "missing": figure.missing,
    }
    if connection is None:
        return shape | {"rows": [], "left_out": 0}
    try:
        found = connection.execute(definitions.sql(page, figure.key))
    except duckdb.Error as error:
        raise _fault(f"{page}/{figure.key}", error) from error
    given = [column[0] for column in found.description or ()]
    if set(given) != set(names):
        raise PageError(f"{page}/{figure.key}: its SQL gives {given}, its columns are {names}")
    order = [given.index(name) for name in names]
    rows = found.fetchall()
    shown = [[_plain(row[place]) for place in order] for row in rows[:MOST_ROWS]]
    return shape | {"rows": shown, "left_out": len(rows) - len(shown)}


def _fault(what: str, error: duckdb.Error) -> PageError:
    text = f"{what}: {error}"
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        text += "\nwas it published by an earlier release? 'marketing run' publishes anew"
    return PageError(text)


def _plain(value: Any) -> Any:
    """A value as JSON has it. Times are UTC."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _page(key: str, page: Page, about: dict[str, Any], answers: list[dict[str, Any]]) -> bytes:
    content = {"page": key, **about, "figures": answers}
    # Nothing in a text may end the script element or begin a comment in it.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    made = minijinja.Environment(loader=_template, trim_blocks=True, lstrip_blocks=True)
    made.undefined_behavior = "strict"
    return made.render_template(
        "page.html",
        page=page.model_dump(),
        key=key,
        about=about,
        pages=[(file_of(name), other.title, name) for name, other in definitions.pages().items()],
        sql={figure.key: definitions.sql(key, figure.key) for figure in page.figures},
        content=text,
        plotly=PLOTLY,
    ).encode()


def _template(name: str) -> str:
    return (HERE / "static" / name).read_text(encoding="utf-8")
