"""What stand-ins for message providers share: recipients, events, and one as a process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import requests

from sandbox.servers import messaging
from sandbox.servers.base import SECRET
from sandbox.servers.messaging import Desk, Fate, fate_of
from tests.ingestion.collector.serving import free_port

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 11, 22, 9, 30)


@pytest.mark.parametrize(
    ("destination", "fate"),
    [(f"{fate}@x.example", fate) for fate in Fate]
    + [(f"{fate}+7@x.example".upper(), fate) for fate in Fate]
    + [(f"+3361234{place:04d}", fate) for place, fate in enumerate(Fate, 1)],
)
def test_fates_can_be_forced(destination: str, fate: Fate) -> None:
    assert fate_of(destination) is fate


def test_other_recipients_do_the_same_every_time_and_most_do_little() -> None:
    people = [f"person{number}@x.example" for number in range(20_000)]
    found = Counter(map(fate_of, people))
    assert found == Counter(map(fate_of, map(str.upper, people)))
    shares = {fate: count / len(people) for fate, count in found.items()}
    assert 0.7 < shares[Fate.DELIVERED] < 0.73
    assert 0.21 < shares[Fate.OPENED] < 0.23
    assert 0.035 < shares[Fate.CLICKED] < 0.045
    assert 0.009 < shares[Fate.BOUNCED] < 0.015
    assert 0 < shares[Fate.COMPLAINED] < 0.003
    assert Fate.INVALID not in found and Fate.SUPPRESSED not in found


def events_of(fate: Fate, tracks_opens: bool) -> list[str]:
    desk = Desk(clock=lambda: AT)
    desk.take("p1", "o1", f"{fate}@x.example", b"", tracks_opens)
    found = list(desk.events())
    assert all(event.at > AT for event in found)
    return [event.name for event in found]


def test_opens_are_told_only_where_they_are_tracked_and_clicks_never() -> None:
    assert events_of(Fate.OPENED, False) == ["delivered"]
    assert events_of(Fate.OPENED, True) == ["delivered", "opened"]
    assert events_of(Fate.CLICKED, True) == ["delivered", "opened"]
    assert events_of(Fate.DEFERRED, False) == ["deferred", "delivered"]
    assert events_of(Fate.BOUNCED, True) == ["bounced"]
    assert events_of(Fate.SUPPRESSED, True) == []  # never taken


def test_every_stand_in_has_what_is_promised() -> None:
    for name in messaging.NAMES:
        standin = messaging.load(name)
        assert standin.environment("http://x") and standin.PROVIDER
        assert hasattr(standin, "calls") == hasattr(standin, "secret")
    with pytest.raises(KeyError):
        messaging.load("os")


def test_one_runs_as_a_process_and_keeps_nothing_where_asked() -> None:
    port = free_port()
    command = [sys.executable, "-m", "sandbox.servers.messaging", "postmark", "--no-log"]
    with subprocess.Popen([*command, "--port", str(port)], cwd=ROOT) as process:
        try:
            headers = {"x-postmark-server-token": SECRET}
            body = [{"From": "a@x.example", "To": "b@y.example", "TextBody": "t"}] * 3
            while True:
                assert process.poll() is None
                try:
                    url = f"http://127.0.0.1:{port}"
                    answer = requests.post(f"{url}/email/batch", json=body, headers=headers)
                    break
                except requests.ConnectionError:
                    time.sleep(0.05)
            assert [one["ErrorCode"] for one in answer.json()] == [0, 0, 0]
            assert len({one["MessageID"] for one in answer.json()}) == 3
            kept = requests.get(f"{url}/messages/outbound?count=10&offset=0", headers=headers)
            assert kept.json()["TotalCount"] == 0
        finally:
            process.terminate()
