"""What a person decides or reads through a command, on record in the audit chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workspace import settings as settings_module
from workspace.settings import Settings

if TYPE_CHECKING:
    from workspace.decisions import Change, Said

By = Annotated[
    str | None, typer.Option(help="Who says so (default: MARKETING_ACTOR, or this system's user).")
]
Reason = Annotated[str | None, typer.Option(help="Why, for the record.")]
Refuse = Callable[[str], None]


def said(by: str | None, reason: str | None, refuse: Refuse) -> Said:
    """What goes on record of a decision; refuses what no record may hold."""
    from workspace import decisions
    from workspace.ledger import audit

    try:
        return decisions.said(by or settings_module.actor(), reason)
    except (audit.Refused, settings_module.SettingsError) as error:
        refuse(str(error))
        raise


@contextmanager
def ledger_of(settings: Settings) -> Iterator[Any]:
    """The ledger, and what the witness remembers of its audit chain brought up to date after."""
    from workspace import decisions

    with decisions.ledger_of(settings) as ledger:
        yield ledger


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
    from workspace import decisions

    who = said(by, reason, refuse)
    with decisions.recorded(settings, who, action, object_, subject_key) as change:
        yield change


def read(settings: Settings, refuse: Refuse, subject_key: str, through: str) -> None:
    """Record that somebody looks at what is known of a person, before it is shown."""
    from workspace import decisions

    decisions.read(settings, said(None, None, refuse), subject_key, through)
