"""Test sends: really sent, on record, and counted nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reverse_etl.content.library import Library
from reverse_etl.delivery.providers.memory import Memory
from reverse_etl.delivery.trying import CannotTry, addresses, parts, queue_tests
from tests.reverse_etl.delivery.outboxes import NOW, fill, rows, rules, send, states
from workspace import definitions
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import Ledger, attempts, messages, open_ledger
from workspace.paths import PROJECT

KEYRING = Keyring(b"a pepper for tests")
GIVEN = definitions.load(PROJECT / "marketing")
BROADCAST = next(k for k, c in GIVEN.campaigns.campaigns.items() if c.channel == "email")
TRIGGERED = next(
    key
    for key, its in GIVEN.campaigns.campaigns.items()
    if its.journey and len(parts(GIVEN, key)) > 1
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "w").mkdir()
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with Library.load(PROJECT / "marketing") as loaded:
        yield loaded


def queued(ledger: Ledger, library: Library, key: str, *to: str) -> list[str]:
    return queue_tests(ledger, library, KEYRING, GIVEN, key, to, NOW)


def test_a_test_goes_to_its_list_and_nothing_else_does(
    ledger: Ledger, library: Library, tmp_path: Path
) -> None:
    fill(ledger, 3)
    ids = queued(ledger, library, BROADCAST, "me@example.com", "Boss@Example.com", "+33612345678")
    assert len(ids) == 2  # the number is none of its channel
    memory = Memory()
    send(ledger, tmp_path / "w", [memory], rules(), only=ids)
    assert memory.sent.keys() == set(ids)
    found = {row["message_id"]: row for row in rows(ledger)}
    assert {found[i]["state"] for i in ids} == {"accepted"}
    assert states(ledger) == {"accepted": 2, "pending": 3}
    # Into the lake goes that it was tried, and no message that anybody counts.
    lake = Lake(tmp_path / "lake")
    messages.export(ledger, lake)
    attempts.export(ledger, lake)
    assert set(lake.read(messages.STREAM)["message_id"].to_pylist()).isdisjoint(ids)
    assert lake.read(attempts.STREAM)["is_test"].to_pylist() == [True, True]


def test_an_ordinary_sender_leaves_tests_alone(
    ledger: Ledger, library: Library, tmp_path: Path
) -> None:
    queued(ledger, library, BROADCAST, "me@example.com")
    fill(ledger, 1)
    memory = Memory()
    send(ledger, tmp_path / "w", [memory])
    assert len(memory.sent) == 1


def test_a_triggered_campaign_sends_each_mail_of_its_journey(
    ledger: Ledger, library: Library
) -> None:
    wanted = parts(GIVEN, TRIGGERED)
    assert len({part.step for part in wanted}) == len(wanted) > 1
    mails = [part for part in wanted if part.channel == "email"]
    assert len(queued(ledger, library, TRIGGERED, "me@example.com")) == len(mails)


def test_every_shipped_campaign_can_be_tried(ledger: Ledger, library: Library) -> None:
    for key in GIVEN.campaigns.campaigns:
        assert queued(ledger, library, key, "me@example.com", "+33612345678"), key


def test_who_it_goes_to(tmp_path: Path) -> None:
    assert addresses("a@x.example, b@x.example,a@x.example") == ["a@x.example", "b@x.example"]
    path = tmp_path / "list.txt"
    path.write_text("a@x.example\n\n+33 6 12 34 56 78\n")
    assert addresses(str(path)) == ["a@x.example", "+33 6 12 34 56 78"]
    for bad, why in [
        ("", "nobody"),
        ("a@x.example,nobody", "2: 'nobody' is no e-mail address"),
        (",".join(f"p{n}@x.example" for n in range(201)), "200 addresses at most"),
    ]:
        with pytest.raises(CannotTry, match=why):
            addresses(bad)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(CannotTry):
        addresses(str(tmp_path / "bytes"))
    assert len(KEYRING.key("email", "a@x.example") or "") == 32
