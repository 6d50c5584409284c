"""What the command line prints: progress, loads, the split of a run's time, KPIs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workspace.paths import Paths

STARTED = time.perf_counter()

#: Seconds of work on the data so far, SQL apart.
_work: list[float] = []


@contextmanager
def stage(console: Console, name: str) -> Iterator[None]:
    """A spinner on a terminal, and a line with the seconds at the end."""
    started = time.perf_counter()
    with console.status(name):
        yield
    _work.append(time.perf_counter() - started)
    console.print(f"  {name:<28} {_work[-1]:6.1f} s", highlight=False)


class Steps:
    """Prints each step as it ends and adds up the seconds of work."""

    def __init__(self, console: Console, status: Any) -> None:
        self.console = console
        self.status = status

    def done(self, name: str, seconds: float, rows: int | None) -> None:
        if not name.startswith("dbt_"):  # of these only the SQL is work on the data
            _work.append(seconds)
        shown = f"{rows:>12,} rows" if rows else ""
        self.console.print(f"  {name:<28} {seconds:6.1f} s {shown}", highlight=False)
        self.status.update(f"after {name}")

    def tell(self, text: str) -> None:
        self.console.print(f"    {text}", markup=False, highlight=False)

    def summary(self) -> None:
        """The command's seconds, and how many of them were Dagster's, dbt's and Python's own."""
        from dagster_project.dbt import sql_seconds_of_last_builds

        total, work = time.perf_counter() - STARTED, sum(_work)
        sql = sql_seconds_of_last_builds()
        overhead = total - work - sql
        self.console.print(
            f"  {total:.1f} s: files, loading and publishing {work:.1f} s, SQL {sql:.1f} s, "
            f"Dagster's and dbt's own {overhead:.1f} s ({overhead / total:.0%})",
            highlight=False,
        )


@contextmanager
def steps(console: Console) -> Iterator[Steps]:
    with console.status("run") as status:
        yield Steps(console, status)


def show_loads(console: Console, results: Sequence[Any]) -> None:
    """One line a file: how each of its rows ended."""
    if not results:
        return
    table = Table("file", "received", "good", "bad", "duplicate", "quarantined", box=None)
    for result in results:
        counts = (result.received, result.good, result.bad, result.duplicate, result.quarantined)
        table.add_row(escape(result.file_name), *(f"{count:,}" for count in counts))
    console.print(table)
    for result in results:
        if result.received == 0:
            console.print(f"  {result.file_name}: holds no rows", markup=False, highlight=False)
        if result.ignored_columns:
            names = ", ".join(result.ignored_columns)
            console.print(f"  {result.file_name}: ignored columns {names}", markup=False)
        if result.same_as is not None:
            console.print(f"  {result.file_name}: the same bytes as {result.same_as}", markup=False)
        for failure in result.suite_failures:
            console.print(f"  {result.file_name}: {failure}", markup=False, highlight=False)


def show_faults(console: Console, results: Sequence[Any], refused: Sequence[str]) -> None:
    """File, line, field and reason of what was not taken; all of it is in rejected_rows."""
    for result in results:
        for example in result.examples:
            console.print(example, markup=False, highlight=False)
        more = result.bad + result.quarantined - len(result.examples)
        if more > 0:
            console.print(f"… and {more:,} more rows of {result.file_name}", highlight=False)
    for message in refused:
        console.print(f"refused {message}", markup=False, highlight=False)


def show_import(console: Console, errors: Console, found: Any) -> None:
    """What became of each table, the levels of spend side by side, and how its rows ended."""
    for table in found.tables:
        target = errors if table.is_trouble else console
        target.print(f"{table.path}: {table.became}", markup=False, highlight=False)
    levels: dict[tuple[str, str], str] = {}
    for table in found.tables:
        for currency, amount in table.spend.items():
            kinds = levels.setdefault((table.table, f"{amount:,.2f} {currency}"), "")
            levels[(table.table, f"{amount:,.2f} {currency}")] = ", ".join(
                filter(None, (kinds, table.kind))
            )
    if levels:
        shown = Table("spend by table (not to be added)", "total", "loaded as", box=None)
        for (name, amount), kinds in levels.items():
            shown.add_row(escape(name), amount, kinds or "-")
        shown.columns[1].justify = "right"
        console.print(shown)
    for note in found.notes:
        console.print(note, markup=False, highlight=False)
    show_loads(console, found.loads)
    show_faults(errors, found.loads, [])


def show_kpis(console: Console, paths: Paths) -> None:
    """The last complete month against the plan, for each vertical."""
    with duckdb.connect(str(paths.published / "marketing.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            """
            select
                month, vertical, metric_name, metric_window, unit, currency,
                value, target_value, target_status
            from marts.kpi_monthly
            where status = 'measured' and target_value is not null and is_complete
            qualify month = max(month) over ()
            order by vertical, metric_name, metric_window
            """
        ).fetchall()
    if not rows:
        return
    table = Table(
        *("vertical", "KPI", "window", "value", "target", ""),
        title=f"KPIs of {rows[0][0]:%B %Y} against the plan",
        box=None,
        title_justify="left",
    )
    for column in table.columns:
        column.no_wrap = column.header != "KPI"
        column.justify = "right" if column.header in ("value", "target") else "left"
    for _, vertical, name, window, unit, currency, value, target, verdict in rows:
        colour = "green" if verdict == "met" else "yellow"
        shown = (_figure(number, unit, currency) for number in (value, target))
        table.add_row(vertical, escape(name), window, *shown, f"[{colour}]{verdict}[/]")
    console.print()
    console.print(table)


def _figure(value: float, unit: str, currency: str | None) -> str:
    if unit == "ratio":
        return f"{value:.1%}"
    if unit == "count":
        return f"{value:,.1f}".removesuffix(".0")
    decimals = 0 if abs(value) >= 10_000 else 2
    return f"{value:,.{decimals}f} {currency or ''}".rstrip()


def show_next_steps(console: Console, paths: Paths) -> None:
    console.print(
        f"\nOpen the marts:   duckdb -readonly '{paths.published / 'marketing.duckdb'}'"
        "\n                  select * from marts.kpi_monthly;"
        f"\nSee the pages:    {paths.control_room / 'index.html'}   (in a browser)"
        "\nTrain models:     marketing models train       (every later run scores by them)"
        "\nSend what is due:  marketing demo --next-day   (to stand-ins on this machine)"
        "\nSee the lineage:  make dev   (then http://127.0.0.1:3000)",
        markup=False,
        highlight=False,
    )


def show_postgres(console: Console, done: Any) -> None:
    rows = f"{len(done.rows)} tables of {sum(done.rows.values()):,} rows"
    console.print(f"loaded {rows}; {len(done.kept)} were there already", highlight=False)
    for place, texts in done.nuls.items():
        console.print(f"  {escape(place)}: {texts:,} texts with U+FFFD for a NUL", highlight=False)
    for name in done.dropped:
        console.print(f"  dropped {escape(name)}", highlight=False)


def show_deliveries(console: Console, paths: Paths) -> None:
    """What became of what was sent, as the marts tell it."""
    from interfaces.tables import number, table
    from reverse_etl.publish import reader

    with reader(paths) as connection:
        rows = connection.execute(
            """
            select provider, event_type, count(*) from marts.delivery_logs
            where message_id is not null group by all order by all
            """
        ).fetchall()
    shown = table("provider", "", "")
    for provider, kind, count in rows:
        shown.add_row(provider, kind, number(count))
    console.print(shown)
