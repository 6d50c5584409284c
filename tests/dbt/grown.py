"""A warehouse that builds what is behind a change, as a run does."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.statements import NodeResult, run_statements
from tests.dbt.lakehouse import Lakehouse, _selected
from workspace import warehouse
from workspace.streams import STREAMS


class Grown:
    """``models``: what is built, with all it stands on."""

    def __init__(self, folder: Path, target: Path, models: Collection[str]) -> None:
        folder.mkdir()
        self.house = Lakehouse(folder, target)
        self.models = models

    def build(self, **filled: Any) -> dict[str, NodeResult]:
        """Fill the lake as :meth:`Lakehouse.fill` does, and build; results by model."""
        self.house.fill(**filled)
        with duckdb.connect(str(self.house.path)) as connection:
            for name in ("run_context", *STREAMS):
                if name not in ("segment_events", "segment_touches"):
                    table = connection.execute(f"from lake.{name}").to_arrow_table()
                    warehouse.store(connection, name, table)
        project = self.house.project
        wanted = _selected(project.manifest["nodes"], [f"+{name}" for name in self.models])
        results, _ = run_statements(project, self.house.path, wanted, [])
        assert not [result for result in results if result.failed]
        return {result.unique_id.rpartition(".")[2]: result for result in results}
