"""A small warehouse for tests: literal rows in schema `lake`, then the project's models.

The rows are dicts keyed by column; missing columns are NULL and missing streams are empty, with
the types of `workspace.streams`. Nothing of the pipeline is needed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dagster_project.compiled import Compiled, compiled
from dagster_project.statements import run_statements
from models_ml.actions.tables import CONTENT_POLICIES, LOOKALIKES, POLICIES
from models_ml.anomalies.found import SCHEMA as ALERTS
from models_ml.attribution.intervals import SCHEMA as INTERVALS
from models_ml.value.estimates import ESTIMATE_SCHEMA, ESTIMATES, FIT_SCHEMA, FITS
from reverse_etl.journeys.versions import NODES
from reverse_etl.segments.versions import CONDITIONS
from workspace.paths import Paths
from workspace.settings import Environment
from workspace.streams import STREAMS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt"
Rows = Iterable[Mapping[str, Any]]

TIME = pa.timestamp("us")
SYSTEM = {
    "segment_conditions": CONDITIONS,
    "attribution_intervals": INTERVALS,
    FITS: FIT_SCHEMA,
    ESTIMATES: ESTIMATE_SCHEMA,
    "series_alerts": ALERTS,
    "action_policies": POLICIES,
    "content_policies": CONTENT_POLICIES,
    "lookalikes": LOOKALIKES,
    "journey_nodes": NODES,
    "run_context": pa.schema(
        [
            ("run_id", pa.string()),
            ("as_of", TIME),
            ("snapshot_id", pa.string()),
            ("time_zone", pa.string()),
            ("base_currency", pa.string()),
        ]
    ),
    "load_receipts": pa.schema(
        [(n, pa.string()) for n in ("kind", "landing_file", "file_name", "sha256")]
        + [("landed_at", TIME)]
        + [
            (n, pa.int64())
            for n in ("received", "good", "bad", "duplicate", "quarantined", "erased", "size_bytes")
        ]
    ),
    "run_log": pa.schema(
        [
            ("run_id", pa.string()),
            ("as_of", TIME),
            ("started_at", TIME),
            ("step", pa.string()),
            ("status", pa.string()),
            ("finished_at", TIME),
            ("duration_ms", pa.int64()),
            ("rows", pa.int64()),
            ("detail", pa.string()),
        ]
    ),
}
#: What a run compiles where there is no segment.
NO_SEGMENTS = {
    "segment_events": "0 as happening, '' as contact_id, timestamp '2000-01-01' as occurred_at, "
    "date '2000-01-01' as occurred_on, 0.0 as amount",
    "segment_contacts": "'' as contact_id, '' as account_id, '' as role, '' as vertical",
    "segment_accounts": "'' as account_id, '' as vertical",
    "segment_members": "'' as segment, '' as member_type, '' as member_id, '' as account_id",
}
NO_SEGMENTS["segment_touches"] = NO_SEGMENTS["segment_events"]
EARLY = datetime(2000, 1, 1)


class Lakehouse:
    """One DuckDB file with schema `lake`, filled from literal rows and built like a run's."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.path = folder / "warehouse.duckdb"
        self.target = target

    def fill(
        self,
        *,
        as_of: datetime,
        time_zone: str = "Europe/Paris",
        base_currency: str = "EUR",
        **streams: Rows,
    ) -> Lakehouse:
        context = {
            "run_id": "run",
            "as_of": as_of,
            "snapshot_id": "snapshot",
            "time_zone": time_zone,
            "base_currency": base_currency,
        }
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create schema if not exists lake")
            for name, stream in STREAMS.items():
                self._table(connection, name, stream.schema, streams.pop(name, []))
            self._table(connection, "run_context", SYSTEM["run_context"], [context])
            for name, schema in SYSTEM.items():
                if name != "run_context":
                    self._table(connection, name, schema, streams.pop(name, []))
            for name, columns in NO_SEGMENTS.items():
                connection.execute(
                    f"create or replace macro lake.{name}() as table select {columns} where false"
                )
        assert not streams, f"unknown streams: {sorted(streams)}"
        return self

    @staticmethod
    def _table(
        connection: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema, rows: Rows
    ) -> None:
        filled = []
        for line, row in enumerate(rows):
            assert set(row) <= set(schema.names), (name, set(row) - set(schema.names))
            defaults = {"known_at": EARLY, "landing_file": "test", "landing_line": line}
            filled.append(
                {
                    field.name: _typed(row.get(field.name, defaults.get(field.name)), field.type)
                    for field in schema
                }
            )
        table = pa.Table.from_pylist(filled, schema=schema)
        connection.register("rows_to_load", table)
        connection.execute(f"create or replace table lake.{name} as select * from rows_to_load")
        connection.unregister("rows_to_load")

    @property
    def project(self) -> Compiled:
        return compiled(Paths(self.path.parent), Environment.DEV)

    def dbt(self, *arguments: str) -> Any:
        """`dbt ARGUMENTS` in this process; fails with dbt's own messages."""
        from dbt.cli.main import dbtRunner

        os.environ["MARKETING_WAREHOUSE"] = str(self.path)
        os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        paths = ["--target-path", str(self.target), "--log-path", str(self.target / "logs")]
        result = dbtRunner().invoke([*arguments, *folders, *paths, "--quiet"])
        problems = [
            f"{r.node.name}: {r.status}: {r.message}"
            for r in getattr(result.result, "results", [])
            if r.status in ("error", "fail", "runtime error")
        ]
        assert result.success, "\n".join(problems) or str(result.exception)
        return result

    def build(self, *selectors: str, tests: str | None = "eager") -> Lakehouse:
        """Models (`name`, `path:FOLDER`, `+` before it with all it stands on) and their tests.

        Without any, all models. `tests` says which as dbt does: "eager" (of any of them),
        "buildable" (of them and what they stand on), "cautious" (of them alone) or None. Fails
        when one does.
        """
        project = self.project
        nodes = project.manifest["nodes"]
        models = _selected(nodes, selectors)
        asked = [] if tests is None else _tests_of(nodes, models, tests)
        # What a test put into a table itself is no change that a build could see.
        results, _ = run_statements(project, self.path, models, asked, anew=True)
        problems = [f"{r.unique_id}: {r.status}: {r.message}" for r in results if r.failed]
        assert not problems, "\n".join(problems)
        return self

    def run(self, *selectors: str) -> Lakehouse:
        """Some models without their tests."""
        return self.build(*selectors, tests=None)

    def copied(self, folder: Path) -> Lakehouse:
        """The same warehouse elsewhere, to be filled anew."""
        other = Lakehouse(folder, self.target)
        self.rows("force checkpoint")  # what stands in the log would stay behind
        shutil.copyfile(self.path, other.path)
        return other

    def statement(self, model: str) -> str:
        """The text of a model, or of a test in dbt/tests, as it is run."""
        name = f"test.marketing_warehouse.{model}"
        known = self.project.statements
        return known.get(name) or known[name.replace("test", "model", 1)]

    def put(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Literal rows in place of what a model would have made; missing columns are NULL."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(f"delete from {table}")
            if rows:
                names = dict.fromkeys(name for row in rows for name in row)
                columns = {name: [row.get(name) for row in rows] for name in names}
                connection.register("given", pa.table(columns))
                connection.execute(f"insert into {table} by name select * from given")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(query).fetchall()

    def one(self, query: str) -> Any:
        rows = self.rows(query)
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return rows[0][0]

    def kpi(self, metric: str, month: str, window: str = "month", scope: str = "company") -> Any:
        """(value, status) of one line of kpi_monthly."""
        found = self.rows(
            "select value, status from marts.kpi_monthly where metric = "
            f"'{metric}' and month = date '{month}' and metric_window = '{window}' "
            f"and vertical = '{scope}'"
        )
        assert len(found) == 1, (metric, month, window, scope, found)
        return found[0]


def _selected(nodes: dict[str, Any], selectors: Iterable[str]) -> set[str]:
    built = {name: node for name, node in nodes.items() if node["resource_type"] != "test"}
    chosen: set[str] = set()
    for selector in selectors:
        name = selector.removeprefix("+")
        found = [
            unique_id
            for unique_id, node in built.items()
            if name == node["name"]
            or name == "path:" + str(Path(node["original_file_path"]).parent)
        ]
        assert found, f"no model {selector!r}"
        chosen.update(_with_ancestors(built, found) if selector.startswith("+") else found)
    return chosen or set(built)


def _with_ancestors(nodes: dict[str, Any], names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in found:
            found.add(name)
            waiting += nodes[name]["depends_on"].get("nodes", [])
    return found


def _tests_of(nodes: dict[str, Any], models: set[str], tests: str) -> list[str]:
    known = models if tests == "cautious" else _with_ancestors(nodes, models)
    return [
        name
        for name, node in nodes.items()
        if node["resource_type"] == "test"
        and (parents := {p for p in node["depends_on"]["nodes"] if p in nodes}) & models
        and (tests == "eager" or parents <= known)
    ]


def _typed(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_decimal(kind) and value is not None:
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))
    return value


def parameter(collection: str, key: str, position: int = 1, **value: Any) -> dict[str, Any]:
    return {
        "definition": "test",
        "definition_hash": "0",
        "collection": collection,
        "key": key,
        "position": position,
        "value": json.dumps(value, default=str),
    }
