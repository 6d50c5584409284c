"""One target folder a session (dbt parses once), and each literal lake built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dbt_target")


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    """All streams empty, not even definitions."""
    house = Lakehouse(tmp_path_factory.mktemp("empty"), target)
    return house.fill(as_of=worlds.AS_OF).build()


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    house = Lakehouse(tmp_path_factory.mktemp("golden"), target)
    return house.fill(as_of=worlds.AS_OF, **worlds.golden_cac()).build()


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    house = Lakehouse(tmp_path_factory.mktemp("orders"), target)
    lake = worlds.orders_only()
    return house.fill(as_of=worlds.AS_OF, base_currency="USD", **lake).build()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    folder = tmp_path_factory.mktemp("shop")
    house = Lakehouse(folder, target)
    return house.fill(as_of=worlds.AS_OF, **worlds.third_vertical(folder)).build()


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    house = Lakehouse(tmp_path_factory.mktemp("busy"), target)
    return house.fill(as_of=worlds.AS_OF, **worlds.busy()).build()
