"""`marketing stop-all`: nothing more goes out until somebody says so."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

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
        by: Annotated[
            str | None, typer.Option(help="Who says so (default: this system's user).")
        ] = None,
        reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    ) -> None:
        """Hold back every message that no provider has yet, from the next one on."""
        from workspace import clock
        from workspace.ledger import open_ledger, pauses

        actor = by or pwd.getpwuid(os.getuid()).pw_name
        event = "resume" if resume else "pause"
        ledger = open_ledger(chosen(workspace).ledger_url)
        try:
            changed = pauses.record(ledger, pauses.ALL, "", event, actor, clock.now(), reason)
            held = pauses.held(ledger)
        except ValueError as error:
            refuse(str(error))
        finally:
            ledger.close()
        state = "messages go out again" if resume else "everything is held back"
        out.print(state if changed else f"{state} already", highlight=False)
        for one in held:
            name = f"{one.scope} {one.source_key}".strip()
            by_whom = f"{one.event} by {one.actor} at {clock.iso(one.at)}"
            out.print(escape(f"  {name}: {by_whom}"), highlight=False)

    return stop_all
