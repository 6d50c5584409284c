"""`marketing backup` and `marketing restore`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import recording
from interfaces.recording import By, Reason
from interfaces.report import stage
from workspace import clock, restored
from workspace import settings as settings_module
from workspace.settings import Settings, SettingsError

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
_CHECK_FAILED = 1


def backup_command(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> Callable[..., None]:
    """`marketing backup`, printing to ``out``."""

    def backup(
        folder: Annotated[
            Path | None, typer.Argument(help="The folder of backups (default: MARKETING_BACKUPS).")
        ] = None,
        workspace: Option = None,
        days: Annotated[
            int | None,
            typer.Option(min=1, help="Keep backups of so many days (MARKETING_BACKUP_DAYS, 14)."),
        ] = None,
        check: Annotated[
            bool, typer.Option("--check", help="Restore it into a scratch folder and compare.")
        ] = False,
    ) -> None:
        """Copy landing, lake and ledger to a folder of backups, beside whatever runs."""
        from reverse_etl.backups import BackupError, Store, make, prove

        settings, now = chosen(workspace), clock.now()
        try:
            configured, kept = settings_module.backups()
            place = folder or configured
            if place is None:
                return refuse("give the folder of backups, or set MARKETING_BACKUPS")
            store = Store(place)
            with stage(out, "backup"):
                made = make(settings, store, now, days or kept)
            out.print(
                f"  {made.name}: {made.files:,} files, {made.size_bytes / 1e6:,.1f} MB, of which "
                f"{made.new_bytes / 1e6:,.1f} MB are new; without the pepper and the witness",
                highlight=False,
            )
            for name in made.removed:
                out.print(f"  {name} is removed", highlight=False)
            if not check:
                return None
            with stage(out, "restore, to see"):
                proof = prove(settings, store, settings_module.witness_root(), now, made.name)
        except (BackupError, restored.NotReplayed, SettingsError, OSError) as error:
            return refuse(str(error))
        for fault in proof.faults:
            out.print(f"[red]failed[/] {escape(fault)}", highlight=False)
        if proof.faults:
            raise typer.Exit(_CHECK_FAILED)
        return out.print(
            f"  {proof.streams} streams with {proof.rows:,} rows came back; nothing is sent there",
            highlight=False,
        )

    return backup


def restore_command(out: Console, refuse: Callable[[str], None]) -> Callable[..., None]:
    """`marketing restore`, printing to ``out``."""

    def restore(
        into: Annotated[Path, typer.Option("--into", help="A new folder: the workspace.")],
        folder: Annotated[
            Path | None, typer.Argument(help="The folder of backups (default: MARKETING_BACKUPS).")
        ] = None,
        at: Annotated[
            str | None, typer.Option(help="Which one, such as 20261001 (default: the last).")
        ] = None,
        resume: Annotated[
            bool, typer.Option("--resume", help="Only go on with erasures: the files are there.")
        ] = False,
        without_witness: Annotated[
            bool,
            typer.Option(
                "--without-witness", help="Nobody was erased since, and I answer for that."
            ),
        ] = False,
        by: By = None,
        reason: Reason = None,
    ) -> None:
        """Make a workspace of a backup; erase again whoever was erased since."""
        from dagster_project.erasing import replay
        from reverse_etl.backups import BackupError, Store, after_restore
        from reverse_etl.backups import restore as restore_files

        if not settings_module.has_pepper(into):
            refuse(
                "a backup holds no pepper: set MARKETING_PEPPER, or put the workspace's "
                f"{settings_module.PEPPER_FILE} into {into} first"
            )
        if resume and not restored.is_marked(into):
            refuse(f"{into} is not a restored workspace that waits for erasures")
        try:
            settings = settings_module.load(into)
            if not resume:
                place = folder or settings_module.backups()[0]
                if place is None:
                    return refuse("give the folder of backups, or set MARKETING_BACKUPS")
                with stage(out, "restore"):
                    done = restore_files(settings, Store(place), at, clock.now())
                out.print(
                    f"  {done.name}: {done.files:,} files, {done.size_bytes / 1e6:,.1f} MB",
                    highlight=False,
                )
            witnesses = settings_module.witness_root()
            with recording.recorded(
                settings, refuse, "workspace.restore", "workspace", by, reason
            ) as change:
                erased = after_restore(settings, witnesses, clock.now(), replay, without_witness)
                change.after = {"erased": erased}
        except (BackupError, SettingsError, restored.NotReplayed, OSError) as error:
            return refuse(str(error))
        out.print(
            f"  {erased:,} identifiers of erased people are buried; 'marketing run' builds the "
            "marts, and 'marketing send --take-lease' is needed before anything is sent",
            highlight=False,
        )
        return None

    return restore
