"""What can be told of a workspace's modes and of its disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workspace import at_rest
from workspace.paths import Paths


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A folder, a list of mounts that has its file system, and devices."""
    device = os.stat(tmp_path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "20 1 0:1 / /proc rw - proc proc rw\n"
        f"30 1 {number} / / rw,relatime shared:1 - ext4 /dev/mapper/x rw\n"
    )
    devices = tmp_path / "devices"
    (devices / number).mkdir(parents=True)
    return mounts, devices, devices / number


def mapped(place: Path, uuid: str) -> None:
    (place / "dm").mkdir()
    (place / "dm" / "uuid").write_text(f"{uuid}\n")


def test_a_luks_disk(tmp_path: Path, machine: tuple[Path, Path, Path]) -> None:
    mounts, devices, place = machine
    mapped(place, "CRYPT-LUKS2-0123-root")
    assert at_rest.disk(tmp_path, mounts, devices) == "encrypted"


def test_a_volume_on_luks_disks(tmp_path: Path, machine: tuple[Path, Path, Path]) -> None:
    mounts, devices, place = machine
    mapped(place, "LVM-0123")
    for name in ("dm-1", "dm-2"):
        (place / "slaves" / name).mkdir(parents=True)
        mapped(place / "slaves" / name, "CRYPT-LUKS2-4567-pv")
    assert at_rest.disk(tmp_path, mounts, devices) == "encrypted"
    (place / "slaves" / "sdb").mkdir()
    assert at_rest.disk(tmp_path, mounts, devices) == "plain"


def test_a_plain_disk(tmp_path: Path, machine: tuple[Path, Path, Path]) -> None:
    mounts, devices, _ = machine
    assert at_rest.disk(tmp_path, mounts, devices) == "plain"


def test_what_cannot_be_told(tmp_path: Path, machine: tuple[Path, Path, Path]) -> None:
    mounts, devices, place = machine
    place.rmdir()
    assert at_rest.disk(tmp_path, mounts, devices) == "unknown"
    assert at_rest.disk(tmp_path, tmp_path / "none", devices) == "unknown"
    mounts.write_text("20 1 0:1 / /proc rw - proc proc rw\n")
    assert at_rest.disk(tmp_path, mounts, devices) == "unknown"


def test_a_folder_that_encrypts_by_itself(tmp_path: Path, machine: tuple[Path, Path, Path]) -> None:
    mounts, devices, _ = machine
    mounts.write_text(mounts.read_text().replace("ext4 /dev/mapper/x", "fuse.gocryptfs /srv"))
    assert at_rest.disk(tmp_path, mounts, devices) == "encrypted"


def test_modes_that_let_others_in(paths: Paths) -> None:
    pepper = paths.root / "pepper.key"
    folder = paths.published_pii / "v1"
    folder.mkdir(mode=0o700)
    for path in (pepper, paths.ledger, folder / "people.parquet"):
        path.write_text("x")
        path.chmod(0o600)
    assert at_rest.loose_modes(paths, pepper) == []
    for path, mode in (
        (pepper, 0o640),
        (paths.ledger, 0o604),
        (paths.dagster, 0o750),
        (paths.landing, 0o755),
        (paths.lake, 0o711),
        (paths.published_pii, 0o701),
        (folder / "people.parquet", 0o644),
    ):
        kept = path.stat().st_mode & 0o777
        path.chmod(mode)
        (fault,) = at_rest.loose_modes(paths, pepper)
        assert fault == f"{path} has mode {mode:04o}: chmod go-rwx"
        path.chmod(kept)
