"""The witness: what a folder outside the workspace remembers of sending, so that a copy or a
restored backup of the workspace cannot send what was sent before.

It is never packed and never backed up with the workspace. One folder below it per ledger holds

- ``lease.json``: the epoch, how many transactions claimed messages, and where the workspace lies;
- ``claimed.keys``: 16 bytes of the dedup key of every message that was ever claimed;
- ``erased.keys``: the keyed hashes of erased people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workspace import durable

_KEY_BYTES = 16
_KEY = np.dtype(f"V{_KEY_BYTES}")


@dataclass(frozen=True)
class State:
    """``place`` is the workspace's path, ``marks`` its device and inode."""

    epoch: int
    claims: int
    place: str
    marks: str


@dataclass(frozen=True)
class Witness:
    """The folder of one ledger, by its ``workspace_id``."""

    folder: Path

    @classmethod
    def of(cls, root: Path, workspace_id: str) -> Witness:
        return cls(root / workspace_id)

    def read(self) -> State | None:
        """None where the ledger is not known here. Raises ``ValueError`` for a broken file."""
        try:
            return State(**json.loads((self.folder / "lease.json").read_bytes()))
        except FileNotFoundError:
            return None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.folder / 'lease.json'} cannot be read") from error

    def write(self, state: State) -> None:
        durable.make_folder(self.folder, mode=0o700)
        data = json.dumps(asdict(state), indent=1).encode() + b"\n"
        durable.write(self.folder / "lease.json", data, mode=0o600)

    def note(self, dedup_keys: Iterable[str]) -> None:
        """Remember messages that are about to leave, durably. Keys are in hex."""
        self._append("claimed.keys", b"".join(map(_short, dedup_keys)))

    def claimed(self) -> Claimed:
        return Claimed(self._keys("claimed.keys"))

    def bury(self, identifier_keys: Iterable[str]) -> None:
        """Remember erased people by their keyed hashes."""
        self._append("erased.keys", b"".join(map(_short, identifier_keys)))

    def buried(self) -> frozenset[str]:
        return frozenset(bytes(key).hex() for key in self._keys("erased.keys"))

    def _append(self, name: str, data: bytes) -> None:
        path = self.folder / name
        durable.make_folder(self.folder, mode=0o700)
        is_new = not path.exists()
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A writer that was killed may have left part of a key: it is written over.
            end = os.lseek(fd, 0, os.SEEK_END) // _KEY_BYTES * _KEY_BYTES
            view, written = memoryview(data), 0
            while written < len(view):
                written += os.pwrite(fd, view[written:], end + written)
            os.fdatasync(fd)
        finally:
            os.close(fd)
        if is_new:
            durable.fsync_folder(self.folder)

    def _keys(self, name: str) -> npt.NDArray[np.void]:
        try:
            data = (self.folder / name).read_bytes()
        except FileNotFoundError:
            data = b""
        return np.frombuffer(data[: len(data) // _KEY_BYTES * _KEY_BYTES], dtype=_KEY)


class Claimed:
    """Dedup keys that were claimed, and which of some messages are among them."""

    def __init__(self, keys: npt.NDArray[np.void]) -> None:
        self._keys = np.unique(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def among(self, dedup_keys: Sequence[str]) -> list[bool]:
        if not len(self._keys):
            return [False] * len(dedup_keys)
        asked = np.frombuffer(b"".join(map(_short, dedup_keys)), dtype=_KEY)
        found: list[bool] = np.isin(asked, self._keys).tolist()
        return found


def _short(key: str) -> bytes:
    return bytes.fromhex(key)[:_KEY_BYTES]
