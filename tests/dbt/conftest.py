"""Each literal lake built once for all of pytest's processes, and copied for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MadeOnce
from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse, Rows

#: The name of a world and its streams -> a copy of the warehouse that all models were built in.
Built = Callable[..., Lakehouse]


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dbt_target")


@pytest.fixture(scope="session")
def built(made_once: MadeOnce, tmp_path_factory: pytest.TempPathFactory, target: Path) -> Built:
    def house(name: str, base_currency: str = "EUR", **lake: Rows) -> Lakehouse:
        def fill(folder: Path) -> None:
            made = Lakehouse(folder, target)
            made.fill(as_of=worlds.AS_OF, base_currency=base_currency, **lake).build()
            made.rows("force checkpoint")  # what stands in the log would stay behind

        made = made_once(f"lake-{name}", fill)
        copy = Lakehouse(tmp_path_factory.mktemp(name), target)
        # Not opened here: another process may be copying it, too.
        shutil.copyfile(made / copy.path.name, copy.path)
        return copy

    return house


@pytest.fixture(scope="session")
def empty(built: Built) -> Lakehouse:
    """All streams empty, not even definitions."""
    return built("empty")


@pytest.fixture(scope="session")
def golden(built: Built) -> Lakehouse:
    return built("golden", **worlds.golden_cac())


@pytest.fixture(scope="session")
def orders(built: Built) -> Lakehouse:
    return built("orders", base_currency="USD", **worlds.orders_only())


@pytest.fixture(scope="session")
def shop(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    return built("shop", **worlds.third_vertical(tmp_path_factory.mktemp("definitions")))


@pytest.fixture(scope="session")
def busy(built: Built) -> Lakehouse:
    return built("busy", **worlds.busy())
