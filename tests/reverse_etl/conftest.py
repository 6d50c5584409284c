"""Marts, a lake and a ledger of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.reverse_etl.gates.marts import MARTS
from workspace.lake import Lake
from workspace.ledger import Ledger, open_ledger


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("set TimeZone = 'UTC'; create schema marts")
        for name, columns in MARTS.items():
            opened.execute(f"create table marts.{name} ({columns})")
        opened.execute(
            "create view marts.reachable_contacts as select distinct contact_id, purpose, channel "
            "from marts.consent_states where state = 'granted'"
        )
        yield opened


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()
