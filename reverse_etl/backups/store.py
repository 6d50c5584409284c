"""A folder of backups: files by the hash of their bytes, and one manifest a backup.

``objects/<2>/<62>`` holds a file by its SHA-256, once however many backups have it, so that a
daily backup costs what has changed. ``backups/<time>.json`` lists a backup's files and is written
last: a backup that was killed is none, and what it left is removed by the next one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workspace import durable
from workspace.clock import compact

FORM = 1
_NAME = re.compile(r"[0-9]{8}T[0-9]{12}Z")
_BLOCK = 1 << 20


class BackupError(RuntimeError):
    """A backup that cannot be made, read or restored; the message says why."""


@dataclass(frozen=True)
class Stored:
    """A file of a backup: its bytes' hash, and what is put back with them."""

    sha256: str
    size: int
    mode: int
    mtime_ns: int
    inode: int = 0

    def row(self) -> dict[str, Any]:
        return asdict(self)

    def facts(self) -> tuple[int, int, int, int]:
        """What changes when the file does."""
        return self.size, self.mode, self.mtime_ns, self.inode


class Store:
    """The backups below one folder, each named by its time (``20261001T020000000000Z``)."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def manifests(self) -> Path:
        return self.root / "backups"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One backup at a time. Raises :class:`BackupError` where another is under way."""
        durable.make_folder(self.root, mode=0o700)
        durable.make_folder(self.objects, mode=0o700)
        durable.make_folder(self.manifests, mode=0o700)
        with open(self.root / ".lock", "w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(f"another backup is written to {self.root}") from None
            yield

    # ---- reading -------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The backups, oldest first."""
        found = (path.stem for path in self.manifests.glob("*.json"))
        return sorted(name for name in found if _NAME.fullmatch(name))

    def manifest(self, name: str) -> dict[str, Any]:
        """A backup's manifest. Raises :class:`BackupError` for one that is missing or changed."""
        path = self.manifests / f"{name}.json"
        try:
            body: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise BackupError(f"{path} cannot be read ({type(error).__name__})") from None
        if body.get("form") != FORM or body.pop("sha256", None) != _seal(body):
            raise BackupError(f"{path} is not as it was written")
        return body

    def files(self, body: dict[str, Any]) -> dict[str, Stored]:
        return {path: Stored(**row) for path, row in body["files"].items()}

    def path(self, sha256: str) -> Path:
        return self.objects / sha256[:2] / sha256[2:]

    def copy_out(self, stored: Stored, target: Path) -> None:
        """Copy a file out, durably, with its times and mode.

        Raises :class:`BackupError` where its bytes are not those that were put in.
        """
        durable.make_folder(target.parent)
        source = self.path(stored.sha256)
        try:
            digest = _copy(source, target, stored.mode & 0o777)
        except FileNotFoundError:
            raise BackupError(f"{source} is missing") from None
        if digest != stored.sha256:
            target.unlink()
            raise BackupError(f"{source} is damaged: its bytes have another hash")
        os.utime(target, ns=(stored.mtime_ns, stored.mtime_ns))

    # ---- writing -------------------------------------------------------------------------

    def add(self, source: Path, known: Stored | None = None, link: bool = False) -> Stored:
        """Take a file in. ``known`` is the same path in the last backup: of the same size, time
        and inode, it is not read again. ``link``: its bytes never change, so a hard link is
        enough. Raises ``FileNotFoundError`` where it is gone."""
        found = source.stat()
        facts = (found.st_size, found.st_mode & 0o7777, found.st_mtime_ns, found.st_ino)
        if known is not None and known.facts() == facts and self.path(known.sha256).exists():
            return known
        staging = self.objects / f".{uuid.uuid4().hex}"
        try:
            if link and _linked(source, staging):
                with open(staging, "rb") as handle:
                    digest = hashlib.file_digest(handle, "sha256").hexdigest()
            else:
                digest = _copy(source, staging, 0o600)
            self._keep(staging, digest)
        finally:
            staging.unlink(missing_ok=True)
        return Stored(digest, *facts)

    def _keep(self, staging: Path, digest: str) -> None:
        target = self.path(digest)
        if target.exists():
            return
        durable.make_folder(target.parent, mode=0o700)
        os.replace(staging, target)
        durable.fsync_folder(target.parent)

    def write(self, at: datetime, body: dict[str, Any]) -> str:
        """Write a manifest, which makes its backup one; returns its name."""
        name, sealed = compact(at), {"form": FORM, **body}
        data = json.dumps({**sealed, "sha256": _seal(sealed)}, indent=1, sort_keys=True)
        durable.write(self.manifests / f"{name}.json", data.encode(), mode=0o600)
        return name

    def prune(self, days: int) -> list[str]:
        """Keep the last backup of each of the last ``days`` days that have one, and what they
        hold; returns those that were removed."""
        by_day: dict[str, str] = {name[:8]: name for name in self.names()}
        kept = set(sorted(by_day.values())[-days:])
        removed = [name for name in self.names() if name not in kept]
        for name in removed:
            (self.manifests / f"{name}.json").unlink()
        durable.fsync_folder(self.manifests)
        held = {
            stored.sha256
            for name in self.names()
            for stored in self.files(self.manifest(name)).values()
        }
        for path in [path for path in self.objects.rglob("*") if path.is_file()]:
            if path.parent.name + path.name not in held:
                path.unlink()
        return removed

    def find(self, at: str | None) -> str:
        """A backup by its name or the beginning of one (``20261001``), the last one by None.

        Raises :class:`BackupError` where there is none.
        """
        names = [name for name in self.names() if at is None or name.startswith(at)]
        if not names:
            asked = f" of {at}" if at else ""
            raise BackupError(f"there is no backup{asked} in {self.root}")
        return names[-1]


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        return False  # another file system, or one without hard links
    return True


def _copy(source: Path, target: Path, mode: int) -> str:
    """Copy a file durably; returns its SHA-256."""
    digest = hashlib.sha256()
    with open(source, "rb") as old:
        fd = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with os.fdopen(fd, "wb") as new:
            while block := old.read(_BLOCK):
                digest.update(block)
                new.write(block)
            new.flush()
            os.fsync(new.fileno())
    return digest.hexdigest()
