"""Pages as files: what they are given, what is refused, and what nobody's text can do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from reverse_etl.control_room import building, definitions
from reverse_etl.control_room.building import PageError
from reverse_etl.control_room.exposures import marts
from reverse_etl.rights import Right
from tests.reverse_etl.control_room.pages import content, show
from workspace.paths import Paths

HOSTILE = "</script><script>alert(1)</script><!--"


def test_rows_stand_in_the_order_of_the_columns(
    monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> None:
    sql = "select 0.25 as share, 'a' as name union all select null, 'b' order by name"
    done = show(monkeypatch, paths, sql)
    (figure,) = content(paths.control_room / "index.html")["figures"]
    assert figure["rows"] == [["a", 0.25], ["b", None]]
    assert [column["name"] for column in figure["columns"]] == ["name", "share"]
    assert done.rows == {"one/found": 2}
    assert done.size == sum(path.stat().st_size for path in paths.control_room.iterdir())


def test_markup_stays_text(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    sql = f"select 0.5 as share, '{HOSTILE}' as name"
    show(monkeypatch, paths, sql, title=HOSTILE, definition=HOSTILE)
    page = paths.control_room / "index.html"
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text and "<!--" not in text
    assert content(page)["figures"][0]["rows"] == [[HOSTILE, 0.5]]


def test_what_json_does_not_know(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    sql = (
        "select 1.5::decimal(9, 4) as name, 'nan'::double as share union all "
        "select null, 'inf'::double"
    )
    show(monkeypatch, paths, sql)
    assert content(paths.control_room / "index.html")["figures"][0]["rows"] == [
        [1.5, None],
        [None, None],
    ]


def test_more_rows_than_are_shown(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    sql = f"select 'n' as name, 1.0 as share from range({building.MOST_ROWS + 7})"
    show(monkeypatch, paths, sql)
    (figure,) = content(paths.control_room / "index.html")["figures"]
    assert (len(figure["rows"]), figure["left_out"]) == (building.MOST_ROWS, [[None, 7]])


def test_nothing_that_can_be_chosen_is_lost_to_the_rows_before_it(
    monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> None:
    sql = """select case when n < 3_500 then 'a' else 'b' end as name, 1.0 as share
        from range(3_600) as given (n)"""
    show(monkeypatch, paths, sql, choose="name")
    (figure,) = content(paths.control_room / "index.html")["figures"]
    assert Counter(row[0] for row in figure["rows"]) == {"a": building.MOST_ROWS, "b": 100}
    assert figure["left_out"] == [["a", 500]]


def test_values_to_choose_share_the_rows(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    monkeypatch.setattr(building, "MOST_CHOSEN", 20)
    sql = "select 'n' || n % 10 as name, 1.0 as share from range(35) as given (n)"
    show(monkeypatch, paths, sql, choose="name")
    (figure,) = content(paths.control_room / "index.html")["figures"]
    assert set(Counter(row[0] for row in figure["rows"]).values()) == {2}
    assert sum(count for _, count in figure["left_out"]) == 35 - 20


def test_a_limit_is_of_each_business() -> None:
    """One over all would leave a remainder once a business is chosen."""
    for key, figure in definitions.figures():
        parsed = sqlglot.parse_one(definitions.sql(key, figure.key), dialect="duckdb")
        assert "vertical" not in figure.columns or not list(parsed.find_all(exp.Limit)), figure.key


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select 1 as share", r"one/found: its SQL gives \['share'\]"),
        ("select nothing", "one/found: .*nothing"),
        ("select * from marts.later", "(?s)one/found: .*'marketing run' publishes anew"),
    ],
)
def test_sql_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, paths: Paths, sql: str, told: str
) -> None:
    with pytest.raises(PageError, match=told):
        show(monkeypatch, paths, sql)


def test_without_anything_published_pages_say_what_to_do(paths: Paths) -> None:
    done = building.build(paths)
    assert set(path.name for path in paths.control_room.iterdir()) == building.names()
    assert len(done.pages) == len(definitions.pages()) and not any(done.rows.values())
    for path in paths.control_room.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "Nothing is published yet" in text and "marketing run" in text


def test_a_file_that_is_the_same_is_not_written_again(paths: Paths) -> None:
    building.build(paths)
    before = {path: path.stat().st_mtime_ns for path in paths.control_room.iterdir()}
    building.build(paths)
    assert before == {path: path.stat().st_mtime_ns for path in paths.control_room.iterdir()}


def test_every_figure_has_its_sql_and_every_sql_its_figure() -> None:
    named = {f"{page}/{figure.key}.sql" for page, figure in definitions.figures()}
    folder = Path(definitions.HERE / "sql")
    assert named == {str(path.relative_to(folder)) for path in folder.glob("*/*.sql")}


def test_keys_and_places_are_each_ones_own() -> None:
    pages = definitions.pages()
    positions = [page.position for page in pages.values()]
    assert positions == list(range(1, len(pages) + 1))
    for page in pages.values():
        keys = [figure.key for figure in page.figures]
        assert len(set(keys)) == len(keys)


def test_names_and_the_audit_chain_are_not_for_everybody() -> None:
    for key, page in definitions.pages().items():
        for figure in page.figures:
            read = marts(definitions.sql(key, figure.key))
            if "audit_logs" in read:
                assert page.right is Right.AUDIT, (key, figure.key)
            if "dim_accounts" in read or "Organisation" in {
                column.label for column in figure.columns.values()
            }:
                assert page.right is Right.PEOPLE, (key, figure.key)


def test_no_figure_shows_people() -> None:
    about_people = {"contact_id", "subject_id", "email_key", "phone_key", "user_key"}
    for page, figure in definitions.figures():
        assert not about_people & set(figure.columns), (page, figure.key)
