"""Segment files: what the collector received, byte for byte, durable before it is acknowledged.

A worker appends records to its own file a kind in ``<landing>/.collector/`` and holds a lock on
it. A sealed segment is an ordinary landed file of its kind. A record is a frame: the length and
the CRC-32 of its payload (both 32 bits, little-endian), then the payload, a MessagePack array.
What a kill leaves of an unfinished frame was never acknowledged.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import msgspec

from workspace import durable
from workspace.clock import compact

MAGIC = b"MWSEGMENT1\n"
SUFFIX = ".segment"
_FRAME = struct.Struct("<II")
_OPEN_FOLDER = ".collector"
_ROTATE = "rotate"
_UNBORN = ".new"
_UNBORN_SECONDS = 60.0


class Record(msgspec.Struct, array_like=True, frozen=True):
    """One accepted request. ``body`` as it came, gzip and all; headers without credentials."""

    received_at: datetime
    source: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    #: Tells equal requests of one moment apart.
    request_id: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


def frame(record: Record) -> bytes:
    payload = _encode(record)
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def open_folder(landing: Path) -> Path:
    return landing / _OPEN_FOLDER


class Segment:
    """The file a worker appends to. Not thread-safe: one writer, one call at a time.

    A failed :meth:`append` leaves only whole records before it and raises OSError; the segment
    must then be sealed, for after an error of the disk its descriptor is not to be believed.
    """

    def __init__(self, landing: Path, kind: str) -> None:
        self._landing, self._kind = landing, kind
        self.path = durable.make_folder(open_folder(landing)) / f"{kind}.{uuid4().hex}{SUFFIX}"
        unborn = self.path.with_suffix(_UNBORN)
        self._fd = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.size = _write(self._fd, MAGIC)
            os.fsync(self._fd)
            # Only now may others see it: before its lock it would look abandoned.
            os.rename(unborn, self.path)
            durable.fsync_folder(self.path.parent)
        except OSError:
            self.abandon()
            for path in (unborn, self.path):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
        # By the clock of files, which is behind the other: a request to seal is dated by it, too.
        self.opened = os.fstat(self._fd).st_mtime
        self.received_at: datetime | None = None
        self._digest = sha256(MAGIC)

    def append(self, frames: Iterable[bytes], received_at: datetime) -> None:
        """Write whole records and wait until they are on disk."""
        data = b"".join(frames)
        try:
            _write(self._fd, data)
            os.fdatasync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)
        self._digest.update(data)
        self.received_at = self.received_at or received_at

    def seal(self) -> Path | None:
        """Hand the segment over to landing; an empty one is removed."""
        if self.received_at is None:
            self.path.unlink(missing_ok=True)
            os.close(self._fd)
            return None
        digest = self._digest.hexdigest()
        target = _landed_path(self._landing, self._kind, self.received_at, digest)
        durable.replace(self.path, target)
        os.close(self._fd)
        return target

    def abandon(self) -> None:
        """Let go of the file as it is; the next look at the folder seals what is whole."""
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def is_due(self, max_bytes: int, max_seconds: float) -> bool:
        """Whether it is time to seal it: by size, by age, or because a run asked."""
        is_old = self.size >= max_bytes or time.time() - self.opened >= max_seconds
        if self.received_at is not None and is_old:
            return True
        with contextlib.suppress(OSError):
            return (self.path.parent / _ROTATE).stat().st_mtime >= self.opened
        return False


def records(handle: BinaryIO) -> Iterator[Record]:
    """The whole records of a segment; what a kill left behind them is passed over."""
    for payload, _ in _payloads(handle):
        yield _decode(payload)


def rest(handle: BinaryIO) -> bytes:
    """What follows the :func:`records`, once they are read: nothing, unless it was damaged."""
    return handle.read()


def request_rotation(landing: Path, kind: str, seconds: float = 3.0) -> None:
    """Ask running collectors to seal what they hold, and wait for it a little."""
    folder = open_folder(landing)
    held = _held(folder, kind)
    if not held:
        return
    (folder / _ROTATE).touch()
    deadline = time.monotonic() + seconds
    while any(path.exists() for path in held) and time.monotonic() < deadline:
        time.sleep(0.05)


def seal_abandoned(landing: Path, kind: str) -> list[Path]:
    """Seal the segments of workers that are gone. A worker's own lock protects a live one."""
    sealed = []
    for path in open_folder(landing).glob(f"{kind}.*{_UNBORN}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _UNBORN_SECONDS:
                path.unlink()
    for path in _segments(open_folder(landing), kind):
        with contextlib.suppress(FileNotFoundError), open(path, "r+b") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            target = _seal(landing, path, handle)
            if target is not None:
                sealed.append(target)
    return sealed


def _seal(landing: Path, path: Path, handle: BinaryIO) -> Path | None:
    if not path.exists():  # another run was quicker
        return None
    digest, size, first = sha256(MAGIC), len(MAGIC), None
    for payload, end in _payloads(handle):
        digest.update(_FRAME.pack(len(payload), zlib.crc32(payload)) + payload)
        first, size = first or _decode(payload).received_at, end
    if first is None:
        path.unlink()
        return None
    handle.truncate(size)
    target = _landed_path(landing, path.name.partition(".")[0], first, digest.hexdigest())
    durable.replace(path, target)
    return target


def _payloads(handle: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Each whole payload and where its frame ends."""
    if handle.read(len(MAGIC)) != MAGIC:
        return
    end = len(MAGIC)
    while len(head := handle.read(_FRAME.size)) == _FRAME.size:
        length, crc = _FRAME.unpack(head)
        payload = handle.read(length)
        if len(payload) < length or zlib.crc32(payload) != crc:
            break
        end += _FRAME.size + length
        yield payload, end
    handle.seek(end)


def _landed_path(landing: Path, kind: str, received_at: datetime, digest: str) -> Path:
    folder = durable.make_folder(landing / kind)
    return folder / f"{compact(received_at)}__{digest[:12]}__collector{SUFFIX}"


def _segments(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}.*{SUFFIX}")) if folder.is_dir() else []


def _held(folder: Path, kind: str) -> list[Path]:
    """The segments that a live worker has open."""
    held = []
    for path in _segments(folder, kind):
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(path)
    return held


def _write(fd: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return len(data)
