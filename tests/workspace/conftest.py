"""A ledger on each database it runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workspace.ledger import Ledger, open_ledger


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        folder = tmp_path / "with a space"
        folder.mkdir()
        return f"sqlite:///{folder / 'ledger.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = open_ledger(url)
    yield opened
    opened.close()
