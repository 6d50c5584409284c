"""The questions of docs/bi: each is answered by a published version, and alike by Postgres."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reverse_etl.publish import reader
from reverse_etl.publish.postgres import load
from tests.conftest import ROOT
from tests.end_to_end.runner import Finished
from workspace.settings import Settings

FOLDER = ROOT / "docs" / "bi"
QUESTIONS = sorted(FOLDER.glob("*.sql"))
HEAD = ("-- question: ", "-- grain: one row per ", "-- caveat: ")
#: The small world has no targets, no messages, and nobody in a segment.
EMPTY = {"accounts_to_win", "messages_stopped", "segment_reach"}


@pytest.fixture(scope="module")
def workspace(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return finished.copied(tmp_path_factory.mktemp("questions") / "w")


def plain(value: Any) -> str:
    """Numbers to nine digits: types of sums and quotients are each database's own."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f"{float(value) + 0.0:.9g}"
    return str(value)


def comparable(rows: list[Any]) -> list[list[str]]:
    """Texts are sorted as each database's locale has it."""
    return sorted([plain(value) for value in row] for row in rows)


def test_postgres_answers_every_question_as_duckdb_does(
    workspace: Settings, postgres_url: str
) -> None:
    assert 8 <= len(QUESTIONS) <= 12
    url = postgres_url.replace("+psycopg", "")
    load(workspace.paths, url, datetime(2026, 1, 1))
    empty = set()
    with reader(workspace.paths) as ours, psycopg.connect(url, autocommit=True) as theirs:
        for path in QUESTIONS:
            question = path.read_text(encoding="utf-8")
            answer = ours.execute(question)
            names = [column[0] for column in answer.description or ()]
            rows = answer.fetchall()
            cursor = theirs.execute(question)  # type: ignore[arg-type]
            assert names == [column.name for column in cursor.description or ()], path.name
            assert comparable(rows) == comparable(cursor.fetchall()), path.name
            if not rows:
                empty.add(path.stem)
    assert empty == EMPTY


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_a_question_says_what_it_asks_and_is_in_the_index(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for line, start in zip(lines, HEAD, strict=False):
        assert line.startswith(start), line
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    asked = lines[0].removeprefix(HEAD[0])
    assert f"| [{path.stem}]({path.name}) | {asked} |" in index
