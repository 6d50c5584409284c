"""Whether a backup can be restored: it is, into a folder for the purpose, and looked at."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from reverse_etl.backups import ledgers
from reverse_etl.backups.restoring import restore
from reverse_etl.backups.store import Store
from workspace import restored
from workspace.lake import Lake
from workspace.ledger import Ledger, lease, open_ledger
from workspace.paths import Paths
from workspace.settings import Settings
from workspace.streams import STREAMS


@dataclass(frozen=True)
class Proof:
    """``faults`` is empty for a backup that holds what it says and that nothing is sent from."""

    name: str
    files: int
    streams: int
    rows: int
    faults: list[str] = field(default_factory=list)


def prove(
    settings: Settings, store: Store, witnesses: Path, now: datetime, at: str | None = None
) -> Proof:
    """Restore a backup (the last one) into a scratch folder beside the store, count and compare,
    and try to send from there. Raises :class:`BackupError` where it cannot be restored.

    A ledger on Postgres is not restored, since that takes a database: its dump's bytes are
    compared.
    """
    name = store.find(at)
    body = store.manifest(name)
    with tempfile.TemporaryDirectory(prefix=".proof-", dir=store.root) as folder:
        paths = Paths(Path(folder) / "workspace")
        paths.root.mkdir(mode=0o700)
        scratch = replace(settings, paths=paths, ledger_url=f"sqlite:///{paths.ledger}")
        files = store.files(body)
        faults = []
        if ledgers.POSTGRES in files:
            _copy_all(store, name, paths)
        else:
            restore(scratch, store, name, now)
            faults += _ledger_faults(scratch, body["ledger_rows"])
            faults += _sending_faults(scratch, witnesses, Path(folder), now)
        lake = Lake(paths.lake)
        rows = {stream: lake.rows(stream) for stream in STREAMS if lake.entries(stream)}
        for stream in sorted({*rows, *body["stream_rows"]}):
            found, told = _counted(lake, stream), body["stream_rows"].get(stream)
            if found != told:
                faults.append(f"lake/{stream} has {found} rows, and the backup says {told}")
    return Proof(name, len(files), len(rows), sum(rows.values()), faults)


def _copy_all(store: Store, name: str, paths: Paths) -> None:
    for path, stored in store.files(store.manifest(name)).items():
        store.copy_out(stored, paths.root / path)


def _counted(lake: Lake, stream: str) -> int | str:
    """Rows by the Parquet files themselves."""
    import pyarrow.parquet as pq

    try:
        return sum(pq.read_metadata(path).num_rows for path in lake.files(stream))
    except (OSError, ValueError) as error:
        return type(error).__name__


def _ledger_faults(scratch: Settings, told: dict[str, int]) -> list[str]:
    ledger = open_ledger(scratch.ledger_url)
    try:
        found = ledgers.counts(ledger)
    finally:
        ledger.close()
    return [
        f"ledger.{table} has {found.get(table)} rows, and the backup says {rows}"
        for table, rows in sorted(told.items())
        if found.get(table) != rows
    ]


def _sending_faults(scratch: Settings, witnesses: Path, folder: Path, now: datetime) -> list[str]:
    """Nothing may be sent: not while the mark stands, and not without it where anything was sent
    before. The witness is a copy, since a lease that is given is written down there."""
    faults = []
    copied = folder / "witness"
    if witnesses.exists():
        shutil.copytree(witnesses, copied)
    ledger = open_ledger(scratch.ledger_url)
    try:
        if _sends(scratch, ledger, copied, now):
            faults.append("a restored workspace can send before erasures are replayed")
        restored.lift(scratch.paths.root)
        if lease.has_claimed(ledger) and _sends(scratch, ledger, copied, now):
            faults.append("a restored workspace can send what was sent before")
    finally:
        ledger.close()
    return faults


def _sends(scratch: Settings, ledger: Ledger, witnesses: Path, now: datetime) -> bool:
    try:
        with lease.holding(ledger, scratch.paths.root, witnesses, "backup's proof", now):
            return True
    except lease.NotHere:
        return False
