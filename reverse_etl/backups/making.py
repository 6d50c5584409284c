"""Making a backup, while runs, senders and the collector write.

What is derived is taken before what it is derived from: the lake, then the ledger, then landing.
A restored ledger is then never behind the lake that holds its exports, and landing never behind
either, so whatever is missing is made up by the next run. The other way round, rows of the lake
would tell of a ledger that has forgotten them.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reverse_etl.backups import ledgers
from reverse_etl.backups.store import BackupError, Store, Stored
from workspace import restored
from workspace.clock import iso
from workspace.identifiers import Keyring
from workspace.lake import MANIFEST
from workspace.ledger import open_ledger
from workspace.paths import Paths
from workspace.settings import Settings
from workspace.streams import STREAMS

LAKE, LANDING = "lake", "landing"
#: How often the lake's manifests are read anew while commits change them.
_LOOKS = 100
#: Landing's own names: such a file never changes once it has it.
_LANDED = re.compile(r"[0-9]{8}T[0-9]{12}Z__.+")
_UNFINISHED = ".staging"
#: Small files of the workspace's root that belong to its state.
_ROOT_FILES = ("as_of.txt", "demo_world.json", "postgres.json")


@dataclass(frozen=True)
class Made:
    """``new_bytes`` is what the folder of backups has grown by; ``removed`` older backups."""

    name: str
    files: int
    size_bytes: int
    new_files: int
    new_bytes: int
    removed: list[str]


def make(settings: Settings, store: Store, at: datetime, keep_days: int) -> Made:
    """Add a backup of the workspace to ``store`` and forget what is older than ``keep_days`` days
    with a backup. Raises :class:`BackupError`, and
    :class:`~workspace.restored.NotReplayed` for a workspace that is itself half restored."""
    paths = settings.paths
    restored.check(paths.root)
    if store.root.is_relative_to(paths.root) or paths.root.is_relative_to(store.root):
        raise BackupError("the folder of backups must lie outside the workspace")
    with store.writing():
        names = store.names()
        before = store.files(store.manifest(names[-1])) if names else {}
        taking = _Taking(store, before)
        _take_lake(paths, taking)
        _take_models(paths, taking)
        rows = _take_ledger(settings, taking)
        _take_landing(paths, taking)
        for name in _ROOT_FILES:
            if (paths.root / name).exists():
                taking.add(paths.root / name, name)
        name = store.write(
            at,
            {
                "made_at": iso(at),
                "pepper": fingerprint(settings.keyring),
                "ledger_rows": rows,
                "stream_rows": taking.rows,
                "files": {path: stored.row() for path, stored in taking.files.items()},
            },
        )
        removed = store.prune(keep_days)
    sizes = [stored.size for stored in taking.files.values()]
    return Made(name, len(sizes), sum(sizes), taking.new_files, taking.new_bytes, removed)


def fingerprint(keyring: Keyring) -> str:
    """Tells a pepper from another; it leads back to neither."""
    return hmac.digest(keyring.pepper, b"backup", "sha256").hex()[:16]


class _Taking:
    """The files of one backup as they are taken."""

    def __init__(self, store: Store, before: dict[str, Stored]) -> None:
        self.store, self._before = store, before
        self.files: dict[str, Stored] = {}
        self.rows: dict[str, int] = {}
        self._known = {stored.sha256 for stored in before.values()}
        self.new_files = self.new_bytes = 0

    def add(self, source: Path, name: str, link: bool = False) -> None:
        stored = self.store.add(source, self._before.get(name), link)
        self.files[name] = stored
        if stored.sha256 not in self._known:
            self._known.add(stored.sha256)
            self.new_files += 1
            self.new_bytes += stored.size

    def add_bytes(self, data: bytes, name: str, mode: int = 0o644) -> None:
        """A file that was read already, and may have changed since."""
        staging = self.store.objects / f".{uuid.uuid4().hex}"
        try:
            with open(os.open(staging, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as handle:
                handle.write(data)
            self.add(staging, name)
        finally:
            staging.unlink(missing_ok=True)


def _take_lake(paths: Paths, taking: _Taking) -> None:
    """Manifests as they all stood at one moment, and the files they list.

    A file that was compacted or erased away meanwhile: look again.
    """
    for _ in range(_LOOKS):
        manifests = _steady(paths)
        try:
            for stream, data in manifests.items():
                folder = f"{LAKE}/{STREAMS[stream].path}"
                entries = json.loads(data)["entries"]
                for entry in entries:
                    if entry["file"]:
                        name = f"{folder}/{entry['file']}"
                        taking.add(paths.root / name, name, link=True)
                taking.rows[stream] = sum(entry["rows"] for entry in entries)
        except FileNotFoundError:
            continue
        listed = set(_listed(manifests))
        for name in [name for name in taking.files if name not in listed]:
            del taking.files[name]
        for stream, data in manifests.items():
            taking.add_bytes(data, f"{LAKE}/{STREAMS[stream].path}/{MANIFEST}")
        return
    raise BackupError("the lake changes all the time; try again when no run is under way")


def _take_models(paths: Paths, taking: _Taking) -> None:
    """Every version of every model: a folder that stands is never written to again."""
    for path in sorted(paths.models.rglob("*")):
        parts = path.relative_to(paths.models).parts
        if any(part.startswith(".") for part in parts) or not path.is_file():
            continue
        try:
            taking.add(path, str(path.relative_to(paths.root)))
        except FileNotFoundError:
            continue  # a damaged version that a training puts right at this moment


def _steady(paths: Paths) -> dict[str, bytes]:
    """Every stream's manifest. Two looks that find the same found what stood between them."""
    last: dict[str, bytes] | None = None
    for _ in range(_LOOKS):
        found = {}
        for stream, definition in STREAMS.items():
            path = paths.lake / definition.path / MANIFEST
            if path.exists():
                found[stream] = path.read_bytes()
        if found == last:
            return found
        last = found
    raise BackupError("the lake changes all the time; try again when no run is under way")


def _listed(manifests: dict[str, bytes]) -> Iterator[str]:
    for stream, data in manifests.items():
        for entry in json.loads(data)["entries"]:
            if entry["file"]:
                yield f"{LAKE}/{STREAMS[stream].path}/{entry['file']}"


def _take_ledger(settings: Settings, taking: _Taking) -> dict[str, int]:
    """The ledger as one transaction sees it; returns its rows by table (of Postgres: none, its
    dump is read by its own programs only)."""
    staging = taking.store.objects / f".{uuid.uuid4().hex}"
    try:
        name = ledgers.dump(settings.ledger_url, staging)
        taking.add(staging, name)
        if name != ledgers.SQLITE:
            return {}
        copy = open_ledger(f"sqlite:///{staging}")
        try:
            return ledgers.counts(copy)
        finally:
            copy.close()
    finally:
        for suffix in ("", "-wal", "-shm", ".migrating"):
            Path(f"{staging}{suffix}").unlink(missing_ok=True)


def _take_landing(paths: Paths, taking: _Taking) -> None:
    """Every file as received, segments that the collector has open included.

    These come first (a point sorts before letters): one that is sealed meanwhile is then found
    again where it went, and messages that come twice are known.
    """
    for folder, folders, names in os.walk(paths.landing):
        folders[:] = sorted(name for name in folders if name != _UNFINISHED)
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_symlink() or not path.is_file():
                continue
            try:
                taking.add(path, str(path.relative_to(paths.root)), bool(_LANDED.fullmatch(name)))
            except FileNotFoundError:
                continue  # sealed or refused meanwhile: what it became is, or was, listed
