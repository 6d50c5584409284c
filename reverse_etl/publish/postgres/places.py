"""The Postgres databases that a workspace was published to, remembered in it without a secret.

An erasure asks there, too, however its process is set up (`docs/erasure.md`); and the workspace's
id tells its tables from another's.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from workspace import durable
from workspace.locks import run_lock
from workspace.paths import Paths

#: Below the workspace's folder; backups hold it.
FILE = "postgres.json"
_LOCK = ".postgres.lock"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Places:
    """``workspace`` is its id; ``databases`` as :func:`place_of` names them."""

    workspace: str
    databases: tuple[str, ...] = ()


def place_of(host: str, port: int, database: str) -> str:
    """A database's name in this module: ``host:port/database``."""
    return f"{host}:{port}/{database}"


def read(paths: Paths) -> Places | None:
    """What is remembered; None where nothing was ever published to a Postgres."""
    try:
        said = json.loads((paths.root / FILE).read_bytes())
    except FileNotFoundError:
        return None
    return Places(said["workspace"], tuple(said["databases"]))


def remember(paths: Paths, place: str) -> Places:
    """Durable before a row is loaded there."""
    with run_lock(paths.root / _LOCK, _WAIT_SECONDS, "publish"):
        known = read(paths) or Places(uuid.uuid4().hex)
        if place in known.databases:
            return known
        return _write(paths, Places(known.workspace, (*known.databases, place)))


def forget(paths: Paths, place: str) -> bool:
    """Whether it was known. For a database that is gone, or that holds nothing any more."""
    with run_lock(paths.root / _LOCK, _WAIT_SECONDS, "publish"):
        known = read(paths)
        if known is None or place not in known.databases:
            return False
        rest = tuple(one for one in known.databases if one != place)
        _write(paths, Places(known.workspace, rest))
        return True


def _write(paths: Paths, places: Places) -> Places:
    said = {"workspace": places.workspace, "databases": sorted(places.databases)}
    durable.write(paths.root / FILE, json.dumps(said, indent=1).encode() + b"\n", mode=0o600)
    return places
