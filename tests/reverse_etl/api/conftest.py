"""A small published version, and the read API over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from starlette.testclient import TestClient

from benchmarks._published import published
from reverse_etl.api.access import Door
from reverse_etl.api.app import create
from tests.conftest import MadeOnce
from workspace.limiter import Limiter
from workspace.paths import Paths
from workspace.settings import READ_ROLES, ReadKey

CONTACTS = 300
KEYS = [ReadKey(role, role, f"key of {role}") for role in READ_ROLES]
Ask = Callable[..., list[dict[str, Any]]]


def fill(folder: Path) -> None:
    published(Paths(folder), CONTACTS)


def over(paths: Paths, limiter: Callable[[], Limiter] = Limiter.unlimited) -> TestClient:
    """The API; requests of the `dpo`, who may see everything."""
    app = create(paths, KEYS, Door(KEYS, limiter, Limiter.unlimited))
    headers = {"authorization": "Bearer key of dpo"}
    return TestClient(app, raise_server_exceptions=False, headers=headers)


@pytest.fixture(scope="session")
def shared(made_once: MadeOnce) -> Paths:
    """A workspace that nobody changes."""
    return Paths(made_once("read-api", fill))


@pytest.fixture(scope="session")
def client(shared: Paths) -> Iterator[TestClient]:
    yield over(shared)


@pytest.fixture(scope="session")
def ask(shared: Paths) -> Ask:
    """SQL over the published file, as analysts ask it."""

    def asked(sql: str, *values: Any) -> list[dict[str, Any]]:
        # Where it was made, not where it lies: the file's views name their folder.
        folder = shared.published / "current"
        with duckdb.connect() as connection:
            connection.execute("create schema marts")
            for mart in sorted(folder.iterdir()):
                if mart.is_dir():
                    connection.execute(
                        f"create view marts.{mart.name} as "
                        f"select * from read_parquet('{mart}/*.parquet')"
                    )
            cursor = connection.execute(sql, list(values))
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return asked
