"""Brevo: the request, its key against duplicates, its errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from reverse_etl.delivery.protocol import Kind, Unsupported
from sandbox.servers import brevo_email as standin
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import LIST_UNSUBSCRIBE, NOW, Lane, Scripted, shape

_SENDER = "Sending has been rejected because the sender you used a@b is not valid."
BREVO = HARNESSES["brevo"]
GOLDEN = {
    "headers": {
        "List-Unsubscribe": "str",
        "List-Unsubscribe-Post": "str",
        "X-Mailin-custom": "str",
        "idempotencyKey": "str",
    },
    "htmlContent": "str",
    "replyTo": {"email": "str"},
    "sender": {"email": "str", "name": "str"},
    "subject": "str",
    "tags": ["str"],
    "textContent": "str",
    "to": [{"email": "str"}],
}


def sent(scripted: Scripted, **changes: Any) -> dict[str, Any]:
    scripted.outcome(BREVO, 201, {"messageId": "<m1@relay>"}, **changes)
    found: dict[str, Any] = json.loads(scripted.requests[-1][3])
    return found


def test_requests_look_like_the_documentation_s(scripted: Scripted) -> None:
    body = sent(scripted, headers=LIST_UNSUBSCRIBE, reply_to="answers@example.org")
    assert shape(body) == GOLDEN
    method, path, headers, _ = scripted.requests[-1]
    assert (method, path) == ("POST", "/v3/smtp/email")
    assert headers["api-key"] and "authorization" not in headers
    assert UUID(body["headers"]["idempotencyKey"]).version == 4
    assert body["headers"]["X-Mailin-custom"] == f"{1:064x}"


@contextmanager
def at(moment: list[datetime]) -> Iterator[Lane]:
    desk = Desk(clock=lambda: moment[0])
    with serving(standin.app(desk)) as url:
        yield Lane(BREVO, desk, standin.environment(url))


def test_a_message_is_taken_again_after_brevo_forgot_it() -> None:
    moment = [NOW]
    with at(moment) as lane:
        for minutes, count, replayed in ((0, 1, False), (14, 1, True), (15, 2, False)):
            moment[0] = NOW + timedelta(minutes=minutes)
            (outcome,) = lane.send(BREVO.message(1))
            assert (outcome.kind, outcome.replayed) == (Kind.ACCEPTED, replayed)
            assert lane.desk.count == count
    assert BREVO.capabilities.idempotent_for == standin.REMEMBERED


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": "duplicate_parameter"}, Kind.ACCEPTED),
        (400, {"code": "invalid_parameter", "message": "email is not valid"}, Kind.REJECTED),
        (400, {"code": "invalid_parameter", "message": _SENDER}, Kind.SENDER),
        (402, {"code": "not_enough_credits"}, Kind.EXHAUSTED),
        (401, {"code": "unauthorized"}, Kind.DENIED),
        (400, {"code": "account_under_validation"}, Kind.DENIED),
        (403, {"code": "permission_denied"}, Kind.DENIED),
        (429, {}, Kind.THROTTLED),
        (500, {}, Kind.AMBIGUOUS),
        (201, {}, Kind.AMBIGUOUS),
        (201, {"messageId": None}, Kind.AMBIGUOUS),
        (202, {"messageId": "<m@relay>"}, Kind.ACCEPTED),
        (400, {"code": ["what"]}, Kind.REJECTED),
    ],
)
def test_answers(scripted: Scripted, status: int, body: object, kind: Kind) -> None:
    assert scripted.outcome(BREVO, status, body).kind is kind


def test_it_waits_as_long_as_brevo_says(scripted: Scripted) -> None:
    for headers, wait in (
        ({"x-sib-ratelimit-reset": "17"}, 17),
        ({"x-sib-ratelimit-reset": "17", "retry-after": "3"}, 3),
        ({"x-sib-ratelimit-reset": "later"}, None),
    ):
        assert scripted.outcome(BREVO, 429, {}, headers).retry_after == wait


def test_what_brevo_would_change_is_refused(scripted: Scripted) -> None:
    lane, content = scripted.lane(BREVO), BREVO.message().content
    for changes in (
        {"content": {**content, "html": "<p>{{ params.name }}</p>"}},
        {"content": {**content, "subject": "{% if x %}"}},
        {"content": {**content, "text": "7 {{7*7}}"}},
        {"content": {"subject": "s", "text": "only text"}},
        {"headers": (("X-Mailin-Custom", "mine"),)},
        {"headers": (("idempotencyKey", "mine"),)},
    ):
        with pytest.raises(Unsupported):
            lane.item(BREVO.message(1, **changes))
