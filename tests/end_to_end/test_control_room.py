"""The control room of a workspace that ran, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.control_room import building, definitions
from reverse_etl.control_room.definitions import Column, Figure
from reverse_etl.publish import reader
from tests.end_to_end.runner import Finished
from tests.end_to_end.test_consent_pages import AXE
from tests.end_to_end.test_ui import CHROMIUM, FLAGS
from tests.reverse_etl.control_room.pages import show
from workspace.paths import Paths
from workspace.settings import Settings

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")

#: Every number on these is compared with what its SQL gives.
COMPARED = ("overview", "attribution", "delivery")
KEYS = list(definitions.pages())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def workspace(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return finished.copied(tmp_path_factory.mktemp("control room") / "w")


class Opened:
    """A page in the browser, and what it complained of or asked others for."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, scheme: str = "light") -> None:
        self.faults: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB"
        )
        self.page = self.context.new_page()
        self.page.on("console", lambda told: self.faults.append(told.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._asked)
        self.page.goto(path.as_uri())
        self.page.wait_for_function("window.Plotly !== undefined")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.faults.append(f"asked {request.url}")

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def file(paths: Paths, key: str) -> Path:
    return paths.control_room / (building.FIRST if key == KEYS[0] else f"{key}.html")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light"), (1920, "light")])
def test_every_page_opens_without_a_complaint(
    workspace: Settings, browser: Any, width: int, scheme: str
) -> None:
    for key in KEYS:
        with Opened(browser, file(workspace.paths, key), width, scheme) as opened:
            page = opened.page
            for summary in page.locator("summary").all():
                summary.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, key
            assert opened.faults == [], key
            if AXE.exists():
                page.evaluate(AXE.read_text())
                found = page.evaluate("() => axe.run()")["violations"]
                serious = [
                    (one["id"], node["html"][:200], node["failureSummary"])
                    for one in found
                    if one["impact"] in ("serious", "critical")
                    for node in one["nodes"]
                ]
                assert serious == [], key


def rows_of(workspace: Settings, key: str, figure: Figure) -> list[dict[str, Any]]:
    with reader(workspace.paths) as connection:
        found = connection.execute(definitions.sql(key, figure.key))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def is_shown(text: str, column: Column, row: dict[str, Any], name: str) -> bool:
    """Whether a text says the value, to the digits it shows."""
    value = row[name]
    kind = row["unit"] if column.kind == "unit" else column.kind
    if value is None:
        return text == "–"
    if isinstance(value, date | datetime):
        return str(value.year) in text and (kind == "month" or str(value.day) in text)
    if kind in ("text", "word"):
        return text == (str(value).replace("_", " ") if kind == "word" else str(value))
    if kind == "status":
        return text.lstrip("✓✗ ") == str(value).replace("_", " ")
    if kind == "flag":
        return text == ("yes" if value else "no")
    found = re.search(r"-?[\d,]*\.?\d+", text.replace("−", "-").replace("-€", "€-"))
    assert found, text
    digits = found[0].replace(",", "").replace("€-", "-")
    sign = -1 if text.startswith(("-", "−")) and not digits.startswith("-") else 1
    wanted = float(value) * (100 if kind == "ratio" else 1)
    decimals = len(digits.partition(".")[2])
    return abs(sign * float(digits) - wanted) <= 0.5000001 * 10**-decimals + abs(wanted) * 1e-12


def tables(page: Any, figure: Figure) -> list[list[str]]:
    """The cells of the table that a figure shows at the moment."""
    return page.eval_on_selector_all(
        f"#{figure.key} tbody tr",
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))",
    )


@pytest.mark.parametrize("key", COMPARED)
def test_every_number_is_what_its_sql_gives(workspace: Settings, browser: Any, key: str) -> None:
    compared = 0
    with Opened(browser, file(workspace.paths, key)) as opened:
        for figure in definitions.pages()[key].figures:
            rows = rows_of(workspace, key, figure)[: building.MOST_ROWS]
            if not rows:
                told = opened.page.locator(f"#{figure.key} .missing").inner_text()
                assert figure.missing in told
                continue
            if figure.draw is not None and figure.draw.kind == "tiles":
                texts = opened.page.locator(f"#{figure.key} .tile .value").all_inner_texts()
                value = figure.draw.value
                assert len(texts) == len(rows)
                # Tiles are grouped by their series, in the order in which its values come.
                groups = {row[figure.draw.series]: None for row in rows if figure.draw.series}
                ordered = [
                    row
                    for group in groups or [None]
                    for row in rows
                    if not groups or row[figure.draw.series] == group
                ]
                for text, row in zip(texts, ordered, strict=True):
                    assert is_shown(text, figure.columns[value], row, value), (figure.key, text)
                    compared += 1
                continue
            options = [None]
            if figure.choose and (found := opened.page.locator(f"#{figure.key} select")).count():
                options = found.locator("option").all_inner_texts()
            above = figure.choose if len(options) > 1 else None
            shown = [name for name in figure.columns if name not in ("unit", above)]
            for number, _ in enumerate(options):
                if len(options) > 1:
                    opened.page.locator(f"#{figure.key} select").select_option(index=number)
                numbers = opened.page.locator(f"#{figure.key} .figure summary")
                if numbers.count() and not opened.page.locator(f"#{figure.key} table").count():
                    numbers.click()
                    opened.page.wait_for_selector(f"#{figure.key} table")
                chosen = (
                    list(dict.fromkeys(row[figure.choose] for row in rows)) if figure.choose else []
                )
                wanted = [row for row in rows if not chosen or row[figure.choose] == chosen[number]]
                cells = tables(opened.page, figure)
                assert len(cells) == len(wanted), figure.key
                for line, row in zip(cells, wanted, strict=True):
                    for text, name in zip(line, shown, strict=True):
                        assert is_shown(text, figure.columns[name], row, name), (figure.key, line)
                        compared += 1
    assert compared > 0


def test_filters_choose_among_rows(workspace: Settings, browser: Any) -> None:
    with Opened(browser, file(workspace.paths, "overview")) as opened:
        page = opened.page
        everything = page.locator("#targets .tile").count()
        page.select_option("select[name=vertical]", "medical")
        assert page.locator("#targets .group").all_inner_texts() == ["Medical"]
        assert 0 < page.locator("#targets .tile").count() < everything
        money = page.locator("#targets .tile", has_text="ARR").first.locator(".value")
        euros = money.inner_text()
        page.select_option("select[name=locale]", "fr-FR")
        assert money.inner_text().endswith("€") and euros.startswith("€")
        # The choice goes along to the next page.
        page.locator("nav a").nth(1).click()
        assert page.input_value("select[name=vertical]") in ("medical", "")
        assert page.input_value("select[name=locale]") == "fr-FR"
        assert opened.faults == []


def test_another_currency_and_period(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {
        "month": {"label": "Month", "kind": "month"},
        "amount": {"label": "Amount", "kind": "money"},
    }
    sql = "select date '2025-09-01' as month, 80 as amount union all select '2024-01-01', 8"
    paths = Paths(tmp_path / "w")
    show(monkeypatch, paths, sql, columns=columns, period="month")
    with Opened(browser, paths.control_room / building.FIRST) as opened:
        figure = definitions.pages()["one"].figures[0]
        assert tables(opened.page, figure) == [["Sept 2025", "€80"], ["Jan 2024", "€8"]]
        opened.page.select_option("select[name=currency]", "USD")
        opened.page.select_option("select[name=period]", "12")
        assert tables(opened.page, figure) == [["Sept 2025", "US$100"]]
        assert "1.25 USD for one EUR" in opened.page.locator("#converted").inner_text()
        assert opened.faults == []


def test_nobodys_text_is_markup(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "<img src=x onerror=document.title=1><b>bold</b>&amp;"
    columns = {"name": {"label": hostile}, "share": {"label": "Share", "kind": "ratio"}}
    quoted = hostile.replace("'", "''")
    sql = f"select '{quoted}' as name, 0.5 as share union all select 'b', 0.25"
    paths = Paths(tmp_path / "w")
    draw = {"kind": "bars", "x": "name", "y": "share", "series": "name"}
    show(monkeypatch, paths, sql, columns=columns, title=hostile, draw=draw)
    with Opened(browser, paths.control_room / building.FIRST) as opened:
        opened.page.wait_for_selector("#found svg")
        drawn = opened.page.locator("#found svg text").all_text_contents()
        assert any("onerror" in text for text in drawn)
        assert opened.page.locator("#found img, #found svg image, #found b").count() == 0
        opened.page.locator("#found .figure summary").click()
        opened.page.wait_for_selector("#found table")
        assert tables(opened.page, definitions.pages()["one"].figures[0])[0][0] == hostile
        assert opened.page.title().startswith("One") and opened.faults == []


def test_an_empty_workspace(browser: Any, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "w")
    building.build(paths)
    for key in KEYS:
        with Opened(browser, file(paths, key)) as opened:
            assert "Nothing is published yet" in opened.page.locator("main").inner_text()
            assert opened.faults == []
