"""Pages of one figure over rows given in its SQL, in place of the pages that are shipped."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reverse_etl.control_room import building, definitions
from reverse_etl.control_room.definitions import Page
from workspace.paths import Paths

FIGURE = {
    "key": "found",
    "title": "What was found",
    "definition": "All of it.",
    "columns": {"name": {"label": "Name"}, "share": {"label": "Share", "kind": "ratio"}},
}
ABOUT = {
    "as_of": "2025-10-01T00:00:00Z",
    "version": "v1",
    "currencies": [
        {"code": "EUR", "rate": 1.0, "is_base": True},
        {"code": "USD", "rate": 0.8, "is_base": False},
    ],
}


def show(monkeypatch: pytest.MonkeyPatch, paths: Paths, sql: str, **changes: Any) -> building.Built:
    """Build a page ``one`` with one figure."""
    figure = FIGURE | changes
    page = {"position": 1, "title": "One", "about": "Tests.", "figures": [figure]}
    monkeypatch.setattr(definitions, "pages", lambda: {"one": Page.model_validate(page)})
    monkeypatch.setattr(definitions, "sql", lambda page, figure: sql)
    monkeypatch.setattr(building, "_about", lambda connection, facts: ABOUT)

    @contextmanager
    def reading(paths: Paths) -> Any:
        with duckdb.connect() as connection:
            yield connection, {}

    monkeypatch.setattr(building, "_reading", reading)
    return building.build(paths)


def content(page: Path) -> dict[str, Any]:
    """What a page's script is given."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'id="content-data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])
