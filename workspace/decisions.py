"""What a person decides or reads, through a command or a page, on record in the audit chain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from workspace import settings as settings_module
from workspace.lake import Lake
from workspace.ledger import Ledger, anchors, audit, open_ledger, pauses
from workspace.ledger.anchors import Places
from workspace.ledger.pauses import Held
from workspace.settings import Settings


@dataclass
class Change:
    """What stood before and after, as anything `workspace.ledger.audit.digest` takes."""

    before: Any = None
    after: Any = None


class Said(NamedTuple):
    """Who decides, and why."""

    actor: str
    reason: str | None = None


def said(actor: str, reason: str | None) -> Said:
    """What goes on record of a decision. Raises `audit.Refused` for what no record may hold."""
    found = Said(actor, reason or None)
    audit.check(actor=found.actor, reason=found.reason)
    return found


@contextmanager
def ledger_of(settings: Settings) -> Iterator[Ledger]:
    """The ledger, and what the witness remembers of its audit chain brought up to date after."""
    ledger = open_ledger(settings.ledger_url)
    try:
        yield ledger
        anchors.keep(places(settings, ledger))
    finally:
        ledger.close()


def places(settings: Settings, ledger: Ledger) -> Places:
    """Where the workspace's audit chain is remembered."""
    lake = Lake(settings.paths.lake)
    return Places(ledger, lake, settings.paths.root, settings_module.witness_root())


@contextmanager
def recorded(
    settings: Settings, who: Said, action: str, object_: str, subject_key: str | None = None
) -> Iterator[Change]:
    """Do what the block does and record it, unless it raises."""
    change = Change()
    yield change
    entry = audit.Entry(
        settings.present(),
        who.actor,
        action,
        object_,
        subject_key=subject_key,
        before=audit.digest(change.before),
        after=audit.digest(change.after),
        reason=who.reason,
    )
    with ledger_of(settings) as ledger:
        audit.record(ledger, entry)


def read(settings: Settings, who: Said, subject_key: str, through: str) -> None:
    """Record that somebody looks at what is known of a person, before it is shown."""
    with recorded(settings, who, "subject.read", through, subject_key):
        pass


def hold(
    settings: Settings, scope: str, key: str, event: str, who: Said
) -> tuple[bool, list[Held]]:
    """Record a pause, its end or a stop: whether that changes anything, and what is held back then.

    Raises what :func:`workspace.ledger.pauses.record` does.
    """
    at = settings.present()
    with ledger_of(settings) as ledger:
        is_new = pauses.record(ledger, scope, key, event, who.actor, at, who.reason)
        return is_new, pauses.held(ledger)
