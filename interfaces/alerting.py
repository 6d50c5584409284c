"""`marketing alerts`: where alerts go, and whether they arrive."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reverse_etl.alerting.channels import VARIABLES, Channel, configured
from reverse_etl.control_room.linking import link
from workspace import clock, settings
from workspace.alerts import Alert, AlertError, Fault, Kind
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
_CHECK_FAILED = 1


def channels() -> list[Channel]:
    """Those that the environment asks for; the log is always one, too."""
    return configured(settings.variables(VARIABLES))


def sentence() -> str:
    """What the doctor says of them; never an address."""
    told = ["the log", *(f"{one.name} ({one.about})" for one in channels())]
    return f"alerts go to {', '.join(told)} (docs/operations.md)"


def commands(out: Console, chosen: Callable[[Path | None], Settings]) -> typer.Typer:
    """The commands, printing to ``out``."""
    app = typer.Typer(no_args_is_help=True, help="Where alerts go, and whether they arrive.")

    @app.callback()
    def alerts() -> None:
        """Where alerts go, and whether they arrive."""

    @app.command()
    def test(workspace: Option = None) -> None:
        """Send a test alert through every channel, and say what each answered."""
        given, alert = channels(), _alert(chosen(workspace))
        failed = False
        for channel in given:
            try:
                said = f"answered {channel.send(alert)}"
            except AlertError as error:
                failed, said = True, str(error)
            out.print(f"{channel.name} ({channel.about}): {said}", markup=False, highlight=False)
        if not given:
            said = "only the log has alerts: set MARKETING_ALERT_WEBHOOK or MARKETING_ALERT_MAIL_TO"
            out.print(f"{said} (docs/operations.md)", markup=False, highlight=False)
        if failed:
            raise typer.Exit(_CHECK_FAILED)

    return app


def _alert(opened: Settings) -> Alert:
    present = clock.iso(clock.now().replace(microsecond=0))
    fault = Fault(
        kind=Kind.RUN,
        asset=None,
        check=None,
        step=None,
        severity="WARN",
        state="appeared",
        since=present,
        text="A test: nothing is amiss.",
        link=link("data", None, opened.paths, settings.public_url()),
    )
    return Alert(
        ident=f"alert_test_{uuid.uuid4().hex}",
        environment=str(opened.environment),
        workspace=str(opened.paths.root),
        run_id="test",
        job="marketing alerts test",
        ended_at=present,
        status="TEST",
        faults=(fault,),
    )
