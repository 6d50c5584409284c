"""Postmark: the request as a client of it makes it, each result of a batch, its limits."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.delivery.protocol import Kind, Unsupported
from reverse_etl.delivery.providers import postmark
from sandbox.servers import postmark as standin
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk, Fate
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import (
    LIST_UNSUBSCRIBE,
    NOW,
    Lane,
    Scripted,
    agree,
    shape,
)

POSTMARK = HARNESSES["postmark"]
GOLDEN = {
    "From": "str",
    "Headers": [{"Name": "str", "Value": "str"}],
    "HtmlBody": "str",
    "MessageStream": "str",
    "Metadata": {"outbox_id": "str"},
    "ReplyTo": "str",
    "Subject": "str",
    "Tag": "str",
    "TextBody": "str",
    "To": "str",
    "TrackLinks": "str",
    "TrackOpens": "bool",
}


def sent(scripted: Scripted, **changes: Any) -> dict[str, Any]:
    scripted.outcome(POSTMARK, 200, [{"ErrorCode": 0, "MessageID": "m1"}], **changes)
    (found,) = json.loads(scripted.requests[-1][3])
    assert isinstance(found, dict)
    return found


def test_requests_look_like_a_client_s(scripted: Scripted) -> None:
    body = sent(scripted, headers=LIST_UNSUBSCRIBE, reply_to="answers@example.org")
    assert shape(body) == GOLDEN
    method, path, headers, _ = scripted.requests[-1]
    assert (method, path) == ("POST", "/email/batch")
    assert headers["x-postmark-server-token"] and headers["accept"] == "application/json"
    assert body["From"] == '"Démo, Équipe" <news@mail.example.org>'


def test_requests_agree_with_a_capture_of_a_client(shared_data: Path) -> None:
    (captured,) = json.loads((shared_data / "wire" / "postmarker.json").read_text())
    theirs = shape(json.loads(captured["body"]))
    assert isinstance(theirs, dict)
    agree(GOLDEN, {**theirs, "Metadata": {}})
    assert set(GOLDEN) <= set(theirs)


def test_neither_clicks_nor_opens_are_tracked(scripted: Scripted) -> None:
    body = sent(scripted)
    assert (body["TrackLinks"], body["TrackOpens"]) == ("None", False)


def test_a_batch_settles_each_message_alone(scripted: Scripted) -> None:
    results = [
        {"ErrorCode": 0, "MessageID": "m1"},
        {"ErrorCode": 406, "Message": "inactive: a@b"},
        {"ErrorCode": 0, "MessageID": "m3"},
    ]
    scripted.said = scripted.said._replace(body=json.dumps(results).encode())
    found = scripted.lane(POSTMARK).send(*[POSTMARK.message(n) for n in range(3)])
    assert [one.kind for one in found] == [Kind.ACCEPTED, Kind.SUPPRESSED, Kind.ACCEPTED]
    assert found[1].reason == "hard_bounce"
    # An answer of another length says nothing of any of them.
    scripted.said = scripted.said._replace(body=json.dumps(results[:2]).encode())
    found = scripted.lane(POSTMARK).send(*[POSTMARK.message(n) for n in range(3)])
    assert [one.kind for one in found] == [Kind.AMBIGUOUS] * 3


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ({"ErrorCode": 300, "Message": "Invalid 'To' address: 'a@b'."}, Kind.INVALID),
        ({"ErrorCode": 300, "Message": "Error parsing 'To': Illegal email address"}, Kind.INVALID),
        ({"ErrorCode": 300, "Message": "Invalid 'From' address"}, Kind.SENDER),
        ({"ErrorCode": 300, "Message": "Header given twice"}, Kind.REJECTED),
        ({"ErrorCode": 400, "Message": "sender"}, Kind.SENDER),
        ({"ErrorCode": 401, "Message": "not confirmed"}, Kind.SENDER),
        ({"ErrorCode": 405, "Message": "credits"}, Kind.DENIED),
        ({"ErrorCode": 412, "Message": "pending"}, Kind.DENIED),
        ({"ErrorCode": 1226, "Message": "no such stream"}, Kind.DENIED),
        ({"ErrorCode": 1235, "Message": "no such stream on this server"}, Kind.DENIED),
        ({"ErrorCode": 1236, "Message": "not a stream to send on"}, Kind.DENIED),
        ({"ErrorCode": 100, "Message": "maintenance"}, Kind.THROTTLED),
        ({"ErrorCode": 429, "Message": "slow"}, Kind.THROTTLED),
        ({"ErrorCode": 9999}, Kind.REJECTED),
        ({"ErrorCode": 0, "MessageID": ""}, Kind.AMBIGUOUS),
        ({"ErrorCode": 0}, Kind.AMBIGUOUS),
        ({"ErrorCode": "0"}, Kind.AMBIGUOUS),
        ({}, Kind.AMBIGUOUS),
        (None, Kind.AMBIGUOUS),
        ([], Kind.AMBIGUOUS),
    ],
)
def test_results(scripted: Scripted, result: object, kind: Kind) -> None:
    assert scripted.outcome(POSTMARK, 200, [result]).kind is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, {"ErrorCode": 100}, Kind.THROTTLED),
        (401, {"ErrorCode": 10}, Kind.DENIED),
        (422, {"ErrorCode": 410}, Kind.REJECTED),
        (422, {"ErrorCode": 400}, Kind.SENDER),
        (422, {"ErrorCode": 412}, Kind.DENIED),
        (422, {"ErrorCode": 1235}, Kind.DENIED),
        (404, b"<html>", Kind.DENIED),
        (422, {"ErrorCode": ["what"]}, Kind.REJECTED),
        (413, b"", Kind.REJECTED),
        (429, b"", Kind.THROTTLED),
        (500, b"<html>", Kind.AMBIGUOUS),
        (200, b"<html>", Kind.AMBIGUOUS),
        (200, b"[" * 100_000, Kind.AMBIGUOUS),
        (200, {"ErrorCode": 0, "MessageID": "m1"}, Kind.AMBIGUOUS),
    ],
)
def test_answers_to_the_whole(scripted: Scripted, status: int, body: object, kind: Kind) -> None:
    assert scripted.outcome(POSTMARK, status, body).kind is kind


def test_large_messages_are_sent_in_requests_that_postmark_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = len(Lane(POSTMARK, Desk(), standin.environment("http://x")).item(POSTMARK.message(0)))
    monkeypatch.setattr(postmark, "BATCH_BYTES", 3 * (size + 1) + 2)
    desk = Desk(clock=lambda: NOW)
    fates = [Fate.DELIVERED, Fate.INVALID]
    with serving(standin.app(desk)) as url:
        lane = Lane(POSTMARK, desk, standin.environment(url))
        messages = [POSTMARK.message(n, fates[n % 2]) for n in range(8)]
        found = lane.send(*messages)
    assert [one.kind for one in found] == [Kind.ACCEPTED, Kind.INVALID] * 4
    assert [len(json.loads(post)) for post in desk.posts] == [3, 3, 2]
    assert all(len(post) <= postmark.BATCH_BYTES for post in desk.posts)


def test_limits_of_a_message(scripted: Scripted) -> None:
    lane, message = scripted.lane(POSTMARK), POSTMARK.message(1)
    for name, length in (("subject", 2001), ("html", 5_000_001), ("text", 5_000_001)):
        content = {**message.content, name: "x" * length}
        with pytest.raises(Unsupported):
            lane.item(dataclasses.replace(message, content=content))
    for content in ({"subject": "s"}, {"html": "<p>"}, {"subject": " ", "text": "t"}):
        with pytest.raises(Unsupported):
            lane.item(dataclasses.replace(message, content=content))


def test_a_message_is_looked_for_in_its_own_stream() -> None:
    desk = Desk(clock=lambda: NOW)
    with serving(standin.app(desk)) as url:
        theirs = Lane(POSTMARK, desk, standin.environment(url))
        ours = Lane(
            dataclasses.replace(POSTMARK, options={"message_stream": "spring"}),
            desk,
            standin.environment(url),
        )
        ours.send(POSTMARK.message(1))
        ident = POSTMARK.message(1).message_id
        assert theirs.ask(lambda provider: provider.look_up(ident, NOW)) is None
        assert ours.ask(lambda provider: provider.look_up(ident, NOW)) is not None


def test_what_is_not_known_can_be_told_from_what_cannot_be_asked(scripted: Scripted) -> None:
    lane = scripted.lane(POSTMARK)
    scripted.said = scripted.said._replace(body=b'{"TotalCount":0,"Messages":[]}')
    assert lane.ask(lambda provider: provider.look_up("a" * 64, NOW)) is None
    method, path, _, _ = scripted.requests[-1]
    assert method == "GET" and f"metadata_outbox_id={'a' * 64}" in path
    assert "messagestream=broadcast" in path
    for status, body in ((200, b"<html>"), (200, b"[]"), (200, b"{}"), (429, b"{}"), (500, b"")):
        scripted.said = scripted.said._replace(status=status, body=body)
        with pytest.raises(OSError):
            lane.ask(lambda provider: provider.look_up("a" * 64, NOW))
