"""dbt in process: parse when the project changed, build, and tell what happened to each node.

`dbtRunner` in a warm process is about ten times faster than dbt as a child process; it asks
us to pass the selection and to turn failures into failures ourselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster_project.translation import OUTSIDE_RUNS
from workspace import durable
from workspace.paths import PROJECT, Paths
from workspace.settings import Environment, exported

PROJECT_FOLDER = PROJECT / "dbt"

#: SQL seconds of the builds of this process, for the report of a run's own overhead.
_sql_seconds: list[float] = []

_INPUTS = (".sql", ".yml", ".csv", ".md", ".yaml")


class DbtError(RuntimeError):
    """dbt could not run, or a model or blocking test failed; the message names which."""


@dataclass(frozen=True)
class NodeResult:
    """What dbt did to one node. ``failures`` counts failing rows of a test."""

    unique_id: str
    status: str
    seconds: float
    failures: int | None
    message: str | None

    @property
    def ok(self) -> bool:
        return self.status in ("success", "pass", "no-op")


@dataclass(frozen=True)
class BuildResult:
    """``sql_seconds`` is the time in which at least one node was executing."""

    nodes: list[NodeResult]
    seconds: float
    sql_seconds: float
    errors: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[NodeResult]:
        return [node for node in self.nodes if node.status in ("error", "fail", "runtime error")]


class Dbt:
    """The dbt project run against one warehouse file."""

    def __init__(self, paths: Paths, environment: Environment, warehouse: Path) -> None:
        # dbt parses anew when the warehouse's path changes, so each kind has its own target.
        kind = "live" if warehouse == paths.warehouse else "scratch"
        self.target_path = paths.dbt_target / kind
        self.environment = environment
        self.warehouse = warehouse

    @property
    def manifest_path(self) -> Path:
        return self.target_path / "manifest.json"

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads(self.manifest_path.read_bytes())

    def parse(self) -> None:
        """Make the manifest, unless it is the one of the project as it stands."""
        stamp = self.target_path / "parsed.txt"
        state = _project_hash()
        if self.manifest_path.exists() and stamp.exists() and stamp.read_text() == state:
            return
        durable.make_folder(self.target_path)
        self._invoke(["parse"])
        stamp.write_text(state)

    def build(self, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> BuildResult:
        """``dbt build`` without unit tests and the tests tagged as outside of runs.

        Raises :class:`DbtError` when dbt itself cannot run.
        """
        started = datetime.now()
        options = ["--exclude-resource-type", "unit_test", "--no-write-json"]
        options += ["--exclude", f"tag:{OUTSIDE_RUNS}", *exclude]
        options += ["--select", *select] if select else []
        result = self._invoke(["build", *options])
        seconds = (datetime.now() - started).total_seconds()
        nodes, spans = [], []
        for item in result.result.results:
            status = str(getattr(item.status, "value", item.status))
            nodes.append(
                NodeResult(
                    item.node.unique_id, status, item.execution_time, item.failures, item.message
                )
            )
            spans += [(t.started_at, t.completed_at) for t in item.timing if t.name == "execute"]
        _sql_seconds.append(_covered(spans))
        return BuildResult(nodes, seconds, _sql_seconds[-1])

    def _invoke(self, arguments: list[str]) -> Any:
        from dbt.cli.main import dbtRunner

        errors: list[str] = []

        def listen(event: Any) -> None:
            if event.info.level == "error":
                errors.append(event.info.msg.strip())

        with exported(MARKETING_WAREHOUSE=str(self.warehouse)), _connections_closed():
            result = dbtRunner(callbacks=[listen]).invoke(
                [
                    *("--log-level", "none", "--log-path", str(self.target_path / "logs")),
                    *("--log-level-file", "error", "--no-use-colors", "--no-version-check"),
                    *arguments,
                    *("--project-dir", str(PROJECT_FOLDER), "--profiles-dir", str(PROJECT_FOLDER)),
                    *("--target-path", str(self.target_path), "--target", self.environment),
                ]
            )
        if result.exception is not None or result.result is None:
            told = "\n".join(errors) or str(result.exception)
            raise DbtError(f"dbt {arguments[0]} could not run:\n{told}")
        return result


@contextmanager
def _connections_closed() -> Iterator[None]:
    """dbt-duckdb keeps its last connection open, to a file that may since be gone."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager as Manager

    try:
        yield
    finally:
        if Manager._ENV is not None:
            Manager._ENV.close()
        Manager.close_all_connections()


def sql_seconds_of_last_builds() -> float:
    """Seconds in which the builds of this process were executing SQL."""
    return sum(_sql_seconds)


def _project_hash() -> str:
    """A hash over the project's files and its place; cheap enough to ask at every start."""
    digest = hashlib.sha256(str(PROJECT_FOLDER).encode())
    for path in sorted(PROJECT_FOLDER.rglob("*")):
        if path.suffix in _INPUTS and path.is_file():
            digest.update(str(path.relative_to(PROJECT_FOLDER)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _covered(spans: list[tuple[datetime, datetime]]) -> float:
    """Seconds covered by at least one span."""
    total, end = 0.0, None
    for start, stop in sorted(spans):
        if end is None or start > end:
            total += (stop - start).total_seconds()
            end = stop
        elif stop > end:
            total += (stop - end).total_seconds()
            end = stop
    return total
