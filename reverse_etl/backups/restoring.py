"""The way back: a backup into a new folder, which stays shut until erasures are replayed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from reverse_etl.backups import ledgers
from reverse_etl.backups.making import fingerprint
from reverse_etl.backups.store import BackupError, Store, Stored
from workspace import durable, restored
from workspace.clock import iso
from workspace.ledger import lease, open_ledger
from workspace.restored import NotReplayed
from workspace.settings import PEPPER_FILE, Settings

#: Erases again whoever was erased: called with the settings of the restored workspace.
Replay = Callable[[Settings], object]


@dataclass(frozen=True)
class Restored:
    """What was written where."""

    root: Path
    name: str
    files: int
    size_bytes: int


def restore(settings: Settings, store: Store, at: str | None, now: datetime) -> Restored:
    """Write a backup into the workspace of ``settings``, a folder that holds nothing but, perhaps,
    ``pepper.key``. It is marked: :func:`after_restore` opens it.

    Raises :class:`BackupError`. What was killed can be begun again in the same folder.
    """
    root, name = settings.paths.root, store.find(at)
    body = store.manifest(name)
    files = store.files(body)
    if body["pepper"] != fingerprint(settings.keyring):
        raise BackupError(
            "this is not the pepper of the backup: set MARKETING_PEPPER, or put the workspace's "
            f"{PEPPER_FILE} into the folder first"
        )
    _refuse_used(root, name)
    for path in files:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise BackupError(f"the backup names {path!r}, which lies outside")
    restored.mark(root, {"backup": name, "from": str(store.root), "restored_at": iso(now)})
    for path, stored in sorted(files.items()):
        _put(store, stored, root / path)
    if ledgers.POSTGRES in files:
        ledgers.load(root / ledgers.POSTGRES, settings.ledger_url)
        (root / ledgers.POSTGRES).unlink()
    elif settings.ledger_url != f"sqlite:///{settings.paths.ledger}":
        raise BackupError("this backup's ledger is a file: unset MARKETING_LEDGER_URL")
    durable.fsync_folder(root)
    size = sum(stored.size for stored in files.values())
    return Restored(root, name, len(files), size)


def after_restore(
    settings: Settings,
    witnesses: Path,
    now: datetime,
    replay: Replay | None = None,
    without_witness: bool = False,
) -> int:
    """Open a restored workspace: bury in its ledger whoever the witness knows as erased, erase
    them again by ``replay``, and lift the mark. Returns how many identifiers are buried.

    A second call, and one after a kill, goes on. Raises
    :class:`~workspace.restored.NotReplayed` where it must stay shut; ``without_witness``: an
    operator says that nobody was erased whom the ledger does not know.
    """
    restored.facts(settings.paths.root)
    ledger = open_ledger(settings.ledger_url)
    try:
        known = lease.bury_again(ledger, witnesses, now)
        erased = lease.buried(ledger)
    finally:
        ledger.close()
    if not known and not without_witness:
        raise NotReplayed(
            f"this ledger's witness is not in {witnesses}, so nobody knows who was erased since "
            "the backup: set MARKETING_WITNESS to where it is, or say --without-witness"
        )
    if erased and replay is None:
        raise NotReplayed(
            f"{len(erased):,} identifiers of erased people must be erased again first"
        )
    if replay is not None:
        replay(settings)
    restored.lift(settings.paths.root)
    return len(erased)


def _refuse_used(root: Path, name: str) -> None:
    """A folder with anything of its own is not written to."""
    there = {path.name for path in root.iterdir()} if root.exists() else set()
    if restored.MARK in there:
        begun = restored.facts(root)["backup"]
        if begun != name:
            raise BackupError(f"{root} holds the beginning of another backup, {begun}")
        return
    # `settings.load` makes folders; they may stand there empty.
    used = [
        one
        for one in sorted(there - {PEPPER_FILE})
        if not (root / one).is_dir() or any((root / one).rglob("*"))
    ]
    if used:
        raise BackupError(f"{root} is not empty ({used[0]}); a restore takes a new folder")


def _put(store: Store, stored: Stored, target: Path) -> None:
    """A file in its place, unless it is there already as it should be."""
    staging = target.with_name(f".{target.name}.restoring")
    staging.unlink(missing_ok=True)
    if target.exists() and _is(target, stored):
        return
    store.copy_out(stored, staging)
    durable.replace(staging, target)


def _is(path: Path, stored: Stored) -> bool:
    found = os.stat(path)
    return (found.st_size, found.st_mtime_ns, stat.S_IMODE(found.st_mode)) == (
        stored.size,
        stored.mtime_ns,
        stored.mode & 0o777,
    )
