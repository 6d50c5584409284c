"""Writes that survive a kill: a file is either its old self or its new self.

The recipe is always the same: write beside the target, fsync, rename, fsync the folder.
"""

from __future__ import annotations

import os
from pathlib import Path


def fsync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def fsync_folder(path: Path) -> None:
    fsync_file(path)


def make_folder(path: Path, mode: int = 0o755) -> Path:
    """Create a folder and its parents, each made durable in the folder that holds it."""
    missing = []
    current = path
    while not current.exists():
        missing.append(current)
        current = current.parent
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
        fsync_folder(folder.parent)
    return path


def replace(source: Path, target: Path) -> None:
    """Move a finished file to its name, durably. Both are on one file system."""
    fsync_file(source)
    os.replace(source, target)
    fsync_folder(target.parent)


def write(target: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a small file atomically and durably."""
    make_folder(target.parent)
    staging = target.with_name(f".{target.name}.{os.getpid()}.new")
    fd = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(staging, target)
    fsync_folder(target.parent)


def swap_link(link: Path, target: str) -> None:
    """Point a symbolic link at ``target`` in one step."""
    staging = link.with_name(f".{link.name}.{os.getpid()}.new")
    staging.unlink(missing_ok=True)
    staging.symlink_to(target)
    os.replace(staging, link)
    fsync_folder(link.parent)
