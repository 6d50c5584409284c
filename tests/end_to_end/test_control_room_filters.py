"""What filters and drawings do with rows, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.control_room import building, definitions
from tests.end_to_end.test_control_room import Opened, browser, tables  # noqa: F401
from tests.end_to_end.test_ui import CHROMIUM
from tests.reverse_etl.control_room.pages import ABOUT, show
from workspace.paths import Paths

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")

MONTHS = """
select cast(unnest(generate_series(date '2024-01-01', date '2026-12-01', interval {step}))
    as date) as month
"""


@pytest.fixture
def opened(
    browser: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Opened]:
    """Opens a page of one figure; ``columns`` are the kinds of its columns."""

    def open_page(sql: str, columns: dict[str, str], as_of: str = "", **changes: Any) -> Opened:
        paths = Paths(tmp_path / "w")
        if as_of:
            monkeypatch.setitem(ABOUT, "as_of", as_of)
        told = {name: {"label": name.title(), "kind": kind} for name, kind in columns.items()}
        show(monkeypatch, paths, sql, columns=told, **changes)
        return Opened(browser, paths.control_room / building.FIRST)

    return open_page


def figure() -> Any:
    return definitions.pages()["one"].figures[0]


@pytest.mark.parametrize(
    ("as_of", "months", "first"),
    [
        ("2026-10-01T00:00:00Z", "3", "Jul 2026"),
        ("2026-10-15T12:00:00Z", "3", "Jul 2026"),
        ("2026-05-31T23:00:00Z", "3", "Feb 2026"),
        ("2026-03-31T00:00:00Z", "12", "Mar 2025"),
    ],
)
def test_a_period_is_of_whole_months(
    opened: Callable[..., Opened], as_of: str, months: str, first: str
) -> None:
    sql = MONTHS.format(step="1 month")
    with opened(sql, {"month": "month"}, as_of, period="month") as room:
        room.page.select_option("select[name=period]", months)
        assert tables(room.page, figure())[0] == [first]
        assert room.faults == []


def test_a_period_of_days_ends_in_the_month_it_reaches(opened: Callable[..., Opened]) -> None:
    sql, as_of = MONTHS.format(step="1 day"), "2026-05-31T00:00:00Z"
    with opened(sql, {"month": "date"}, as_of, period="month") as room:
        room.page.select_option("select[name=period]", "3")
        assert tables(room.page, figure())[0] == ["28 Feb 2026"]


def test_tiles_without_a_business_have_a_heading(opened: Callable[..., Opened]) -> None:
    sql = """select 'public' as vertical, 'Sent' as name, 3 as count
        union all select null, 'Sent', 900"""
    columns = {"vertical": "word", "name": "text", "count": "count"}
    draw = {"kind": "tiles", "label": "name", "value": "count", "series": "vertical"}
    with opened(sql, columns, draw=draw) as room:
        assert room.page.locator(".group").all_inner_texts() == ["Public", "Without vertical"]
        assert room.faults == []


def drawn(room: Opened) -> list[str]:
    room.page.wait_for_selector("#found svg.main-svg")
    return room.page.locator("#found svg text").all_text_contents()


def test_drawings_are_in_the_chosen_language(opened: Callable[..., Opened]) -> None:
    sql = """select date '2026-02-01' as month, 0.25 as share
        union all select '2026-03-01', 0.5 union all select '2026-08-01', 0.75"""
    draw = {"kind": "bars", "x": "month", "y": "share"}
    with opened(sql, {"month": "month", "share": "ratio"}, draw=draw) as room:
        assert {"Feb 2026", "60%"} <= set(drawn(room))
        room.page.select_option("select[name=locale]", "fr-FR")
        assert {"août 2026", "60\u202f%"} <= set(drawn(room))
        assert not {"Feb 2026", "Aug 2026", "60%"} & set(drawn(room))
        assert room.faults == []


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("time", "timestamp '2026-10-01 22:33:54'", "1 Oct 2026, 22:33"),
        ("date", "date '2026-10-01'", "1 Oct 2026"),
        ("month", "date '2026-10-01'", "Oct 2026"),
    ],
)
def test_a_single_time_is_written_as_such(
    opened: Callable[..., Opened], kind: str, value: str, written: str
) -> None:
    draw = {"kind": "lines", "x": "moment", "y": "count"}
    with opened(f"select {value} as moment, 3 as count", {"moment": kind, "count": "count"},
                draw=draw) as room:  # fmt: skip
        texts = drawn(room)
        assert written in texts and not any("22:33:54." in text for text in texts)


@pytest.mark.parametrize("kind", ["bars", "lines"])
def test_no_two_series_are_drawn_alike(opened: Callable[..., Opened], kind: str) -> None:
    sql = """select n as place, 1 as count, 'series ' || m as name
        from range(2) as x (n), range(20) as y (m)"""
    columns = {"place": "number", "count": "count", "name": "text"}
    draw = {"kind": kind, "x": "place", "y": "count", "series": "name"}
    with opened(sql, columns, draw=draw) as room:
        drawn(room)
        looks = room.page.evaluate(
            """() => document.querySelector("#found .drawing")._fullData.map((one) => [
                one.marker.color, one.marker.pattern?.shape, one.line?.dash, one.marker.symbol,
            ].join())"""
        )
        assert len(looks) == len(set(looks)) == 20
        assert room.faults == []


def test_a_link_opens_a_page_as_it_was_seen(opened: Callable[..., Opened]) -> None:
    sql = "select 'a' as name, 1 as count union all select 'b', 2 order by name"
    columns = {"name": "text", "count": "count"}
    with opened(sql, columns, choose="name") as room:
        page = room.page
        page.select_option("select[name=currency]", "USD")
        page.select_option("#found select", index=1)
        page.keyboard.press("Tab")
        page.locator("a.skip").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        page.reload()
        assert page.input_value("select[name=currency]") == "USD"
        assert page.locator("#found select").input_value() == "b"
        assert tables(page, figure()) == [["2"]]
        assert room.faults == []


def test_rows_are_named_and_changes_told(opened: Callable[..., Opened]) -> None:
    sql = "select 'medical' as vertical, 'a' as name, 1 as count union all select 'public', 'b', 2"
    columns = {"vertical": "word", "name": "text", "count": "count"}
    with opened(sql + " order by name", columns) as room:
        assert room.page.locator("#found tbody th[scope=row]").all_inner_texts() == ["a", "b"]
        room.page.select_option("select[name=vertical]", "public")
        assert room.page.locator("#found tbody th[scope=row]").all_inner_texts() == ["b"]
        told = room.page.locator("[role=status]").inner_text()
        assert told == "1 of 1 figures have rows for these filters."


def test_a_value_that_cannot_be_written_is_told(opened: Callable[..., Opened]) -> None:
    with opened("select 'never' as moment", {"moment": "time"}) as room:
        assert "cannot be shown" in room.page.locator("#found .missing").inner_text()
        assert room.page.locator("#told").inner_text().startswith("0 of 1")
