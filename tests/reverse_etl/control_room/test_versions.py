"""Pages of one published version each time, whatever is published meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.control_room import building, definitions
from reverse_etl.control_room.definitions import Page
from reverse_etl.publish import Catalogue, Relation, publish
from tests.reverse_etl.control_room.pages import FIGURE, content
from workspace.paths import Paths

AT = datetime(2026, 1, 1)
RELATIONS = [
    Relation("marts", "dim_currencies", "One row per currency."),
    Relation("marts", "numbers", "One row per number."),
    Relation("pii", "people", "One row per person."),
]


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = [FIGURE, FIGURE | {"key": "again"}]
    page = {"position": 1, "title": "One", "about": "Tests.", "figures": figures}
    monkeypatch.setattr(definitions, "pages", lambda: {"one": Page.model_validate(page)})
    sql = "select name, 1.0 as share from marts.numbers"
    monkeypatch.setattr(definitions, "sql", lambda page, figure: sql)


def publish_one(paths: Paths, number: int) -> str:
    paths.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(
            f"""
            create schema marts; create schema pii;
            create table marts.dim_currencies as
                select 'EUR' as currency, true as is_base, 1.0::double as base_per_unit;
            create table marts.numbers as select 'version {number}' as name;
            create table pii.people as select 'c1' as contact_id;
            """
        )
    facts = {"as_of": "2026-01-01T00:00:00Z", "snapshot_id": "s", "run_id": "r"}
    at = AT + timedelta(seconds=number)
    return publish(paths.warehouse, paths, Catalogue(RELATIONS), at, facts).version


def shown(paths: Paths) -> tuple[str, list[str]]:
    told = content(paths.control_room / building.FIRST)
    return told["version"], [figure["rows"][0][0] for figure in told["figures"]]


def test_a_publish_in_the_middle(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    first = publish_one(paths, 1)
    answer, later = building._answer, []

    def answering(connection: Any, key: str, figure: Any) -> Any:
        if figure.key == "again" and not later:
            later.append(publish_one(paths, 2))
        return answer(connection, key, figure)

    monkeypatch.setattr(building, "_answer", answering)
    building.build(paths)
    assert shown(paths) == (first, ["version 1", "version 1"])
    building.build(paths)
    assert shown(paths) == (later[0], ["version 2", "version 2"])


def test_pages_go_back_with_the_version(paths: Paths) -> None:
    first = publish_one(paths, 1)
    publish_one(paths, 2)
    building.build(paths)
    asked = ["publish", "--rollback", "--workspace", str(paths.root), "--by", "ann"]
    done = CliRunner().invoke(app, [*asked, "--reason", "figures were wrong"])
    assert done.exit_code == 0, done.output
    assert shown(paths) == (first, ["version 1", "version 1"])
