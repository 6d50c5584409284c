"""`marketing identity`: who is who, and what other limits would change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from interfaces import recording
from workspace.identifiers import KEY_LENGTH
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
#: How many changes or links are shown; the marts hold all of them.
SHOWN = 20


def commands(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> typer.Typer:
    """The sub-commands, printing to ``out``."""
    app = typer.Typer(no_args_is_help=True, help="Who is who, and what other limits would change.")

    @app.command()
    def explain(
        subject: Annotated[
            str, typer.Argument(help="A contact id, or an address, phone, user id or CRM id.")
        ],
        workspace: Option = None,
    ) -> None:
        """Show a contact's identifiers, what ties them, and what was refused and why."""
        from reverse_etl.identity.questions import explain as ask
        from reverse_etl.publish import NothingPublished, TookTooLong

        settings = chosen(workspace)
        try:
            found = ask(settings.paths, settings.keyring, subject)
        except (NothingPublished, TookTooLong) as error:
            return refuse(str(error))
        if found is None:
            return refuse("no source has named that identifier")
        if found.contact_id:
            recording.read(settings, refuse, found.contact_id, "identity")
        out.print(f"contact [bold]{found.contact_id or 'none'}[/]", highlight=False)
        _show(out, "Identifiers", found.identifiers, _IDENTIFIER)
        _show(out, "Links that tie them", found.used, _LINK)
        _show(out, "Links refused", found.refused, {**_LINK, "verdict": "because"})

    @app.command("what-if")
    def what_if(
        change: Annotated[
            list[str] | None,
            typer.Option("--set", help="TYPE.LIMIT=VALUE, such as email.most_contacts=1."),
        ] = None,
        workspace: Option = None,
    ) -> None:
        """Rebuild the graph under other limits: those of identity.yml as it is now, and --set."""
        from pydantic import ValidationError

        from reverse_etl.identity.questions import what_if as ask
        from reverse_etl.publish import NothingPublished, TookTooLong
        from workspace import definitions
        from workspace.definitions.identity import Identifiers

        settings = chosen(workspace)
        try:
            limits = definitions.load(settings.definitions).identity.identifiers
        except definitions.DefinitionError as error:
            return refuse(str(error))
        rules = limits.model_dump(exclude_none=True)
        for text in change or []:
            name, _, value = text.partition("=")
            kind, _, limit = name.partition(".")
            if kind not in rules or not limit or not value:
                suggestion = definitions.nearest(kind, rules)
                return refuse(f"--set {text!r} is not TYPE.LIMIT=VALUE{suggestion}")
            rules[kind][limit] = value
        try:
            found = ask(settings.paths, Identifiers(**rules))
        except ValidationError as error:
            fault = error.errors()[0]
            return refuse(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}")
        except (NothingPublished, TookTooLong) as error:
            return refuse(str(error))
        joined = [item for item in found.changes if item.kind == "joined"]
        out.print(
            f"contacts {found.contacts_before:,} -> {found.contacts_after:,}: "
            f"{len(joined):,} would be joined, {len(found.changes) - len(joined):,} split",
            highlight=False,
        )
        if not found.changes:
            return None
        out.print(
            f"customers affected {found.customer_accounts:,}; won deals of theirs "
            f"{found.won_deals:,}, {found.won_amount_base:,.2f} in the base currency",
            highlight=False,
        )
        if found.credit_base is not None:
            out.print(
                f"credited to touches of theirs {found.credit_base:,.2f} (attribution's primary "
                "model)",
                highlight=False,
            )
        if found.consents_tightened is not None:
            out.print(f"consents that would end {found.consents_tightened:,}", highlight=False)
        rows = [
            {"kind": c.kind, "contacts": " ".join(c.contacts), "identifiers": c.identifiers}
            for c in found.changes
        ]
        _show(out, "Changes", rows, {"kind": "", "contacts": "contacts", "identifiers": "holding"})
        return None

    return app


_IDENTIFIER = {
    "identifier_type": "type",
    "identifier_key": "key",
    "evidence": "evidence",
    "observations": "seen",
    "first_seen_at": "first",
    "last_seen_at": "last",
}
_LINK = {
    "stronger_type": "type",
    "stronger_key": "key",
    "weaker_type": "with",
    "weaker_key": "its key",
    "evidence": "evidence",
    "observations": "seen",
    "evidence_id": "for example",
}


def _show(out: Console, title: str, rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows[:SHOWN]:
        table.add_row(*(_text(row[name]) for name in columns))
    out.print(table)
    if len(rows) > SHOWN:
        out.print(f"  and {len(rows) - SHOWN:,} more", highlight=False)


def _text(value: Any) -> str:
    """A cell; of a keyed hash its beginning, which tells rows apart."""
    text = "" if value is None else str(value)
    return f"{text[:12]}…" if len(text) == KEY_LENGTH else text
