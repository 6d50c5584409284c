"""`marketing doctor`: what is wrong with this workspace, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
from rich.console import Console

from ingestion.sources import registry
from interfaces import alerting
from workspace import at_rest, definitions, freshness, restored
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.settings import PEPPER_FILE, Environment, Settings
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
    for note in filter(None, (_encryption(settings), alerting.sentence())):
        console.print(f"  note {note}", markup=False, highlight=False)
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


def _modes(settings: Settings) -> str | None:
    pepper = settings.paths.root / PEPPER_FILE
    return "; ".join(at_rest.loose_modes(settings.paths, pepper)) or None


def _disk(settings: Settings) -> str | None:
    """A fault where real people are on a disk that is known to be in clear."""
    if settings.environment is Environment.DEV:
        return None
    return _encryption(settings) if at_rest.disk(settings.paths.root) == "plain" else None


def _encryption(settings: Settings) -> str | None:
    verdict = at_rest.disk(settings.paths.root)
    if verdict == "encrypted":
        return None
    told = "is not encrypted" if verdict == "plain" else "may be encrypted or not: it does not tell"
    return (
        f"the disk below {settings.paths.root} {told}. Identifiers and the ledger are encrypted by "
        "nothing else: put the workspace on LUKS or an encrypted volume (docs/operations.md)"
    )


def _alerts(settings: Settings) -> str | None:
    return "; ".join(f"{one.name}: {one.fault}" for one in alerting.channels() if one.fault) or None


def _is_open(settings: Settings) -> str | None:
    try:
        restored.check(settings.paths.root)
    except restored.NotReplayed as error:
        return str(error)
    return None


EXAMINATIONS: dict[str, Callable[[Settings], str | None]] = {
    "definitions are valid": _definitions,
    "the lake has every file its manifests name": _lake,
    "no stream is stale": _fresh,
    "the ledger opens": _ledger,
    "every published view can be read": _published,
    "only its owner reads what identifies people": _modes,
    "the disk is encrypted where people are real": _disk,
    "every channel of alerts can be used": _alerts,
    "erasures were replayed after a restore": _is_open,
}
