"""Landing: the exact bytes as received, before any parsing.

A landed file is ``<landing>/<kind>/<received_at>__<sha256, 12 characters>__<original name>``.
Files that somebody drops into ``<landing>/<kind>/`` by hand are taken as they are; they were
received at their modification time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ingestion.contracts import STREAMS_OF
from ingestion.errors import FileChanged, IngestError
from workspace import durable
from workspace.clock import compact, parse_compact
from workspace.lake import Lake

BLOCK = 1 << 20
_LANDED = re.compile(r"([0-9]{8}T[0-9]{12}Z)__([0-9a-f]{12})__(.+)")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class LandedFile:
    """A file in landing.

    ``batch`` is its commit id in the lake, the same on every look at the same file;
    ``landing_file`` its path relative to the landing root.
    """

    kind: str
    path: Path
    landing_file: str
    file_name: str
    received_at: datetime
    size_bytes: int
    mtime_ns: int
    batch: str
    sha256: str | None = None  # known where this process landed the file

    def discard(self) -> None:
        """Take a file that was refused out of landing again."""
        self.path.unlink(missing_ok=True)
        _map_path(self.path).unlink(missing_ok=True)


def land(
    kind: str,
    path: Path | str,
    landing_root: Path,
    received_at: datetime,
    column_map: dict[str, str] | None = None,
) -> LandedFile:
    """Copy a local file into landing, durably; ``received_at`` is naive UTC.

    A column mapping is kept beside it, so that a later load reads the file the same way.
    Raises :class:`IngestError` for a folder, a missing or unreadable file, and a file that
    changed while it was read.
    """
    source = Path(path)
    folder = durable.make_folder(landing_root / kind)
    staging = durable.make_folder(landing_root / ".staging") / uuid.uuid4().hex
    try:
        digest = _copy(source, staging)
        name = f"{compact(received_at)}__{digest[:12]}__{_safe(source.name)}"
        if column_map:
            durable.write(_map_path(folder / name), json.dumps(column_map).encode())
        durable.replace(staging, folder / name)
    finally:
        staging.unlink(missing_ok=True)
    return replace(landed(kind, folder / name, landing_root), sha256=digest)


def landed(kind: str, path: Path, landing_root: Path) -> LandedFile:
    """Describe a file that already lies in landing. Raises :class:`IngestError`."""
    status = _regular(path)
    match = _LANDED.fullmatch(path.name)
    if match:
        try:
            received_at, name, batch = parse_compact(match[1]), match[3], path.name
        except ValueError:
            match = None
    if not match:
        received_at = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)
        # The same name may come back with other content: size and time tell them apart.
        name = path.name
        batch = f"{compact(received_at)}__{status.st_size}__{_safe(name)}"
    return LandedFile(
        kind=kind,
        path=path,
        landing_file=path.relative_to(landing_root).as_posix(),
        file_name=name,
        received_at=received_at,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        batch=batch,
    )


def column_map_of(path: Path) -> dict[str, str]:
    """The column mapping a landed file came with."""
    try:
        return json.loads(_map_path(path).read_bytes())
    except FileNotFoundError:
        return {}


def _map_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.map.json")


def landed_files(kind: str, landing_root: Path) -> list[LandedFile]:
    """Everything landed for a kind, in the order of receipt. Hidden files are passed over."""
    folder = landing_root / kind
    if not folder.is_dir():
        return []
    found = [
        landed(kind, path, landing_root)
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda file: (file.received_at, file.path.name))


def pending(kind: str, landing_root: Path, lake: Lake) -> list[LandedFile]:
    """Landed files without an entry in the lake, in the order of receipt."""
    loaded = {entry.batch for entry in lake.entries(counting_stream(kind))}
    return [file for file in landed_files(kind, landing_root) if file.batch not in loaded]


def counting_stream(kind: str) -> str:
    """The stream whose entries carry the counts of each file of this kind."""
    return STREAMS_OF[kind][-1]


def read_unchanged(path: Path) -> Iterator[bytes]:
    """The file's blocks; raises :class:`IngestError` at the end if it changed while read."""
    before = _regular(path)
    count = 0
    try:
        with open(path, "rb") as handle:
            opened = os.fstat(handle.fileno())
            while block := handle.read(BLOCK):
                count += len(block)
                if count > before.st_size:  # it may grow as fast as we read
                    break
                yield block
            after = os.fstat(handle.fileno())
    except OSError as error:
        raise IngestError(path, f"cannot be read ({error.strerror})") from error
    now = _regular(path)
    if len({_identity(s) for s in (before, opened, after, now)}) > 1 or count != now.st_size:
        raise FileChanged(path, "the file changed while it was read; ingest it again")


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    _regular(source)
    with open(target, "xb") as out:
        for block in read_unchanged(source):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _regular(path: Path) -> os.stat_result:
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise IngestError(path, "there is no such file") from error
    except OSError as error:
        raise IngestError(path, f"cannot be read ({error.strerror})") from error
    if stat.S_ISDIR(status.st_mode):
        raise IngestError(path, "is a folder; name the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise IngestError(path, "is not a regular file")
    return status


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _safe(name: str) -> str:
    """The name with anything unusual replaced, at most 100 characters, its end kept."""
    return _UNSAFE.sub("_", name).lstrip(".")[-100:] or "file"
