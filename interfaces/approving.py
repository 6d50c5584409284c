"""The record of an approval: who let what go out, for campaigns and journeys alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from interfaces import recording
from workspace.settings import Settings

if TYPE_CHECKING:
    from reverse_etl.campaigns.deciding import Asked

Reject = Annotated[bool, typer.Option("--reject", help="Nothing of it goes out.")]
Withdraw = Annotated[bool, typer.Option("--withdraw", help="As if never asked.")]
Note = Annotated[str | None, typer.Option("--note", "--reason", help="Why, for the record.")]


def say(
    out: Console,
    refuse: recording.Refuse,
    settings: Settings,
    asked: Asked,
    decision: str,
    by: str | None,
    note: str | None,
) -> None:
    """Record the decision about everything that ``asked`` names."""
    from reverse_etl.campaigns import deciding

    new = deciding.decide(settings, asked, decision, recording.said(by, note, refuse))
    when = "" if new else " already"
    out.print(f"{asked.name} is {decision}{when}", highlight=False, markup=False)


def decision(reject: bool, withdraw: bool) -> str:
    """What is recorded. Raises `CannotApprove` for both at once."""
    from reverse_etl.campaigns.approving import CannotApprove
    from workspace.ledger import approvals

    if reject and withdraw:
        raise CannotApprove("give --reject or --withdraw, not both")

    if withdraw:
        return approvals.WITHDRAWN
    return approvals.REJECTED if reject else approvals.APPROVED
