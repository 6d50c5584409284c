"""The pages as files: one HTML file a page, and the scripts they share beside them."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
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
from reverse_etl.publish.publisher import VERSION_FILE, NothingPublished, current_version
from reverse_etl.publish.reader import held
from reverse_etl.rights import ROLES, Right
from workspace import durable
from workspace.clock import iso
from workspace.locks import run_lock
from workspace.paths import Paths

PLOTLY = "plotly.min.js"
FIRST = "index.html"
#: For who builds already, in seconds.
WAIT = 300.0
STATIC = ("room.css", "room.js", "graph.js", "drawing.js", "formats.js")
#: More rows than anybody reads would make a page slow to open. Where one value is chosen of many,
#: they share ``MOST_CHOSEN``, so that none is lost to the others.
MOST_ROWS, MOST_CHOSEN = 3_000, 30_000

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

    Every number is of the version that was published when it began. Without any the pages say so.
    Who builds at the same time waits. Raises :class:`PageError`.
    """
    began = time.perf_counter()
    # The later one reads the later version: its pages are those that stay.
    with run_lock(paths.control_room_lock, WAIT, "control room"):
        return _build(paths, began)


def _build(paths: Paths, began: float) -> Built:
    folder = durable.make_folder(paths.control_room)
    rows: dict[str, int] = {}
    files = _static()
    with _reading(paths) as (connection, facts):
        about = _about(connection, facts)
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
    return set(rights())


def rights() -> dict[str, Right]:
    """What a role must allow for each of these files."""
    scripts = dict.fromkeys((PLOTLY, *STATIC), Right.AGGREGATES)
    return scripts | {file_of(key): page.right for key, page in definitions.pages().items()}


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
def _reading(paths: Paths) -> Iterator[tuple[duckdb.DuckDBPyConnection | None, dict[str, Any]]]:
    """One published version, which stays the same while another is published, and its facts."""
    try:
        version = current_version(paths)
        connection = held(paths, version)
    except NothingPublished:
        yield None, {}
        return
    with connection:
        yield connection, json.loads((paths.published / version / VERSION_FILE).read_bytes())


def _about(connection: duckdb.DuckDBPyConnection | None, facts: dict[str, Any]) -> dict[str, Any]:
    """What the head of each page says, and what its filters offer."""
    if connection is None:
        return {"as_of": None, "version": None, "currencies": []}
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
        return shape | {"rows": [], "left_out": []}
    try:
        found = connection.execute(definitions.sql(page, figure.key))
    except duckdb.Error as error:
        raise _fault(f"{page}/{figure.key}", error) from error
    given = [column[0] for column in found.description or ()]
    if set(given) != set(names):
        raise PageError(f"{page}/{figure.key}: its SQL gives {given}, its columns are {names}")
    order = [given.index(name) for name in names]
    rows = [[_plain(row[place]) for place in order] for row in found.fetchall()]
    chosen = None if figure.choose is None else names.index(figure.choose)
    shown, left_out = _cut(rows, chosen)
    return shape | {"rows": shown, "left_out": left_out}


def _cut(rows: list[list[Any]], chosen: int | None) -> tuple[list[list[Any]], list[list[Any]]]:
    """The rows that are shown, and of how many more of each value of the column ``chosen`` (None
    without one) these are not."""
    value = (lambda row: None) if chosen is None else (lambda row: row[chosen])
    found = Counter(map(value, rows))
    most = MOST_ROWS if chosen is None else min(MOST_ROWS, MOST_CHOSEN // max(1, len(found)))
    seen: Counter[Any] = Counter()
    shown = []
    for row in rows:
        seen[value(row)] += 1
        if seen[value(row)] <= most:
            shown.append(row)
    return shown, [[key, count - most] for key, count in found.items() if count > most]


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
        pages=[(file_of(name), other, name) for name, other in definitions.pages().items()],
        roles=None if page.right is Right.AGGREGATES else ", ".join(ROLES[page.right]),
        sql={figure.key: definitions.sql(key, figure.key) for figure in page.figures},
        content=text,
        plotly=PLOTLY,
    ).encode()


def _template(name: str) -> str:
    return (HERE / "static" / name).read_text(encoding="utf-8")
