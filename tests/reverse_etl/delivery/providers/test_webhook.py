"""The generic webhook: its signature, whom it asks, and what answers mean."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import Item, Kind, Outcome, Provider
from reverse_etl.delivery.transport import Transport
from sandbox.servers import webhook as standin
from sandbox.servers.messaging import Desk, Trouble
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import LIST_UNSUBSCRIBE, NOW, SHORT, Lane, Scripted
from workspace import clock

WEBHOOK = HARNESSES["webhook"]
SECRET = {"MARKETING_WEBHOOK_SECRET": standin.KEY}


def test_receivers_verify_it_with_the_library(scripted: Scripted) -> None:
    environment = standin.environment(f"http://127.0.0.1:{scripted.port}")
    message = WEBHOOK.message(1, content={"text": "é\u2028 \U0001f600"})

    async def sent() -> list[Outcome]:
        provider = providers.make("webhook", environment, {}, Transport(clock.now))
        try:
            return await provider.send([Item(message, provider.item(message))])
        finally:
            await provider.close()

    assert asyncio.run(sent()) == [Outcome(Kind.ACCEPTED, "200", message.message_id)]
    method, path, headers, body = scripted.requests[-1]
    assert (method, path) == ("POST", "/messages")
    found = Webhook(standin.KEY).verify(body, headers)
    assert found["data"]["content"] == {"text": "é\u2028 \U0001f600"}
    assert headers["webhook-id"] == headers["idempotency-key"] == message.message_id
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(standin.KEY).verify(body + b" ", headers)


def test_the_body_says_all_that_a_message_has() -> None:
    message = WEBHOOK.message(
        1,
        channel="email",
        content={"subject": "S", "html": "<p>"},
        sender="a@b.example",
        sender_name="A",
        reply_to="r@b.example",
        headers=LIST_UNSUBSCRIBE,
        is_test=True,
    )
    provider = providers.make(
        "webhook", standin.environment("http://127.0.0.1:1"), {}, Transport(lambda: NOW)
    )
    assert json.loads(provider.item(message)) == {
        "type": "message.send",
        "data": {
            "message_id": f"{1:064x}",
            "channel": "email",
            "to": "crm-delivered",
            "from": "a@b.example",
            "from_name": "A",
            "reply_to": "r@b.example",
            "content": {"subject": "S", "html": "<p>"},
            "headers": dict(LIST_UNSUBSCRIBE),
            "track_opens": False,
            "labels": {"template": "demo_invitation", "source": "campaign:demo"},
            "is_test": True,
        },
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(200, Kind.ACCEPTED), (202, Kind.ACCEPTED), (204, Kind.ACCEPTED)],
        *[(301, Kind.DENIED), (307, Kind.DENIED), (401, Kind.DENIED), (404, Kind.DENIED)],
        *[(410, Kind.DENIED), (400, Kind.REJECTED), (413, Kind.REJECTED), (422, Kind.REJECTED)],
        *[(408, Kind.AMBIGUOUS), (429, Kind.THROTTLED), (500, Kind.AMBIGUOUS)],
        *[(502, Kind.AMBIGUOUS), (503, Kind.AMBIGUOUS)],
    ],
)
def test_answers(scripted: Scripted, status: int, kind: Kind) -> None:
    found = scripted.outcome(WEBHOOK, status, b"", {"location": "http://169.254.169.254/"})
    assert (found.kind, found.code) == (kind, str(status))
    assert len(scripted.requests) == 1


def test_any_body_of_a_2xx_is_a_yes(scripted: Scripted) -> None:
    for body in (b"", b"<html>", b"{", b"x" * 300_000):
        assert scripted.outcome(WEBHOOK, 200, body).kind is Kind.ACCEPTED


@pytest.mark.parametrize("trouble", [Trouble.HANG, Trouble.RESET, Trouble.ERROR])
def test_a_receiver_takes_an_id_once(trouble: Trouble) -> None:
    now = [NOW]
    desk = Desk(clock=lambda: now[0])

    async def until_known(provider: Provider) -> list[Outcome]:
        item = Item(WEBHOOK.message(1), provider.item(WEBHOOK.message(1)))
        return [(await provider.send([item]))[0] for _ in range(2)]

    with WEBHOOK.serve(desk) as environment:
        desk.order(trouble)
        lane = Lane(WEBHOOK, desk, environment)
        first, second = lane.ask(until_known, SHORT if trouble is Trouble.HANG else 30.0)
        assert (first.kind, second.kind) == (Kind.AMBIGUOUS, Kind.ACCEPTED)
        assert len(desk.taken) == 1 and len(set(desk.posts)) == 1
        # What was signed long ago is not believed.
        now[0] = NOW + timedelta(minutes=6)
        assert lane.send(WEBHOOK.message(2))[0] == Outcome(Kind.DENIED, "401")


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "https://127.0.0.1/", "https://localhost/", "https://10.0.0.1/x"),
        *("https://2130706433/", "https://169.254.169.254/", "https://u:p@example.com/"),
        *("https://example.com:22/", "ftp://example.com/", "https://[::ffff:127.0.0.1]/", ""),
    ],
)
def test_an_address_in_a_file_leads_nowhere_private(url: str) -> None:
    with pytest.raises(providers.NotConfigured):
        providers.make("webhook", SECRET, {"url": url}, Transport(lambda: NOW))


def test_a_name_that_leads_into_a_private_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was checked when it was read, and is at every request."""
    answers: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers[-1], port))]

    provider = providers.make(
        "webhook", SECRET, {"url": "https://hooks.example/x"}, Transport(clock.now)
    )
    guard = provider._transport.guard  # type: ignore[attr-defined]
    monkeypatch.setitem(guard.__dict__, "resolve", resolve)
    message = WEBHOOK.message(1)

    async def sent() -> list[Outcome]:
        found = []
        for answer in ("127.0.0.1", "169.254.169.254", "64:ff9b::a9fe:a9fe"):
            answers.append(answer)
            found += await provider.send([Item(message, provider.item(message))])
        await provider.close()
        return found

    assert asyncio.run(sent()) == [Outcome(Kind.DENIED, "an address is not public")] * 3


def test_a_name_that_is_not_resolved_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing left, so nothing is in doubt."""
    answered = threading.Event()

    def resolve(*_: Any, **__: Any) -> Any:
        answered.wait(20)
        raise socket.gaierror

    transport = Transport(clock.now, answer_seconds=20.0, connect_seconds=0.2)
    provider = providers.make("webhook", SECRET, {"url": "https://hooks.example/x"}, transport)
    guard = provider._transport.guard  # type: ignore[attr-defined]
    monkeypatch.setitem(guard.__dict__, "resolve", resolve)
    message = WEBHOOK.message(1)

    async def sent() -> list[Outcome]:
        found = await provider.send([Item(message, provider.item(message))])
        answered.set()
        await provider.close()
        return found

    assert [one.kind for one in asyncio.run(sent())] == [Kind.UNREACHABLE]


def test_secrets() -> None:
    environment = standin.environment("http://127.0.0.1:1")
    for text in ("whsec_", "whsec_" + "A" * 8, "whsec_not base64!", "A" * 200, "é"):
        given = {**environment, "MARKETING_WEBHOOK_SECRET": text}
        with pytest.raises(providers.NotConfigured) as caught:
            providers.make("webhook", given, {}, Transport(lambda: NOW))
        assert text not in str(caught.value)
    unpadded = {**environment, "MARKETING_WEBHOOK_SECRET": standin.KEY.rstrip("=")}
    assert providers.make("webhook", unpadded, {}, Transport(lambda: NOW))
    with pytest.raises(providers.NotConfigured, match="url"):
        providers.make("webhook", SECRET, {}, Transport(lambda: NOW))


def test_the_time_is_that_of_the_request() -> None:
    """A second attempt is signed anew: receivers refuse what is old."""
    seen: list[datetime] = [NOW, NOW + timedelta(hours=1)]
    desk = Desk(clock=lambda: seen[0])
    with WEBHOOK.serve(desk) as environment:

        async def later() -> list[Outcome]:
            provider = providers.make("webhook", environment, {}, Transport(lambda: seen[0]))
            item = Item(WEBHOOK.message(1), provider.item(WEBHOOK.message(1)))
            found = await provider.send([item])
            seen.pop(0)
            found += await provider.send([item])
            await provider.close()
            return found

        assert {one.kind for one in asyncio.run(later())} == {Kind.ACCEPTED}
