"""`marketing campaigns`: what the campaigns are, what they would do, and letting them go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import approving, recording, stopping
from interfaces.loading import loaded
from interfaces.recording import By, Reason
from interfaces.tables import number, table
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
Key = Annotated[str, typer.Argument(help="Key of the campaign: the name of its file.")]


def commands(
    out: Console,
    chosen: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
    run_job: Callable[[Settings, str], None],
) -> typer.Typer:
    """The sub-commands, printing to ``out``; ``run_job`` runs the assets of a selection."""
    app = typer.Typer(no_args_is_help=True, help="What campaigns are, would do, and may do.")

    def campaign(found: Any, key: str) -> Any:
        from workspace.definitions import nearest

        if key not in found.campaigns.campaigns:
            refuse(f"no campaign {key!r}{nearest(key, found.campaigns.campaigns)}")
        return found.campaigns.campaigns[key]

    @app.command("list")
    def list_(workspace: Option = None) -> None:
        """The campaigns as last run and published."""
        from reverse_etl.publish import NothingPublished, dicts, need, reader

        try:
            with reader(chosen(workspace).paths) as connection:
                need(connection, "campaigns")
                rows = dicts(connection, "select * from marts.campaigns order by campaign")
        except NothingPublished as error:
            return refuse(str(error))
        counted = ("launches", "contacts", "sent", "underway", "unknown", "waiting")
        shown = table("campaign", "", *counted, "not sent", "")
        for row in rows:
            shown.add_row(
                row["campaign"],
                row["campaign_kind"],
                *(number(row[name]) for name in counted),
                number(row["not_sent"] - row["waiting"]),
                "" if row["status"] == "active" else row["status"],
            )
        return out.print(shown)

    @app.command()
    def validate(workspace: Option = None) -> None:
        """Check every file; exit 2 with file, line and field where one is wrong."""
        found = loaded(chosen(workspace), refuse).campaigns.campaigns
        out.print(f"{len(found)} campaigns are valid", highlight=False)

    @app.command()
    def new(
        key: Key,
        vertical: Annotated[str, typer.Option(help="Vertical of verticals.yml.")],
        kind: Annotated[str, typer.Option(help="broadcast, recurring or triggered.")] = "broadcast",
        segment: Annotated[str | None, typer.Option(help="Whom it is for.")] = None,
        template: Annotated[str | None, typer.Option(help="What it says.")] = None,
        journey: Annotated[str | None, typer.Option(help="What it does, if triggered.")] = None,
        workspace: Option = None,
    ) -> None:
        """Begin a campaign: a file that is valid as it stands. Nothing is sent of it."""
        from reverse_etl.campaigns.scaffold import CannotBegin, scaffold

        settings = chosen(workspace)
        today = settings.present().date()
        found = loaded(settings, refuse)
        try:
            path = scaffold(found, key, kind, vertical, today, segment, template, journey)
        except CannotBegin as error:
            return refuse(str(error))
        out.print(f"begun in {path}", highlight=False, markup=False)
        out.print("edit it, then: marketing campaigns plan " + key, highlight=False)
        return None

    @app.command()
    def plan(
        key: Annotated[str | None, typer.Argument(help="One campaign; all by default.")] = None,
        approved: Annotated[
            bool, typer.Option("--approved", help="As if the next launch were approved.")
        ] = False,
        workspace: Option = None,
    ) -> None:
        """Say what the files change, or where the messages of one's next launch would end."""
        settings = chosen(workspace)
        found = loaded(settings, refuse)
        if key is not None:
            campaign(found, key)
            return _show_outlook(out, _outlook(settings, found, key, refuse, approved))
        from reverse_etl.campaigns import planning
        from workspace.lake import Lake

        rows = planning.changes(
            found.campaigns,
            found.journeys.journeys,
            Lake(settings.paths.lake),
            found.caps,
            found.verticals.reporting.time_zone,
            settings.present(),
        )
        return show_plan(out, rows) if rows else out.print("the files say what is in force")

    @app.command()
    def approve(
        key: Key,
        occurrence: Annotated[
            str | None, typer.Option(help="With approval: each, such as 2026-W41.")
        ] = None,
        reject: approving.Reject = False,
        withdraw: approving.Withdraw = False,
        by: By = None,
        note: approving.Note = None,
        workspace: Option = None,
    ) -> None:
        """Let a campaign go out as its file and template stand; a change needs a new approval."""
        from reverse_etl.campaigns import deciding
        from reverse_etl.campaigns.approving import CannotApprove
        from reverse_etl.content.library import Library
        from workspace.lake import Lake

        settings = chosen(workspace)
        found = loaded(settings, refuse)
        campaign(found, key)
        try:
            with Library.load(settings.definitions) as library:
                lake, now = Lake(settings.paths.lake), settings.present()
                asked = deciding.of_campaign(lake, found, library, key, occurrence, now)
            said = approving.decision(reject, withdraw)
        except CannotApprove as error:
            return refuse(f"{key}: {error}")
        return approving.say(out, refuse, settings, asked, said, by, note)

    @app.command()
    def run(by: By = None, reason: Reason = None, workspace: Option = None) -> None:
        """Launch what is due, decide what waits and queue it, over the segments as last run."""
        from dagster_project import outlook
        from dagster_project.jobs import CAMPAIGNS
        from dagster_project.what_if import NoWarehouse
        from workspace.locks import RunInProgress

        settings = chosen(workspace)
        try:
            outlook.check(settings)
        except (NoWarehouse, RunInProgress) as error:
            return refuse(str(error))
        # Before it, since a run that fails half-way may have launched some.
        with recording.recorded(settings, refuse, "campaign.run", "campaigns", by, reason):
            pass
        return run_job(settings, CAMPAIGNS)

    @app.command()
    def test(
        key: Key,
        to: Annotated[
            str, typer.Option("--to", help="Addresses or numbers by commas, or a file of them.")
        ],
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Send its messages to a list, by the real provider and outside metrics and caps."""
        from dagster_project.delivering import desk
        from interfaces.sending import refusing, show
        from reverse_etl.content.library import Library
        from reverse_etl.delivery.service import deliver, idle
        from reverse_etl.delivery.trying import CannotTry, addresses, queue_tests

        settings, said = chosen(workspace), recording.said(by, reason, refuse)
        found = loaded(settings, refuse)
        campaign(found, key)
        with desk(settings, found) as at_hand, refusing(refuse):
            why = idle(at_hand)
            lanes = found.providers.lanes.values()
            if all(place.provider in why for lane in lanes for place in lane):
                told = "; ".join(f"{name}: {reason}" for name, reason in sorted(why.items()))
                return refuse(f"no provider can be asked ({told})")
            try:
                with Library.load(settings.definitions) as library:
                    ids = queue_tests(
                        at_hand.ledger,
                        library,
                        settings.keyring,
                        found,
                        key,
                        addresses(to),
                        at_hand.clock(),
                        *said,
                    )
            except CannotTry as error:
                return refuse(f"--to: {error}")
            return show(out, deliver(at_hand, only=ids))

    def hold(key: str, event: str, by: str | None, reason: str | None, at: Path | None) -> None:
        from reverse_etl.campaigns import holding
        from workspace.lake import Lake

        settings = chosen(at)
        lake, now = Lake(settings.paths.lake), settings.present()
        scope, name = holding.of_campaign(
            lake, key, now, lambda: campaign(loaded(settings, refuse), key)
        )
        stopping.say(out, refuse, settings, scope, name, event, by, reason)

    @app.command()
    def pause(key: Key, by: By = None, reason: Reason = None, workspace: Option = None) -> None:
        """Hold back its messages, from the next one on; launches go on being made."""
        hold(key, "pause", by, reason, workspace)

    @app.command()
    def resume(key: Key, by: By = None, reason: Reason = None, workspace: Option = None) -> None:
        """Let those of its messages go again that are still in time."""
        hold(key, "resume", by, reason, workspace)

    @app.command()
    def stop(key: Key, by: By = None, reason: Reason = None, workspace: Option = None) -> None:
        """End it: nothing of it goes out any more, ever."""
        hold(key, "stop", by, reason, workspace)

    return app


def show_plan(out: Console, rows: list[Any]) -> None:
    shown = table("campaign", "", "kind", "version", "approval", "next launch")
    for row in rows:
        after = f"{row.next_at:%Y-%m-%d %H:%M} UTC" if row.next_at else ""
        shown.add_row(row.campaign, row.change, row.kind, str(row.version), row.approval, after)
    out.print(shown)


def _outlook(
    settings: Settings, found: Any, key: str, refuse: Callable[[str], None], approved: bool
) -> Any:
    from dagster_project import outlook
    from dagster_project.what_if import NoWarehouse
    from reverse_etl.campaigns.planning import NothingToLaunch
    from workspace.definitions import DefinitionError
    from workspace.locks import RunInProgress

    try:
        return outlook.of_campaign(settings, found, key, is_approved=approved)
    except (NothingToLaunch, NoWarehouse, RunInProgress, DefinitionError) as error:
        return refuse(str(error))


def _show_outlook(out: Console, found: Any) -> None:
    out.print(
        f"{found.campaign}, {found.occurrence}: at {found.planned_at:%Y-%m-%d %H:%M} UTC to "
        f"{found.contacts:,} contacts, of whom {found.goes_out:,} would get it as things stand",
        highlight=False,
    )
    shown = table("gate", "not sent", "held back", "mostly")
    for gate, blocked, held in found.stages:
        why = escape(found.reasons.get(gate, ""))
        shown.add_row(escape(gate), number(blocked), number(held), why)
    if found.stages:
        out.print(shown)
