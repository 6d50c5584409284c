"""OneSignal: its body, what a 200 without an id means, and what it recognises."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from reverse_etl.delivery.protocol import Item, Kind, Outcome, Provider, Unsupported
from reverse_etl.delivery.providers.onesignal import idempotency_key
from sandbox.servers import onesignal as standin
from sandbox.servers.messaging import Desk, Trouble
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import NOW, SHORT, Lane, Scripted

ONESIGNAL = HARNESSES["onesignal"]
NOBODY = {"id": "", "errors": ["All included players are not subscribed"]}
UNKNOWN = {"invalid_aliases": {"external_id": ["device-0009"]}}


def test_the_body(scripted: Scripted) -> None:
    scripted.lane(ONESIGNAL).send(ONESIGNAL.message(1))
    method, path, headers, body = scripted.requests[-1]
    assert json.loads(body) == {
        "app_id": standin.APP,
        "contents": {"en": "Elle est prête"},
        "data": {"outbox_id": f"{1:064x}"},
        "headings": {"en": "Démo"},
        "idempotency_key": "c386d8e8-d073-42f2-a39e-189c8e6c57bb",
        "include_aliases": {"external_id": ["device-0001"]},
        "target_channel": "push",
        "url": "https://www.example.org/d",
    }
    assert (method, path) == ("POST", "/notifications")
    assert headers["authorization"].startswith("Key ")
    # In the body: a header would be ignored.
    assert "idempotency-key" not in headers


def test_keys_are_uuids_and_differ() -> None:
    keys = {idempotency_key(f"{n:064x}") for n in range(1000)}
    assert len(keys) == 1000
    assert all(UUID(key).version == 4 and str(UUID(key)) == key for key in keys)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, {"id": "n1", "external_id": None}), Outcome(Kind.ACCEPTED, "200", "n1")),
        ((200, {"id": "n1", "errors": []}), Outcome(Kind.ACCEPTED, "200", "n1")),
        ((200, {"id": "n1", "errors": ["a warning"]}), Outcome(Kind.ACCEPTED, "200", "n1")),
        ((200, NOBODY), Outcome(Kind.SUPPRESSED, "not_subscribed", reason="unsubscribed")),
        ((200, {"id": "", "errors": UNKNOWN}), Outcome(Kind.INVALID, "invalid_aliases")),
        ((200, {"id": "n1", "errors": UNKNOWN}), Outcome(Kind.INVALID, "invalid_aliases", "n1")),
        ((200, {"id": "", "errors": ["Something else"]}), Outcome(Kind.REJECTED, "empty_id")),
        ((200, {"id": ""}), Outcome(Kind.REJECTED, "empty_id")),
        (
            (200, {"errors": NOBODY["errors"]}),
            Outcome(Kind.SUPPRESSED, "not_subscribed", reason="unsubscribed"),
        ),
        ((200, {}), Outcome(Kind.AMBIGUOUS, "no id")),
        ((200, []), Outcome(Kind.AMBIGUOUS, "no id")),
        ((400, {"errors": ["Message Notifications must have"]}), Outcome(Kind.REJECTED, "400")),
        ((400, {"errors": UNKNOWN}), Outcome(Kind.INVALID, "invalid_aliases")),
        ((400, {"errors": ["app_id not found"]}), Outcome(Kind.DENIED, "app_id")),
        ((400, b"<html>"), Outcome(Kind.REJECTED, "400")),
        ((401, {}), Outcome(Kind.DENIED, "401")),
        ((403, {}), Outcome(Kind.DENIED, "403")),
        ((429, {}), Outcome(Kind.THROTTLED, "429")),
        ((503, {}), Outcome(Kind.AMBIGUOUS, "503")),
    ],
)
def test_answers(scripted: Scripted, answer: tuple[int, object], outcome: Outcome) -> None:
    assert scripted.outcome(ONESIGNAL, *answer) == outcome


def test_waits_and_replays_are_told(scripted: Scripted) -> None:
    assert scripted.outcome(ONESIGNAL, 429, {}, {"retry-after": "9"}).retry_after == 9.0
    headers = {"Idempotent-Replayed": "true"}
    assert scripted.outcome(ONESIGNAL, 200, {"id": "n1"}, headers).replayed


@pytest.mark.parametrize("trouble", [Trouble.HANG, Trouble.RESET, Trouble.ERROR, Trouble.HTML])
def test_after_an_ambiguous_answer_the_same_bytes_are_one_message(trouble: Trouble) -> None:
    desk = Desk(clock=lambda: NOW)
    with ONESIGNAL.serve(desk) as environment:

        async def until_known(provider: Provider) -> list[Outcome]:
            item = Item(ONESIGNAL.message(1), provider.item(ONESIGNAL.message(1)))
            return [(await provider.send([item]))[0] for _ in range(2)]

        desk.order(trouble)
        lane = Lane(ONESIGNAL, desk, environment)
        first, second = lane.ask(until_known, SHORT if trouble is Trouble.HANG else 30.0)
    assert first.kind is Kind.AMBIGUOUS
    assert second.kind is Kind.ACCEPTED and second.replayed
    assert len(desk.taken) == 1 and len(set(desk.posts)) == 1


def test_what_is_no_push(scripted: Scripted) -> None:
    lane = scripted.lane(ONESIGNAL)
    body = json.loads(lane.item(ONESIGNAL.message(1, content={"title": "T"})))
    assert body["contents"] == {"en": "T"} and "headings" not in body and "url" not in body
    for changes in (
        {"content": {"link": "https://x.example"}},
        {"content": {"body": "é" * 2100}},
        {"destination": ""},
    ):
        with pytest.raises(Unsupported):
            lane.item(ONESIGNAL.message(1, **changes))
