"""An import into a fresh workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.fivetran import Desk, Imported, import_tables
from tests.ingestion.conftest import KEYRING
from tests.ingestion.conftest import Desk as Workspace

Import = Callable[..., Imported]


@pytest.fixture
def bring(desk: Workspace) -> Import:
    """Import paths; every record and every row must be accounted for."""

    def run(*paths: Path, currency: str | None = None, guard: bool = False) -> Imported:
        door = Desk(desk.landing, desk.lake, KEYRING, guard)
        found = import_tables(paths, door, now=desk.tick, currency=currency)
        for table in found.tables:
            count = table.count
            if count is not None:
                assert count.read == count.rows + count.folded + count.left_out + count.broken
        received = sum(result.received for result in found.loads)
        assert received == sum(t.count.rows + t.count.broken for t in found.tables if t.count)
        assert all(result.balanced for result in found.loads)
        return found

    return run
