"""`marketing segments`: who is in which segment, why, and what a changed definition would do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from interfaces import recording
from interfaces.recording import By, Reason
from interfaces.tables import number, table
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
Key = Annotated[str, typer.Argument(help="Key of the segment: the name of its file.")]

CHECK_FAILED = 1


def commands(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> typer.Typer:
    """The sub-commands, printing to ``out``."""
    app = typer.Typer(
        no_args_is_help=True, help="Who is in which segment, why, and what a change would do."
    )

    def desk(settings: Settings) -> Any:
        from reverse_etl.segments.questions import Desk
        from workspace import definitions

        try:
            loaded = definitions.load(settings.definitions)
        except definitions.DefinitionError as error:
            refuse(str(error))
        return Desk(settings.paths, loaded.fields, loaded.segments)

    def ask(question: Callable[[], Any]) -> Any:
        """The answer, or the reason why there is none, and exit."""
        from reverse_etl.publish import NothingPublished, TookTooLong
        from reverse_etl.segments.questions import Unanswerable
        from workspace.locks import RunInProgress

        try:
            return question()
        except (Unanswerable, NothingPublished, TookTooLong, RunInProgress) as error:
            return refuse(str(error))

    @app.command("list")
    def list_(workspace: Option = None) -> None:
        """The segments as last evaluated and published."""
        rows = ask(desk(chosen(workspace)).listing)
        shown = table(
            "segment", "unit", "contacts", "accounts", "expected", "by mail", "+", "-", ""
        )
        for row in rows:
            state = "held" if row["is_held"] else "stale" if row["is_stale"] else ""
            shown.add_row(
                row["segment"],
                row["unit"],
                *(
                    number(row[name])
                    for name in (
                        "contacts",
                        "accounts",
                        "expected_size",
                        "reachable_by_email",
                        "entered",
                        "departed",
                    )
                ),
                state,
            )
        out.print(shown)

    @app.command()
    def preview(
        key: Key,
        workspace: Option = None,
        on: Annotated[
            str | None, typer.Option("--on", help="A past time: who was in, by which definition.")
        ] = None,
        sample: Annotated[int, typer.Option(min=0, max=1000, help="Contacts to show.")] = 10,
    ) -> None:
        """Count a segment by its file as it stands: total, reachable, a few of its contacts."""
        from workspace.clock import parse_time
        from workspace.lake import Lake

        settings = chosen(workspace)
        if on is not None:
            try:
                day = parse_time(on)
            except (ValueError, OverflowError):
                refuse(f"--on {on!r} is not a time such as 2026-03-01 or 2026-03-01T06:00:00Z")
            lake = Lake(settings.paths.lake)
            _show_readings(out, ask(lambda: desk(settings).readings(key, day, lake)))
            return
        found = ask(lambda: desk(settings).preview(key, sample))
        accounts = "" if found.accounts is None else f" of {found.accounts:,} accounts"
        out.print(f"[bold]{found.members:,}[/] contacts{accounts}", highlight=False)
        shown = table("purpose", "channel", "reachable")
        for purpose, channel, count in found.reachable:
            shown.add_row(purpose, channel, number(count))
        out.print(shown)
        if found.sample:
            shown = table(*found.sample[0])
            for row in found.sample:
                shown.add_row(*("" if value is None else str(value) for value in row.values()))
            out.print(shown)

    @app.command()
    def explain(
        subject: Annotated[
            str, typer.Argument(help="A contact id, account id, address, phone, user or CRM id.")
        ],
        key: Key,
        workspace: Option = None,
    ) -> None:
        """Show each condition's verdict on a contact or account, with its evidence."""
        from reverse_etl.identity import questions as identity
        from reverse_etl.segments.explain import explain as judge

        settings = chosen(workspace)
        known = ask(lambda: identity.explain(settings.paths, settings.keyring, subject))
        member = known.contact_id if known is not None and known.contact_id else subject
        if known is not None and known.contact_id:
            recording.read(settings, refuse, known.contact_id, f"segment:{key}")
        found = ask(lambda: judge(desk(settings), key, member))
        out.print(_tree(found))

    @app.command()
    def plan(workspace: Option = None) -> None:
        """Say who would come and go by the files as they stand; exit 1 where it would be held."""
        from workspace.lake import Lake

        settings = chosen(workspace)
        found = ask(lambda: desk(settings).plan(Lake(settings.paths.lake)))
        if not found:
            out.print("the files say what is in force")
            return
        show_plan(out, found)
        if any(row.is_held for row in found):
            raise typer.Exit(CHECK_FAILED)

    @app.command()
    def accept(key: Key, by: By = None, reason: Reason = None, workspace: Option = None) -> None:
        """Let the next change of a segment through, however large, by its file as it stands."""
        from reverse_etl.segments import changes
        from workspace.lake import Lake
        from workspace.locks import run_lock

        settings = chosen(workspace)

        def store() -> None:
            segment = desk(settings).segment(key)
            with run_lock(settings.paths.run_lock, 60.0, f"accept {key}"):
                changes.accept(Lake(settings.paths.lake), key, segment, settings.present())

        with recording.recorded(
            settings, refuse, "segment.accept", f"segment:{key}", by, reason
        ) as done:
            done.after = ask(lambda: desk(settings).segment(key)).hash
            ask(store)
        out.print(f"the next run applies the change of {key}")

    @app.command()
    def snapshot(key: Key, by: By = None, reason: Reason = None, workspace: Option = None) -> None:
        """Keep who is in a segment at present; `{snapshot: ID}` asks for it ever after."""
        from workspace.lake import Lake
        from workspace.locks import run_lock

        settings = chosen(workspace)

        def store() -> tuple[str, int]:
            with run_lock(settings.paths.run_lock, 60.0, f"snapshot {key}"):
                lake = Lake(settings.paths.lake)
                return desk(settings).snapshot(key, lake, settings.present())

        with recording.recorded(
            settings, refuse, "segment.snapshot", f"segment:{key}", by, reason
        ) as done:
            ident, size = ask(store)
            done.after = ident
        out.print(f"snapshot [bold]{ident}[/] holds {size:,} contacts", highlight=False)
        out.print("the next run publishes it in segment_snapshots")

    return app


def show_plan(out: Console, found: list[Any]) -> None:
    """Who would come and go, of each changed file, and how to let a large change through."""
    shown = table("segment", "", "members", "then", "enter", "(reachable)", "leave", "")
    for row in found:
        shown.add_row(
            row.segment,
            row.kind,
            *(
                number(value)
                for value in (
                    row.before,
                    row.after,
                    row.entering,
                    row.entering_reachable,
                    row.leaving,
                )
            ),
            "would be held" if row.is_held else "",
        )
    out.print(shown)
    held = [row.segment for row in found if row.is_held]
    if held:
        out.print(
            "too large a change for max_change; let it through with: "
            + "; ".join(f"marketing segments accept {key}" for key in held),
            highlight=False,
        )


def _show_readings(out: Console, readings: list[Any]) -> None:
    base = next((r.members for r in readings if r.members is not None), frozenset())
    shown = table("reading", "contacts", "not as it was", "no longer", "")
    for reading in readings:
        if reading.members is None:
            shown.add_row(reading.name, "", "", "", reading.missing)
        else:
            shown.add_row(
                reading.name,
                number(len(reading.members)),
                number(len(reading.members - base)),
                number(len(base - reading.members)),
                "",
            )
    out.print(shown)


def _tree(verdict: Any) -> Tree:
    mark = "[green]yes[/]" if verdict.is_true else "[red]no [/]"
    node = Tree(f"{mark} {escape(verdict.label)}", highlight=False)
    for line in verdict.evidence:
        node.add(f"[dim]{escape(line)}[/]")
    for part in verdict.parts:
        node.children.append(_tree(part))
    return node
