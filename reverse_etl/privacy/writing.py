"""A folder of files with a manifest: written whole or not at all, and checked again later.

Folders get mode 0700 and files 0600. ``manifest.json`` names every file with its SHA-256, size and
rows; :func:`verify` says what differs.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from reverse_etl.audiences.file import inert
from workspace import durable

MANIFEST = "manifest.json"
_encode = msgspec.json.Encoder(decimal_format="number").encode


class FolderError(ValueError):
    """A folder that cannot be written or is not what its manifest says."""


class Folder:
    """An unfinished folder. ``files`` are its files so far, as the manifest lists them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, dict[str, Any]] = {}

    def add(self, name: str, data: bytes, **about: Any) -> None:
        """Write one file; ``about`` is said of it in the manifest."""
        target = self.path / name
        durable.make_folder(target.parent, mode=0o700)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        durable.fsync_folder(target.parent)
        digest = hashlib.sha256(data).hexdigest()
        self.files[name] = {"sha256": digest, "bytes": len(data), **about}


@contextmanager
def finished(target: Path, about: Mapping[str, Any]) -> Iterator[Folder]:
    """Write a folder under another name and rename it at the end, manifest and all.

    Raises :class:`FolderError` where ``target`` is there already or cannot be made.
    """
    target = target.expanduser().absolute()
    if target.exists() or target.is_symlink():
        raise FolderError(f"{target} is there already; name a folder that is not")
    if not target.parent.is_dir():
        raise FolderError(f"{target.parent} is no folder")
    staging = target.with_name(f".{target.name}.{uuid.uuid4().hex}.unfinished")
    try:
        staging.mkdir(mode=0o700)
        folder = Folder(staging)
        yield folder
        manifest = {**about, "files": folder.files}
        folder.add(MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
        if target.exists():
            raise FolderError(f"{target} is there already; name a folder that is not")
        os.rename(staging, target)
        durable.fsync_folder(target.parent)
    except OSError as error:
        raise FolderError(f"{target} cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def manifest_hash(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def verify(folder: Path) -> list[str]:
    """What differs from the manifest: nothing where the folder is as it was written.

    Raises :class:`FolderError` without a manifest that can be read.
    """
    try:
        listed = json.loads((folder / MANIFEST).read_bytes())["files"]
        wanted = {name: about["sha256"] for name, about in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(f"{folder / MANIFEST} cannot be read: {error}") from error
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    } - {MANIFEST}
    faults = [f"{name}: missing" for name in sorted(wanted.keys() - there)]
    faults += [f"{name}: not in the manifest" for name in sorted(there - wanted.keys())]
    for name in sorted(there & wanted.keys()):
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != wanted[name]:
            faults.append(f"{name}: changed")
    return faults


# ---- rows ----------------------------------------------------------------------------------------


def as_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as a JSON list, one a line; numbers are numbers, times ISO 8601 in UTC."""
    lines = [_encode({name: _plain(value) for name, value in row.items()}) for row in rows]
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> bytes:
    """Rows as CSV (RFC 4180, UTF-8). No cell is a formula to a spreadsheet; numbers stay numbers.

    ``columns`` are those of a table that may be empty.
    """
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([inert(name) for name in names])
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return text.getvalue().encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, float) and value != value:
        return None
    return value


def _cell(value: Any) -> str | int | float | Decimal:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return value
    if isinstance(value, (dict, list)):
        return inert(_encode(value).decode())
    plain = _plain(value)
    return inert(plain if isinstance(plain, str) else str(plain))
