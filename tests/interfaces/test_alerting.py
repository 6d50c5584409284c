"""`marketing alerts test` and what the doctor says of channels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from click.testing import Result
from rich.console import Console
from standardwebhooks import Webhook
from typer.testing import CliRunner

from interfaces.cli import app
from interfaces.doctor import examine
from sandbox.servers import smtp
from sandbox.servers.messaging import Desk
from tests.reverse_etl.alerting.receiver import Receiver, receiving
from workspace import settings

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def sent_by(workspace: Path) -> Result:
    return CliRunner().invoke(app, ["alerts", "test", "--workspace", str(workspace)])


def doctor(workspace: Path) -> tuple[list[str], str]:
    console = Console(record=True, width=400, file=io.StringIO())
    return examine(settings.load(workspace), console), console.export_text()


def test_each_channel_says_what_it_answered(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    with smtp.serving(desk) as port:
        for name, value in {
            "ALERT_WEBHOOK": receiver.url,
            "ALERT_WEBHOOK_SECRET": KEY,
            "ALERT_MAIL_TO": "ops@example.com, invalid@example.com",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
        }.items():
            monkeypatch.setenv(f"MARKETING_{name}", value)
        done = sent_by(tmp_path / "w")
        receiver.status = 503
        again = sent_by(tmp_path / "w")
    assert done.exit_code == again.exit_code == 1  # one address is refused
    assert done.output.splitlines() == [
        "webhook (signed): answered 200",
        "mail 1 (this machine's server): answered 250",
        "mail 2 (this machine's server): answered 550 5.1.1",
    ]
    assert again.output.splitlines()[0] == "webhook (signed): answered 503"
    _, headers, body = receiver.received[0]
    (fault,) = Webhook(KEY).verify(body, headers)["faults"]
    assert fault["text"] == "A test: nothing is amiss."
    assert fault["link"].endswith("/w/control_room/data.html")
    letter = message_from_bytes(desk.taken[0].body, policy=policy.default)
    assert letter["Subject"] == "[marketing dev] 1 new: WARN run: the run"
    # Two tests are two alerts, which no receiver takes for one.
    assert len({headers["webhook-id"] for _, headers, _ in receiver.received}) == 2
    assert "example.com" not in done.output and "hunter" not in done.output + again.output


def test_nothing_but_the_log(tmp_path: Path) -> None:
    done = sent_by(tmp_path / "w")
    assert done.exit_code == 0 and "only the log has alerts" in done.output
    faults, said = doctor(tmp_path / "w")
    assert faults == [] and "note alerts go to the log (docs/operations.md)" in said


def test_the_doctor_says_where_alerts_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETING_ALERT_WEBHOOK", "https://hooks.example.com/hunter2")
    monkeypatch.setenv("MARKETING_ALERT_MAIL_TO", "ops@example.com")
    monkeypatch.setenv("MARKETING_ALERT_SMTP_HOST", "hunter2.example.com")
    faults, said = doctor(tmp_path / "w")
    assert faults == []
    assert (
        "alerts go to the log, webhook (not signed: MARKETING_ALERT_WEBHOOK_SECRET is not set), "
        "mail 1 (STARTTLS)" in said
    )
    monkeypatch.setenv("MARKETING_ALERT_WEBHOOK_SECRET", "hunter2")
    monkeypatch.delenv("MARKETING_ALERT_SMTP_HOST")
    (fault,), said = doctor(tmp_path / "w")
    assert fault == (
        "every channel of alerts can be used: webhook: MARKETING_ALERT_WEBHOOK_SECRET is no base64 "
        "of 24 to 64 bytes; mail 1: MARKETING_ALERT_MAIL_TO is set and neither "
        "MARKETING_ALERT_SMTP_HOST nor MARKETING_SMTP_HOST is"
    )
    assert "hunter2" not in said and "ops@" not in said
