"""`performance.yml`, `partners.yml` and `content_calendar.yml`: their rows and their faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace.test_definitions import MINIMAL
from workspace import definitions
from workspace.definitions import DefinitionError

PERFORMANCE = """\
lead_detail_properties: [source_detail]
lead_sources: {PAID_SEARCH: paid_search}
events:
  window_days: 30
  cost_lines:
    - {vertical: shop, line: fairs, types: [fair, salon], period: plan_year}
"""
PARTNERS = """\
partners:
  acme: {name: Acme, type: channel, verticals: [shop], aliases: [ACME Inc]}
  zenith: {name: Zénith, type: technology}
"""
CALENDAR = """\
cadence:
  - {vertical: shop, channel: blog, content_type: post, weekdays: [mon, fri], starts_on: 2025-01-01}
  - {vertical: shop, channel: mail, content_type: letter, every_days: 3.5, starts_on: 2025-01-01}
"""
FILES = {
    "performance.yml": PERFORMANCE,
    "partners.yml": PARTNERS,
    "content_calendar.yml": CALENDAR,
}


def load(folder: Path, **changed: str) -> definitions.Definitions:
    (folder / "verticals.yml").write_text(MINIMAL, encoding="utf-8")
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.split(".")[0], text), encoding="utf-8")
    return definitions.load(folder)


def test_each_definition_becomes_rows(tmp_path: Path) -> None:
    rows = load(tmp_path).rows()
    found = {(row.collection, row.key): row.value for part in rows.values() for row in part}
    assert found["performance_settings", "settings"]["event_window_days"] == 30
    assert found["source_channels", "lead_source/paid_search"]["channel"] == "paid_search"
    assert found["event_cost_lines", "shop/fairs/salon"]["period"] == "plan_year"
    assert found["partner_names", "acme inc"]["partner_id"] == "acme"
    assert found["partners", "zenith"]["verticals"] is None
    assert found["content_cadence", "shop/blog/post/weekday/5"]["rhythm"] == "weekday"
    assert found["content_cadence", "shop/mail/letter/every_days/3.5"]["number"] == 3.5


def test_a_missing_file_means_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "verticals.yml").write_text(MINIMAL, encoding="utf-8")
    rows = definitions.load(tmp_path).rows()
    assert [row.value for row in rows["performance"]] == [
        {"lead_lookback_days": 90, "event_window_days": 90}
    ]
    assert [row.collection for row in rows["partners"]] == ["partner_settings"]


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (
            "performance",
            "vertical: shop",
            "vertical: shp",
            "performance.yml:6: vertical: no vertical 'shp' in verticals.yml; did you mean 'shop'?",
        ),
        ("performance", "plan_year", "year", "performance.yml:6: events.cost_lines.0.period:"),
        ("performance", "window_days: 30", "window_days: 0", "performance.yml:4: events.window"),
        (
            "performance",
            "PAID_SEARCH: paid_search",
            "A: x, a: y",
            "performance.yml:1: word 'a' is given twice",
        ),
        (
            "performance",
            "lead_sources",
            "lead_source",
            "unknown field; did you mean 'lead_sources'?",
        ),
        ("partners", "Zénith", "acme INC", "partner name 'acme inc' is given twice"),
        ("partners", "technology", "friend", "partners.yml:3: partners.zenith.type:"),
        ("partners", "[shop]", "[shop, moon]", "partners.yml:2: vertical: no vertical 'moon'"),
        (
            "content_calendar",
            "every_days: 3.5",
            "every_days: 3.3",
            "content_calendar.yml:3: cadence.1.every_days: Input should be a multiple of 0.5",
        ),
        (
            "content_calendar",
            "every_days: 3.5",
            "every_days: 7, weekdays: [mon]",
            "content_calendar.yml:3: cadence.1: give one of every_days, weekdays, month_days",
        ),
        ("content_calendar", "[mon, fri]", "[mon, mon]", "day 'mon' is given twice"),
        ("content_calendar", "[mon, fri]", "[mon, freitag]", "cadence.0.weekdays.1"),
        (
            "content_calendar",
            "weekdays: [mon, fri],",
            "month_days: [32],",
            "content_calendar.yml:2: cadence.0.month_days.0:",
        ),
        (
            "content_calendar",
            "every_days: 3.5,",
            "every_days: 1, ends_on: 2025-01-01,",
            "ends_on is the first day after the series",
        ),
        (
            "content_calendar",
            "channel: mail, content_type: letter",
            "channel: blog, content_type: post",
            "series 'shop/blog/post' is given twice",
        ),
    ],
)
def test_a_fault_names_file_line_and_field(
    tmp_path: Path, name: str, old: str, new: str, expected: str
) -> None:
    changed = FILES[f"{name}.yml"].replace(old, new, 1)
    assert changed != FILES[f"{name}.yml"]
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, **{name: changed})
    assert expected in str(caught.value)
