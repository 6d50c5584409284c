"""Building the dbt project in a warehouse: by its compiled statements, or by dbt itself.

Both give the same tables and the same verdicts. dbt itself builds when a selected node asks for
more than compiled text can do; `docs/adr/010-dbt-compiles-once.md` says why there are two.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster_project import standing, translation
from dagster_project.compiled import Compiled, DbtError, compiled, invoke, place
from dagster_project.statements import UNCHANGED, NodeResult, Span, run_statements
from workspace import durable, warehouse
from workspace.paths import Paths
from workspace.settings import Environment

__all__ = ["BuildResult", "Dbt", "DbtError", "NodeResult", "sql_seconds_of_last_builds"]

#: SQL seconds of the builds of this process, for the report of a run's own overhead.
_sql_seconds: list[float] = []


@dataclass(frozen=True)
class BuildResult:
    """``sql_seconds`` is the time in which at least one node was executing."""

    nodes: list[NodeResult]
    seconds: float
    sql_seconds: float

    @property
    def changed(self) -> list[NodeResult]:
        """What was built or run, and not left as it stood."""
        return [node for node in self.nodes if node.status not in (UNCHANGED, "skipped")]

    @property
    def failed(self) -> list[NodeResult]:
        return [node for node in self.nodes if node.failed]


class Dbt:
    """The dbt project, to be built in one warehouse file."""

    def __init__(self, paths: Paths, environment: Environment, path: Path) -> None:
        self.paths = paths
        self.environment = environment
        self.warehouse = path

    @cached_property
    def project(self) -> Compiled:
        """Raises :class:`DbtError` when the project does not parse or compile."""
        return compiled(self.paths, self.environment)

    @property
    def is_compiled(self) -> bool:
        return place(self.paths, self.environment).exists()

    @property
    def manifest_path(self) -> Path:
        return self.project.manifest_path

    @property
    def manifest(self) -> dict[str, Any]:
        return self.project.manifest

    def build(self, models: Collection[str], anew: bool = False) -> BuildResult:
        """Build these models and seeds (unique ids) and run the tests that ask about them.

        What did not change is left as it stands unless ``anew`` is asked for. Left out are unit
        tests, tests tagged as outside of runs, and tests that also ask about models of the other
        phase that are not yet built. Raises :class:`DbtError` when dbt itself cannot run.
        """
        started = datetime.now()
        tests = translation.tests_of(self.manifest, models)
        spans: list[Span]
        if self.project.needs_dbt.intersection([*models, *tests]):
            nodes, spans = self._by_dbt(models, tests)
        else:
            nodes, spans = run_statements(self.project, self.warehouse, models, tests, anew)
        _sql_seconds.append(_covered(spans))
        seconds = (datetime.now() - started).total_seconds()
        return BuildResult(nodes, seconds, _sql_seconds[-1])

    def _by_dbt(
        self, models: Collection[str], tests: Collection[str]
    ) -> tuple[list[NodeResult], list[Span]]:
        kind = "live" if self.warehouse == self.paths.warehouse else "scratch"
        target = self.paths.dbt_target / kind  # dbt parses anew when the warehouse's path changes
        durable.make_folder(target)
        with warehouse.connect(self.warehouse) as connection:
            standing.forget(connection)
        everything = self.manifest["nodes"]
        select = [".".join(everything[name]["fqn"]) for name in [*models, *tests]]
        found = invoke(
            [
                *("build", "--no-write-json", "--exclude-resource-type", "unit_test"),
                *("--indirect-selection", "empty", "--select", *select),
            ],
            target,
            self.warehouse,
            self.environment,
        )
        nodes, spans = [], []
        for item in found.results:
            status = str(getattr(item.status, "value", item.status))
            nodes.append(
                NodeResult(
                    item.node.unique_id, status, item.execution_time, item.failures, item.message
                )
            )
            spans += [(t.started_at, t.completed_at) for t in item.timing if t.name == "execute"]
        return nodes, spans


def sql_seconds_of_last_builds() -> float:
    """Seconds in which the builds of this process were executing SQL."""
    return sum(_sql_seconds)


def _covered(spans: list[Span]) -> float:
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
