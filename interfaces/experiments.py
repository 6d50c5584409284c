"""`marketing experiments`: which there are, what they found, and how many people one needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interfaces.loading import loaded
from interfaces.tables import table
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
Key = Annotated[str | None, typer.Argument(help="Key of the experiment; all where none is given.")]

_COLUMNS = ("variant", "assigned", "measured", "converted", "rate", "effect", "p", "decision")


def commands(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> typer.Typer:
    """The sub-commands, printing to ``out``."""
    app = typer.Typer(no_args_is_help=True, help="What experiments there are, and what they found.")

    def results(workspace: Path | None, key: str | None) -> list[dict[str, Any]]:
        from reverse_etl.publish import NothingPublished, TookTooLong, dicts, need, reader
        from workspace.definitions import nearest

        try:
            with reader(chosen(workspace).paths) as connection:
                need(connection, "experiment_results")
                rows = dicts(
                    connection,
                    "select * from marts.experiment_results "
                    "order by experiment, is_control desc, variant",
                )
        except (NothingPublished, TookTooLong) as error:
            refuse(str(error))
        known = {row["experiment"] for row in rows}
        if key is not None and key not in known:
            refuse(f"no experiment {key!r} in the published version{nearest(key, known)}")
        return [row for row in rows if key in (None, row["experiment"])]

    @app.command("list")
    def list_(workspace: Option = None) -> None:
        """The experiments as last run and published, with whoever is in them."""
        shown = table("experiment", "about", "from", "to", "variants", "assigned", "")
        by_key: dict[str, list[dict[str, Any]]] = {}
        for row in results(workspace, None):
            by_key.setdefault(row["experiment"], []).append(row)
        for key, rows in by_key.items():
            first = rows[0]
            winner = next((row["variant"] for row in rows if row["is_winner"]), None)
            place = (first["about"], first["source_key"], first["node"])
            cells = (
                key,
                " ".join(part for part in place if part),
                f"{first['starts_on']}",
                f"{first['ends_on'] or ''}",
                ", ".join(row["variant"] for row in rows),
                f"{sum(row['assigned'] for row in rows):,}",
                f"{winner} wins" if winner else "",
            )
            shown.add_row(*map(escape, cells))
        out.print(shown)

    @app.command()
    def validate(workspace: Option = None) -> None:
        """Check every file; exit 2 with file, line and field where one is wrong."""
        found = loaded(chosen(workspace), refuse).experiments.experiments
        out.print(f"{len(found)} experiments are valid", highlight=False)

    @app.command("results")
    def results_(key: Key = None, workspace: Option = None) -> None:
        """What each variant did, its effect against the control, and whether something won."""
        last = None
        shown = table(*_COLUMNS)
        for row in results(workspace, key):
            if row["experiment"] != last:
                if last is not None:
                    out.print(shown)
                last = row["experiment"]
                told = f"[bold]{escape(last)}[/]  {escape(row['experiment_name'])}"
                out.print(f"\n{told}", highlight=False)
                days = f"within {row['within_days']:g} days"
                out.print(f"{escape(row['metric'])} {days}, {row['method']}", highlight=False)
                shown = table(*_COLUMNS)
            _add(shown, row)
        if last is None:
            out.print("there are no experiments")
            return
        out.print(shown)

    @app.command()
    def power(
        base: Annotated[float, typer.Option(help="The rate without, 0 to 1.")],
        effect: Annotated[float, typer.Option(help="The smallest difference to find, of rates.")],
        alpha: Annotated[float, typer.Option(help="How often none is taken for one.")] = 0.05,
        power: Annotated[float, typer.Option(help="How often it is found.")] = 0.8,
    ) -> None:
        """How many people each variant needs to find a difference."""
        from models_ml.experiments.proportions import needed_per_arm

        try:
            people = needed_per_arm(base, effect, alpha, power)
        except ValueError as error:
            refuse(str(error))
        out.print(
            f"{people:,} people in each variant find {base:.1%} against {base + effect:.1%} "
            f"in {power:.0%} of the cases, looked at once",
            highlight=False,
        )

    return app


def _add(shown: Table, row: dict[str, Any]) -> None:
    effect = ""
    if row["effect"] is not None:
        effect = f"{row['effect']:+.2%} ({row['effect_low']:+.2%} to {row['effect_high']:+.2%})"
    decision = f"{row['decision']}, winner" if row["is_winner"] else row["decision"]
    reasons = f" ({row['reasons']})" if row["reasons"] else ""
    cells = (
        row["variant"],
        *(f"{row[name]:,}" for name in ("assigned", "measured", "converted")),
        "" if row["rate"] is None else f"{row['rate']:.2%}",
        effect,
        "" if row["p_adjusted"] is None else f"{row['p_adjusted']:.3f}",
        f"{decision}{reasons}",
    )
    shown.add_row(*map(escape, cells))
