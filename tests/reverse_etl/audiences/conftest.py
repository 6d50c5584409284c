"""Every destination, and a ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reverse_etl.audiences.worlds import ALL, HTTP, Place_, open_place
from workspace.ledger import Ledger, open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


@pytest.fixture(params=ALL)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place_]:
    with open_place(request.param, tmp_path / "files") as opened:
        yield opened


@pytest.fixture(params=HTTP)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place_]:
    with open_place(request.param, tmp_path / "files") as opened:
        yield opened
