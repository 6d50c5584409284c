"""`marketing consents`: what is said to us about consent outside of forms and pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from interfaces.stopping import user
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]


def commands(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> typer.Typer:
    """The sub-commands, printing to ``out``."""
    app = typer.Typer(
        no_args_is_help=True, help="What is said about consent outside of forms and pages."
    )

    @app.callback()
    def group() -> None:
        """So that `object` stays a sub-command while it is the only one."""

    @app.command("object")
    def object_(
        account: Annotated[
            str,
            typer.Option("--account", help="An account id, the CRM's id of it, or a domain."),
        ],
        workspace: Option = None,
        lift: Annotated[
            bool, typer.Option("--lift", help="The organisation takes its objection back.")
        ] = False,
        evidence: Annotated[
            str | None, typer.Option(help="Where the statement is kept, such as a letter's number.")
        ] = None,
        by: Annotated[
            str | None, typer.Option(help="Who records it (default: this system's user).")
        ] = None,
    ) -> None:
        """Record that an organisation objects to marketing, for everybody who belongs to it."""
        from reverse_etl import objections
        from reverse_etl.publish import NothingPublished, TookTooLong
        from workspace import clock
        from workspace.ledger import open_ledger

        settings = chosen(workspace)
        try:
            found = objections.find(settings.paths, settings.keyring, account)
        except (NothingPublished, TookTooLong) as error:
            return refuse(str(error))
        if found is None:
            return refuse(f"no account {account!r}")
        ledger = open_ledger(settings.ledger_url)
        try:
            actor = by or user()
            event = objections.record(ledger, found, clock.now(), actor, lift, evidence)
        except ValueError as error:
            return refuse(str(error))
        finally:
            ledger.close()
        name = escape(found.name or account)
        said = "no longer objects" if lift else "objects"
        out.print(f"{name} {said}: {found.contacts:,} contacts known, {event}", highlight=False)
        return None

    return app
