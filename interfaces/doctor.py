"""`marketing doctor`: what is wrong with this workspace, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
from rich.console import Console

from ingestion.sources import registry
from workspace import definitions, freshness
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.settings import Settings
from workspace.streams import STREAMS


def examine(settings: Settings, console: Console) -> list[str]:
    """Run each examination, print one line each; returns the faults."""
    faults = []
    for name, look in EXAMINATIONS.items():
        fault = look(settings)
        console.print(f"  {'ok  ' if fault is None else 'FAIL'} {name}", highlight=False)
        if fault is not None:
            faults.append(f"{name}: {fault}")
            console.print(f"       {fault}", markup=False, highlight=False)
    return faults


def _definitions(settings: Settings) -> str | None:
    try:
        definitions.load(settings.definitions).check_sources(registry.MODULES)
    except definitions.DefinitionError as error:
        return str(error)
    return None


def _lake(settings: Settings) -> str | None:
    lake = Lake(settings.paths.lake)
    missing = [str(path) for name in STREAMS for path in lake.files(name) if not path.exists()]
    return f"files named by a manifest are missing: {', '.join(missing)}" if missing else None


def _fresh(settings: Settings) -> str | None:
    try:
        limits = definitions.load(settings.definitions).freshness
    except definitions.DefinitionError:
        return None  # told above
    lake, present, stale = Lake(settings.paths.lake), settings.present(), []
    for name, limit in limits.streams.items():
        try:
            verdict = freshness.of_stream(limit, lake.latest(name, "known_at"), present)
        except OSError:
            continue  # a lost file is told above
        if not verdict.passed:
            stale.append(f"{name}: {verdict.text}")
    return "; ".join(stale) or None


def _ledger(settings: Settings) -> str | None:
    try:
        open_ledger(settings.ledger_url).close()
    except Exception as error:
        return f"cannot be opened: {type(error).__name__}"  # its text may hold the URL's password
    return None


def _published(settings: Settings) -> str | None:
    path = settings.paths.published / "marketing.duckdb"
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            views = connection.execute(
                "select schema_name, view_name from duckdb_views() where not internal"
            ).fetchall()
            for schema, view in views:
                connection.execute(f'select * from "{schema}"."{view}" limit 0')
    except duckdb.Error as error:
        return f"{error}; 'marketing run' publishes anew"
    return None


EXAMINATIONS: dict[str, Callable[[Settings], str | None]] = {
    "definitions are valid": _definitions,
    "the lake has every file its manifests name": _lake,
    "no stream is stale": _fresh,
    "the ledger opens": _ledger,
    "every published view can be read": _published,
}
