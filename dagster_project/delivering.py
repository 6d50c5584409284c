"""A delivery of a workspace: what `reverse_etl.delivery` needs, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta

from ingestion.collector.app import DELIVERIES
from ingestion.pending import load_pending
from reverse_etl.delivery.service import Desk, variables
from workspace import clock
from workspace import settings as settings_module
from workspace.definitions import Definitions
from workspace.lake import Lake
from workspace.ledger import anchors, open_ledger
from workspace.locks import RunInProgress, run_lock
from workspace.settings import Settings


@contextmanager
def desk(
    settings: Settings,
    definitions: Definitions,
    is_in_run: bool = False,
    present: datetime | None = None,
) -> Iterator[Desk]:
    """For the block; the ledger is closed after it. ``is_in_run``: the run lock is held;
    ``present``: where a demo world's clock stands."""
    ledger = open_ledger(settings.ledger_url)
    lake = Lake(settings.paths.lake)

    def land() -> None:
        """Webhooks that have landed, unless a run is about to load them itself."""
        try:
            with nullcontext() if is_in_run else run_lock(settings.paths.run_lock, 0.0, "sender"):
                load_pending(DELIVERIES, settings.paths.landing, lake, settings.keyring)
        except RunInProgress:
            return

    try:
        yield Desk(
            ledger=ledger,
            lake=lake,
            root=settings.paths.root,
            witnesses=settings_module.witness_root(),
            definitions=definitions,
            keyring=settings.keyring,
            environment=settings_module.variables(variables()),
            clock=_clock(settings, present),
            land=land,
            is_demo=settings.paths.default_as_of.exists(),
            stand_ins=settings_module.sources_are_stand_ins(),
        )
        witnesses = settings_module.witness_root()
        anchors.keep(anchors.Places(ledger, lake, settings.paths.root, witnesses))
    finally:
        ledger.close()


def _clock(settings: Settings, present: datetime | None) -> Callable[[], datetime]:
    """The present; a demo world's goes on from its end, so that what is tried again comes due."""
    if present is None and not settings.paths.default_as_of.exists():
        return clock.now
    end, began = present or settings.present(), time.monotonic()
    return lambda: end + timedelta(seconds=time.monotonic() - began)
