"""Who else can read a workspace: modes of its files, and whether its disk is encrypted.

DuckDB and SQLite write their files in clear here, so AES at rest is the disk's task. Linux tells
by what a folder's file system lies on; other systems, network disks and virtual machines' hosts
cannot be asked from inside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from workspace.paths import Paths

Verdict = Literal["encrypted", "plain", "unknown"]

_MOUNTS = Path("/proc/self/mountinfo")
_DEVICES = Path("/sys/dev/block")
#: File systems that encrypt by themselves, a folder at a time.
_ENCRYPTING = frozenset({"ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs"})


def loose_modes(paths: Paths, pepper: Path) -> list[str]:
    """Files and folders that somebody but their owner can read or write, and should not."""
    found = []
    for path in _own_only(paths, pepper):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            found.append(f"{path} has mode {mode:04o}: chmod go-rwx")
    return found


def _own_only(paths: Paths, pepper: Path) -> Iterator[Path]:
    for folder in (paths.landing, paths.lake, paths.dagster, paths.published_pii):
        if folder.is_dir():
            yield folder
    if paths.published_pii.is_dir():
        for path in paths.published_pii.rglob("*"):
            if not path.is_symlink() and path.name != "view_root.txt":
                yield path
    for path in (pepper, *(Path(f"{paths.ledger}{end}") for end in ("", "-wal", "-shm"))):
        if path.exists():
            yield path


def disk(folder: Path, mounts: Path = _MOUNTS, devices: Path = _DEVICES) -> Verdict:
    """Whether the file system of a folder lies on an encrypted device (dm-crypt, LUKS)."""
    try:
        device = os.stat(folder).st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        lines = mounts.read_text().splitlines()
    except OSError:
        return "unknown"
    for line in lines:
        fields, _, rest = line.partition(" - ")
        if fields.split()[2] == number:
            kind = rest.split()[0]
            if kind in _ENCRYPTING:
                return "encrypted"
            return _device(devices / number)
    return "unknown"


def _device(place: Path) -> Verdict:
    """A block device, or what it lies on: of several, all must be encrypted."""
    if not place.exists():
        return "unknown"  # overlay, tmpfs, network
    try:
        if (place / "dm" / "uuid").read_text().startswith("CRYPT-"):
            return "encrypted"
    except OSError:
        pass
    below = sorted((place / "slaves").iterdir()) if (place / "slaves").is_dir() else []
    verdicts = {_device(one) for one in below}
    if not verdicts:
        return "plain"
    if verdicts == {"encrypted"}:
        return "encrypted"
    return "plain" if "plain" in verdicts else "unknown"
