"""`marketing consents`: requests that wait for their confirmation, and what organisations say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import recording
from interfaces.loading import loaded
from interfaces.recording import By, Reason
from interfaces.tables import number, table
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]


def commands(
    out: Console,
    chosen: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
    run_job: Callable[[Settings, str], None],
) -> typer.Typer:
    """The sub-commands, printing to ``out``; ``run_job`` runs the assets of a selection."""
    app = typer.Typer(
        no_args_is_help=True, help="Consent to be confirmed, and organisations' objections."
    )

    @app.callback()
    def group() -> None:
        """Consent to be confirmed, and organisations' objections (docs/consent.md)."""

    @app.command()
    def ask(
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say who would be asked; queue nothing.")
        ] = False,
        workspace: Option = None,
    ) -> None:
        """Ask who ticked a box that must be confirmed, over the consents as last run. A run does
        so, too."""
        from dagster_project import outlook
        from dagster_project.jobs import CONFIRMATIONS
        from dagster_project.what_if import NoWarehouse
        from workspace.locks import RunInProgress

        settings = chosen(workspace)
        if dry_run:
            return _show(out, refuse, settings)
        try:
            outlook.check(settings)
        except (NoWarehouse, RunInProgress) as error:
            return refuse(str(error))
        return run_job(settings, CONFIRMATIONS)

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
        by: By = None,
        reason: Reason = None,
    ) -> None:
        """Record that an organisation objects to marketing, for everybody who belongs to it."""
        from reverse_etl import objections
        from reverse_etl.publish import NothingPublished, TookTooLong

        settings = chosen(workspace)
        try:
            found = objections.find(settings.paths, settings.keyring, account)
        except (NothingPublished, TookTooLong) as error:
            return refuse(str(error))
        if found is None:
            return refuse(f"no account {account!r}")
        at, who = settings.present(), recording.said(by, reason, refuse)
        key = found.identifier_key
        if lift:
            with recording.ledger_of(settings) as ledger:
                if not objections.stands(ledger, found):
                    kind = "domain" if found.identifier_type == "domain" else "account"
                    return refuse(
                        f"nothing to take back: no objection was recorded here for this {kind}; "
                        "docs/consent-states.md says what else may stand, and what undoes it"
                    )
        try:
            with (
                recording.recorded(
                    settings, refuse, "consent.object", f"account:{key}", by, reason
                ) as change,
                recording.ledger_of(settings) as ledger,
            ):
                event = objections.record(ledger, found, at, who.actor, lift, evidence)
                change.after = {"lifted": lift, "event": event}
        except ValueError as error:
            return refuse(str(error))
        name = escape(found.name or account)
        said = "no longer objects" if lift else "objects"
        out.print(f"{name} {said}: {found.contacts:,} contacts known, {event}", highlight=False)
        return None

    return app


def _show(out: Console, refuse: Callable[[str], None], settings: Settings) -> None:
    from reverse_etl import confirming
    from reverse_etl.publish import NothingPublished
    from reverse_etl.publish.reader import need, reader
    from workspace.lake import Lake

    policy = loaded(settings, refuse).consent
    lake = Lake(settings.paths.lake)
    try:
        with reader(settings.paths) as connection:
            need(connection, "consent_states", "consent_records", "dim_contacts")
            asked = confirming.asked_before(lake)
            rows = confirming.waiting(connection, asked, policy, settings.present())
    except NothingPublished as error:
        return refuse(str(error))
    if not rows:
        out.print("nobody waits for a confirmation")
        return None
    shown = table("purpose", "channel", "template", "people")
    counted = Counter(
        (row["purpose"], row["channel"], confirming.template_of(policy, row["vertical"]))
        for row in rows
    )
    for (purpose, channel, template), people in sorted(counted.items()):
        shown.add_row(escape(purpose), channel, escape(template), number(people))
    out.print(shown)
    return None
