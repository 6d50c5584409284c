"""Channels against a real web server and a real mail server, with and without TLS."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from reverse_etl.alerting import channels
from reverse_etl.alerting.channels import Channel, configured
from sandbox.servers import smtp
from sandbox.servers.base import SECRET
from sandbox.servers.messaging import Desk, Trouble
from tests.reverse_etl import certificates
from tests.reverse_etl.alerting.receiver import Receiver, receiving
from workspace.alerts import Alert, AlertError, Fault, Kind

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STALE = Fault(
    Kind.STALE_SEGMENT,
    asset="marketing_segments",
    check="no_segment_is_stale",
    step=None,
    severity="WARN",
    state="appeared",
    since="2026-10-01T00:05:12Z",
    text="chirurgiens_été",
    link="https://hooks.example.com/control-room/segments.html#sizes",
)
BROKEN = replace(
    STALE, kind=Kind.RUN, asset=None, check=None, step="load_crm", severity="ERROR", text="OSError"
)
GONE = replace(STALE, kind=Kind.CONSENT, asset="message_proofs", severity="ERROR", state="gone")
ALERT = Alert(
    "alert_one", "prod", "/srv/w", "one", "refresh", "2026-10-01T00:05:12Z", "SUCCESS",
    (STALE, GONE, BROKEN),
)  # fmt: skip


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def only(**values: str) -> Channel:
    (found,) = configured({f"MARKETING_{name}": value for name, value in values.items()})
    return found


def hook(url: str, **values: str) -> Channel:
    return only(ALERT_WEBHOOK=url, **values)


def mails(port: int, **values: str) -> list[Channel]:
    given = {"ALERT_MAIL_TO": "ops@example.com, boss@example.com", **values}
    given |= {"ALERT_SMTP_HOST": "127.0.0.1", "ALERT_SMTP_PORT": str(port)}
    return configured({f"MARKETING_{name}": value for name, value in given.items()})


def read(desk: Desk) -> list[EmailMessage]:
    found = [message_from_bytes(one.body, policy=policy.default) for one in desk.taken]
    return [one for one in found if isinstance(one, EmailMessage)]


# -- webhook -------------------------------------------------------------------------------


def test_a_signed_document_is_verified_by_the_official_library(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    channel = hook(receiver.url, ALERT_WEBHOOK_SECRET=KEY)
    with caplog.at_level(logging.DEBUG):
        assert [channel.send(ALERT) for _ in range(2)] == ["200", "200"]
    (path, headers, body), (_, again, same) = receiver.received
    assert path == "/hooks/hunter2?token=hunter3"
    assert (
        Webhook(KEY).verify(body, headers)
        == json.loads(body)
        == ALERT.document | {"faults": [vars(fault) for fault in ALERT.faults]}
    )
    # Sent again after a lost answer: the same id and the same bytes.
    assert headers["webhook-id"] == again["webhook-id"] == "alert_one" and body == same
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "B" * 32).verify(body, headers)
    assert channel.about == "signed"
    assert "hunter" not in caplog.text + repr(channel) and KEY[6:] not in repr(channel)


def test_it_is_signed_with_the_time_of_the_request(receiver: Receiver) -> None:
    """Receivers refuse what was signed five minutes ago."""
    channel = hook(receiver.url, ALERT_WEBHOOK_SECRET=KEY)
    assert isinstance(channel, channels.Webhook)
    late = replace(channel, clock=lambda: datetime(2026, 1, 1))
    late.send(ALERT)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(KEY).verify(receiver.received[0][2], receiver.received[0][1])


def test_without_a_secret_it_is_not_signed_and_says_so(receiver: Receiver) -> None:
    channel = hook(receiver.url.replace("127.0.0.1", "localhost"))
    assert channel.send(ALERT) == "200"
    headers = receiver.received[0][1]
    assert headers["webhook-id"] == "alert_one" and "webhook-signature" not in headers
    assert channel.about == "not signed: MARKETING_ALERT_WEBHOOK_SECRET is not set"


@pytest.mark.parametrize("secret", ["hunter2", "whsec_hunter2", "A" * 200])
def test_a_wrong_secret_is_never_taken_for_none(receiver: Receiver, secret: str) -> None:
    channel = hook(receiver.url, ALERT_WEBHOOK_SECRET=secret)
    with pytest.raises(AlertError) as caught:
        channel.send(ALERT)
    fault = "MARKETING_ALERT_WEBHOOK_SECRET is no base64 of 24 to 64 bytes"
    assert str(caught.value) == channel.fault == fault
    assert receiver.received == []


@pytest.mark.parametrize("status", [302, 307, 400, 404, 500])
def test_an_answer_that_is_no_yes(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": receiver.url}
    with pytest.raises(AlertError, match=f"^answered {status}$"):
        hook(receiver.url).send(ALERT)
    assert len(receiver.received) == 1


def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with caplog.at_level(logging.DEBUG), pytest.raises(AlertError) as caught:
        hook(f"http://127.0.0.1:{port}/hunter2").send(ALERT)
    assert str(caught.value) == "no answer (ConnectionRefusedError)"
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/hunter2",
        "http://10.0.0.1/hunter2",
        "http://localhost.example.com/hunter2",
        "ftp://127.0.0.1/hunter2",
        "file:///hunter2",
        "https:///hunter2",
        "https://[hunter2/",
        "https://127.0.0.1:hunter2/",
        "https://169.254.169.254/hunter2",
        "https://user:hunter2@hooks.example.com/",
        "hunter2",
    ],
)
def test_an_address_that_is_not_used(url: str) -> None:
    channel = hook(url)
    with pytest.raises(AlertError) as caught:
        channel.send(ALERT)
    assert channel.fault == str(caught.value) and "hunter2" not in str(caught.value)


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    hook(receiver.url).send(ALERT)
    assert len(receiver.received) == 1


# -- mail ----------------------------------------------------------------------------------


def test_each_address_gets_one_mail_over_tls(tmp_path: Path) -> None:
    certificate, desk = certificates.own(tmp_path), Desk()
    with smtp.serving(desk, context=certificates.server(certificate), login=True) as port:
        given = mails(
            port,
            ALERT_MAIL_FROM="alerts@example.com",
            ALERT_SMTP_TLS="starttls",
            ALERT_SMTP_CA_FILE=str(certificate),
            ALERT_SMTP_USER=smtp.USER,
            ALERT_SMTP_PASSWORD=SECRET,
        )
        assert [one.name for one in given] == ["mail 1", "mail 2"]
        assert [one.send(ALERT) for one in given] == ["250", "250"]
        assert given[0].about == "STARTTLS" and "ops@" not in repr(given)
    assert [one.recipient for one in desk.taken] == ["ops@example.com", "boss@example.com"]
    letter = read(desk)[0]
    assert letter["Subject"] == "[marketing prod] 2 new, 1 gone: ERROR run: load_crm"
    assert letter["From"] == "Marketing warehouse <alerts@example.com>"
    assert (letter["To"], letter["Auto-Submitted"]) == ("ops@example.com", "auto-generated")
    assert letter["Message-ID"] == "<alert_one@example.com>"
    assert letter["Date"].datetime.isoformat() == "2026-10-01T00:05:12+00:00"
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().splitlines() == [
        "Run one of refresh ended at 2026-10-01T00:05:12Z (SUCCESS).",
        "Workspace /srv/w (prod).",
        "",
        "NEW  run (ERROR), since 2026-10-01T00:05:12Z",
        "load_crm",
        "OSError",
        "https://hooks.example.com/control-room/segments.html#sizes",
        "",
        "NEW  stale segment (WARN), since 2026-10-01T00:05:12Z",
        "marketing_segments: no segment is stale",
        "chirurgiens_été",
        "https://hooks.example.com/control-room/segments.html#sizes",
        "",
        "GONE  consent (ERROR), since 2026-10-01T00:05:12Z",
        "message_proofs: no segment is stale",
        "chirurgiens_été",
        "https://hooks.example.com/control-room/segments.html#sizes",
        "",
        "What stays is told again once a day, what is gone once. docs/operations.md",
        "says what a red check means and what to do.",
    ]


def test_nothing_goes_without_the_tls_that_is_wanted(tmp_path: Path) -> None:
    certificate, desk = certificates.own(tmp_path), Desk()
    # One that offers no STARTTLS, and one whose certificate nobody vouches for.
    for context in (None, certificates.server(certificate)):
        with (
            smtp.serving(desk, context=context) as port,
            pytest.raises(AlertError, match=r"^no answer \("),
        ):
            mails(port, ALERT_SMTP_TLS="starttls")[0].send(ALERT)
    assert desk.count == 0


def test_the_same_mail_is_the_same_bytes() -> None:
    desk = Desk()
    with smtp.serving(desk) as port:
        desk.order(Trouble.EMPTY)  # taken, and the answer is lost
        channel = mails(port)[0]
        with pytest.raises(AlertError, match=r"^no answer \("):
            channel.send(ALERT)
        assert channel.send(ALERT) == "250"
    assert len(set(desk.posts)) == 1 and len(desk.posts) == 2
    assert read(desk)[0]["From"] == "Marketing warehouse <ops@example.com>"


def test_what_a_server_refuses_is_told_without_the_address() -> None:
    with smtp.serving(Desk()) as port:
        refused, taken = mails(port, ALERT_MAIL_TO="invalid@example.com, ops@example.com")
        with pytest.raises(AlertError) as caught:
            refused.send(ALERT)
        assert str(caught.value) == "answered 550 5.1.1"
        assert taken.send(ALERT) == "250"


def test_the_messages_server_serves_where_alerts_have_none_of_their_own() -> None:
    with smtp.serving(Desk()) as port:
        values: dict[str, Any] = {
            "ALERT_MAIL_TO": "ops@example.com",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
        }
        assert only(**values).send(ALERT) == "250"
        # One's own host is not mixed with the other's login.
        own = only(**values, ALERT_SMTP_HOST="mail.example.com", SMTP_PASSWORD="hunter2")
        assert isinstance(own, channels.Mail)
        assert (own.server.port, own.server.password) == (587, None)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ALERT_MAIL_TO": "a@b.example"}, "neither MARKETING_ALERT_SMTP_HOST nor"),
        ({"ALERT_MAIL_TO": "hunter2", "SMTP_HOST": "localhost"}, "MARKETING_ALERT_MAIL_TO: not an"),
        (
            {
                "ALERT_MAIL_TO": "a@b.example",
                "SMTP_HOST": "localhost",
                "ALERT_MAIL_FROM": "hunter2",
            },
            "MARKETING_ALERT_MAIL_FROM: not an address",
        ),
        (
            {
                "ALERT_MAIL_TO": "a@b.example",
                "ALERT_SMTP_HOST": "hunter2",
                "ALERT_SMTP_TLS": "none",
            },
            "MARKETING_ALERT_SMTP_TLS may be none on this machine only",
        ),
        (
            {"ALERT_MAIL_TO": "a@b.example", "SMTP_HOST": "localhost", "SMTP_PORT": "hunter2"},
            "MARKETING_SMTP_PORT is no port",
        ),
        ({"ALERT_WEBHOOK_SECRET": "hunter2"}, "MARKETING_ALERT_WEBHOOK is not"),
    ],
)
def test_settings_that_cannot_be_used(values: dict[str, str], said: str) -> None:
    channel = only(**values)
    with pytest.raises(AlertError) as caught:
        channel.send(ALERT)
    assert said in str(caught.value) and channel.fault == str(caught.value)
    assert "hunter2" not in str(caught.value) and "@b." not in str(caught.value)


def test_nothing_asked_for() -> None:
    assert configured({"MARKETING_SMTP_HOST": "mail.example.com"}) == []


def test_no_line_of_an_alert_breaks_a_mails_head() -> None:
    desk = Desk()
    odd = replace(BROKEN, step="é" * 300 + "\u2028Bcc: x@example.com")
    with smtp.serving(desk) as port:
        mails(port)[0].send(replace(ALERT, faults=(odd,)))
    (letter,) = read(desk)
    assert letter["Bcc"] is None and letter["To"] == "ops@example.com"
