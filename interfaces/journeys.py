"""`marketing journeys`: what the journeys are, what they did, and what a change would do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from interfaces import approving, recording, stopping
from interfaces.loading import loaded
from interfaces.recording import By, Reason
from interfaces.tables import table
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
Key = Annotated[str, typer.Argument(help="Key of the journey: the name of its file.")]
Answers = Annotated[
    str, typer.Option(help="recorded: people answer as they did; none: nobody does.")
]


def commands(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> typer.Typer:
    """The sub-commands, printing to ``out``."""
    app = typer.Typer(
        no_args_is_help=True, help="What journeys do, did, and would do over past days."
    )

    def stage(settings: Settings) -> Any:
        from reverse_etl.journeys.rehearsal import Stage

        return Stage.over(settings.paths, loaded(settings, refuse))

    def ask(question: Callable[[], Any]) -> Any:
        """The answer, or the reason why there is none, and exit."""
        from reverse_etl.journeys.enrolment import BadFile
        from reverse_etl.journeys.rehearsal import Unanswerable
        from reverse_etl.journeys.versions import NoSuchVersion
        from reverse_etl.publish import NothingPublished, TookTooLong
        from workspace.locks import RunInProgress

        try:
            return question()
        except (
            BadFile,
            Unanswerable,
            NoSuchVersion,
            NothingPublished,
            TookTooLong,
            RunInProgress,
        ) as error:
            return refuse(str(error))

    @app.command("list")
    def list_(workspace: Option = None) -> None:
        """The journeys as last run and published."""
        from reverse_etl.publish import dicts, need, reader

        def rows() -> list[dict[str, Any]]:
            with reader(chosen(workspace).paths) as connection:
                need(connection, "journeys")
                return dicts(connection, "select * from marts.journeys order by journey")

        shown = table(
            "journey", "version", "trigger", "entered", "active", "completed", "exited", ""
        )
        for row in ask(rows):
            counts = (row[name] for name in ("entered", "active", "completed", "exited"))
            state = "" if row["status"] == "active" else row["status"]
            shown.add_row(
                row["journey"],
                str(row["version"]),
                row["trigger_kind"],
                *(f"{count:,}" for count in counts),
                state,
            )
        out.print(shown)

    @app.command()
    def validate(workspace: Option = None) -> None:
        """Check every file; exit 2 with file, line and field where one is wrong."""
        from reverse_etl.journeys import versions
        from workspace.lake import Lake

        settings = chosen(workspace)
        found = loaded(settings, refuse)
        lake = Lake(settings.paths.lake)
        faults = list(versions.faults_of(found.journeys, lake, settings.present(), found.folder))
        if faults:
            refuse("\n".join(faults))
        out.print(f"{len(found.journeys.journeys)} journeys are valid", highlight=False)

    @app.command()
    def draw(
        key: Key,
        file: Annotated[
            Path | None, typer.Option("--out", help="Where the picture goes (SVG).")
        ] = None,
        workspace: Option = None,
    ) -> None:
        """Draw a journey, with what its nodes did where it ran."""
        from reverse_etl.journeys.drawing import draw as picture
        from reverse_etl.publish import NothingPublished, is_published, reader

        settings = chosen(workspace)
        journey = ask(lambda: stage(settings).journey(key))
        counts = None
        try:
            with reader(settings.paths) as connection:
                if is_published(connection, "journey_nodes"):
                    rows = connection.execute(
                        "select node, arrived, departed, waiting from marts.journey_nodes "
                        "where journey = ? and version = ?",
                        [key, journey.version],
                    ).fetchall()
                    counts = {node: tuple(rest) for node, *rest in rows}
        except NothingPublished:
            pass  # a journey is drawn before it ever ran
        target = file or Path(f"{key}.svg")
        target.write_text(picture(journey, counts), encoding="utf-8")
        out.print(f"drawn to {target}", highlight=False, markup=False)

    @app.command()
    def backtest(
        key: Key,
        from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
        to: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day after the last.")],
        responses: Answers = "recorded",
        workspace: Option = None,
    ) -> None:
        """Run the file as it stands over past days: entries, sends, where people would wait."""
        if responses not in ("recorded", "none"):
            refuse(f"--responses {responses!r}: recorded or none")
        settings = chosen(workspace)
        found = ask(
            lambda: stage(settings).backtest(key, from_.date(), to.date(), responses)  # type: ignore[arg-type]
        )
        _show(out, found)

    @app.command()
    def simulate(
        key: Key,
        contact: Annotated[list[str], typer.Option(help="Contact ids; may be repeated.")],
        days: Annotated[int, typer.Option(min=1, max=400, help="How far to go on.")] = 30,
        workspace: Option = None,
    ) -> None:
        """Put chosen people into a journey and say what it would do with them."""
        settings = chosen(workspace)
        found = ask(lambda: stage(settings).simulate(key, contact, days))
        shown = table("contact", "node", "outcome", "left at", "next")
        steps = found.steps.to_pylist()
        steps.sort(key=lambda row: (row["enrolment_id"], row["step_number"]))
        for row in steps:
            shown.add_row(
                row["contact_id"][:12],
                row["node"],
                row["outcome"],
                f"{row['left_at']:%Y-%m-%d %H:%M}",
                row["next_node"] or "",
            )
        out.print(shown)

    @app.command()
    def plan(workspace: Option = None) -> None:
        """Say what the files as they stand would do to the journeys that run."""
        from workspace.lake import Lake

        settings = chosen(workspace)
        found = ask(lambda: stage(settings).plan(Lake(settings.paths.lake)))
        if not found:
            out.print("the files say what is in force")
            return
        show_plan(out, found)

    @app.command("versions")
    def versions_(key: Key, workspace: Option = None) -> None:
        """Which versions were in force, and since when."""
        from reverse_etl.journeys import versions
        from workspace.lake import Lake

        settings = chosen(workspace)
        rows = versions.history(Lake(settings.paths.lake), settings.present())
        shown = table("version", "since", "", "by", "definition")
        for row in rows:
            if row["journey"] == key:
                shown.add_row(
                    str(row["version"]),
                    f"{row['known_at']:%Y-%m-%d %H:%M}",
                    row["status"],
                    row["reason"],
                    row["definition_hash"],
                )
        if not shown.row_count:
            refuse(f"no journey {key!r} ever ran")
        out.print(shown)

    @app.command()
    def rollback(
        key: Key,
        to: Annotated[int, typer.Option(help="The version to go back to.")],
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Bring an earlier version in force again, from the next run on."""
        from reverse_etl.journeys import versions
        from workspace.lake import Lake
        from workspace.locks import run_lock

        settings = chosen(workspace)

        def change() -> None:
            with run_lock(settings.paths.run_lock, 60.0, f"rollback {key}"):
                versions.rollback(Lake(settings.paths.lake), key, to, settings.present())

        named = ("journey.rollback", f"journey:{key}")
        with recording.recorded(settings, refuse, *named, by, reason) as done:
            before = versions.history(Lake(settings.paths.lake), settings.present())
            done.before = [row["version"] for row in before if row["journey"] == key][-1:]
            done.after = [to]
            ask(change)
        out.print(f"{key} is at version {to} from the next run on", highlight=False)

    def hold(key: str, event: str, by: str | None, reason: str | None, at: Path | None) -> None:
        from reverse_etl.campaigns import holding
        from workspace.lake import Lake

        settings = chosen(at)
        lake, now = Lake(settings.paths.lake), settings.present()
        scope, name = holding.of_journey(
            lake, key, now, lambda: ask(lambda: stage(settings).journey(key))
        )
        stopping.say(out, refuse, settings, scope, name, event, by, reason)

    @app.command()
    def pause(key: Key, by: By = None, reason: Reason = None, workspace: Option = None) -> None:
        """Hold back a journey's messages, from the next one on; people go on in it."""
        hold(key, "pause", by, reason, workspace)

    @app.command()
    def resume(key: Key, by: By = None, reason: Reason = None, workspace: Option = None) -> None:
        """Let a journey's messages go again that are still in time."""
        hold(key, "resume", by, reason, workspace)

    @app.command()
    def approve(
        key: Key,
        reject: approving.Reject = False,
        withdraw: approving.Withdraw = False,
        by: By = None,
        note: approving.Note = None,
        workspace: Option = None,
    ) -> None:
        """Let a journey's messages go as its file and templates stand (needs_approval: true)."""
        from reverse_etl.campaigns import deciding
        from reverse_etl.campaigns.approving import CannotApprove
        from reverse_etl.content.library import Library
        from workspace.lake import Lake

        settings = chosen(workspace)
        found = loaded(settings, refuse)
        ask(lambda: stage(settings).journey(key))
        try:
            with Library.load(settings.definitions) as library:
                lake, now = Lake(settings.paths.lake), settings.present()
                asked = deciding.of_journey(lake, found, library, key, now)
            said = approving.decision(reject, withdraw)
        except CannotApprove as error:
            return refuse(f"{key}: {error}")
        return approving.say(out, refuse, settings, asked, said, by, note)

    @app.command()
    def enroll(
        key: Key,
        file: Annotated[Path, typer.Argument(help="CSV with a column contact_id.")],
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say who would enter and who not; ask nothing.")
        ] = False,
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Put the contacts of a CSV file into a journey, at the next run."""
        from reverse_etl.journeys import enrolment, entering
        from workspace.lake import Lake

        settings = chosen(workspace)
        on_stage = stage(settings)
        contacts = ask(lambda: enrolment.read(file))
        if dry_run:
            lake, now = Lake(settings.paths.lake), settings.present()
            found = ask(lambda: entering.on_paper(on_stage, lake, key, contacts, now))
            return _show_entries(out, key, found)
        who = recording.said(by, reason, refuse)
        is_new = ask(lambda: enrolment.enroll(settings, on_stage, key, contacts, who))
        when = "at the next run" if is_new else "at the next run, as was asked today already"
        out.print(f"{len(contacts):,} contacts enter {key} {when}", highlight=False)
        return None

    return app


def _show_entries(out: Console, key: str, found: Any) -> None:
    """Who would enter and who not; the first of each verdict by name."""
    shown = table("contacts", "", "such as")
    for _, text, contacts in found.told():
        shown.add_row(f"{len(contacts):,}", text, ", ".join(contacts[:3]))
    out.print(shown)
    out.print(f"{found.entering:,} of {len(found.entries):,} would enter {key}", highlight=False)


def show_plan(out: Console, found: list[Any]) -> None:
    """Whom changed files would move or let go."""
    shown = table("journey", "", "version", "active", "would move", "would end")
    for row in found:
        counts = (str(n) for n in (row.version, row.active, row.moved, row.ended))
        shown.add_row(row.journey, row.kind, *counts)
    out.print(shown)


def _show(out: Console, found: Any) -> None:
    shown = table("day", "enter", "sends", "end", "waiting")
    for day in found.days:
        if day.entered or day.sends or day.ended:
            counts = (day.entered, day.sends, day.ended, day.waiting)
            shown.add_row(f"{day.at:%Y-%m-%d}", *(f"{count:,}" for count in counts))
    out.print(shown)
    shown = table("node", "way out", "times")
    for node, outcome, count in found.outcomes:
        shown.add_row(node, outcome, f"{count:,}")
    out.print(shown)
    for node, count in found.waiting:
        out.print(f"{count:,} wait at {node}", highlight=False)
    sends = sum(count for _, _, count in found.sends)
    out.print(
        f"{sends:,} messages; {found.double_days:,} times several to one contact in a day; "
        f"{found.to_unsubscribed:,} to people who have since unsubscribed",
        highlight=False,
    )
