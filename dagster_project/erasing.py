"""Erasure with what it needs of every wing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingestion import accounts, redaction
from reverse_etl.audiences import registry
from reverse_etl.audiences.crm import open_hub
from reverse_etl.audiences.hubspot_client import TOKEN, Hub
from reverse_etl.privacy import erasing
from reverse_etl.privacy import replay as replaying
from reverse_etl.privacy.erasing import Desk, Outcome
from reverse_etl.privacy.stand_ins import StandIns
from workspace import settings as environment
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.locks import run_lock
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
            hub=_hub(settings),
            told=told,
        )
    finally:
        ledger.close()


def _hub(settings: Settings) -> Hub | None:
    """The CRM, where it is connected; a demo workspace asks stand-ins alone."""
    here = environment.sources_are_stand_ins()
    values = environment.variables(registry.variables())
    if TOKEN not in values or (settings.paths.default_as_of.exists() and not here):
        return None
    return open_hub(registry.Desk(values, here))


def replay(settings: Settings) -> int:
    """Go on with erasures that were begun, and erase again whom an older copy brought back; how
    many batches. Nothing runs, sends or is served before. Costs little where there is nothing."""
    if not settings.paths.ledger.exists() and settings.ledger_url.startswith("sqlite"):
        return 0
    with desk(settings) as opened:
        begun = erasing.unfinished(opened)
        if not begun and not replaying.due(opened):
            return 0
        with run_lock(settings.paths.run_lock, 600.0, "erase"):
            return len(replaying.replay(opened))


def conclude(settings: Settings) -> list[Outcome]:
    """After a run: prove that those who were to be erased are gone, and sign it."""
    with desk(settings) as opened:
        begun = erasing.unfinished(opened)
        if not begun:
            return []
        with run_lock(settings.paths.run_lock, 600.0, "erase"):
            return [erasing.finish(opened, work) for work in begun]
