"""Twilio: the form as its SDK makes it, its codes, and the callbacks it signs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl

import pytest

from ingestion.collector.webhooks import verifiers
from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import Item, Kind, Outcome, Unsupported
from reverse_etl.delivery.transport import Transport
from sandbox.servers import twilio as standin
from sandbox.servers.messaging import Desk, Event, report
from tests.ingestion.collector.serving import in_thread
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import NOW, Lane, Scripted
from tests.reverse_etl.delivery.harness_messages import PUBLIC_URL

TWILIO = HARNESSES["twilio"]
GOLDEN = (
    b"To=%2B33612340001&StatusCallback=https%3A%2F%2Fhooks.example.com%2Fwebhooks%2Ftwilio"
    b"%3Foutbox_id%3D" + b"0" * 63 + b"1%23rc%3D5%26rp%3Dall&From=%2B33600000000"
    b"&Body=Votre+d%C3%A9mo+est+pr%C3%AAte.+STOP+au+36111"
)


def made(**options: str) -> object:
    return providers.make(
        "twilio", standin.environment("http://x"), options, Transport(lambda: NOW)
    )


def error(code: int, status: int = 400) -> tuple[int, dict[str, object]]:
    return status, {"code": code, "message": "+33612340001 is not", "status": status}


def test_the_form_is_always_the_same() -> None:
    with TWILIO.serve(Desk()) as environment:
        assert Lane(TWILIO, Desk(), environment).item(TWILIO.message(1)) == GOLDEN


def test_requests_look_like_the_sdk_s(scripted: Scripted, shared_data: Path) -> None:
    (captured,) = json.loads((shared_data / "wire" / "twilio.json").read_text())
    lane = scripted.lane(TWILIO)
    lane.send(TWILIO.message(1), MARKETING_PUBLIC_URL=PUBLIC_URL)
    method, path, headers, body = scripted.requests[-1]
    theirs = parse_qsl(captured["body"])
    assert [name for name, _ in parse_qsl(body.decode())] == [name for name, _ in theirs]
    assert (method, path) == (captured["method"], captured["path"])
    for name in ("Content-Type", "Accept"):
        assert headers[name.lower()] == captured["headers"][name]
    assert headers["authorization"].startswith("Basic ")


def test_who_sends_and_who_is_called_back(scripted: Scripted) -> None:
    scripted.lane(TWILIO).send(TWILIO.message(1))
    assert b"StatusCallback" not in scripted.requests[-1][3]
    body = made(messaging_service_sid="MG1").item(TWILIO.message(1))  # type: ignore[attr-defined]
    assert parse_qs(body.decode())["MessagingServiceSid"] == ["MG1"] and b"From=" not in body
    key = {"MARKETING_TWILIO_API_KEY": "SK1", "MARKETING_TWILIO_API_SECRET": "hush"}
    scripted.lane(TWILIO).send(TWILIO.message(1), **key)
    assert scripted.requests[-1][2]["authorization"] == "Basic U0sxOmh1c2g="


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (error(20429, 429), Outcome(Kind.THROTTLED, "20429")),
        (error(14107, 429), Outcome(Kind.THROTTLED, "14107")),
        (error(21611), Outcome(Kind.THROTTLED, "21611")),
        (error(21730), Outcome(Kind.THROTTLED, "21730")),
        (error(63038, 429), Outcome(Kind.EXHAUSTED, "63038")),
        (error(21211), Outcome(Kind.INVALID, "21211")),
        (error(21614), Outcome(Kind.INVALID, "21614")),
        (error(21610), Outcome(Kind.SUPPRESSED, "21610", reason="stop")),
        (error(21612), Outcome(Kind.REJECTED, "21612")),
        (error(21608), Outcome(Kind.REJECTED, "21608")),
        (error(30007), Outcome(Kind.REJECTED, "30007")),
        (error(21617), Outcome(Kind.REJECTED, "21617")),
        (error(20003, 401), Outcome(Kind.DENIED, "20003")),
        (error(20403, 403), Outcome(Kind.DENIED, "20403")),
        (error(21606), Outcome(Kind.SENDER, "21606")),
        (error(21603), Outcome(Kind.SENDER, "21603")),
        (error(21659), Outcome(Kind.SENDER, "21659")),
        (error(21660, 403), Outcome(Kind.SENDER, "21660")),
        (error(21212), Outcome(Kind.SENDER, "21212")),
        (error(21703), Outcome(Kind.DENIED, "21703")),
        (error(21610, 403), Outcome(Kind.SUPPRESSED, "21610", reason="stop")),
        (error(20500, 500), Outcome(Kind.AMBIGUOUS, "500")),
        (error(20503, 503), Outcome(Kind.AMBIGUOUS, "503")),
        ((404, b"<html>"), Outcome(Kind.DENIED, "404")),
        (error(20404, 404), Outcome(Kind.DENIED, "20404")),
        ((201, {"sid": "SM1", "status": "accepted"}), Outcome(Kind.ACCEPTED, "accepted", "SM1")),
        ((201, {"sid": 7, "status": "queued"}), Outcome(Kind.AMBIGUOUS, "no id")),
        ((200, {"sid": "SM1"}), Outcome(Kind.AMBIGUOUS, "200")),
        (
            (201, {"sid": "SM1", "status": "failed", "error_code": 30007}),
            Outcome(Kind.REJECTED, "30007", "SM1"),
        ),
    ],
)
def test_codes(scripted: Scripted, answer: tuple[int, object], outcome: Outcome) -> None:
    assert scripted.outcome(TWILIO, *answer) == outcome


def test_a_wait_is_told(scripted: Scripted) -> None:
    found = scripted.outcome(TWILIO, *error(20429, 429), {"retry-after": "12"})
    assert found == Outcome(Kind.THROTTLED, "20429", retry_after=12.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"content": {"text": "x" * 1601}},
        {"content": {"text": " "}},
        {"content": {}},
        {"destination": "0612340001"},
        {"destination": "+0612340001"},
        {"destination": "demo@clinique.example"},
    ],
)
def test_what_is_no_text_message(scripted: Scripted, changes: dict[str, object]) -> None:
    with pytest.raises(Unsupported):
        scripted.lane(TWILIO).item(TWILIO.message(1, **changes))
    scripted.lane(TWILIO).item(TWILIO.message(1, content={"text": "x" * 1600}))


@pytest.mark.parametrize("shared", [None, ("ours", "hush")])
def test_callbacks_are_believed(tmp_path: Path, shared: tuple[str, str] | None) -> None:
    """By HMAC-SHA1 of the token, and by HMAC-SHA256 where a shared key is set."""
    desk = Desk(clock=lambda: NOW)
    with TWILIO.serve(desk) as environment:
        Lane(TWILIO, desk, environment).send(TWILIO.message(1))
    (taken,) = desk.taken
    names = ("sent", "delivered", "unsubscribed")
    events = [Event(name, taken, NOW + timedelta(minutes=n)) for n, name in enumerate(names)]
    keys = dict([shared]) if shared else {}
    url = f"{PUBLIC_URL}/webhooks/twilio"

    class Signed:
        PROVIDER = "twilio"

        @staticmethod
        def calls(events: list[Event], _: str) -> object:
            return standin.calls(events, url, shared)

    with in_thread(
        tmp_path, webhooks=verifiers({"twilio": standin.secret()}, keys), public_url=PUBLIC_URL
    ) as served:
        assert report(Signed, events, served.url) == [200] * 3  # type: ignore[arg-type]
        # What the other algorithm says is not believed, nor what was signed for another address.
        other = None if shared else ("ours", "hush")
        Signed.calls = staticmethod(lambda events, _: standin.calls(events, url, other))
        assert report(Signed, events, served.url) == [401] * 3  # type: ignore[arg-type]
        Signed.calls = staticmethod(lambda events, _: standin.calls(events, url + "x", shared))
        assert report(Signed, events, served.url) == [401] * 3  # type: ignore[arg-type]
    rows = {row["event_type"]: row for row in served.rows("delivery_events")}
    assert set(rows) == {"sent", "delivered", "received"}
    assert rows["delivered"]["outbox_id"] == rows["sent"]["outbox_id"] == f"{1:064x}"
    assert rows["received"]["outbox_id"] is None
    assert '"OptOutType":"STOP"' in rows["received"]["payload"]


def test_nothing_recognises_a_message_that_is_sent_twice() -> None:
    """So what may have been taken must not be sent again."""
    desk = Desk(clock=lambda: NOW)
    assert providers.capabilities("twilio").idempotent_for is None
    with TWILIO.serve(desk) as environment:

        async def twice(provider: providers.Provider) -> list[Outcome]:
            item = Item(TWILIO.message(1), provider.item(TWILIO.message(1)))
            return [*await provider.send([item]), *await provider.send([item])]

        Lane(TWILIO, desk, environment).ask(twice)
    assert len(desk.taken) == 2
