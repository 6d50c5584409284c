"""`marketing models`: train, score, look at versions, and decide which one scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import recording
from interfaces.recording import By, Reason
from interfaces.tables import number, table
from workspace.definitions.models import SUBJECTS
from workspace.definitions.reading import nearest
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
Model = Annotated[str, typer.Argument(help=f"One of {', '.join(SUBJECTS)}.")]

#: With fewer outcomes on the test months a figure says less than its interval.
FEW_OUTCOMES = 100


def scores() -> str:
    """What `marketing models score` runs, in Dagster's selection syntax."""
    from dagster_project.jobs import SCORES

    return SCORES


def commands(
    out: Console,
    chosen: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
    train_: Callable[[Settings], None],
    score_: Callable[[Settings], None],
) -> typer.Typer:
    """The sub-commands, printing to ``out``."""
    app = typer.Typer(no_args_is_help=True, help="Models: train, score, and decide which one does.")

    def known(model: str) -> str:
        if model not in SUBJECTS:
            refuse(f"no model {model!r}{nearest(model, SUBJECTS)} (one of {', '.join(SUBJECTS)})")
        return model

    def champion(settings: Settings, model: str) -> str | None:
        from models_ml.operations import choosing
        from workspace.lake import Lake

        return choosing.champion(Lake(settings.paths.lake), model, settings.present())

    def listed(settings: Settings) -> None:
        from reverse_etl.publish import NothingPublished, TookTooLong, dicts, need, reader

        try:
            with reader(settings.paths) as connection:
                need(connection, "ml_models")
                rows = dicts(
                    connection,
                    "select * from marts.ml_models order by model, trained_as_of desc, version",
                )
        except (NothingPublished, TookTooLong) as error:
            refuse(str(error))
        if not rows:
            out.print("no model was trained yet; 'marketing models train' does")
            return
        heads = ("model", "version", "status", "scored", "AUC", "by last activity", "decided")
        shown = table(*heads)
        for row in rows:
            shown.add_row(*map(escape, _cells(row)))
        out.print(shown)
        for row in rows:
            if row["refused_because"]:
                told = f"{row['model']} {row['version']} was refused: {row['refused_because']}"
                out.print(escape(told), highlight=False, style="yellow")
        if any((row["test_outcomes"] or 0) < FEW_OUTCOMES for row in rows):
            out.print(
                f"Fewer than {FEW_OUTCOMES} outcomes in the test months: read the interval alone; "
                "what lies inside it cannot be told apart."
            )

    @app.command("list")
    def list_(workspace: Option = None) -> None:
        """Every trained version as last published: which one scores, and how well it did."""
        listed(chosen(workspace))

    @app.command()
    def train(workspace: Option = None) -> None:
        """A run in which every model is trained anew; what is not worse takes over and scores."""
        settings = chosen(workspace)
        train_(settings)
        listed(settings)

    @app.command()
    def score(workspace: Option = None) -> None:
        """Score by the champions, over features as the last run left them, and publish."""
        settings = chosen(workspace)
        score_(settings)
        listed(settings)

    @app.command()
    def card(
        model: Model,
        version: Annotated[
            str | None, typer.Option(help="The champion where none is given.")
        ] = None,
        workspace: Option = None,
    ) -> None:
        """Where a version's page is: what it is for, how it was judged, what it cannot do."""
        from models_ml.operations import choosing
        from workspace.lake import Lake

        settings = chosen(workspace)
        wanted = version or champion(settings, known(model))
        if wanted is None:
            refuse(f"{model} has no champion; 'marketing models train' trains one")
            return
        try:
            path = choosing.card(Lake(settings.paths.lake), settings.keyring, known(model), wanted)
        except choosing.Refused as error:
            refuse(str(error))
            return
        out.print(str(path), highlight=False)

    def decide(
        what: str, settings: Settings, model: str, version: str | None, by: By, reason: Reason
    ) -> None:
        from models_ml.operations import choosing
        from workspace.lake import Lake
        from workspace.locks import RunInProgress, run_lock

        lake, who = Lake(settings.paths.lake), recording.said(by, reason, refuse)
        act: Any = choosing.roll_back if what == "rollback" else choosing.promote
        named = (f"model.{what}", f"model:{known(model)}")
        with recording.recorded(settings, refuse, *named, by, reason) as done:
            try:
                with run_lock(settings.paths.run_lock, 60.0, f"{what} {model}"):
                    done.before = champion(settings, model)
                    decision = act(lake, settings.keyring, model, version, settings.present(), *who)
                    done.after = decision.champion
            except (choosing.Refused, RunInProgress) as error:
                refuse(str(error))
        told = "scores from the next run on, and over HTTP already"
        out.print(f"{model} {done.after} {told}", highlight=False)

    @app.command()
    def promote(
        model: Model,
        version: Annotated[str, typer.Argument(help="A version of `marketing models list`.")],
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Make a version champion, whatever its figures."""
        decide("promote", chosen(workspace), model, version, by, reason)

    @app.command()
    def rollback(
        model: Model,
        to: Annotated[str | None, typer.Option(help="Not the champion before, but this.")] = None,
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Return to an earlier champion."""
        decide("rollback", chosen(workspace), model, to, by, reason)

    return app


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    auc = ""
    if row["auc_low"] is not None:
        auc = f"{row['auc_low']:.3f} to {row['auc_high']:.3f}"
        if (row["test_outcomes"] or 0) >= FEW_OUTCOMES:
            auc = f"{row['auc']:.3f} ({auc})"
    alone = row["auc_of_last_activity"]
    return (
        row["model"],
        row["version"],
        row["status"],
        number(row["scored_subjects"]) if row["is_scoring"] else "",
        auc,
        "" if alone is None else f"{alone:.3f}",
        f"{row['decision'] or ''}: {row['decision_reason'] or ''}",
    )
