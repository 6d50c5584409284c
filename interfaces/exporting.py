"""`marketing export`: a person's own data in a folder, or a check of such a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from interfaces.loading import loaded
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
CHECK_FAILED = 1
_ERASED = (
    "the person was erased on {:%Y-%m-%d}: what remains is keyed hashes, kept so that nobody "
    "writes to them again"
)
SUBJECT_HELP = "A contact id, or an address, phone, user id or CRM id."


def command(
    out: Console,
    settings_of: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def export(
        subject: Annotated[str | None, typer.Argument(help=SUBJECT_HELP)] = None,
        to: Annotated[
            Path | None, typer.Option("--to", help="The folder to make; it must not be there.")
        ] = None,
        language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
        requested_at: Annotated[
            str | None,
            typer.Option("--requested-at", help="When the person asked, if it was before today."),
        ] = None,
        reason: Annotated[str | None, typer.Option(help="Kept with the request.")] = None,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        verify: Annotated[
            Path | None, typer.Option("--verify", help="Check a folder against its manifest.")
        ] = None,
        workspace: Option = None,
    ) -> None:
        """Write everything about a person to a folder: rows, originals, a summary, a manifest."""
        if verify is not None:
            return _verify(out, verify, refuse)
        if subject is None or to is None:
            return refuse("name the person and the folder: marketing export SUBJECT --to FOLDER")
        if language not in ("fr", "en"):
            return refuse("--language is fr or en")
        settings = settings_of(workspace)
        at = settings.present()
        asked = asked_at(requested_at, at, refuse)
        if not yes:
            typer.confirm(f"Write personal data to {to}?", abort=True)
        return _export(out, settings, refuse, subject, to, language, at, asked, reason)

    return export


def asked_at(text: str | None, at: datetime, refuse: Callable[[str], None]) -> datetime:
    """When the person asked: what ``--requested-at`` says, else the present."""
    from workspace.clock import parse_time

    try:
        asked = parse_time(text) if text else at
    except ValueError:
        refuse(f"--requested-at is {text!r}; give a day, 2026-01-31")
        raise
    if asked > at:
        refuse("--requested-at is in the future")
    return asked


def _export(
    out: Console,
    settings: Settings,
    refuse: Callable[[str], None],
    text: str,
    to: Path,
    language: Any,
    at: datetime,
    asked: datetime,
    reason: str | None,
) -> None:
    from reverse_etl.privacy import exporting, subjects, writing
    from workspace.lake import Lake
    from workspace.ledger import open_ledger
    from workspace.locks import RunInProgress, run_lock
    from workspace.settings import actor

    given = loaded(settings, refuse)
    if not given.privacy.categories or given.privacy.officer is None:
        refuse(
            f"{given.folder / 'privacy.yml'} says neither what is held nor whom to write to, which "
            "the person must be told (docs/privacy.md)"
        )
    lake, ledger = Lake(settings.paths.lake), open_ledger(settings.ledger_url)
    try:
        with run_lock(settings.paths.run_lock, 600.0, "export"):
            subject = subjects.resolve(settings.paths, lake, ledger, settings.keyring, [text])[0]
            room = exporting.Room(
                settings.paths, lake, ledger, settings.keyring, given, _originals(settings, lake)
            )
            order = exporting.Order(to, language, at, asked, actor(), reason)
            done = exporting.export(room, subject, order)
    except subjects.SubjectError as error:
        erased = exporting.erased_at(ledger, settings.keyring, text)
        refuse(str(error) if erased is None else _ERASED.format(erased))
        return
    except (writing.FolderError, RunInProgress) as error:
        refuse(str(error))
        return
    finally:
        ledger.close()
    _show(out, settings, lake, done)


def _originals(settings: Settings, lake: Any) -> Callable[..., Iterable[Any]]:
    from ingestion.originals import originals

    def read(wanted: Mapping[str, Mapping[int, Collection[str]]]) -> Iterable[Any]:
        return originals(wanted, settings.paths.landing, lake.staging())

    return read


def _show(out: Console, settings: Settings, lake: Any, done: Any) -> None:
    from ingestion.contracts import KINDS
    from ingestion.landing import pending

    rows = sum(done.rows.values())
    out.print(
        f"{rows:,} rows of {len(done.rows)} tables and {done.originals:,} originals in "
        f"{done.folder}",
        highlight=False,
    )
    out.print(f"request {done.request_id}, due by {done.due_at:%Y-%m-%d}", highlight=False)
    waiting = sum(len(pending(kind, settings.paths.landing, lake)) for kind in KINDS)
    if waiting:
        out.print(
            f"{waiting} landed files are not loaded yet and were not searched: 'marketing run', "
            "then export again",
            highlight=False,
        )


def _verify(out: Console, folder: Path, refuse: Callable[[str], None]) -> None:
    from reverse_etl.privacy import writing

    try:
        faults = writing.verify(folder)
    except writing.FolderError as error:
        refuse(str(error))
        return
    for fault in faults:
        out.print(fault, highlight=False, markup=False)
    if faults:
        raise typer.Exit(CHECK_FAILED)
    out.print(f"{folder} is as its manifest says", highlight=False)
