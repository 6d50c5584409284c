"""`marketing pack`: the published warehouse in one DuckDB file, to be handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from interfaces import recording
from interfaces.recording import By, Reason
from workspace import clock
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
_CHECK_FAILED = 1


def command(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def pack(
        file: Annotated[Path, typer.Argument(help="The DuckDB file to write, or to verify.")],
        workspace: Option = None,
        whole: Annotated[
            bool,
            typer.Option("--whole/--pseudonymous", help="With identifiers, or without (default)."),
        ] = False,
        yes: Annotated[
            bool, typer.Option("--yes", help="Say that people's identifiers may be in it.")
        ] = False,
        verify: Annotated[
            bool, typer.Option("--verify", help="Look whether it is what it was when made.")
        ] = False,
        by: By = None,
        reason: Reason = None,
    ) -> None:
        """Write the published warehouse into one DuckDB file that opens in any client."""
        from reverse_etl.packing import PackError
        from reverse_etl.publish import NothingPublished

        if whole and not yes and not verify:
            refuse(
                "a whole pack holds names and addresses of people: whoever gets it answers for "
                "them; say so with --yes"
            )
        try:
            if verify:
                return _verify(out, file)
            settings = chosen(workspace)
            action = "warehouse.pack_whole" if whole else "warehouse.pack"
            with recording.recorded(settings, refuse, action, "pack", by, reason) as change:
                who = recording.said(by, reason, refuse).actor
                change.after = _pack(out, settings, file, who, whole)
            return None
        except (PackError, NothingPublished, OSError) as error:
            return refuse(str(error))

    return pack


def _pack(out: Console, settings: Settings, file: Path, who: str, whole: bool) -> str:
    """Write it and say so; the file's SHA-256."""
    from reverse_etl import packing

    with _bar(out, "packing") as advance:
        done = packing.pack(
            settings.paths, settings.definitions, file, clock.now(), who, whole, advance
        )
    kind = "whole" if whole else f"pseudonymous, {done.left_out} columns left out"
    out.print(f"{done.path}", highlight=False, markup=False)
    out.print(
        f"  version {done.version}, {done.tables} tables, {done.rows:,} rows, "
        f"{done.size_bytes / 1e6:,.1f} MB ({kind})",
        highlight=False,
    )
    out.print(f"  sha256 {done.sha256}", highlight=False)
    return done.sha256


def _verify(out: Console, file: Path) -> None:
    from reverse_etl import packing

    with _bar(out, "verifying") as advance:
        found = packing.verify(file, advance)
    told = found.manifest
    out.print(
        f"{told['kind']} pack of version {told['version']} (as of {told['as_of']}), made "
        f"{told['made_at']} by {escape(told['made_by'])}",
        highlight=False,
    )
    out.print(f"  sha256 {found.sha256}", highlight=False)
    for fault in found.faults:
        out.print(f"[red]failed[/] {escape(fault)}", highlight=False)
    if found.faults:
        raise typer.Exit(_CHECK_FAILED)
    out.print(f"  {told['tables']} tables hold what they held", highlight=False)


@contextmanager
def _bar(out: Console, name: str) -> Iterator[Callable[[str, int, int], None]]:
    """Rows done of all, on a terminal; nothing elsewhere."""
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )
    with shown:
        task = shown.add_task(name, total=None)

        def advance(table: str, rows: int, total: int) -> None:
            shown.update(task, completed=rows, total=total, description=f"{name} {table}")

        yield advance
