"""One server a test, over a ledger of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingestion.consent.offices import World, serving
from workspace.ledger import open_ledger


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    with serving(ledger) as opened:
        yield opened
    ledger.close()
