"""Erasure with what it needs of every wing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingestion import accounts, redaction
from reverse_etl.privacy.erasing import Desk
from reverse_etl.privacy.stand_ins import StandIns
from workspace import settings as environment
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.settings import Settings


@dataclass(frozen=True)
class Landing:
    """Landed files, as `reverse_etl.privacy.erasing` asks for them."""

    root: Path
    lake: Lake
    keyring: Keyring

    def redact(self, stand_ins: StandIns, lines: Mapping[str, frozenset[int]]) -> Mapping[str, int]:
        found = redaction.redact(self.root, self.lake, self.keyring, stand_ins, lines)
        if found.unread:
            raise RuntimeError(f"landed files that cannot be read: {', '.join(found.unread)}")
        return {"files": found.files, "lines": found.lines, "mended": found.mended}

    def recount(self) -> None:
        accounts.recount(self.lake)


@contextmanager
def desk(
    settings: Settings, residual: bool = True, told: Callable[[str], object] = lambda step: None
) -> Iterator[Desk]:
    """What an erasure works with, for the block."""
    lake = Lake(settings.paths.lake)
    ledger = open_ledger(settings.ledger_url)
    try:
        yield Desk(
            paths=settings.paths,
            lake=lake,
            ledger=ledger,
            keyring=settings.keyring,
            witnesses=environment.witness_root(),
            landing=Landing(settings.paths.landing, lake, settings.keyring),
            now=settings.present,
            actor=environment.actor(),
            residual=residual,
            told=told,
        )
    finally:
        ledger.close()
