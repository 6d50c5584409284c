"""`marketing audiences`: what a sync of audiences would do, and doing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import recording
from interfaces.loading import loaded
from interfaces.recording import By, Reason
from interfaces.tables import number, table
from workspace import restored
from workspace.settings import Settings

if TYPE_CHECKING:
    from workspace.decisions import Said

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
Destinations = Annotated[
    list[str] | None, typer.Option("--destination", help="Only this one; may be given again.")
]
CHECK_FAILED = 1


def commands(
    out: Console,
    settings_of: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
) -> typer.Typer:
    app = typer.Typer(help="Segments to ad platforms, the CRM, a webhook, files.")

    @app.command("plan")
    def plan(workspace: Option = None, destination: Destinations = None) -> None:
        """Count what a sync would add, change and remove. Nobody is asked."""
        said = recording.said(None, None, refuse)
        _sync(out, settings_of(workspace), refuse, destination, frozenset(), True, said)

    @app.command("sync")
    def sync(
        workspace: Option = None,
        destination: Destinations = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask nobody.")] = False,
        accept: Annotated[
            list[str] | None,
            typer.Option("--accept", help="Let a large change of this audience through, once."),
        ] = None,
        by: By = None,
        reason: Reason = None,
    ) -> None:
        """Bring destinations to what was last published, and deliver what the CRM was asked for."""
        said = recording.said(by, reason, refuse)
        accepted = frozenset(accept or ())
        _sync(out, settings_of(workspace), refuse, destination, accepted, dry_run, said)

    return app


def _sync(
    out: Console,
    settings: Settings,
    refuse: Callable[[str], None],
    destinations: list[str] | None,
    accept: frozenset[str],
    dry_run: bool,
    said: Said,
) -> None:
    from reverse_etl.audiences import people, registry, running
    from reverse_etl.publish import NothingPublished
    from workspace.definitions import DefinitionError, nearest
    from workspace.locks import RunInProgress, run_lock

    given = loaded(settings, refuse)
    chosen = destinations or list(registry.CAPABILITIES)
    for name in chosen:
        if name not in registry.CAPABILITIES:
            known = ", ".join(registry.CAPABILITIES)
            refuse(
                f"no destination {name!r}{nearest(name, registry.CAPABILITIES)} (one of {known})"
            )
    try:
        registry.check(settings.definitions)
    except DefinitionError as error:
        refuse(str(error))
    order = running.Order(not dry_run and _may_ask(settings), accept, *said)
    try:
        restored.check(settings.paths.root)
    except restored.NotReplayed as error:
        refuse(str(error))
    at = settings.present()
    try:
        with (
            recording.ledger_of(settings) as ledger,
            run_lock(settings.paths.run_lock, 600.0, "audiences"),
            people.desk(settings.paths, ledger) as connection,
        ):
            room = running.Room(connection, ledger, given, _desk(), order, at)
            reports = [one for name in chosen for one in running.run_destination(room, name)]
            crm = running.run_crm(room) if running.HUBSPOT in chosen else None
    except (NothingPublished, RunInProgress) as error:
        refuse(str(error))
        return
    _show(out, reports)
    if crm is not None:
        states = ", ".join(f"{n:,} {state}" for state, n in sorted(crm.states.items()))
        asked = f"CRM: {crm.planned:,} actions " + ("asked for" if order.may_send else "to ask for")
        out.print(asked + (f"; {states}" if states else ""), highlight=False)
    stopped = [report for report in reports if report.status in ("held", "paused")]
    if stopped or (crm is not None and crm.reason):
        raise typer.Exit(CHECK_FAILED)


def _may_ask(settings: Settings) -> bool:
    """A demo world mixes with nothing real."""
    from workspace.settings import sources_are_stand_ins

    return not settings.paths.default_as_of.exists() or sources_are_stand_ins()


def _desk() -> Any:
    from reverse_etl.audiences import registry
    from workspace.settings import sources_are_stand_ins, variables

    return registry.Desk(variables(registry.variables()), sources_are_stand_ins())


def _show(out: Console, reports: list[Any]) -> None:
    from workspace.ledger.schema import AUDIENCE_COUNTERS

    listing = table("audience", *AUDIENCE_COUNTERS, "taken", "failed")
    listing.columns[0].no_wrap = True
    before = None
    for report in reports:
        place, counters = report.place, report.counters
        if place.destination != before:
            listing.add_row(f"[bold]{place.destination}[/]")
            before = place.destination
        listing.add_row(
            f"  {place.audience}",
            *(number(counters.row()[name]) for name in AUDIENCE_COUNTERS),
            number(report.delivered),
            number(report.failed),
        )
    out.print(listing)
    for report in reports:
        told = f"{report.place.audience}: {report.status}"
        told += f": {report.reason}" if report.reason else ""
        if report.counters.without_consent:
            told += f"; {report.counters.without_consent:,} without consent are left out"
        out.print(escape(told), highlight=False)
