"""The command line. Exit codes: 0 success, 1 a check failed, 2 bad arguments or bad input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import (
    alerting,
    attribution,
    audiences,
    auditing,
    backups,
    campaigns,
    consents,
    erasing,
    experiments,
    exporting,
    identity,
    journeys,
    models,
    packing,
    paperwork,
    plan,
    rectifying,
    report,
    retaining,
    segments,
    sending,
    stopping,
    templates,
)
from interfaces.recording import By, Reason, recorded
from workspace import definitions, restored, settings
from workspace.paths import Paths
from workspace.settings import Settings, SettingsError

app = typer.Typer(
    name="marketing",
    help="A marketing data warehouse in one folder: files in, KPI marts out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
# A pipe has no width of its own; the tables need about this much.
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 104)
err = Console(stderr=True, soft_wrap=True)

CHECK_FAILED = 1
BAD_INPUT = 2

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", help="Workspace folder (default: MARKETING_WORKSPACE or data/)."),
]


@app.command()
def demo(
    workspace: WorkspaceOption = None,
    size: Annotated[str, typer.Option(help="S (about 40k accounts, 400k events) or M.")] = "S",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same world.")] = 7,
    profile: Annotated[str, typer.Option(help="calibrated or churn.")] = "calibrated",
    next_day: Annotated[
        bool,
        typer.Option("--next-day", help="Send what is due to stand-ins, go on a day, run again."),
    ] = False,
) -> None:
    """Create the demo world's landing files and run everything once."""
    from interfaces import demo_world

    chosen = _settings(workspace)
    if next_day:
        return _next_day(chosen)
    if size not in demo_world.SIZES or profile not in demo_world.PROFILES:
        _refuse(f"--size is one of {demo_world.SIZES}, --profile one of {demo_world.PROFILES}")
    world = {"size": size, "seed": seed, "profile": profile}
    obstacle = demo_world.obstacle(chosen, world)
    if obstacle is not None:
        _refuse(f"{chosen.paths.root} {obstacle}; or give another folder with --workspace")
    # dbt reads its project meanwhile; the run finds it read, or meets the same error.
    prepare = ["prepare", "--workspace", str(chosen.paths.root)]
    command = [sys.executable, "-m", "interfaces.cli", *prepare]
    with (
        subprocess.Popen(command, stderr=subprocess.DEVNULL),
        report.stage(out, "demo world"),
    ):
        landed = demo_world.land(chosen, world)
    out.print(f"  {landed.files} files landed in {chosen.paths.landing}")
    with demo_world.connected(landed):
        _run(chosen, as_of=None, select=None)
    report.show_kpis(out, chosen.paths)
    return report.show_next_steps(out, chosen.paths)


def _next_day(chosen: Settings) -> None:
    from interfaces import next_day
    from interfaces.loading import loaded

    if not next_day.is_demo(chosen):
        _refuse(f"{chosen.paths.root} holds no demo world; make one with: marketing demo")
    given = loaded(chosen, _refuse)
    with sending.refusing(_refuse), report.stage(out, "sending"):
        day = next_day.send(chosen, given)
    sending.show(out, day.delivered)
    for provider, count in sorted(day.reports.items()):
        out.print(f"{provider} reported back in {count:,} webhooks", highlight=False)
    out.print(f"the world goes on to {day.present}", highlight=False)
    _run(chosen, as_of=None, select=None)
    report.show_deliveries(out, chosen.paths)


@app.command()
def run(
    workspace: WorkspaceOption = None,
    select: Annotated[
        str | None, typer.Option(help="Assets to run, in Dagster's selection syntax.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="UTC time to look from; a past one publishes to published/as_of/."),
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build what did not change, too.")
    ] = False,
) -> None:
    """Take in what has landed, rebuild the marts behind it, check them and publish."""
    from workspace.clock import iso, parse_time

    chosen = _settings(workspace)
    if as_of is not None:
        try:
            time = parse_time(as_of)
        except (ValueError, OverflowError):
            _refuse(f"--as-of {as_of!r} is not a time such as 2026-03-01 or 2026-03-01T06:00:00Z")
        if time > chosen.present():
            _refuse(f"--as-of {as_of} lies after the present, {iso(chosen.present())}")
    _run(chosen, as_of, select, full_refresh)


@app.command()
def ingest(
    kind: Annotated[str, typer.Argument(help="What the files hold; see the README's table.")],
    paths: Annotated[list[Path], typer.Argument(help="Local files, plain or gzip.")],
    workspace: WorkspaceOption = None,
    map_column: Annotated[
        list[str] | None,
        typer.Option("--map", help="THEIR_COLUMN=ours, for files with other column names."),
    ] = None,
) -> None:
    """Land local files and load them into the lake; a run turns them into marts."""
    from ingestion import KINDS, IngestError, ingest_files
    from workspace.lake import Lake
    from workspace.locks import RunInProgress, run_lock

    if kind not in KINDS:
        suggestion = definitions.nearest(kind, KINDS)
        _refuse(f"unknown kind {kind!r}{suggestion} (one of {', '.join(KINDS)})")
    column_map = dict(pair.split("=", 1) for pair in map_column or [] if "=" in pair)
    if len(column_map) != len(map_column or []):
        _refuse("--map takes THEIR_COLUMN=ours")
    chosen = _settings(workspace)
    lake = Lake(chosen.paths.lake)
    results, refused = [], []
    try:
        with run_lock(chosen.paths.run_lock, 600.0, f"ingest {kind}"), report.stage(out, "ingest"):
            for path in paths:
                try:
                    results += ingest_files(
                        kind,
                        [path],
                        chosen.paths.landing,
                        lake,
                        chosen.keyring,
                        column_map or None,
                        now=chosen.present,
                    )
                except IngestError as error:
                    refused.append(str(error))
    except RunInProgress as error:
        _refuse(str(error))
    report.show_loads(out, results)
    report.show_faults(err, results, refused)
    if any(result.suite_failures for result in results):
        raise typer.Exit(CHECK_FAILED)
    if refused or any(result.bad or result.quarantined for result in results):
        raise typer.Exit(BAD_INPUT)


@app.command(name="import")
def import_(
    tool: Annotated[str, typer.Argument(help="Whose tables they are: fivetran.")],
    paths: Annotated[list[Path], typer.Argument(help="Tables or folders: CSV, gzip or Parquet.")],
    workspace: WorkspaceOption = None,
    currency: Annotated[
        str | None, typer.Option(help="Of ad accounts whose tables name none, such as EUR.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what each table would become; load nothing.")
    ] = False,
) -> None:
    """Move in: load HubSpot and ad tables of another warehouse (docs/move-in.md)."""
    from ingestion import IngestError
    from ingestion.contracts.fields import read_currency
    from ingestion.errors import RowError
    from ingestion.fivetran import Desk, import_tables
    from workspace.lake import Lake
    from workspace.locks import RunInProgress, run_lock

    if tool != "fivetran":
        _refuse(f"unknown tool {tool!r}; tables of fivetran can be imported")
    try:
        code = read_currency(currency) if currency is not None else None
    except RowError:
        _refuse(f"--currency {currency!r} is not an ISO 4217 code")
    chosen = _settings(workspace)
    desk = Desk(chosen.paths.landing, Lake(chosen.paths.lake), chosen.keyring)
    try:
        with run_lock(chosen.paths.run_lock, 600.0, "import"), report.stage(out, "import"):
            found = import_tables(paths, None if plan else desk, now=chosen.present, currency=code)
    except (RunInProgress, IngestError) as error:
        _refuse(str(error))
    report.show_import(out, err, found)
    if any(result.suite_failures for result in found.loads):
        raise typer.Exit(CHECK_FAILED)
    rejected = any(result.bad or result.quarantined for result in found.loads)
    if rejected or any(table.is_trouble for table in found.tables):
        raise typer.Exit(BAD_INPUT)


@app.command()
def replay(
    kind: Annotated[str, typer.Argument(help="Whose rejected rows to read again.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Read files with rejected rows again, after whatever they were rejected for is mended."""
    from ingestion import KINDS
    from ingestion import replay as replay_kind
    from workspace.lake import Lake
    from workspace.locks import RunInProgress, run_lock

    if kind not in KINDS:
        suggestion = definitions.nearest(kind, KINDS)
        _refuse(f"unknown kind {kind!r}{suggestion} (one of {', '.join(KINDS)})")
    chosen = _settings(workspace)
    lake = Lake(chosen.paths.lake)
    try:
        with run_lock(chosen.paths.run_lock, 600.0, f"replay {kind}"), report.stage(out, "replay"):
            results = replay_kind(kind, chosen.paths.landing, lake, chosen.keyring)
    except RunInProgress as error:
        _refuse(str(error))
    report.show_loads(out, results)
    report.show_faults(err, results, [])
    if any(result.suite_failures for result in results):
        raise typer.Exit(CHECK_FAILED)
    if any(result.bad or result.quarantined for result in results):
        raise typer.Exit(BAD_INPUT)


@app.command()
def serve(
    workspace: WorkspaceOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
) -> None:
    """Collect events over HTTP (Segment's tracking API) until interrupted."""
    from dagster_project.erasing import replay
    from interfaces import http

    chosen = _settings(workspace)
    try:
        http.check(chosen)
        replay(chosen)
    except SettingsError as error:
        _refuse(str(error))
    out.print(f"collecting on http://{host}:{port}/v1/ into {chosen.paths.landing}")
    http.serve(chosen, host, port, workers)


@app.command()
def publish(
    workspace: WorkspaceOption = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to the version before the current one.")
    ] = False,
    postgres: Annotated[
        bool,
        typer.Option("--postgres", help="Load it into the Postgres at MARKETING_PUBLISH_POSTGRES."),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--full-refresh", help="With --postgres: tables that are there, too.")
    ] = False,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="With --postgres: replace what another workspace loaded."),
    ] = False,
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget-postgres",
            metavar="HOST:PORT/DATABASE",
            help="A Postgres that holds nothing any more: erasures wait for it no longer.",
        ),
    ] = None,
    by: By = None,
    reason: Reason = None,
) -> None:
    """Say which version is published, go back to the one before it, or load it into Postgres."""
    from reverse_etl import publish as publishing
    from reverse_etl.publish import postgres as to_postgres
    from reverse_etl.publish.publisher import current_version
    from workspace.locks import RunInProgress, run_lock

    chosen = _settings(workspace)
    paths = chosen.paths
    try:
        if rollback:
            with (
                recorded(chosen, _refuse, "publish.rollback", "published", by, reason) as done,
                run_lock(paths.run_lock, 60.0, "rollback"),
            ):
                done.before = current_version(paths)
                publishing.rollback(paths)
                done.after = current_version(paths)
        if forget is not None:
            with recorded(chosen, _refuse, "publish.forget_postgres", forget, by, reason):
                if not to_postgres.forget(paths, forget):
                    _refuse("--forget-postgres: nothing was published to such a database")
            out.print(f"forgotten: {forget}", highlight=False)
            return
        out.print(f"current version: {current_version(paths)}", highlight=False)
    except (publishing.NothingPublished, RunInProgress) as error:
        _refuse(str(error))
    if postgres:
        _publish_to_postgres(chosen, everything, take_over)
    if rollback:
        _make_pages(paths)


def _publish_to_postgres(chosen: Settings, everything: bool, take_over: bool) -> None:
    from reverse_etl.publish.postgres import PostgresFault, load
    from workspace.clock import now

    try:
        url = settings.publish_postgres()
        if url is None:
            raise SettingsError("MARKETING_PUBLISH_POSTGRES is not set")
        with report.stage(out, "postgres"):
            done = load(chosen.paths, url, now(), everything, take_over=take_over)
    except SettingsError as error:
        _refuse(str(error))
    except PostgresFault as fault:
        err.print(f"[red]failed[/] {escape(str(fault))}", highlight=False)
        raise typer.Exit(CHECK_FAILED) from None
    report.show_postgres(out, done)


@app.command("control-room")
def control_room(workspace: WorkspaceOption = None) -> None:
    """Make the pages of the control room anew from what is published, and say where they are."""
    _make_pages(_settings(workspace).paths)


def _make_pages(paths: Paths) -> None:
    from reverse_etl.control_room import building
    from workspace.locks import RunInProgress

    try:
        done = building.build(paths)
    except (building.PageError, RunInProgress) as error:
        _refuse(str(error))
    figures = f"{len(done.pages)} pages, {len(done.rows)} figures"
    out.print(f"{done.folder / building.FIRST}  ({figures}, {done.seconds:.1f} s)", highlight=False)


@app.command("bi-settings")
def bi_settings(workspace: WorkspaceOption = None) -> None:
    """Print the SQL that locks a BI tool's connection (docs/bi-connections.md)."""
    from reverse_etl.publish import NothingPublished
    from reverse_etl.publish import bi_settings as statements

    try:
        for statement in statements(_settings(workspace).paths):
            print(f"{statement};")
    except NothingPublished as error:
        _refuse(str(error))


@app.command()
def doctor(workspace: WorkspaceOption = None) -> None:
    """Look at the workspace, the definitions and the published version; say what is wrong."""
    from interfaces.doctor import examine

    faults = examine(_settings(workspace), out)
    if faults:
        raise typer.Exit(CHECK_FAILED)


@app.command()
def prepare(workspace: WorkspaceOption = None) -> None:
    """Make what `dagster dev` needs before it starts: its instance file and dbt's manifest."""
    from dagster_project.dbt import DbtError
    from dagster_project.runs import prepare as prepare_dagster

    try:
        prepare_dagster(_settings(workspace))
    except DbtError as error:
        _refuse(str(error))


def _run(
    chosen: Settings,
    as_of: str | None,
    select: str | None,
    full_refresh: bool = False,
    training: bool = False,
) -> None:
    from dagster_project import resources, runs
    from dagster_project.dbt import DbtError
    from ingestion.sources import registry

    try:
        restored.check(chosen.paths.root)
        definitions.load(chosen.definitions).check_sources(registry.MODULES)
        with report.steps(out) as progress:
            resources.listeners.append(progress.done)
            resources.tellers.append(progress.tell)
            try:
                outcome = runs.run(chosen, as_of, select, full_refresh, training)
            finally:
                resources.listeners.remove(progress.done)
                resources.tellers.remove(progress.tell)
    except (
        definitions.DefinitionError,
        DbtError,
        runs.SelectionError,
        restored.NotReplayed,
    ) as error:
        _refuse(str(error))
    progress.summary()
    for fault in outcome.faults:
        err.print(f"[red]failed[/] {escape(fault)}", highlight=False)
    if not outcome.succeeded:
        raise typer.Exit(CHECK_FAILED)


def _settings(workspace: Path | None) -> Settings:
    from reverse_etl.publish import ensure_root

    try:
        chosen = settings.load(workspace)
    except (SettingsError, OSError) as error:
        _refuse(str(error))
    if ensure_root(chosen.paths):
        err.print("the workspace has moved: the published views were rewritten", style="yellow")
    return chosen


def _refuse(message: str) -> None:
    err.print(f"[red]error[/] {escape(message)}", highlight=False)
    raise typer.Exit(BAD_INPUT)


app.add_typer(identity.commands(out, _settings, _refuse), name="identity")
app.add_typer(segments.commands(out, _settings, _refuse), name="segments")
app.add_typer(journeys.commands(out, _settings, _refuse), name="journeys")
app.add_typer(
    campaigns.commands(out, _settings, _refuse, lambda at, select: _run(at, None, select)),
    name="campaigns",
)
app.add_typer(
    consents.commands(out, _settings, _refuse, lambda at, select: _run(at, None, select)),
    name="consents",
)
app.add_typer(experiments.commands(out, _settings, _refuse), name="experiments")
app.add_typer(
    models.commands(
        out,
        _settings,
        _refuse,
        lambda at: _run(at, None, None, training=True),
        lambda at: _run(at, None, models.scores()),
    ),
    name="models",
)
app.add_typer(templates.commands(out, _settings, _refuse), name="templates")
app.add_typer(audiences.commands(out, _settings, _refuse), name="audiences")
app.add_typer(sending.commands(out, _settings, _refuse), name="outbox")
app.add_typer(alerting.commands(out, _settings), name="alerts")
app.command("send")(sending.send_command(out, _settings, _refuse))
app.command("backup")(backups.backup_command(out, _settings, _refuse))
app.command("restore")(backups.restore_command(out, _refuse))
app.command("pack")(packing.command(out, _settings, _refuse))
app.command("plan")(plan.command(out, _settings, _refuse))
app.command("attribution")(attribution.command(out, _settings, _refuse))
app.command("export")(exporting.command(out, _settings, _refuse))
app.command("paperwork")(paperwork.command(out, _settings, _refuse))
app.command("rectify")(rectifying.command(out, _settings, _refuse))
app.command("erase")(erasing.command(out, _settings, _refuse))
app.command("audit")(auditing.command(out, _settings, _refuse))
app.command("retain")(retaining.command(out, _settings, _refuse))
app.command("stop-all")(stopping.command(out, _settings, _refuse))


def main() -> None:
    app()


if __name__ == "__main__":
    main()
