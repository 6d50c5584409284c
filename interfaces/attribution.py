"""`marketing attribution`: every model's credit side by side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]


def command(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def attribution(
        workspace: Option = None,
        model: Annotated[
            list[str] | None, typer.Option(help="Only this model; may be given again.")
        ] = None,
        by: Annotated[str, typer.Option(help="channel or campaign.")] = "channel",
        vertical: Annotated[str | None, typer.Option(help="Only this vertical.")] = None,
        lookback_days: Annotated[
            float | None, typer.Option(help="Rule models with this look-back (to 365).")
        ] = None,
        half_life_days: Annotated[
            float | None, typer.Option(help="Rule models with this half-life.")
        ] = None,
        from_: Annotated[
            datetime | None,
            typer.Option("--from", formats=["%Y-%m-%d"], help="Conversions from this day on."),
        ] = None,
        to: Annotated[
            datetime | None,
            typer.Option(formats=["%Y-%m-%d"], help="Conversions before this day."),
        ] = None,
    ) -> None:
        """Show each model's credit side by side, as the last run made it or with other days."""
        from reverse_etl.attribution.questions import BadQuestion, Question, side_by_side
        from reverse_etl.publish import NothingPublished, TookTooLong

        settings = chosen(workspace)
        question = Question(
            tuple(dict.fromkeys(model or [])),
            by,
            vertical,
            lookback_days,
            half_life_days,
            from_.date() if from_ else None,
            to.date() if to else None,
        )
        try:
            answer = side_by_side(settings.paths, question)
        except (BadQuestion, NothingPublished, TookTooLong) as error:
            return refuse(str(error))
        table = Table(
            title=f"Credited revenue, {answer.currency}",
            title_justify="left",
            box=None,
            pad_edge=False,
        )
        table.add_column(by, no_wrap=True)
        for name in answer.models:
            table.add_column(name.replace("_", " "), justify="right", overflow="fold")
        totals = [
            sum((credit[n] or 0 for _, credit in answer.rows)) for n in range(len(answer.models))
        ]
        for name, credit in [*answer.rows, ("all", totals)]:
            table.add_row(name, *("" if c is None else f"{c:,.0f}" for c in credit))
        out.print(table)
        return None

    return attribution
