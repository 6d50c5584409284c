"""FCM: the body as Google's own client makes it, its errors, and its access tokens."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import Item, Kind, Outcome, Provider, Unsupported
from reverse_etl.delivery.providers.fcm import refused
from reverse_etl.delivery.transport import Answer, Transport
from sandbox.servers import fcm as standin
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk, Fate, Trouble
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import NOW, Lane, agree, shape

FCM = HARNESSES["fcm"]
GOLDEN = {
    "message": {
        "data": {"link": "str", "outbox_id": "str"},
        "notification": {"body": "str", "title": "str"},
        "token": "str",
        "webpush": {"fcm_options": {"link": "str"}},
    }
}
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


@contextmanager
def opened(tokens: standin.Tokens) -> Iterator[Lane]:
    desk = Desk(clock=lambda: NOW)
    with serving(standin.app(desk, tokens)) as url:
        yield Lane(FCM, desk, standin.environment(url))


def error(status: int, state: str, *details: Mapping[str, Any]) -> Answer:
    body = {"error": {"code": status, "status": state, "message": "m", "details": list(details)}}
    return Answer(status, {}, json.dumps(body).encode())


def special(code: str) -> dict[str, Any]:
    return {"@type": FCM_ERROR, "errorCode": code}


def bad(field: str) -> dict[str, Any]:
    return {"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": "d"}]}


def test_the_body() -> None:
    with opened(standin.Tokens()) as lane:
        body = json.loads(lane.item(FCM.message(1)))
    assert shape(body) == GOLDEN
    assert body["message"]["data"]["outbox_id"] == f"{1:064x}"


def test_the_body_agrees_with_a_capture_of_google_s_client(shared_data: Path) -> None:
    (captured,) = json.loads((shared_data / "wire" / "fcm_discovery.json").read_text())
    theirs = json.loads(captured["body"])
    theirs["message"]["data"] = {"link": "v"}
    agree(GOLDEN, shape(theirs))
    assert set(theirs["message"]) <= set(GOLDEN["message"])
    assert captured["path"].partition("?")[0] == "/v1/projects/p/messages:send"


def test_only_strings_and_no_link_where_there_is_none() -> None:
    with opened(standin.Tokens()) as lane:
        plain = json.loads(lane.item(FCM.message(1, content={"title": "T"})))["message"]
        assert plain["data"] == {"outbox_id": f"{1:064x}"} and "webpush" not in plain
        app = json.loads(lane.item(FCM.message(1, content={"body": "B", "link": "app://x"})))
        assert app["message"]["data"]["link"] == "app://x" and "webpush" not in app["message"]
        for content in ({}, {"title": " "}, {"title": "T", "body": "é" * 2048}):
            with pytest.raises(Unsupported):
                lane.item(FCM.message(1, content=content))
        lane.item(FCM.message(1, content={"body": "x" * 3900}))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            error(404, "NOT_FOUND", special("UNREGISTERED")),
            Outcome(Kind.INVALID, "UNREGISTERED", reason="unregistered"),
        ),
        (error(404, "NOT_FOUND"), Outcome(Kind.DENIED, "NOT_FOUND")),
        (
            error(400, "INVALID_ARGUMENT", special("INVALID_ARGUMENT")),
            Outcome(Kind.INVALID, "INVALID_ARGUMENT", reason="unregistered"),
        ),
        (
            error(400, "INVALID_ARGUMENT", special("INVALID_ARGUMENT"), bad("message.token")),
            Outcome(Kind.INVALID, "INVALID_ARGUMENT", reason="unregistered"),
        ),
        (
            error(400, "INVALID_ARGUMENT", bad("message.data[0].value")),
            Outcome(Kind.REJECTED, "INVALID_ARGUMENT"),
        ),
        (
            error(400, "INVALID_ARGUMENT", special("INVALID_ARGUMENT"), bad("message.android.ttl")),
            Outcome(Kind.REJECTED, "INVALID_ARGUMENT"),
        ),
        (error(400, "INVALID_ARGUMENT"), Outcome(Kind.REJECTED, "INVALID_ARGUMENT")),
        (
            error(403, "PERMISSION_DENIED", special("SENDER_ID_MISMATCH")),
            Outcome(Kind.REJECTED, "SENDER_ID_MISMATCH"),
        ),
        (error(403, "PERMISSION_DENIED"), Outcome(Kind.DENIED, "PERMISSION_DENIED")),
        (
            error(401, "UNAUTHENTICATED", special("THIRD_PARTY_AUTH_ERROR")),
            Outcome(Kind.DENIED, "THIRD_PARTY_AUTH_ERROR"),
        ),
        (error(401, "UNAUTHENTICATED"), Outcome(Kind.DENIED, "UNAUTHENTICATED")),
        (
            error(429, "RESOURCE_EXHAUSTED", special("QUOTA_EXCEEDED")),
            Outcome(Kind.THROTTLED, "QUOTA_EXCEEDED", retry_after=60.0),
        ),
        (Answer(429, {}, b"slow"), Outcome(Kind.THROTTLED, "429")),
        (error(500, "INTERNAL", special("INTERNAL")), Outcome(Kind.AMBIGUOUS, "INTERNAL")),
        (error(503, "UNAVAILABLE"), Outcome(Kind.AMBIGUOUS, "UNAVAILABLE")),
        (Answer(502, {}, b"<html>"), Outcome(Kind.AMBIGUOUS, "502")),
        (Answer(400, {}, b'{"error": "no"}'), Outcome(Kind.REJECTED, "400")),
        (
            error(400, "INVALID_ARGUMENT", {"@type": BAD_REQUEST, "fieldViolations": None}),
            Outcome(Kind.REJECTED, "INVALID_ARGUMENT"),
        ),
    ],
)
def test_errors(answer: Answer, outcome: Outcome) -> None:
    assert refused(answer, None) == outcome


def test_a_wait_is_told() -> None:
    quota = error(429, "RESOURCE_EXHAUSTED", special("QUOTA_EXCEEDED"))
    assert refused(quota, 7.0).retry_after == 7.0
    assert refused(error(503, "UNAVAILABLE"), 9.0).retry_after == 9.0


def test_tokens_that_are_gone_and_payloads_that_are_wrong() -> None:
    """The first is for forgetting the device; the second is not its fault."""
    with opened(standin.Tokens()) as lane:
        found = [
            lane.send(FCM.message(n, destination=device))[0]
            for n, device in enumerate(("a-0009", "a" + standin.MALFORMED, "a-other-sender"))
        ]
        assert FCM.destination(Fate.INVALID)[-4:] == "0009"
        lane.desk.order(Trouble.PERMANENT)
        found += lane.send(FCM.message(4))
    assert [(one.kind, one.reason) for one in found] == [
        (Kind.INVALID, "unregistered"),
        (Kind.INVALID, "unregistered"),
        (Kind.REJECTED, None),
        (Kind.REJECTED, None),
    ]


async def _many(provider: Provider, numbers: range) -> list[Outcome]:
    items = [Item(FCM.message(n), provider.item(FCM.message(n))) for n in numbers]
    return [
        one for found in await asyncio.gather(*(provider.send([i]) for i in items)) for one in found
    ]


def test_one_access_token_serves_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth import _helpers

    tokens = standin.Tokens()

    async def used(provider: Provider) -> list[Outcome]:
        found = await _many(provider, range(20))
        assert tokens.asked == 1
        later: datetime = _helpers.utcnow() + timedelta(minutes=59)
        monkeypatch.setattr(_helpers, "utcnow", lambda: later)
        return [*found, *await _many(provider, range(20, 40))]

    with opened(tokens) as lane:
        found = lane.ask(used)
    assert {one.kind for one in found} == {Kind.ACCEPTED} and tokens.asked == 2


def test_a_token_that_was_taken_back_is_fetched_anew() -> None:
    tokens = standin.Tokens()

    async def used(provider: Provider) -> list[Outcome]:
        first = await _many(provider, range(1))
        tokens.given.clear()
        return [*first, *await _many(provider, range(1, 2)), *await _many(provider, range(2, 3))]

    with opened(tokens) as lane:
        kinds = [one.kind for one in lane.ask(used)]
    assert kinds == [Kind.ACCEPTED, Kind.DENIED, Kind.ACCEPTED] and tokens.asked == 2


def test_without_an_access_token_nothing_is_sent() -> None:
    tokens = standin.Tokens()
    with opened(tokens) as lane:
        tokens.refuses = True
        (denied,) = lane.send(FCM.message(1))
        assert denied == Outcome(Kind.DENIED, "no access token")
        other = {**standin.service_account(), "token_uri": "nowhere"}
        (gone,) = lane.send(FCM.message(1), MARKETING_FCM_SERVICE_ACCOUNT=json.dumps(other))
        assert gone == Outcome(Kind.DENIED, "no access token")
        assert not lane.desk.posts


def test_a_token_endpoint_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = standin.Tokens()
    with opened(tokens) as lane:
        tokens.is_down = True
        # google-auth waits between its attempts; none of them carries a message.
        monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)
        (down,) = lane.send(FCM.message(1))
        assert down == Outcome(Kind.UNREACHABLE, "no access token") and tokens.asked > 1
        tokens.is_down = False
        assert lane.send(FCM.message(1))[0].kind is Kind.ACCEPTED


def test_a_slow_token_endpoint_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another task of the same loop runs while the token is waited for: the answer waits for it."""
    tokens, asked, goes_on = standin.Tokens(), threading.Event(), threading.Event()
    give = tokens.give

    def slow(form: dict[str, list[str]]) -> Any:
        asked.set()
        assert goes_on.wait(20)
        return give(form)

    monkeypatch.setattr(tokens, "give", slow)

    async def used(provider: Provider) -> list[Outcome]:
        sending = asyncio.create_task(_many(provider, range(3)))
        while not asked.is_set():
            await asyncio.sleep(0.01)
        goes_on.set()
        return await sending

    with opened(tokens) as lane:
        assert {one.kind for one in lane.ask(used)} == {Kind.ACCEPTED}


def test_service_accounts(tmp_path: Path) -> None:
    transport = Transport(lambda: NOW)
    account = standin.service_account()
    (tmp_path / "key.json").write_text(json.dumps(account))
    path = {"MARKETING_FCM_SERVICE_ACCOUNT": str(tmp_path / "key.json")}
    assert providers.make("fcm", path, {}, transport).name == "fcm"
    without = {name: value for name, value in account.items() if name != "project_id"}
    for given in ("{", "[]", "{}", '{"private_key": "x"}', "/nowhere", json.dumps(without)):
        with pytest.raises(providers.NotConfigured) as caught:
            providers.make("fcm", {"MARKETING_FCM_SERVICE_ACCOUNT": given}, {}, transport)
        assert "PRIVATE" not in str(caught.value)
    given = {"MARKETING_FCM_SERVICE_ACCOUNT": json.dumps(without)}
    assert providers.make("fcm", given, {"project": "other"}, transport)
