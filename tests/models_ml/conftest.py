"""A world and models of it that no test changes."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from models_ml.supervised.training import Trained, train
from tests.models_ml.churning import AS_OF, QUICK, SPEC, world


@pytest.fixture(scope="session")
def churning() -> pl.DataFrame:
    return world()


@pytest.fixture(scope="session")
def linear(churning: pl.DataFrame) -> Trained:
    return train(SPEC, churning, QUICK, AS_OF)


@pytest.fixture(scope="session")
def trees(churning: pl.DataFrame) -> Trained:
    return train(SPEC, churning, replace(QUICK, candidates=("trees",)), AS_OF)
