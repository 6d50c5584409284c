"""`marketing rectify`: correct what a source says wrongly of a person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from interfaces.exporting import SUBJECT_HELP, asked_at
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]


def command(
    out: Console,
    settings_of: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def rectify(
        subject: Annotated[str, typer.Argument(help=SUBJECT_HELP)],
        change: Annotated[
            list[str],
            typer.Option("--set", help="FIELD=VALUE, such as email=…; nothing after = clears it."),
        ],
        reason: Annotated[str | None, typer.Option(help="Kept with the request.")] = None,
        requested_at: Annotated[
            str | None,
            typer.Option("--requested-at", help="When the person asked, if it was before today."),
        ] = None,
        consent_evidence: Annotated[
            str | None,
            typer.Option(
                "--consent-evidence",
                help="How the person showed that their consent holds for the new address, too.",
            ),
        ] = None,
        workspace: Option = None,
    ) -> None:
        """Correct a person's address, number, name or place in what every source says."""
        from reverse_etl.privacy import rectifying, subjects
        from workspace.lake import Lake
        from workspace.ledger import open_ledger
        from workspace.locks import RunInProgress, run_lock
        from workspace.settings import actor

        settings = settings_of(workspace)
        at = settings.present()
        lake, ledger = Lake(settings.paths.lake), open_ledger(settings.ledger_url)
        try:
            order = rectifying.Order(
                rectifying.checked(change),
                at,
                asked_at(requested_at, at, refuse),
                actor(),
                reason,
                consent_evidence,
            )
            with run_lock(settings.paths.run_lock, 600.0, "rectify"):
                who = subjects.resolve(settings.paths, lake, ledger, settings.keyring, [subject])
                done = rectifying.rectify(
                    settings.paths, lake, ledger, settings.keyring, who[0], order
                )
        except (subjects.SubjectError, rectifying.RectifyError, RunInProgress) as error:
            return refuse(str(error))
        finally:
            ledger.close()
        out.print(
            f"{', '.join(done.fields)} corrected in {done.records} records; {done.blocked} waiting "
            f"messages blocked; {done.carried} consents go on under the new address",
            highlight=False,
        )
        out.print(
            "the marts follow with the next run, the CRM and audiences with the next sync",
            highlight=False,
        )

    return rectify
