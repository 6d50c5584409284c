"""What can be computed again and holds people: removed, so that the next run makes it without them.

The current published version is mended instead (`published`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from reverse_etl.publish.publisher import CURRENT, remove_version, rooms
from workspace.paths import Paths

#: Checkpoints and caches below the lake; `docs/adr/017-journeys-tick-in-numbers.md`.
_CACHES = (".journeys",)


def remove(paths: Paths) -> int:
    """Remove warehouses, compiled statements and caches; how many."""
    removed = 0
    for path in (
        paths.warehouse,
        paths.warehouse.with_name(f"{paths.warehouse.name}.wal"),
        paths.scratch,
        paths.dbt_target,
        *(paths.lake / name for name in _CACHES),
    ):
        removed += _remove(path)
    return removed


def remove_old_versions(paths: Paths) -> int:
    """Remove every published version but the current one, and those of past times; how many."""
    removed = 0
    for room in rooms(paths):
        link = room.root / CURRENT
        current = link.resolve().name if link.is_symlink() else None
        for path in sorted(room.root.glob("v*")):
            if path.is_dir() and path.name != current:
                remove_version(path)
                removed += 1
        past = room.root / "as_of"
        if past.exists():
            remove_version(past)
            removed += 1
    return removed


def remove_logs(paths: Paths, hits: Callable[[Path], bool]) -> int:
    """Remove Dagster's records where ``hits`` finds somebody in them; how many folders."""
    removed = 0
    for path in sorted(paths.dagster.iterdir()) if paths.dagster.is_dir() else ():
        if path.is_dir() and hits(path):
            shutil.rmtree(path)
            removed += 1
    return removed


def _remove(path: Path) -> int:
    if path.is_dir():
        shutil.rmtree(path)
        return 1
    if path.exists():
        path.unlink()
        return 1
    return 0
