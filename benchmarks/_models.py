"""The project's own models, as benchmarks build them: the statements that runs execute."""

from __future__ import annotations

import time
from pathlib import Path

from dagster_project.compiled import Compiled, compiled
from dagster_project.statements import run_statements
from workspace import settings
from workspace.paths import Paths
from workspace.settings import Environment

ID = "model.marketing_warehouse."


def project(path: Path) -> Compiled:
    settings.quiet_third_parties()
    return compiled(Paths(path.parent), Environment.DEV)


def statement(path: Path, model: str) -> str:
    return project(path).statements[ID + model]


def build(path: Path, *models: str) -> tuple[float, float]:
    """Build models in a warehouse file; seconds by the clock and of the processors."""
    ready = project(path)
    began, used = time.perf_counter(), time.process_time()
    results, _ = run_statements(ready, path, [ID + model for model in models], [], anew=True)
    spent = time.perf_counter() - began, time.process_time() - used
    failed = [result.message for result in results if result.failed]
    if failed:
        raise SystemExit(f"a model failed: {failed}")
    return spent
