"""What a person decides or reads through a command, on record in the audit chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import typer

from workspace import settings as settings_module
from workspace.settings import Settings

By = Annotated[
    str | None, typer.Option(help="Who says so (default: MARKETING_ACTOR, or this system's user).")
]
Reason = Annotated[str | None, typer.Option(help="Why, for the record.")]
Refuse = Callable[[str], None]


@dataclass
class Change:
    """What stood before and after, as anything `workspace.ledger.audit.digest` takes."""

    before: Any = None
    after: Any = None


class Said(NamedTuple):
    """Who decides, and why."""

    actor: str
    reason: str | None


def said(by: str | None, reason: str | None, refuse: Refuse) -> Said:
    """What goes on record of a decision; refuses what no record may hold."""
    from workspace.ledger import audit

    try:
        found = Said(by or settings_module.actor(), reason or None)
        audit.check(actor=found.actor, reason=found.reason)
    except (audit.Refused, settings_module.SettingsError) as error:
        refuse(str(error))
        raise
    return found


@contextmanager
def ledger_of(settings: Settings) -> Iterator[Any]:
    """The ledger, and what the witness remembers of its audit chain brought up to date after."""
    from workspace.ledger import open_ledger

    ledger = open_ledger(settings.ledger_url)
    try:
        yield ledger
        _keep(settings, ledger)
    finally:
        ledger.close()


@contextmanager
def recorded(
    settings: Settings,
    refuse: Refuse,
    action: str,
    object_: str,
    by: str | None = None,
    reason: str | None = None,
    subject_key: str | None = None,
) -> Iterator[Change]:
    """Do what the block does and record it, unless it raises.

    What does not fit a record is refused before anything is done.
    """
    from workspace.ledger import audit

    who, why = said(by, reason, refuse)
    change = Change()
    yield change
    entry = audit.Entry(
        settings.present(),
        who,
        action,
        object_,
        subject_key=subject_key,
        before=audit.digest(change.before),
        after=audit.digest(change.after),
        reason=why,
    )
    with ledger_of(settings) as ledger:
        audit.record(ledger, entry)


def read(settings: Settings, refuse: Refuse, subject_key: str, through: str) -> None:
    """Record that somebody looks at what is known of a person, before it is shown."""
    from workspace.ledger import audit

    entry = audit.Entry(
        settings.present(),
        said(None, None, refuse).actor,
        "subject.read",
        through,
        subject_key=subject_key,
    )
    with ledger_of(settings) as ledger:
        audit.record(ledger, entry)


def _keep(settings: Settings, ledger: Any) -> None:
    from workspace.ledger import anchors

    anchors.keep(places(settings, ledger))


def places(settings: Settings, ledger: Any) -> Any:
    """Where the workspace's audit chain is remembered."""
    from workspace.lake import Lake
    from workspace.ledger.anchors import Places

    lake = Lake(settings.paths.lake)
    return Places(ledger, lake, settings.paths.root, settings_module.witness_root())
