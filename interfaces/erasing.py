"""`marketing erase`: people out of everything, with a certificate at the end."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from interfaces import report
from workspace.settings import Settings

if TYPE_CHECKING:
    from reverse_etl.privacy.erasing import Desk, Outcome

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
CHECK_FAILED = 1


def command(
    out: Console,
    chosen: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def erase(
        subjects: Annotated[
            list[str] | None,
            typer.Argument(help="Contact ids, addresses, phones, user ids or CRM ids."),
        ] = None,
        workspace: Option = None,
        file: Annotated[
            Path | None,
            typer.Option(
                "--file", help="A CSV: one subject a line, first column; a header says subject."
            ),
        ] = None,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what would go; change nothing.")
        ] = False,
        reason: Annotated[str | None, typer.Option(help="For the record; no address.")] = None,
        resume: Annotated[
            bool, typer.Option("--resume", help="Go on with what was begun before.")
        ] = False,
        verify: Annotated[
            Path | None, typer.Option("--verify", help="Check a certificate; nothing else.")
        ] = None,
    ) -> None:
        """Erase people from landing, lake, ledger and everything made of them (docs/erasure.md)."""
        from dagster_project.erasing import conclude
        from dagster_project.erasing import desk as opened
        from reverse_etl.privacy import erasing
        from reverse_etl.privacy.subjects import SubjectError, resolve
        from workspace.locks import RunInProgress, run_lock

        settings = chosen(workspace)
        if verify is not None:
            return _verify(out, settings, verify, refuse)
        named = [*(subjects or []), *_listed(file)]
        if not named and not resume:
            return refuse("name a person, or --file with a list, or --resume")
        with opened(settings) as desk:
            try:
                found = resolve(desk.paths, desk.lake, desk.ledger, desk.keyring, named)
            except SubjectError as error:
                return refuse(str(error))
            if dry_run:
                return _show(out, desk, found)
            question = f"Erase {len(found)} people? It cannot be undone."
            if found and not yes and not typer.confirm(question):
                raise typer.Exit(CHECK_FAILED)
            try:
                with run_lock(desk.paths.run_lock, 600.0, "erase"), report.stage(out, "erase"):
                    if found:
                        erasing.begin(desk, found, reason)
                    begun = erasing.unfinished(desk)
                    for work in begun:
                        erasing.work_off(desk, work)
            except (RunInProgress, ValueError) as error:
                return refuse(str(error))
            if not begun:
                out.print("nothing was begun")
                return None
        with report.stage(out, "scan"):
            outcomes = conclude(settings)
        tell(out, outcomes)
        out.print("the next run makes everything else anew: marketing run", highlight=False)
        if not all(outcome.is_done for outcome in outcomes):
            raise typer.Exit(CHECK_FAILED)
        return None

    return erase


def _listed(file: Path | None) -> list[str]:
    if file is None:
        return []
    with open(file, newline="", encoding="utf-8-sig") as handle:
        found = [row[0].strip() for row in csv.reader(handle) if row and row[0].strip()]
    return found[1:] if found and found[0].lower() == "subject" else found


def _verify(out: Console, settings: Settings, path: Path, refuse: Callable[[str], None]) -> None:
    from reverse_etl.privacy.certificates import NotGenuine
    from reverse_etl.privacy.certificates import verify as check

    try:
        said = check(path, settings.keyring)
    except NotGenuine as error:
        return refuse(str(error))
    out.print(
        f"genuine: request {said['request_id']}, finished {said['finished_at']}, "
        f"{said['scan']['hits']} places found in {said['scan']['files']} files",
        highlight=False,
    )
    return None


def _show(out: Console, desk: Desk, subjects: Sequence[Any]) -> None:
    """What an erasure would change, by stream and by landed file."""
    from reverse_etl.privacy import streams
    from reverse_etl.privacy.finding import Known
    from reverse_etl.privacy.stand_ins import StandIns

    stand_ins = StandIns.draw(subjects, desk.keyring)
    known: Known = {}
    lines = streams.landed_lines(desk.lake, stand_ins, known).of
    table = Table("where", "rows", box=None)
    for stream, rows in sorted(streams.remaining(desk.lake, stand_ins, known).items()):
        table.add_row(f"lake/{stream}", f"{rows:,}")
    table.add_row(f"landing ({len(lines)} files)", f"{sum(map(len, lines.values())):,}")
    out.print(f"{len(subjects)} people, {len(stand_ins.keys)} identifiers", highlight=False)
    out.print(table)


def tell(out: Console, outcomes: Sequence[Outcome]) -> None:
    """What became of each batch."""
    for outcome in outcomes:
        if outcome.is_done:
            folder = outcome.certificates[0].parent if outcome.certificates else ""
            out.print(
                f"erased: {outcome.requests} requests, 0 places found; certificates in {folder}",
                highlight=False,
                soft_wrap=True,
            )
            continue
        if outcome.waits_for:
            out.print(f"not finished: it waits for {outcome.waits_for}", highlight=False)
        for hit in outcome.hits[:20]:
            out.print(f"still there: {hit.path} ({hit.place}, {hit.count})", highlight=False)
