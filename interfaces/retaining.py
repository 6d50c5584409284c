"""`marketing retain`: the end of what has been kept long enough."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from interfaces import erasing, report
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]


def command(
    out: Console,
    chosen: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def retain(
        workspace: Option = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what is due; change nothing.")
        ] = False,
    ) -> None:
        """Erase and delete what is due by privacy.yml (docs/erasure.md)."""
        from dagster_project.erasing import conclude, retained, retention_due
        from reverse_etl.publish import NothingPublished
        from workspace.locks import RunInProgress

        settings = chosen(workspace)
        try:
            due = retention_due(settings)
            table = Table("what", "due", "since", box=None)
            for one in due:
                table.add_row(one.what, f"{one.count:,}", str(one.since or ""))
            out.print(table)
            if dry_run or not any(one.count for one in due):
                return
            with report.stage(out, "retain"):
                erased = retained(settings)
        except (NothingPublished, RunInProgress) as error:
            return refuse(str(error))
        if erased:
            outcomes = conclude(settings)
            erasing.tell(out, outcomes)
            if not all(outcome.is_done for outcome in outcomes):
                raise typer.Exit(1)

    return retain
