"""`marketing plan`: what the changed files of `marketing/` would do, before a run applies them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from interfaces.campaigns import show_plan as show_campaigns
from interfaces.journeys import show_plan as show_journeys
from interfaces.segments import show_plan as show_segments
from interfaces.tables import number, table
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
CHECK_FAILED = 1
#: Moves between bands that are shown; `--json` has all.
SHOWN = 20


def command(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def plan(
        workspace: Option = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    ) -> None:
        """Say what changed segments, journeys, campaigns, scoring and caps would do."""
        from dagster_project import plans
        from dagster_project.dbt import DbtError
        from dagster_project.what_if import NoWarehouse
        from reverse_etl.journeys.rehearsal import Unanswerable
        from reverse_etl.planning.caps import NotRecorded
        from reverse_etl.publish import NothingPublished, TookTooLong
        from workspace import definitions
        from workspace.locks import RunInProgress

        settings = chosen(workspace)
        try:
            with out.status("plan"):
                found = plans.plan(settings, definitions.load(settings.definitions))
        except (
            definitions.DefinitionError,
            DbtError,
            NoWarehouse,
            NotRecorded,
            NothingPublished,
            RunInProgress,
            TookTooLong,
            Unanswerable,
        ) as error:
            return refuse(str(error))
        if as_json:
            out.print(
                json.dumps(asdict(found), default=str, ensure_ascii=False),
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
        else:
            _show(out, found)
        if found.held:
            raise typer.Exit(CHECK_FAILED)
        return None

    return plan


def _show(out: Console, found: Any) -> None:
    if found.is_empty:
        out.print("the files say what is in force")
    if found.segments:
        out.print("[bold]segments[/]")
        show_segments(out, found.segments)
    if found.journeys:
        out.print("[bold]journeys[/]")
        show_journeys(out, found.journeys)
    if found.campaigns:
        out.print("[bold]campaigns[/]")
        show_campaigns(out, found.campaigns)
    if found.scoring:
        out.print("[bold]scoring.yml[/]")
        _show_settings(out, found.scoring)
        for moved in found.scores:
            _show_moved(out, moved)
    if found.caps:
        out.print("[bold]caps.yml[/]")
        _show_settings(out, found.caps)
        _show_messages(out, found.messages)


def _show_settings(out: Console, settings: list[Any]) -> None:
    from reverse_etl.planning.settings import shown

    rows = table("setting", "is", "would be")
    for setting in settings:
        values = (shown(setting.before), shown(setting.after))
        rows.add_row(setting.path, *(escape(value) for value in values))
    out.print(rows)


def _show_moved(out: Console, moved: Any) -> None:
    out.print(
        f"{moved.score}: {moved.changed:,} of {moved.contacts:,} contacts change, on the mean "
        f"of all by {moved.mean_change:+.2f}",
        highlight=False,
    )
    if moved.moves:
        rows = table("vertical", "from", "to", "contacts")
        for move in moved.moves[:SHOWN]:
            rows.add_row(move.vertical, move.before, move.after, number(move.contacts))
        out.print(rows)
    if moved.largest:
        rows = table("largest moves", "vertical", "score", "then", "from", "to")
        for one in moved.largest:
            scores = (f"{one.score_before:.1f}", f"{one.score_after:.1f}")
            bands = (one.band_before, one.band_after)
            rows.add_row(one.contact_id[:12], one.vertical, *scores, *bands)
        out.print(rows)


def _show_messages(out: Console, plan: Any) -> None:
    if plan.total is None:
        out.print("no message was intended in the last 28 days, and none is pending")
    else:
        out.print(
            f"{plan.messages:,} messages of the last 28 days or pending, asked again; runs: "
            f"{plan.runs:,}",
            highlight=False,
        )
        _show_counts(out, "", [plan.total])
        _show_counts(out, "gate", plan.gates)
        _show_counts(out, "class", plan.classes)
        _show_counts(out, "source", plan.sources)
        _show_caps(out, plan.caps)
        out.print(
            f"{plan.people_losing:,} contacts get fewer messages, {plan.people_gaining:,} more; "
            f"{plan.delayed:,} messages go later; value lost {plan.value_lost:,.2f}, gained "
            f"{plan.value_gained:,.2f}",
            highlight=False,
        )
        if plan.losers:
            rows = table("who loses most", "messages", "then", "value lost")
            for one in plan.losers:
                counts = (number(one.queued_before), number(one.queued_after))
                rows.add_row(one.contact_id[:12], *counts, f"{one.value_lost:,.2f}")
            out.print(rows)
    if plan.held_out_entering or plan.held_out_leaving:
        out.print(
            f"held out {plan.held_out_before:,} -> {plan.held_out_after:,} of {plan.contacts:,} "
            f"contacts: {plan.held_out_entering:,} come in, {plan.held_out_leaving:,} leave",
            highlight=False,
        )


def _show_counts(out: Console, heading: str, rows: list[Any]) -> None:
    if not rows:
        return
    shown = table(heading, "go", "then", "wait", "then", "end", "then")
    for row in rows:
        cells = (
            *(row.queued_before, row.queued_after, row.waiting_before, row.waiting_after),
            *(row.blocked_before, row.blocked_after),
        )
        shown.add_row(row.name if heading else "all", *(number(cell) for cell in cells))
    out.print(shown)


def _show_caps(out: Console, caps: list[Any]) -> None:
    shown = table("cap", "limit", "then", "stopped", "then", "ended", "then", "value lost", "then")
    for cap in caps:
        if not cap.differs:
            continue
        counts = (cap.stopped_before, cap.stopped_after, cap.blocked_before, cap.blocked_after)
        values = (f"{cap.value_lost_before:,.2f}", f"{cap.value_lost_after:,.2f}")
        limits = (number(cap.limit_before), number(cap.limit_after))
        shown.add_row(cap.cap, *limits, *(number(count) for count in counts), *values)
    if shown.row_count:
        out.print(shown)
