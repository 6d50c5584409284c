"""What holds for every provider, tried against its stand-in over a real connection."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.collector.webhooks import verifiers
from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import PERMANENT, Item, Kind, Outcome, Provider, Unsupported
from reverse_etl.delivery.transport import Transport
from sandbox.servers.messaging import WAIT_SECONDS, Event, Fate, Trouble, report
from tests.ingestion.collector.serving import in_thread
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import (
    CONTENT,
    LIST_UNSUBSCRIBE,
    NOW,
    SHORT,
    Harness,
    Lane,
    Scripted,
    closed_port,
)

_ROOT = Path(__file__).resolve().parents[3]
_CALLS_NOBODY = ("console", "memory", "file")
_ITEMS = """
import json, sys
sys.path.insert(0, {root!r})
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import Lane
from sandbox.servers.messaging import Desk
import hashlib
found = {{}}
for name, harness in HARNESSES.items():
    environment = json.loads({environment!r})[name]
    lane = Lane(harness, Desk(), environment)
    found[name] = hashlib.sha256(lane.item(harness.message(7))).hexdigest()
print(json.dumps(found))
"""


def those(applies: Callable[[Harness], bool]) -> pytest.MarkDecorator:
    """The test for those providers only that it applies to."""
    found = [harness for harness in HARNESSES.values() if applies(harness)]
    ids = [harness.name for harness in found]
    return pytest.mark.parametrize("harness", found, ids=ids, indirect=True)


def on_wire(harness: Harness) -> bool:
    return harness.name not in _CALLS_NOBODY


def closed_environment(harness: Harness) -> dict[str, str]:
    made = dict(harness.closed(closed_port())) if harness.closed else {}
    return made or {name: "/nowhere" for name in providers.load(harness.name).SECRETS}


def test_every_provider_is_tried() -> None:
    folder = Path(providers.__file__).parent
    built = {file.stem for file in folder.glob("[a-z]*.py")}
    assert set(HARNESSES) == built <= set(providers.NAMES)


def test_a_message_is_taken_once_and_carries_our_id(lane: Lane) -> None:
    message = lane.harness.message(1)
    (outcome,) = lane.send(message)
    assert outcome.kind is Kind.ACCEPTED and outcome.provider_message_id and not outcome.replayed
    if on_wire(lane.harness):
        (taken,) = lane.desk.taken
        assert taken.outbox_id == message.message_id
        assert taken.recipient == message.destination
        assert taken.provider_message_id == outcome.provider_message_id
        assert len(lane.desk.posts) == 1


def test_a_full_batch_has_an_outcome_each_in_order(lane: Lane) -> None:
    harness = lane.harness
    fates = [Fate.DELIVERED, *harness.refused, Fate.OPENED]
    size = harness.capabilities.batch
    messages = [
        harness.message(number, fates[number % len(fates)])
        for number in range(min(size, 500) if size > 1 else len(fates))
    ]
    found = [
        outcome
        for start in range(0, len(messages), size)
        for outcome in lane.send(*messages[start : start + size])
    ]
    wanted = [harness.refused.get(fates[n % len(fates)], Kind.ACCEPTED) for n in range(len(found))]
    assert [outcome.kind for outcome in found] == wanted
    assert len(found) == len(messages)
    if on_wire(harness):
        accepted = [
            (message.message_id, outcome.provider_message_id)
            for message, outcome in zip(messages, found, strict=True)
            if outcome.kind is Kind.ACCEPTED
        ]
        taken = [(one.outbox_id, one.provider_message_id) for one in lane.desk.taken]
        assert taken == accepted


def test_items_are_the_same_in_every_process(tmp_path: Path) -> None:
    environment = {
        name: {**dict.fromkeys(providers.load(name).SECRETS, "x"), **closed_environment(harness)}
        for name, harness in HARNESSES.items()
    }
    program = _ITEMS.format(root=str(_ROOT), environment=json.dumps(environment))
    found = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", program],
                env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin", "TZ": zone},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert found[0] == found[1] and set(found[0]) == set(HARNESSES)


def test_an_item_does_not_depend_on_the_order_of_what_it_is_made_of(lane: Lane) -> None:
    message = lane.harness.message(1)
    turned = dataclasses.replace(
        message,
        labels=dict(reversed(list(message.labels.items()))),
        content=dict(reversed(list(message.content.items()))),
    )
    first = lane.item(message)
    assert first == lane.item(message) == lane.item(turned)
    assert first != lane.item(lane.harness.message(2))


def test_what_cannot_be_done_is_refused(lane: Lane) -> None:
    harness, can = lane.harness, lane.harness.capabilities
    asked = {
        "headers": {"headers": LIST_UNSUBSCRIBE},
        "reply_to": {"reply_to": "answers@example.org"},
    }
    for name, changes in asked.items():
        message = harness.message(1, **changes)
        if getattr(can, name):
            plain = harness.message(1)
            told = lane.item(message) != lane.item(plain)
            assert told or harness.name == "file", f"{name} is dropped"
        else:
            with pytest.raises(Unsupported):
                lane.item(message)
    name = next(iter(CONTENT[harness.channel]))
    for changes in (
        {
            "content": {
                **CONTENT[harness.channel],
                "subject": "a\r\nBcc: all@x.example",
                "title": "a\nb",
            }
        },
        {"destination": "a@x.example\r\nBcc: b@x.example"},
        {"sender_name": "a\nb"},
        {"content": {**CONTENT[harness.channel], name: "half \ud800"}},
        {"channel": "pigeon"} if can.channel != "any" else {"sender": "a\0b"},
        {"headers": (("X-One", "1"), ("x-one", "2"))},
    ):
        with pytest.raises(Unsupported):
            lane.item(harness.message(1, **changes))
    assert not lane.desk.posts


@those(lambda one: on_wire(one) and one.channel == "email")
def test_the_headers_of_a_message_arrive_once(lane: Lane) -> None:
    lane.send(lane.harness.message(1, headers=LIST_UNSUBSCRIBE))
    (post,) = lane.desk.posts
    for name, value in LIST_UNSUBSCRIBE:
        assert post.count(value.encode()) == 1
        assert len(re.findall(rb"\b%s\b(?!-)(?!=One)" % name.encode(), post)) == 1


@those(lambda one: on_wire(one) and one.channel == "email")
def test_no_provider_is_asked_to_tell_of_readers(lane: Lane) -> None:
    """What a provider sees by itself could not be refused once consent is withdrawn."""
    lane.send(lane.harness.message(1))
    (taken,) = lane.desk.taken
    assert not taken.tracks_opens


def test_many_at_once_do_not_disturb_each_other(lane: Lane) -> None:
    harness = lane.harness
    fates = [Fate.DELIVERED, *harness.refused]
    messages = [harness.message(n, fates[n % len(fates)]) for n in range(40)]

    async def all_at_once(provider: Provider) -> list[list[Outcome]]:
        items = [Item(message, provider.item(message)) for message in messages]
        return await asyncio.gather(*[provider.send([item]) for item in items])

    found = [outcome for (outcome,) in lane.ask(all_at_once)]
    wanted = [harness.refused.get(fates[n % len(fates)], Kind.ACCEPTED) for n in range(40)]
    assert [outcome.kind for outcome in found] == wanted
    if on_wire(harness):
        accepted = {
            (message.message_id, outcome.provider_message_id)
            for message, outcome in zip(messages, found, strict=True)
            if outcome.kind is Kind.ACCEPTED
        }
        assert {(one.outbox_id, one.provider_message_id) for one in lane.desk.taken} == accepted
        assert len(lane.desk.taken) == len(accepted)


@those(on_wire)
def test_what_is_too_large_is_refused(lane: Lane) -> None:
    harness = lane.harness
    name = {"email": "html", "push": "body"}.get(harness.channel, "text")
    content = {**CONTENT[harness.channel], name: "x" * (harness.capabilities.max_bytes + 1)}
    with pytest.raises(Unsupported):
        lane.item(harness.message(1, content=content))


@pytest.mark.parametrize(
    ("harness", "trouble"),
    [(one, trouble) for one in HARNESSES.values() for trouble in one.kinds],
    ids=[f"{one.name}-{trouble}" for one in HARNESSES.values() for trouble in one.kinds],
    indirect=["harness"],
)
def test_troubles_are_told_apart_and_nothing_is_sent_again(lane: Lane, trouble: Trouble) -> None:
    harness = lane.harness
    lane.desk.order(trouble)
    seconds = SHORT if trouble in (Trouble.HANG, Trouble.SLOW) else 30.0
    (outcome,) = lane.send(harness.message(1), seconds=seconds)
    assert outcome.kind is harness.kinds[trouble]
    assert len(lane.desk.posts) <= 1 and not lane.desk.troubles
    if outcome.kind is Kind.AMBIGUOUS:
        assert [one.outbox_id for one in lane.desk.taken] == [f"{1:064x}"]
    else:
        assert not lane.desk.taken
    waits = {Trouble.THROTTLED_SECONDS, Trouble.THROTTLED_DATE}
    assert outcome.retry_after == (WAIT_SECONDS if trouble in waits else outcome.retry_after)
    # The next one is as good as ever.
    (after,) = lane.send(harness.message(2))
    assert after.kind is Kind.ACCEPTED


@those(lambda one: on_wire(one) and one.capabilities.batch > 1)
def test_a_trouble_is_that_of_all_messages_of_its_request(lane: Lane) -> None:
    lane.desk.order(Trouble.ERROR)
    found = lane.send(*[lane.harness.message(number) for number in range(5)])
    assert [outcome.kind for outcome in found] == [Kind.AMBIGUOUS] * 5
    assert len(lane.desk.posts) == 1


@those(lambda one: one.closed is not None)
def test_a_closed_door_takes_nothing(lane: Lane) -> None:
    (outcome,) = lane.send(lane.harness.message(1), **closed_environment(lane.harness))
    assert outcome.kind is Kind.UNREACHABLE
    assert not lane.desk.posts


@those(lambda one: bool(one.wrong))
def test_wrong_credentials_are_denied(lane: Lane) -> None:
    (outcome,) = lane.send(lane.harness.message(1), **lane.harness.wrong)
    assert outcome.kind is Kind.DENIED
    assert not lane.desk.taken


@pytest.mark.parametrize("status", [301, 307, 404, 405, 407, 410])
@those(lambda one: Trouble.REDIRECT in one.kinds)
def test_a_wrong_address_is_no_message_s_fault(
    harness: Harness, scripted: Scripted, status: int
) -> None:
    found = scripted.outcome(harness, status, b"<html>not here</html>")
    assert found.kind is Kind.DENIED


@those(lambda one: one.capabilities.idempotent_for is not None)
def test_a_message_is_recognised_for_as_long_as_is_declared(lane: Lane) -> None:

    async def twice(provider: Provider) -> list[Outcome]:
        message = lane.harness.message(1)
        item = Item(message, provider.item(message))
        return [(await provider.send([item]))[0] for _ in range(2)]

    first, second = lane.ask(twice)
    assert first.kind is second.kind is Kind.ACCEPTED
    assert (first.replayed, second.replayed) == (False, lane.harness.tells_replays)
    assert len(lane.desk.taken) <= 1


@those(lambda one: one.capabilities.looks_up)
def test_what_became_of_a_message_can_be_asked(lane: Lane) -> None:
    message, since = lane.harness.message(1), NOW - timedelta(hours=1)

    async def asked(provider: Provider) -> tuple[Outcome | None, Outcome, Outcome | None]:
        before = await provider.look_up(message.message_id, since)
        (sent,) = await provider.send([Item(message, provider.item(message))])
        return before, sent, await provider.look_up(message.message_id, since)

    before, sent, after = lane.ask(asked)
    assert before is None
    assert after is not None and after.kind is Kind.ACCEPTED
    assert after.provider_message_id == sent.provider_message_id
    if lane.harness.closed is not None:
        with pytest.raises(OSError):
            lane.ask(
                lambda provider: provider.look_up(message.message_id, since),
                **closed_environment(lane.harness),
            )


def test_outcomes_hold_no_personal_data(lane: Lane) -> None:
    harness = lane.harness
    troubles = [None, *harness.kinds]
    for trouble in troubles:
        if trouble in (Trouble.HANG, Trouble.SLOW):
            continue
        if trouble is not None:
            lane.desk.order(trouble)
        for fate in (Fate.DELIVERED, *harness.refused):
            message = harness.message(len(lane.desk.posts), fate)
            (outcome,) = lane.send(message)
            said = repr(outcome._replace(provider_message_id=None))
            assert message.destination not in said
            assert not any(value in said for value in message.content.values())
            assert (outcome.kind in PERMANENT) or outcome.reason is None


@those(lambda one: one.capabilities.reports)
def test_what_happened_comes_back_to_us(lane: Lane, tmp_path: Path) -> None:
    standin = lane.harness.standin
    assert standin is not None
    names = ("delivered", "opened", "clicked", "bounced", "unsubscribed", "complained")
    if lane.harness.channel != "email":
        names = getattr(standin, "EVENTS", names)
    lane.send(lane.harness.message(1))
    (taken,) = lane.desk.taken
    events = [Event(name, taken, NOW + timedelta(minutes=n)) for n, name in enumerate(names)]
    public = "https://hooks.example.com"
    webhooks = verifiers({standin.PROVIDER: standin.secret()}, {}, getattr(standin, "fetch", None))
    with in_thread(tmp_path, webhooks=webhooks, public_url=public) as served:
        for _ in range(2):
            assert set(report(standin, events, served.url, public)) == {200}
    rows = served.rows("delivery_events")  # all of it is on disk once the collector has stopped
    assert {row["outbox_id"] for row in rows} == {taken.outbox_id}
    assert {row["provider_message_id"] for row in rows} == {taken.provider_message_id}
    assert sorted(row["event_type"] for row in rows) == sorted(names)
    assert len({row["provider_event_id"] for row in rows}) == len(names)


def test_who_reports_back_is_told_apart(harness: Harness) -> None:
    assert harness.capabilities.reports == hasattr(harness.standin, "calls")


def test_secrets_are_asked_for_by_name(harness: Harness) -> None:
    module = providers.load(harness.name)
    transport = Transport(lambda: NOW)
    for secret in module.SECRETS:
        given = dict.fromkeys(module.SECRETS, "x") | {secret: ""}
        with pytest.raises(providers.NotConfigured, match=secret):
            providers.make(harness.name, given, {}, transport)
    with pytest.raises(ValueError, match="colour"):
        providers.make(
            harness.name, dict.fromkeys(module.SECRETS, "x"), {"colour": "red"}, transport
        )
    named = (*module.SECRETS, *module.VARIABLES)
    assert all(name.startswith("MARKETING_") for name in named) and len(set(named)) == len(named)
    assert harness.name == module.NAME
    settings = (_ROOT / ".env.example").read_text("utf-8")
    assert all(f"#{name}=" in settings for name in named)


def test_importing_providers_calls_nobody() -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('a connection at import')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from reverse_etl.delivery import providers\n"
        f"for name in {list(HARNESSES)!r}: providers.load(name)\n"
        "assert not {'botocore', 'google.auth'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=_ROOT)
