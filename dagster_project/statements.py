"""Running compiled models and tests on a warehouse file, parents first, a few at a time.

What dbt would do with the same text, without its work for each node, which costs more than most
models do: a table or view is replaced in one statement, a test counts its failing rows, and what
stands behind a failed node or a failed blocking test is skipped.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.compiled import DATABASE, Compiled

#: When a statement began and ended.
Span = tuple[datetime, datetime]

#: More than there are cores: DuckDB plans one statement while it executes another.
WORKERS = 3


@dataclass(frozen=True)
class NodeResult:
    """What became of one node. ``failures`` counts failing rows of a test."""

    unique_id: str
    status: str
    seconds: float
    failures: int | None
    message: str | None

    @property
    def ok(self) -> bool:
        return self.status in ("success", "pass", "no-op")

    @property
    def failed(self) -> bool:
        return self.status in ("error", "fail", "runtime error")


def run_statements(
    compiled: Compiled, warehouse: Path, models: Collection[str], tests: Collection[str]
) -> tuple[list[NodeResult], list[Span]]:
    """Build ``models`` and run ``tests`` (unique ids); results in the order they ended.

    The second value holds when each statement ran.
    """
    with duckdb.connect() as connection:
        place = str(warehouse).replace("'", "''")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set preserve_insertion_order = false")
        # One checkpoint at the end instead of one in the middle of every few models.
        connection.execute("set checkpoint_threshold = '4GB'")
        connection.execute(f"attach '{place}' as {DATABASE}")
        connection.execute(f"use {DATABASE}")
        done = _Build(compiled, connection, models, tests).run()
        connection.execute("use memory")
        connection.execute(f"detach {DATABASE}")
    return done


class _Build:
    def __init__(
        self,
        compiled: Compiled,
        connection: duckdb.DuckDBPyConnection,
        models: Collection[str],
        tests: Collection[str],
    ) -> None:
        self.compiled = compiled
        self.nodes = compiled.manifest["nodes"]
        self.connection = connection
        self.wanted = {*models, *tests}
        self.before = _order(self.nodes, models, tests)
        self.behind = _turned(self.before)
        self.local = threading.local()
        self.results: list[NodeResult] = []
        self.spans: list[Span] = []
        self.standing: dict[str, str] = {}

    def run(self) -> tuple[list[NodeResult], list[Span]]:
        self._prepare()
        weight = _weights(self.before)
        stopped: set[str] = set()
        running: set[Future[NodeResult]] = set()
        ready = [name for name, parents in self.before.items() if not parents]

        def end(result: NodeResult) -> None:
            self.results.append(result)
            if result.failed or result.status == "skipped":
                stopped.update(self.behind[result.unique_id])
            ready.extend(self._freed_by(result.unique_id))

        with ThreadPoolExecutor(WORKERS, thread_name_prefix="sql") as pool:
            while ready or running:
                if ready and len(running) < WORKERS:
                    ready.sort(key=lambda name: weight[name])
                    unique_id = ready.pop()
                    if unique_id in stopped:
                        end(NodeResult(unique_id, "skipped", 0.0, None, None))
                    else:
                        running.add(pool.submit(self._execute, unique_id))
                else:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        end(future.result())
        return self.results, self.spans

    def _freed_by(self, unique_id: str) -> list[str]:
        """What waited for this node alone."""
        freed = []
        for name in self.behind[unique_id]:
            self.before[name].discard(unique_id)
            if not self.before[name]:
                freed.append(name)
        return freed

    def _prepare(self) -> None:
        """The schemas, and what stands in them already: a view does not replace a table."""
        found = self.connection.execute(
            "select schema_name || '.' || table_name, 'table' from duckdb_tables() "
            "where database_name = $1 union all "
            "select schema_name || '.' || view_name, 'view' from duckdb_views() "
            "where database_name = $1",
            [DATABASE],
        ).fetchall()
        self.standing = dict(found)
        schemas = {
            self.nodes[name]["schema"] for name in self.wanted if not name.startswith("test.")
        }
        for schema in sorted(schemas):
            self.connection.execute(f'create schema if not exists "{schema}"')

    def _execute(self, unique_id: str) -> NodeResult:
        cursor = getattr(self.local, "cursor", None)
        if cursor is None:
            cursor = self.local.cursor = self.connection.cursor()
            cursor.execute(f"use {DATABASE}")
        node = self.nodes[unique_id]
        started = datetime.now()
        status, failures, message = "success", None, None
        try:
            if node["resource_type"] == "test":
                failures = self._failing_rows(cursor, unique_id)
                if failures:
                    warns = node["config"]["severity"].lower() == "warn"
                    status = "warn" if warns else "fail"
                    message = f"Got {failures} result{'s' if failures > 1 else ''}"
                else:
                    status = "pass"
            else:
                self._replace(cursor, node)
        except duckdb.Error as error:
            status, message = "error", f"{type(error).__name__}: {error}"
        ended = datetime.now()
        self.spans.append((started, ended))
        return NodeResult(unique_id, status, (ended - started).total_seconds(), failures, message)

    def _failing_rows(self, cursor: duckdb.DuckDBPyConnection, unique_id: str) -> int:
        text = self.compiled.statements[unique_id]
        row = cursor.execute(f"select count(*) from (\n{text}\n) as failing").fetchone()
        assert row is not None
        return int(row[0])

    def _replace(self, cursor: duckdb.DuckDBPyConnection, node: dict[str, Any]) -> None:
        if node["resource_type"] == "seed":
            place = str(self.compiled.seed_file(node["name"])).replace("'", "''")
            kind, text = "table", f"select * from read_parquet('{place}')"
        else:
            kind, text = node["config"]["materialized"], self.compiled.statements[node["unique_id"]]
        if kind == "ephemeral":
            return
        name = f'"{node["schema"]}"."{node["alias"]}"'
        stands = self.standing.get(f"{node['schema']}.{node['alias']}", kind)
        if stands != kind:
            cursor.execute(f"drop {stands} {name}")
        cursor.execute(f"create or replace {kind} {name} as (\n{text}\n)")


def _order(
    nodes: dict[str, Any], models: Collection[str], tests: Collection[str]
) -> dict[str, set[str]]:
    """Node -> what must have ended before it. A model waits for the tests of its ancestors."""
    building = set(models)
    parents = {
        name: {p for p in nodes[name]["depends_on"].get("nodes", []) if p in building}
        for name in [*models, *tests]
    }
    children = _turned({name: parents[name] for name in building})
    ancestors: dict[str, set[str]] = {}

    def above(name: str) -> set[str]:
        if name not in ancestors:
            ancestors[name] = set(parents[name]).union(*(above(p) for p in parents[name]))
        return ancestors[name]

    before = {name: set(found) for name, found in parents.items()}
    for test in tests:
        tested = parents[test]
        for child in {c for parent in tested for c in children[parent]}:
            if child not in tested and tested <= above(child):
                before[child].add(test)
    return before


def _weights(before: dict[str, set[str]]) -> dict[str, int]:
    """How many nodes wait for each, at most: what most wait for goes first."""
    behind = _turned(before)
    weights: dict[str, int] = {}

    def longest(name: str) -> int:
        if name not in weights:
            weights[name] = 1 + max((longest(n) for n in behind[name]), default=0)
        return weights[name]

    for name in before:
        longest(name)
    return weights


def _turned(before: dict[str, set[str]]) -> dict[str, set[str]]:
    """Node -> what waits for it."""
    behind: dict[str, set[str]] = {name: set() for name in before}
    for name, parents in before.items():
        for parent in parents:
            behind[parent].add(name)
    return behind
