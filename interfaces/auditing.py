"""`marketing audit`: everything on record about a person, and whether the audit chain holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import recording
from interfaces.recording import By, Reason
from interfaces.tables import table
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
CHECK_FAILED = 1
#: Details that a table leaves to --json: long, or told by others.
_LONG = ("_hash", "_version", "digest", "_id", "_key", "_reference", "known_at", "recorded_at")


def command(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def audit(
        subject: Annotated[
            str | None,
            typer.Argument(help="A contact id, or an address, phone, user id or CRM id."),
        ] = None,
        since: Annotated[
            datetime | None,
            typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="From then on (UTC)."),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
        verify: Annotated[
            bool, typer.Option("--verify", help="Read the whole audit chain instead.")
        ] = False,
        accept_restored: Annotated[
            bool,
            typer.Option(
                "--accept-restored",
                help="Say that the chain is shorter than others know because it was restored.",
            ),
        ] = False,
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Show all that is on record about a person in order of time, or verify the audit chain."""
        settings = chosen(workspace)
        if accept_restored:
            return _accept(out, settings, refuse, by, reason)
        if verify:
            return _verify(out, settings, as_json)
        if subject is None:
            return refuse("whom? Give a SUBJECT, or --verify for the audit chain itself")
        return _show(out, settings, refuse, subject, since, as_json)

    return audit


def _show(
    out: Console,
    settings: Settings,
    refuse: Callable[[str], None],
    subject: str,
    since: datetime | None,
    as_json: bool,
) -> None:
    from reverse_etl.privacy.trail import NotOnePerson, trail
    from reverse_etl.publish import TookTooLong

    with recording.ledger_of(settings) as ledger:
        try:
            found = trail(settings.paths, ledger, settings.keyring, subject, since)
        except (NotOnePerson, TookTooLong) as error:
            return refuse(str(error))
    if found is None:
        return refuse("nothing on record names that subject")
    recording.read(settings, refuse, found.whom.subject_key, "audit")
    if as_json:
        return print(json.dumps(_plain(found), indent=1, default=_text, ensure_ascii=False))
    return _print(out, found)


def _print(out: Console, found: Any) -> None:
    whom = found.whom
    out.print(f"contact [bold]{whom.contact_id or 'unknown'}[/]", highlight=False)
    if whom.erased_at is not None:
        out.print(
            f"[yellow]erased on {whom.erased_at:%Y-%m-%d}[/]: what is left are keyed hashes that "
            "keep the person from coming back, and the record of what was done",
            highlight=False,
        )
    if found.version is None:
        out.print("nothing is published: this is what the ledger alone knows", style="yellow")
    shown = table("at (UTC)", "", "", "")
    for one in found.events:
        detail = ", ".join(
            f"{name} {_text(value)}"
            for name, value in one.detail.items()
            if not name.endswith(_LONG)
        )
        shown.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.area, escape(one.what), escape(detail))
    out.print(shown)
    count = len(found.events)
    out.print(f"{count:,} entries; --json has every id and hash", highlight=False)


def _plain(found: Any) -> dict[str, Any]:
    whom = found.whom
    return {
        "contact_id": whom.contact_id,
        "keys": whom.keys,
        "erased_at": whom.erased_at,
        "published_version": found.version,
        "entries": [
            {
                "at": one.at,
                "area": one.area,
                "what": one.what,
                "source": one.source,
                **({"detail": dict(one.detail)} if one.detail else {}),
            }
            for one in found.events
        ],
    }


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _verify(out: Console, settings: Settings, as_json: bool) -> None:
    from workspace import decisions
    from workspace.ledger import anchors

    with recording.ledger_of(settings) as ledger:
        found = anchors.verify(decisions.places(settings, ledger))
    if as_json:
        print(
            json.dumps(
                {
                    "entries": found.entries,
                    "position": found.tail.position,
                    "digest": found.tail.digest,
                    "broken": found.broken and found.broken._asdict(),
                },
                indent=1,
            )
        )
    elif found.broken is None:
        told = f"{found.entries:,} entries, the last is {found.tail.digest}"
        out.print(f"[green]the audit chain holds[/]: {told}", highlight=False)
    if found.broken is not None:
        if not as_json:
            out.print(
                f"[red]the audit chain is broken[/] at {escape(str(found.broken))}", highlight=False
            )
            out.print("after a restore: marketing audit --accept-restored (docs/audit.md)")
        raise typer.Exit(CHECK_FAILED)


def _accept(
    out: Console,
    settings: Settings,
    refuse: Callable[[str], None],
    by: str | None,
    reason: str | None,
) -> None:
    from workspace import decisions
    from workspace.ledger import anchors

    said = recording.said(by, reason, refuse)
    if said.reason is None:
        return refuse("--reason: say which backup it was restored from, and why")
    with recording.ledger_of(settings) as ledger:
        try:
            places = decisions.places(settings, ledger)
            end = anchors.accept(places, settings.present(), said.actor, said.reason)
        except ValueError as error:
            return refuse(str(error))
    return out.print(f"recorded at position {end.position}", highlight=False)
