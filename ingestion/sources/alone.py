"""One source by itself, without Dagster: ``python -m ingestion.saas.calendly``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ingestion.sources.model import Source
from workspace import settings

BAD_INPUT = 2
FAILED = 1


def main(source: Source) -> None:
    """The command line of one source; exit codes as of `marketing`."""

    def command(
        workspace: Annotated[
            Path | None, typer.Option(help="Workspace folder (default: MARKETING_WORKSPACE).")
        ] = None,
        only: Annotated[
            list[str] | None, typer.Option(help="A resource; may be given again.")
        ] = None,
    ) -> None:
        raise typer.Exit(pull_and_load(source, workspace, only or []))

    command.__doc__ = f"Ask {source.title}, land what it answers and load it into the lake."
    typer.run(command)


def pull_and_load(source: Source, workspace: Path | None, only: list[str]) -> int:
    from ingestion.pending import load_pending
    from ingestion.sources.pulling import Desk, default_first, pull_source
    from workspace.lake import Lake
    from workspace.locks import RunInProgress, run_lock

    out, err = Console(), Console(stderr=True, soft_wrap=True)
    known = {resource.name for resource in source.resources if resource.pages}
    unknown = sorted(set(only) - known)
    if unknown:
        err.print(
            f"{source.name} has no resource {unknown[0]!r}; it has {', '.join(sorted(known))}"
        )
        return BAD_INPUT
    settings.quiet_third_parties()
    try:
        chosen = settings.load(workspace)
        values = settings.variables(source.variable_names)
        given = settings.pull_from()
    except (settings.SettingsError, OSError) as error:
        err.print(f"[red]error[/] {error}", highlight=False)
        return BAD_INPUT
    lake = Lake(chosen.paths.lake)
    try:
        with run_lock(chosen.paths.run_lock, 600.0, f"pull {source.name}"):
            for kind in source.kinds:
                load_pending(kind, chosen.paths.landing, lake, chosen.keyring)
            present = chosen.present()
            desk = Desk(
                chosen.paths.landing,
                lake,
                present,
                given or default_first(present),
                not settings.sources_are_stand_ins(),
            )
            result = pull_source(source, values, desk, only)
            if result.missing:
                err.print(f"{source.name} is skipped: set {', '.join(result.missing)}")
                return BAD_INPUT
            loads = [
                load
                for kind in source.kinds
                for load in load_pending(kind, chosen.paths.landing, lake, chosen.keyring)
            ]
    except RunInProgress as error:
        err.print(f"[red]error[/] {error}", highlight=False)
        return BAD_INPUT
    for resource in result.resources:
        told = "as before" if resource.unchanged else f"{resource.records} records"
        out.print(f"{source.name} {resource.name}: {resource.pages} pages, {told}", highlight=False)
    for load in loads:
        out.print(
            f"  {load.kind}: {load.good} good, {load.bad} bad, {load.duplicate} duplicate, "
            f"{load.quarantined} quarantined",
            highlight=False,
        )
    for error in result.errors:
        err.print(f"[red]failed[/] {error}", highlight=False)
    return FAILED if result.errors else 0
