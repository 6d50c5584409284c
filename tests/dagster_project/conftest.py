"""The dbt manifest, parsed once for the session."""

from __future__ import annotations

import pytest

from dagster_project.dbt import Dbt
from dagster_project.translation import Manifest
from workspace.paths import Paths
from workspace.settings import Environment


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    paths = Paths(tmp_path_factory.mktemp("manifest") / "w")
    paths.create()
    dbt = Dbt(paths, Environment.DEV, paths.warehouse)
    return dbt.manifest


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
