"""`marketing stop-all`: nothing more goes out until somebody says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import recording
from interfaces.recording import By, Reason
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]


def command(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def stop_all(
        workspace: Option = None,
        resume: Annotated[
            bool, typer.Option("--resume", help="Let messages go again that are still in time.")
        ] = False,
        by: By = None,
        reason: Reason = None,
    ) -> None:
        """Hold back every message that no provider has yet, from the next one on."""
        from workspace.ledger import pauses

        event = "resume" if resume else "pause"
        say(out, refuse, chosen(workspace), pauses.ALL, "", event, by, reason)

    return stop_all


def say(
    out: Console,
    refuse: Callable[[str], None],
    settings: Settings,
    scope: str,
    key: str,
    event: str,
    by: str | None = None,
    reason: str | None = None,
) -> None:
    """Record a pause or its end, and show what is held back."""
    from workspace import clock, decisions
    from workspace.ledger import pauses

    said = recording.said(by, reason, refuse)
    try:
        changed, held = decisions.hold(settings, scope, key, event, said)
    except ValueError as error:
        refuse(str(error))
    if scope == pauses.ALL:
        state = "messages go out again" if event == "resume" else "everything is held back"
    elif event == "stop":
        state = f"{key} is stopped for good"
    else:
        state = f"{key} sends again" if event == "resume" else f"messages of {key} are held back"
    out.print(state if changed else f"{state} already", highlight=False)
    for one in held:
        name = f"{one.scope} {one.source_key}".strip()
        by_whom = f"{one.event} by {one.actor} at {clock.iso(one.at)}"
        out.print(escape(f"  {name}: {by_whom}"), highlight=False)
