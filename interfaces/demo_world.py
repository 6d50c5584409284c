"""The demo world, brought to a workspace's landing folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from sandbox.world import END, generate
from workspace import clock, durable
from workspace.lake import Lake
from workspace.settings import Settings
from workspace.streams import STREAMS

SIZES = ("S", "M")
PROFILES = ("calibrated", "churn")


def holds_other_data(settings: Settings) -> bool:
    """Whether the workspace has data of its own: the demo's fixed end would freeze it."""
    if settings.paths.default_as_of.exists():
        return False
    lake = Lake(settings.paths.lake)
    return any(lake.entries(stream) for stream in STREAMS)


def land(settings: Settings, size: str, seed: int, profile: str) -> int:
    """Generate the world and land its files; returns how many. Landing them again adds none."""
    from ingestion.landing import land as land_file

    source = settings.paths.root / "demo"
    shutil.rmtree(source, ignore_errors=True)
    durable.write(settings.paths.default_as_of, clock.iso(END).encode())
    generate(source / "files", size=size, seed=seed, profile=profile)
    files = [path for path in sorted((source / "files").rglob("*")) if path.is_file()]
    for path in files:
        land_file(kind_of(path, source / "files"), path, settings.paths.landing, END)
    shutil.rmtree(source / "files")
    return len(files)


def kind_of(path: Path, root: Path) -> str:
    """The folder below the world's root names the kind."""
    return path.relative_to(root).parts[0]
