"""The demo world, brought to a workspace's landing folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.servers.base import serving
from sandbox.servers.world import environment, stack, vendors_of
from sandbox.world import END, generate
from workspace import clock, durable
from workspace.lake import Lake
from workspace.settings import Settings, exported
from workspace.streams import STREAMS

SIZES = ("S", "M")
PROFILES = ("calibrated", "churn")


def obstacle(settings: Settings, world: dict[str, Any]) -> str | None:
    """Why this world cannot go into the workspace; None when it can.

    The demo's fixed end would freeze data of one's own, and two worlds in one lake would add up.
    """
    try:
        present = json.loads(_label(settings).read_bytes())
    except FileNotFoundError:
        lake = Lake(settings.paths.lake)
        if any(lake.entries(stream) for stream in STREAMS):
            return "already holds data that is not the demo's"
        return None
    if present != world:
        named = ", ".join(f"{name} {value}" for name, value in present.items())
        return f"holds another demo world ({named}); `make clean` removes the one in data/"
    return None


@dataclass(frozen=True)
class Landed:
    """How many files of a world landed, and what the vendors' stand-ins hold of it."""

    files: int
    vendors: dict[str, Any]


def land(settings: Settings, world: dict[str, Any]) -> Landed:
    """Generate the world and land its files. Landing them again adds none."""
    from ingestion.landing import land as land_file

    source = settings.paths.root / "demo"
    shutil.rmtree(source, ignore_errors=True)
    durable.write(settings.paths.default_as_of, clock.iso(END).encode())
    durable.write(_label(settings), json.dumps(world).encode())
    generate(source / "files", **world)
    vendors = {}
    if world["profile"] == "calibrated":
        vendors = vendors_of(source / "files", END, world["seed"])
    files = [path for path in sorted((source / "files").rglob("*")) if path.is_file()]
    for path in files:
        land_file(kind_of(path, source / "files"), path, settings.paths.landing, END)
    shutil.rmtree(source / "files")
    return Landed(len(files), vendors)


@contextmanager
def connected(landed: Landed) -> Iterator[None]:
    """For the block, every source's address and credentials are those of its stand-in."""
    if not landed.vendors:
        yield
        return
    with serving(stack(landed.vendors)) as url, exported(**environment(landed.vendors, url, END)):
        yield


def _label(settings: Settings) -> Path:
    return settings.paths.root / "demo_world.json"


def kind_of(path: Path, root: Path) -> str:
    """The folder below the world's root names the kind."""
    return path.relative_to(root).parts[0]
