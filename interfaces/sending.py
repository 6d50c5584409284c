"""`marketing send` and `marketing outbox`: messages leave, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from interfaces import recording
from interfaces.loading import loaded
from interfaces.recording import By, Reason
from interfaces.tables import number, table
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
TakeLease = Annotated[
    bool,
    typer.Option(
        "--take-lease",
        help="Send from here from now on: after a restore, a copy, or beside a sender that hangs.",
    ),
]
_CHECK_FAILED = 1


def send_command(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> Callable[..., None]:
    """`marketing send`, printing to ``out``."""

    def send(
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what would leave; send nothing.")
        ] = False,
        follow: Annotated[
            bool, typer.Option("--follow", help="Stay, and send what comes due, until stopped.")
        ] = False,
        limit: Annotated[int | None, typer.Option(min=1, help="At most so many messages.")] = None,
        take_lease: TakeLease = False,
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Send what is due. A dry run until a provider is live (marketing/providers.yml)."""
        from dagster_project.delivering import desk
        from dagster_project.erasing import replay
        from reverse_etl.delivery.service import PATIENCE, deliver

        settings = chosen(workspace)
        replay(settings)
        said = recording.said(by, reason, refuse)
        with desk(settings, loaded(settings, refuse)) as found, refusing(refuse):
            done = deliver(
                replace(found, actor=said.actor, reason=said.reason),
                take_lease=take_lease,
                is_rehearsal=dry_run,
                limit=limit,
                patience=None if follow else PATIENCE,
            )
        show(out, done, dry_run)

    return send


def show(out: Console, done: Any, was_asked: bool = True) -> None:
    """What a delivery did; exits 1 where a provider refused us."""
    report = done.report
    for name, why in sorted(done.idle.items()):
        out.print(f"{name} is not asked: {why}", style="dim", highlight=False)
    if done.is_rehearsal:
        if not was_asked:
            out.print("no provider can be asked, so this is what would leave:", style="yellow")
        said = "would leave"
    else:
        said = "left"
    if done.parked:
        out.print(f"{done.parked:,} messages are parked as unknown (docs/delivery.md)")
    for name, count in sorted(done.recovered.items()):
        if count:
            out.print(f"{count:,} messages that a sender had begun: {name}", highlight=False)
    shown = table("", "messages")
    for name, count in sorted(report.outcomes.items()):
        shown.add_row(name, number(count))
    for gate, count in sorted(report.gates.items()):
        shown.add_row(f"not now: {gate}", number(count))
    if shown.rows:
        out.print(shown)
    else:
        out.print("nothing is due")
    left = report.claimed if done.is_rehearsal else report.outcomes["accepted"]
    if left:
        out.print(f"{left:,} {said}", highlight=False)
    for name, code in sorted(report.denied.items()):
        out.print(
            f"[red]{escape(name)} refuses its key or address ({escape(code)}) and is paused[/]; "
            f"with another it is asked again, or after: marketing outbox resume {escape(name)}",
            highlight=False,
        )
    if report.denied:
        raise typer.Exit(_CHECK_FAILED)


def commands(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> typer.Typer:
    """`marketing outbox`, printing to ``out``."""
    app = typer.Typer(no_args_is_help=True, help="What is known of every message to be sent.")

    @app.command()
    def status(workspace: Option = None) -> None:
        """Messages by channel, provider and state, and providers that are paused."""
        from dagster_project.delivering import desk
        from reverse_etl.delivery.service import idle
        from workspace.ledger import outstanding, providers

        settings = chosen(workspace)
        with desk(settings, loaded(settings, refuse)) as found:
            rows = outstanding.counts(found.ledger)
            paused = providers.paused(found.ledger)
            why = idle(found)
        shown = table("channel", "provider", "state", "reason", "messages")
        for row in rows:
            state = f"{row['state']} (test)" if row["is_test"] else row["state"]
            shown.add_row(
                row["channel"],
                row["provider"] or "",
                state,
                row["reason"] or "",
                number(row["messages"]),
            )
        out.print(shown) if rows else out.print("the outbox is empty")
        for one in paused:
            out.print(f"{one.provider} is paused since {one.paused_at}: it answered {one.code}")
        for name, reason in sorted(why.items()):
            out.print(f"{name} is not asked: {reason}", style="dim", highlight=False)

    @app.command()
    def reconcile(
        take_lease: TakeLease = False,
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Find out what became of messages that may have been sent; sends nothing."""
        from dagster_project.delivering import desk
        from reverse_etl.delivery.service import settle_unknown

        settings = chosen(workspace)
        said = recording.said(by, reason, refuse)
        with (
            recording.recorded(settings, refuse, "outbox.reconcile", "outbox", by, reason) as done,
            desk(settings, loaded(settings, refuse)) as found,
            refusing(refuse),
        ):
            counts = settle_unknown(
                replace(found, actor=said.actor, reason=said.reason), take_lease
            )
            done.after = dict(counts)
        texts = {
            "proven_by_webhook": "sent, by what providers reported",
            "accepted": "sent, by asking the provider",
            "given_up": "never heard of: not sent again",
            "unknown": "still unknown",
            "unasked": "could not be asked about",
        }
        for name, text in texts.items():
            if counts[name] or name == "unknown":
                out.print(f"{counts[name]:>9,} {text}", highlight=False)

    @app.command()
    def resume(
        provider: Annotated[str, typer.Argument(help="A provider that is paused.")],
        by: By = None,
        reason: Reason = None,
        workspace: Option = None,
    ) -> None:
        """Ask a provider again that had refused its key."""
        from workspace.ledger import providers

        settings = chosen(workspace)
        (actor, why), at = recording.said(by, reason, refuse), settings.present()
        with recording.ledger_of(settings) as ledger:
            resumed = providers.resume(ledger, provider, actor, at, why)
        if not resumed:
            return refuse(f"{provider} is not paused")
        return out.print(f"{provider} is asked again from the next send on", highlight=False)

    @app.command()
    def verify(
        message: Annotated[str, typer.Argument(help="Id of a message (message_queue.intent_id).")],
        workspace: Option = None,
    ) -> None:
        """Render a message again and compare it with what was sent, byte for byte."""
        from reverse_etl.delivery.verifying import verify as verify_message
        from workspace.lake import Lake
        from workspace.ledger import open_ledger

        settings = chosen(workspace)
        ledger = open_ledger(settings.ledger_url)
        try:
            found = verify_message(ledger, Lake(settings.paths.lake), settings.keyring, message)
        except KeyError:
            return refuse(f"no message {message}")
        finally:
            ledger.close()
        style = "green" if found.is_same else "red"
        out.print(f"[{style}]{found.verdict}[/] {escape(found.detail)}", highlight=False)
        if not found.is_same:
            raise typer.Exit(_CHECK_FAILED)
        return None

    return app


@contextmanager
def refusing(refuse: Callable[[str], None]) -> Iterator[None]:
    """What keeps a workspace from sending is told as bad input is."""
    from workspace.ledger.lease import Fenced, NotHere
    from workspace.locks import RunInProgress

    try:
        yield
    except (NotHere, RunInProgress, Fenced) as error:
        refuse(str(error))
