"""Running compiled models and tests on a warehouse file, parents first, a few at a time.

What dbt would do with the same text, without its work for each node, which costs more than most
models do: a table or view is replaced in one statement, a test counts its failing rows, and what
stands behind a failed node or a failed blocking test is skipped. What did not change since the
build before is left as it is.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from dagster_project import slices, standing
from dagster_project.compiled import Compiled
from dagster_project.relations import Relations, Text
from dagster_project.slices import CAME, CHANGES, Spec
from dagster_project.standing import Built, hashed
from workspace import warehouse
from workspace.faults import said
from workspace.warehouse import DATABASE

#: Status of a node that stands as it would be built, or of a test that would pass again.
UNCHANGED = "unchanged"

#: When a statement began and ended.
Span = tuple[datetime, datetime]

#: More than there are cores: DuckDB plans one statement while it executes another.
WORKERS = 3


@dataclass(frozen=True)
class NodeResult:
    """What became of one node. ``failures`` counts failing rows of a test.

    ``version`` of a model stays the same for as long as its rows do, where that is known.
    """

    unique_id: str
    status: str
    seconds: float
    failures: int | None
    message: str | None
    version: str | None = None

    @property
    def ok(self) -> bool:
        return self.status in ("success", "pass", "no-op", UNCHANGED)

    @property
    def failed(self) -> bool:
        return self.status in ("error", "fail", "runtime error")


def run_statements(
    compiled: Compiled,
    path: Path,
    models: Collection[str],
    tests: Collection[str],
    anew: bool = False,
) -> tuple[list[NodeResult], list[Span]]:
    """Build ``models`` and run ``tests`` (unique ids); results in the order they ended.

    ``anew`` builds what did not change, too. The second value holds when each statement ran.
    """
    with duckdb.connect() as connection:
        place = str(path).replace("'", "''")
        for name, value in compiled.settings.items():
            # Global: a cursor does not inherit what its connection was told for itself.
            connection.execute(f"set global {name} = '{value}'")
        connection.execute(f"set temp_directory = '{place}.tmp'")  # not where we were started
        connection.execute(f"attach '{place}' as {DATABASE}")
        connection.execute(f"use {DATABASE}")
        build = _Build(compiled, connection, models, tests, anew)
        build.run()
        standing.put(connection, build.built)
        connection.execute("use memory")
        connection.execute(f"detach {DATABASE}")
    return build.results, build.spans


class _Build:
    def __init__(
        self,
        compiled: Compiled,
        connection: duckdb.DuckDBPyConnection,
        models: Collection[str],
        tests: Collection[str],
        anew: bool,
    ) -> None:
        self.compiled = compiled
        self.nodes = compiled.manifest["nodes"]
        self.connection = connection
        self.wanted = {*models, *tests}
        self.anew = anew
        self.before = _order(self.nodes, models, tests)
        self.local = threading.local()
        self.lock = threading.Lock()
        self.results: list[NodeResult] = []
        #: What had no memory left beside others, and goes again by itself.
        self.crowded: list[str] = []
        self.spans: list[Span] = []
        self.kinds: dict[str, str] = {}
        self.built: dict[str, Built] = {}
        self.sources: dict[str, str] = {}
        self.streams: dict[str, str] = {}
        self.relations = Relations(compiled.manifest, compiled.statements)
        self.specs = {
            unique_id: spec
            for unique_id, node in self.nodes.items()
            if (spec := Spec.of_node(node, self.relations))
        }
        #: What somebody goes by the changed rows of.
        self.told = frozenset().union(*(spec.parents for spec in self.specs.values()))

    def run(self) -> None:
        self._prepare()
        weight = _weights(self.before)
        stopped: set[str] = set()
        running: set[Future[NodeResult]] = set()
        sorter = TopologicalSorter(self.before)
        sorter.prepare()
        ready = list(sorter.get_ready())

        def end(result: NodeResult) -> None:
            self.results.append(result)
            if result.failed or result.status == "skipped":
                stopped.add(result.unique_id)
            sorter.done(result.unique_id)
            ready.extend(sorter.get_ready())

        with ThreadPoolExecutor(WORKERS, thread_name_prefix="sql") as pool:
            while ready or running or self.crowded:
                if self.crowded and not running:
                    end(self._execute(self.crowded.pop(), alone=True))
                elif ready and len(running) < WORKERS and not self.crowded:
                    ready.sort(key=lambda name: weight[name])
                    unique_id = ready.pop()
                    if stopped.isdisjoint(self.before[unique_id]):
                        running.add(pool.submit(self._execute, unique_id))
                    else:
                        end(NodeResult(unique_id, "skipped", 0.0, None, None))
                else:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        if result.unique_id not in self.crowded:
                            end(result)

    def _prepare(self) -> None:
        """The schemas, what stands in them (a view does not replace a table), and from what."""
        found = self.connection.execute(
            "select schema_name || '.' || table_name, 'table' from duckdb_tables() "
            "where database_name = $1 union all "
            "select schema_name || '.' || view_name, 'view' from duckdb_views() "
            "where database_name = $1",
            [DATABASE],
        ).fetchall()
        self.kinds = dict(found)
        known = standing.take(self.connection)
        self.built = {name: built for name, built in known.items() if name in self.nodes}
        versions = warehouse.lake_versions(self.connection)
        for unique_id, source in self.compiled.manifest["sources"].items():
            if source["schema"] == warehouse.SCHEMA and source["identifier"] in versions:
                self.sources[unique_id] = versions[source["identifier"]]
                self.streams[unique_id] = source["identifier"]
        schemas = {CHANGES} | {
            self.nodes[name]["schema"] for name in self.wanted if not name.startswith("test.")
        }
        for schema in sorted(schemas):
            self.connection.execute(f'create schema if not exists "{schema}"')

    def _execute(self, unique_id: str, alone: bool = False) -> NodeResult:
        cursor = getattr(self.local, "cursor", None)
        if cursor is None:
            cursor = self.local.cursor = self.connection.cursor()
            cursor.execute(f"use {DATABASE}")
        node = self.nodes[unique_id]
        started = datetime.now()
        failures = message = None
        try:
            if node["resource_type"] == "test":
                status, failures = self._test(cursor, node)
                message = (
                    f"Got {failures} result{'s' if failures > 1 else ''}" if failures else None
                )
            else:
                status, message = self._model(cursor, node)
        except duckdb.Error as error:
            self.built.pop(unique_id, None)
            if isinstance(error, duckdb.OutOfMemoryException) and not alone:
                self.crowded.append(unique_id)
            status, message = "error", f"{type(error).__name__}: {said(error)}"
        ended = datetime.now()
        self.spans.append((started, ended))
        seconds = (ended - started).total_seconds()
        known = self.built.get(unique_id)
        version = known.version if known else None
        return NodeResult(unique_id, status, seconds, failures, message, version)

    def _test(self, cursor: duckdb.DuckDBPyConnection, node: dict[str, Any]) -> tuple[str, int]:
        unique_id = node["unique_id"]
        text = self.compiled.statements[unique_id]
        inputs = self._inputs(node, text)
        before = self.built.pop(unique_id, None)  # only what passed is remembered
        parents = {
            parent: known.version
            for parent in node["depends_on"].get("nodes", [])
            if (known := self.built.get(parent))
        }
        status = UNCHANGED
        if before is None or self.anew or before.inputs != inputs:
            asked = None if self.anew else self._of_changes(node, text, before, parents)
            row = cursor.execute(
                f"select count(*) from (\n{asked or text}\n) as failing"
            ).fetchone()
            assert row is not None
            if row[0]:
                return ("warn" if node["config"]["severity"].lower() == "warn" else "fail"), row[0]
            status = "pass"
        self.built[unique_id] = Built(inputs, "pass", rest=hashed(text), parents=parents)
        return status, 0

    def _of_changes(
        self, node: dict[str, Any], text: str, before: Built | None, parents: dict[str, str]
    ) -> str | None:
        """The test's text over the rows that changed since it passed; None where all are asked."""
        kind = node.get("test_metadata") or {}
        if before is None or before.rest != hashed(text) or len(parents) != 1:
            return None
        (parent,) = parents
        changed = self._changed(parent, before.parents.get(parent, ""))
        if changed is None or len(node["depends_on"]["nodes"]) != 1:
            return None
        came = f"select * exclude ({CAME}) from {changed} as changed where {CAME}"
        if kind.get("name") in ("accepted_values", "expression_is_true", "not_null"):
            return self.relations.replace(text, {parent: came})
        if kind.get("name") == "unique_key":
            columns = kind["kwargs"]["columns"]
            same = " and ".join(f"p.{name} is not distinct from c.{name}" for name in columns)
            touched = (
                f"select p.* from {self.relations.names[parent]} as p semi join ({came}) as c "
                f"on {same}"
            )
            return self.relations.replace(text, {parent: touched})
        return None

    def _changed(self, parent: str, since: str) -> str | None:
        """A relation of the rows that changed from one version of a table or stream to today's."""
        if parent in self.streams:
            with self.lock:
                came = warehouse.came_since(self.connection, self.streams[parent], since)
            return f"(select *, true as {CAME} from ({came}) as came)" if came else None
        known = self.built.get(parent)
        if known is None or known.since != since or since == known.version:
            return None
        return slices.changes_of(self.relations.names[parent])

    def _model(
        self, cursor: duckdb.DuckDBPyConnection, node: dict[str, Any]
    ) -> tuple[str, str | None]:
        unique_id = node["unique_id"]
        if node["resource_type"] == "seed":
            place = str(self.compiled.seed_file(node["name"])).replace("'", "''")
            kind, text = "table", f"select * from read_parquet('{place}')"
            inputs = hashed(node["checksum"]["checksum"])
        else:
            kind, text = node["config"]["materialized"], self.compiled.statements[unique_id]
            inputs = self._inputs(node, kind, text)
        before = self.built.get(unique_id)
        name = f'"{node["schema"]}"."{node["alias"]}"'
        stands = self.kinds.get(f"{node['schema']}.{node['alias']}")
        if kind == "ephemeral":
            self.built[unique_id] = Built(inputs, inputs)
            return "success", None
        if stands != kind:
            before = None
        if before is not None and before.inputs == inputs and not self.anew:
            return UNCHANGED, None
        if stands not in (None, kind):
            cursor.execute(f"drop {stands} {name}")
        if kind == "view":
            cursor.execute(f"create or replace view {name} as (\n{text}\n)")
            self.built[unique_id] = Built(inputs, inputs)
            return "success", None
        spec = self.specs.get(unique_id)
        whole = self.relations.text(unique_id) if spec else None
        rest, parents = self._parts(whole, spec) if spec and whole else (None, {})
        if before and not self.anew and spec and whole and before.rest == rest:
            changed = self._remake(cursor, unique_id, spec, whole, before, parents)
            if changed is not None:
                since = before.version if changed else before.since
                version = inputs if changed else before.version
                self.built[unique_id] = Built(inputs, version, None, rest, parents, since)
                return "success", f"{changed:,} rows"
        built = Built(inputs, inputs, None, rest, parents)
        if before and unique_id in self.told and not self.anew:
            new = f'"{node["schema"]}"."{node["alias"]}__new"'
            cursor.execute(f"create or replace table {new} as (\n{text}\n)")
            changed = slices.compare(cursor, name, new)
            if changed == 0:
                cursor.execute(f"drop table {new}")
                built = replace(built, version=before.version, since=before.since)
            else:
                cursor.execute(f"drop table {name}")
                cursor.execute(f'alter table {new} rename to "{node["alias"]}"')
                built = replace(built, since=None if changed is None else before.version)
        else:
            content = before and (before.content or standing.comparable(cursor, name))
            cursor.execute(f"create or replace table {name} as (\n{text}\n)")
            if before and content:
                after = standing.comparable(cursor, name)
                version = before.version if after == content else inputs
                built = replace(built, version=version, content=after)
        self.built[unique_id] = built
        return "success", None

    def _remake(
        self,
        cursor: duckdb.DuckDBPyConnection,
        unique_id: str,
        spec: Spec,
        whole: Text,
        before: Built,
        parents: dict[str, str],
    ) -> int | None:
        """Make again what the changes of the parents touch; None where that cannot be said."""
        changed = {}
        for parent, version in parents.items():
            since = before.parents.get(parent)
            if since != version:
                rows = self._changed(parent, since) if since else None
                if rows is None:
                    return None
                changed[parent] = rows
        return slices.remake(cursor, self.relations, unique_id, spec, whole.sql, changed)

    def _parts(self, whole: Text, spec: Spec) -> tuple[str, dict[str, str]]:
        """A hash of the text and of what is read whole, and the versions of what is not."""
        rest = [self._version(parent) for parent in sorted(whole.reads - spec.parents)]
        parents = {parent: self._version(parent) for parent in sorted(spec.parents)}
        return hashed(whole.sql, *rest), parents

    def _version(self, parent: str) -> str:
        known = self.built.get(parent)
        version = known.version if known else self.sources.get(parent)
        return version or uuid.uuid4().hex  # what nothing is known of may have changed

    def _inputs(self, node: dict[str, Any], *parts: str) -> str:
        """A hash of the node's text and of the versions of all it reads."""
        parents = node["depends_on"].get("nodes", [])
        return hashed(*parts, *(self._version(parent) for parent in parents))


def _order(
    nodes: dict[str, Any], models: Collection[str], tests: Collection[str]
) -> dict[str, set[str]]:
    """Node -> what must have ended before it. A model waits for the tests of its ancestors."""
    building = set(models)
    nearest: dict[str, set[str]] = {}

    def reads(name: str) -> set[str]:
        """What is built of all that a node reads, through views that are not."""
        if name not in nearest:
            found: set[str] = set()
            for parent in nodes[name]["depends_on"].get("nodes", []):
                if parent in building:
                    found.add(parent)
                elif parent in nodes:
                    found |= reads(parent)
            nearest[name] = found
        return nearest[name]

    before = {name: reads(name) for name in [*models, *tests]}
    ancestors: dict[str, set[str]] = {}
    for name in TopologicalSorter(before).static_order():
        ancestors[name] = before[name].union(*(ancestors[parent] for parent in before[name]))
    for test in tests:
        tested = set(before[test])
        for model in models:
            if tested & before[model] and tested <= ancestors[model]:
                before[model].add(test)
    return before


def _weights(before: dict[str, set[str]]) -> dict[str, int]:
    """The length of the longest chain that waits for each node: the longest goes first."""
    weights = dict.fromkeys(before, 1)
    for name in reversed([*TopologicalSorter(before).static_order()]):
        for parent in before[name]:
            weights[parent] = max(weights[parent], weights[name] + 1)
    return weights
