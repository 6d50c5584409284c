"""SMTP against aiosmtpd: TLS, login, each reply code, and what becomes of lost answers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import Item, Kind, Outcome, Provider
from reverse_etl.delivery.providers import smtp as provider_module
from reverse_etl.delivery.transport import Transport
from sandbox.servers import smtp
from sandbox.servers.base import SECRET
from sandbox.servers.messaging import Desk, Fate, Trouble
from tests.reverse_etl import certificates
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import NOW, Lane

SMTP = HARNESSES["smtp"]


@contextmanager
def server(desk: Desk | None = None, **options: Any) -> Iterator[Lane]:
    desk = desk or Desk()
    with smtp.serving(desk, **options) as port:
        environment = {"MARKETING_SMTP_HOST": "127.0.0.1", "MARKETING_SMTP_PORT": str(port)}
        yield Lane(SMTP, desk, environment)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates.own(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def context(certificate: Path) -> ssl.SSLContext:
    return certificates.server(certificate)


def test_tls_is_begun_before_the_login(context: ssl.SSLContext, certificate: Path) -> None:
    given = {
        "MARKETING_SMTP_TLS": "starttls",
        "MARKETING_SMTP_CA_FILE": str(certificate),
        "MARKETING_SMTP_USER": smtp.USER,
    }
    with server(context=context, login=True) as lane:
        (right,) = lane.send(SMTP.message(1), MARKETING_SMTP_PASSWORD=SECRET, **given)
        (wrong,) = lane.send(SMTP.message(2), MARKETING_SMTP_PASSWORD="wrong", **given)
        (none,) = lane.send(SMTP.message(3), **{**given, "MARKETING_SMTP_USER": ""})
        assert (right.kind, wrong.kind, none.kind) == (Kind.ACCEPTED, Kind.DENIED, Kind.DENIED)
        assert lane.desk.count == 1


def test_nothing_is_sent_without_the_tls_that_is_wanted(
    context: ssl.SSLContext, certificate: Path
) -> None:
    trusted = {"MARKETING_SMTP_CA_FILE": str(certificate)}
    with server() as lane:  # offers no STARTTLS
        (plain,) = lane.send(SMTP.message(1), MARKETING_SMTP_TLS="starttls", **trusted)
        (implicit,) = lane.send(SMTP.message(1), seconds=1, MARKETING_SMTP_TLS="tls", **trusted)
        assert (plain.kind, implicit.kind) == (Kind.DENIED, Kind.UNREACHABLE)
        assert lane.desk.count == 0
    with server(context=context) as lane:  # whose certificate nobody vouches for
        (unknown,) = lane.send(SMTP.message(1), MARKETING_SMTP_TLS="starttls")
        assert unknown.kind is Kind.UNREACHABLE
        assert lane.desk.count == 0


def test_other_machines_are_spoken_to_with_tls_only() -> None:
    transport = Transport(lambda: NOW)

    def made(**environment: str) -> Any:
        given = {f"MARKETING_SMTP_{name}": value for name, value in environment.items()}
        return providers.make("smtp", given, {}, transport)

    for host, tls, port in (
        ("mail.example.org", "starttls", 587),
        ("10.0.0.7", "starttls", 587),
        ("localhost", "none", 25),
        ("127.0.0.5", "none", 25),
        ("::1", "none", 25),
    ):
        server = made(HOST=host)._server
        assert (server.tls, server.port) == (tls, port)
    assert made(HOST="mail.example.org", TLS="tls")._server.port == 465
    for environment in (
        {"HOST": "mail.example.org", "TLS": "none"},
        {"HOST": "localhost.example.org", "TLS": "none"},
        {"HOST": "localhost", "TLS": "maybe"},
        {"HOST": "localhost", "PORT": "smtp"},
    ):
        with pytest.raises(ValueError):
            made(**environment)


def test_a_connection_serves_many_messages_and_is_replaced_when_it_is_gone() -> None:
    connections: list[int] = []

    async def sending(provider: Provider) -> list[Outcome]:
        connect = provider._connect  # type: ignore[attr-defined]

        async def counted() -> Any:
            connections.append(1)
            return await connect()

        provider._connect = counted  # type: ignore[attr-defined]
        found = []
        for number in range(6):
            if number == 3:
                provider._idle[0][1].close()  # type: ignore[attr-defined]
            if number == 4:  # long ago, and still there
                _, client = provider._idle.pop()  # type: ignore[attr-defined]
                provider._idle.append((-1e9, client))  # type: ignore[attr-defined]
            message = SMTP.message(number)
            found += await provider.send([Item(message, provider.item(message))])
        return found

    with server() as lane:
        assert {outcome.kind for outcome in lane.ask(sending)} == {Kind.ACCEPTED}
        assert lane.desk.count == 6
    assert len(connections) == 2


def test_a_refusal_closes_the_connection_it_came_on() -> None:
    with server() as lane:
        found = lane.send(
            SMTP.message(1),
            SMTP.message(2, Fate.INVALID),
            SMTP.message(3),
            SMTP.message(4, Fate.SUPPRESSED),
            SMTP.message(5),
        )
        kinds = [Kind.ACCEPTED, Kind.INVALID, Kind.ACCEPTED, Kind.REJECTED, Kind.ACCEPTED]
        assert [one.kind for one in found] == kinds
        assert found[1].code == "550 5.1.1" and found[3].code == "554 5.7.1"


def test_a_sender_that_is_stopped_leaves_no_half_finished_transaction_behind() -> None:
    async def stopped(provider: Provider) -> tuple[bool, Outcome]:
        first, second = SMTP.message(1), SMTP.message(2)
        sending = asyncio.create_task(provider.send([Item(first, provider.item(first))]))
        while not lane.desk.posts:
            await asyncio.sleep(0.01)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        kept = bool(provider._idle)  # type: ignore[attr-defined]
        (after,) = await provider.send([Item(second, provider.item(second))])
        return kept, after

    with server() as lane:
        lane.desk.order(Trouble.HANG)
        kept, after = lane.ask(stopped)
        assert not kept and after.kind is Kind.ACCEPTED


def test_the_bytes_arrive_as_they_were_made() -> None:
    html = "<p>.\r\n.. a line that begins with a dot</p>\n.\n" + "é" * 500
    with server() as lane:
        message = SMTP.message(1, content={"subject": ".", "html": html, "text": ".\n"})
        item = lane.item(message)
        lane.send(message)
        (taken,) = lane.desk.taken
        assert taken.body == item


@pytest.mark.parametrize("trouble", [Trouble.RESET, Trouble.TRUNCATED, Trouble.EMPTY])
def test_a_lost_answer_to_the_message_says_nothing(trouble: Trouble) -> None:
    with server() as lane:
        lane.desk.order(trouble)
        (outcome,) = lane.send(SMTP.message(1))
        assert outcome.kind is Kind.AMBIGUOUS and lane.desk.count == 1


@pytest.mark.parametrize(
    ("stage", "code", "text", "kind"),
    [
        ("_greeting", 421, "too busy", Kind.THROTTLED),
        ("_greeting", 454, "TLS not available", Kind.THROTTLED),
        ("_greeting", 535, "5.7.8 wrong", Kind.DENIED),
        ("_greeting", 554, "no service for you", Kind.DENIED),
        ("_sender", 451, "4.3.0", Kind.THROTTLED),
        ("_sender", 454, "Throttling failure: Maximum sending rate exceeded.", Kind.THROTTLED),
        ("_sender", 454, "Throttling failure: Daily message quota exceeded.", Kind.EXHAUSTED),
        ("_sender", 530, "log in", Kind.DENIED),
        ("_sender", 550, "5.7.1 not yours", Kind.SENDER),
        ("_sender", 553, "no such sender", Kind.SENDER),
        ("_sender", 535, "5.7.8 log in", Kind.DENIED),
        ("_sender", 552, "too large", Kind.REJECTED),
        ("_sender", 554, "5.3.4 too large", Kind.REJECTED),
        ("_recipient", 421, "closing", Kind.THROTTLED),
        ("_recipient", 450, "4.2.0 greylisted", Kind.THROTTLED),
        ("_recipient", 452, "4.2.2 full", Kind.THROTTLED),
        ("_recipient", 550, "5.1.1 nobody", Kind.INVALID),
        ("_recipient", 550, "no such user", Kind.INVALID),
        ("_recipient", 550, "5.1.10 no mail here", Kind.INVALID),
        ("_recipient", 551, "moved", Kind.INVALID),
        ("_recipient", 553, "bad name", Kind.INVALID),
        ("_recipient", 550, "5.7.1 relaying denied", Kind.REJECTED),
        ("_recipient", 550, "5.7.515 not aligned", Kind.REJECTED),
        ("_recipient", 552, "5.2.2 full", Kind.REJECTED),
        ("_recipient", 554, "refused", Kind.REJECTED),
        ("_recipient", 530, "log in", Kind.DENIED),
        ("_data", 451, "try again", Kind.THROTTLED),
        ("_data", 452, "disk", Kind.THROTTLED),
        ("_data", 550, "5.7.1 spam", Kind.REJECTED),
        ("_data", 552, "too large", Kind.REJECTED),
        ("_data", 554, "5.6.0 content", Kind.REJECTED),
    ],
)
def test_replies(stage: str, code: int, text: str, kind: Kind) -> None:
    outcome: Outcome = getattr(provider_module, stage)(code, f"{text} <jane@example.org>")
    assert outcome.kind is kind
    assert outcome.code.startswith(str(code)) and "@" not in outcome.code


@pytest.mark.parametrize(
    ("stage", "code", "text", "is_own"),
    [
        ("_recipient", 450, "4.2.0 greylisted", True),
        ("_recipient", 451, "4.7.1 greylisted", True),
        ("_recipient", 450, "try later", True),
        ("_recipient", 452, "4.2.2 full", True),
        ("_recipient", 421, "4.7.0 too many messages", False),
        ("_recipient", 454, "4.7.0 rate exceeded", False),
        ("_recipient", 452, "4.3.1 no space left", False),
        ("_recipient", 451, "4.3.2 shutting down", False),
        ("_sender", 450, "4.7.1 too fast", False),
        ("_sender", 451, "4.3.0", False),
        ("_greeting", 421, "too busy", False),
        ("_data", 451, "try again", False),
    ],
)
def test_which_replies_are_about_one_recipient(
    stage: str, code: int, text: str, is_own: bool
) -> None:
    outcome: Outcome = getattr(provider_module, stage)(code, text)
    assert (outcome.kind, outcome.is_own) == (Kind.THROTTLED, is_own)
