"""Telnyx: the body as its SDK makes it, its codes, and what it recognises for a day."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.collector.webhooks import verifiers
from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import Item, Kind, Outcome, Provider, Unsupported
from reverse_etl.delivery.transport import Transport
from sandbox.servers import telnyx as standin
from sandbox.servers.messaging import Desk, Event, Trouble, report
from tests.ingestion.collector.serving import in_thread
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import NOW, SHORT, Lane, Scripted, agree, shape
from tests.reverse_etl.delivery.harness_messages import PUBLIC_URL

TELNYX = HARNESSES["telnyx"]
GOLDEN = {
    "from": "str",
    "tags": ["str"],
    "text": "str",
    "to": "str",
    "webhook_url": "str",
}


def errors(code: str, status: int = 400, title: str = "") -> tuple[int, dict[str, object]]:
    return status, {"errors": [{"code": code, "title": title, "detail": "+33612340001"}]}


def test_requests_look_like_the_sdk_s(scripted: Scripted) -> None:
    scripted.lane(TELNYX).send(TELNYX.message(1), MARKETING_PUBLIC_URL=PUBLIC_URL)
    method, path, headers, body = scripted.requests[-1]
    assert shape(json.loads(body)) == GOLDEN
    assert json.loads(body)["tags"] == [f"outbox_id:{1:064x}"]
    assert json.loads(body)["webhook_url"] == f"{PUBLIC_URL}/webhooks/telnyx"
    assert (method, path) == ("POST", "/v2/messages")
    assert headers["idempotency-key"] == f"{1:064x}"
    assert headers["authorization"].startswith("Bearer ")


def test_requests_agree_with_a_capture_of_the_sdk(scripted: Scripted, shared_data: Path) -> None:
    (captured,) = json.loads((shared_data / "wire" / "telnyx.json").read_text())
    theirs = shape(json.loads(captured["body"]))
    assert isinstance(theirs, dict) and set(theirs) <= set(GOLDEN)
    agree(GOLDEN, theirs)
    scripted.lane(TELNYX).send(TELNYX.message(1))
    assert scripted.requests[-1][:2] == (captured["method"], captured["path"])


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (errors("40300"), Outcome(Kind.SUPPRESSED, "40300", reason="stop")),
        (errors("10011", 429), Outcome(Kind.THROTTLED, "10011")),
        (errors("40002"), Outcome(Kind.THROTTLED, "40002", retry_after=60.0)),
        (errors("40004"), Outcome(Kind.THROTTLED, "40004", retry_after=300.0, is_own=True)),
        (errors("40006"), Outcome(Kind.THROTTLED, "40006", retry_after=60.0, is_own=True)),
        (errors("99999", 429), Outcome(Kind.THROTTLED, "99999")),
        (errors("40333", 429), Outcome(Kind.EXHAUSTED, "40333")),
        (errors("40001"), Outcome(Kind.INVALID, "40001")),
        (errors("40310"), Outcome(Kind.INVALID, "40310")),
        (errors("10016", 422), Outcome(Kind.INVALID, "10016")),
        (errors("40003"), Outcome(Kind.REJECTED, "40003")),
        (errors("40009"), Outcome(Kind.REJECTED, "40009")),
        (errors("10015", 422, "Bad Request"), Outcome(Kind.REJECTED, "10015")),
        (errors("40305"), Outcome(Kind.SENDER, "40305")),
        (errors("40305", 403), Outcome(Kind.SENDER, "40305")),
        (errors("40306"), Outcome(Kind.SENDER, "40306")),
        (errors("40315"), Outcome(Kind.SENDER, "40315")),
        (errors("40329"), Outcome(Kind.SENDER, "40329")),
        (errors("40312"), Outcome(Kind.DENIED, "40312")),
        (errors("40314"), Outcome(Kind.DENIED, "40314")),
        (errors("10009", 401), Outcome(Kind.DENIED, "10009")),
        (errors("99999", 403), Outcome(Kind.DENIED, "99999")),
        (errors("10005", 404), Outcome(Kind.DENIED, "10005")),
        (errors("20100", 402), Outcome(Kind.DENIED, "20100")),
        (errors("10007", 500), Outcome(Kind.AMBIGUOUS, "500")),
        (errors("10015", 409), Outcome(Kind.AMBIGUOUS, "10015")),
        (errors("10015", 422, "Idempotency-Key reused"), Outcome(Kind.AMBIGUOUS, "10015")),
        ((422, b"no"), Outcome(Kind.AMBIGUOUS, "422")),
        ((422, {"errors": "no"}), Outcome(Kind.AMBIGUOUS, "422")),
        ((200, {"data": None}), Outcome(Kind.AMBIGUOUS, "no id")),
        ((200, {"data": {"id": ""}}), Outcome(Kind.AMBIGUOUS, "no id")),
        ((200, {"data": {"id": "m1", "to": []}}), Outcome(Kind.ACCEPTED, "", "m1")),
        (
            (200, {"data": {"id": "m1", "to": [{"status": "queued"}]}}),
            Outcome(Kind.ACCEPTED, "queued", "m1"),
        ),
        (
            (
                200,
                {
                    "data": {
                        "id": "m1",
                        "to": [{"status": "sending_failed"}],
                        "errors": [{"code": "40300"}],
                    }
                },
            ),
            Outcome(Kind.SUPPRESSED, "40300", "m1", reason="stop"),
        ),
    ],
)
def test_codes(scripted: Scripted, answer: tuple[int, object], outcome: Outcome) -> None:
    assert scripted.outcome(TELNYX, *answer) == outcome


def test_a_wait_that_is_told_goes_first(scripted: Scripted) -> None:
    found = scripted.outcome(TELNYX, *errors("40002", 429), {"retry-after": "7"})
    assert found.retry_after == 7.0


class At:
    """A desk whose clock can be put forward."""

    def __init__(self) -> None:
        self.now = NOW
        self.desk = Desk(clock=lambda: self.now)


@pytest.mark.parametrize(
    "trouble", [Trouble.HANG, Trouble.RESET, Trouble.ERROR, Trouble.TRUNCATED, Trouble.EMPTY]
)
def test_after_an_ambiguous_answer_the_same_bytes_are_one_message(trouble: Trouble) -> None:
    at = At()
    with TELNYX.serve(at.desk) as environment:

        async def until_known(provider: Provider) -> list[Outcome]:
            item = Item(TELNYX.message(1), provider.item(TELNYX.message(1)))
            return [(await provider.send([item]))[0] for _ in range(2)]

        at.desk.order(trouble)
        lane = Lane(TELNYX, at.desk, environment)
        first, second = lane.ask(until_known, SHORT if trouble is Trouble.HANG else 30.0)
        assert (first.kind, second.kind) == (Kind.AMBIGUOUS, Kind.ACCEPTED)
        assert len(at.desk.taken) == 1
        assert len(set(at.desk.posts)) == 1 and len(at.desk.posts) == 2
        assert second.provider_message_id == at.desk.taken[0].provider_message_id
        # A day later it is another message.
        at.now += timedelta(hours=24)
        lane.ask(until_known)
        assert len(at.desk.taken) == 2


def test_other_bytes_under_the_same_key_are_not_taken_for_sent() -> None:
    at = At()
    with TELNYX.serve(at.desk) as environment:
        lane = Lane(TELNYX, at.desk, environment)
        lane.send(TELNYX.message(1))
        (other,) = lane.send(TELNYX.message(1, content={"text": "Autre chose"}))
    assert other == Outcome(Kind.AMBIGUOUS, "10015") and len(at.desk.taken) == 1


def test_a_refused_message_is_not_kept() -> None:
    """Only what succeeded is replayed: who takes their STOP back can be written to again."""
    at = At()
    fates: Sequence[str] = ["suppressed", "delivered"]
    left = iter(fates)
    at.desk.fate = lambda _: standin.Fate(next(left))
    with TELNYX.serve(at.desk) as environment:
        lane = Lane(TELNYX, at.desk, environment)
        kinds = [lane.send(TELNYX.message(1))[0].kind for _ in fates]
    assert kinds == [Kind.SUPPRESSED, Kind.ACCEPTED]


def test_a_stop_comes_back_and_other_signatures_do_not(tmp_path: Path) -> None:
    at = At()
    with TELNYX.serve(at.desk) as environment:
        Lane(TELNYX, at.desk, environment).send(TELNYX.message(1))
    (taken,) = at.desk.taken
    event = Event("unsubscribed", taken, NOW)
    other = base64.b64encode(bytes(32)).decode()
    for key, status in ((other, 401), (standin.secret(), 200)):
        with in_thread(tmp_path, webhooks=verifiers({"telnyx": key}, {})) as served:
            assert report(standin, [event], served.url) == [status]
    (row,) = served.rows("delivery_events")
    assert (row["event_type"], row["outbox_id"]) == ("received", None)
    assert '"text":"STOP"' in row["payload"]


def test_senders() -> None:
    environment, transport = standin.environment("http://x"), Transport(lambda: NOW)
    plain = providers.make("telnyx", environment, {}, transport)
    with pytest.raises(Unsupported, match="messaging_profile_id"):
        plain.item(TELNYX.message(1, sender="MARQUE"))
    named = providers.make("telnyx", environment, {"messaging_profile_id": "p1"}, transport)
    body = json.loads(named.item(TELNYX.message(1, sender="MARQUE")))
    assert (body["from"], body["messaging_profile_id"]) == ("MARQUE", "p1")
    assert "webhook_url" not in body
    plain.item(TELNYX.message(1, content={"text": "x" * 1530}))
    for text in ("x" * 1531, "é" * 671 + "ș", " "):
        with pytest.raises(Unsupported):
            plain.item(TELNYX.message(1, content={"text": text}))
