"""A model that was trained once, in a lake of each test's own, and its answers over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from models_ml.operations.retraining import retrain
from models_ml.operations.serving import Desk
from tests.conftest import MadeOnce
from tests.models_ml.operations.worlds import AS_OF, CHURN_ONLY, KEYRING, TRAINED_AT, World, world


@pytest.fixture(scope="session")
def trained_lake(made_once: MadeOnce) -> Path:
    """A lake in which churn was trained once, which nobody may change."""

    def fill(folder: Path) -> None:
        found = world(folder)
        (done,) = retrain(found.connection, found.place, lambda: TRAINED_AT)
        assert done.decision is not None and done.decision.champion == done.version

    return made_once("trained_lake", fill)


@pytest.fixture
def trained(trained_lake: Path, tmp_path: Path) -> World:
    shutil.copytree(trained_lake / "lake", tmp_path / "lake")
    return world(tmp_path)


@pytest.fixture
def client(trained: World) -> Iterator[TestClient]:
    def ask(model: str, subject: str, ident: str) -> Any:
        found = trained.connection.execute(
            "select * from marts.account_feature_snapshots where snapshot_at = $1 "
            "and account_id = $2 and mrr_base > 0",
            [AS_OF, ident],
        ).to_arrow_table()
        return found if found.num_rows else None

    desk = Desk(trained.place.lake, KEYRING, CHURN_ONLY, lambda: AS_OF, ask, ["secret"])
    routes = [Route("/v1/score/{model}", desk.score, methods=["GET", "POST"])]
    with TestClient(Starlette(routes=routes)) as opened:
        opened.auth = ("secret", "")
        yield opened
