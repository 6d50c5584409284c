"""Pixels of messages over real HTTP: always the picture, and an opening kept where it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client import CollectorRegistry

from ingestion.collector.clicks import GIF, Recipients
from ingestion.collector.deliveries import record_lines
from ingestion.collector.segments import Record
from ingestion.collector.writer import Unavailable, Writer
from tests.ingestion.collector.serving import KEYRING, Served, in_thread
from tests.ingestion.collector.test_clicks import TOKEN as CLICK
from tests.ingestion.collector.test_deliveries import NOW
from workspace import links
from workspace.identifiers import Keyring
from workspace.links import Link, Pixel

PIXEL = Pixel("ab" * 32, "cd" * 16)
TOKEN = links.sign_pixel(KEYRING, PIXEL)
FORGED = ["", "x", TOKEN[:-1], TOKEN + "A", CLICK, "%00", "..%2f", "A" * 20_000,
          links.sign_pixel(Keyring(b"somebody else's pepper"), PIXEL)]  # fmt: skip


class World:
    def __init__(self, served: Served, registry: CollectorRegistry) -> None:
        self.served, self._registry = served, registry

    def look(self, token: str = TOKEN, method: str = "GET", **headers: str) -> requests.Response:
        url = f"{self.served.url}/i/{token}"
        answer = requests.request(method, url, headers=headers, allow_redirects=False, timeout=20)
        if answer.status_code == 200:
            assert answer.headers["content-type"] == "image/gif"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-length"] == "43"
            assert not answer.cookies and "location" not in answer.headers
            assert answer.content == (b"" if method == "HEAD" else GIF)
        return answer

    def rows(self) -> list[dict[str, Any]]:
        return self.served.rows("delivery_events")

    def counted(self, outcome: str) -> float:
        name = "collector_opens_total"
        return self._registry.get_sample_value(name, {"outcome": outcome}) or 0.0


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    entered: list[Any] = []

    def made(may_be_seen: Callable[[Any], bool] = lambda _: True, **options: Any) -> World:
        registry = CollectorRegistry()
        given = {"recipients": Recipients(KEYRING, may_be_seen), **options}
        opened = in_thread(tmp_path, registry=registry, **given)
        entered.append(opened)
        return World(opened.__enter__(), registry)

    yield made
    for opened in entered:
        opened.__exit__(None, None, None)


def test_the_picture_is_one_transparent_pixel() -> None:
    assert len(GIF) == 43 and GIF.startswith(b"GIF89a\x01\x00\x01\x00") and GIF.endswith(b";")


def test_an_opening_is_kept(make: Callable[..., World]) -> None:
    world = make()
    headers = {"user-agent": "Reader/1", "cookie": "a=secret", "x-forwarded-for": "192.0.2.7"}
    assert world.look(**headers).status_code == 200
    (row,) = world.rows()
    expected = {
        "provider": "links",
        "event_type": "opened",
        "channel": "email",
        "outbox_id": PIXEL.message_id,
        "email_key": PIXEL.recipient_key,
        "recipient": None,
        "url": None,
        "user_agent": "Reader/1",
        "ip": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert world.look().status_code == 200
    assert len(world.rows()) == 2 == world.counted("kept")


@pytest.mark.parametrize(
    ("method", "headers"), [("HEAD", {}), ("GET", {"sec-purpose": "prefetch"})]
)
def test_who_only_looks_is_not_kept(
    make: Callable[..., World], method: str, headers: dict[str, str]
) -> None:
    world = make()
    assert world.look(TOKEN, method, **headers).status_code == 200
    assert world.rows() == [] and world.counted("looked_up") == 1


def test_a_forged_token_gets_the_same_picture_and_keeps_nothing(
    make: Callable[..., World],
) -> None:
    asked: list[Any] = []
    world = make(lambda what: bool(asked.append(what)) or True)
    good = world.look(links.sign_pixel(KEYRING, PIXEL))
    for token in FORGED:
        answer = world.look(token)
        assert (answer.status_code, answer.headers.keys()) == (200, good.headers.keys())
    assert asked == [PIXEL] and len(world.rows()) == 1
    assert world.counted("forged") == len(FORGED)


def test_who_took_it_back_gets_the_picture_unseen(make: Callable[..., World]) -> None:
    asked: list[Link | Pixel] = []
    world = make(lambda what: bool(asked.append(what)))
    assert world.look().status_code == 200
    assert asked == [PIXEL]
    assert world.rows() == [] and world.counted("not_seen") == 1
    landed = (path for path in world.served.folder.rglob("*.segment") if path.is_file())
    assert not any(TOKEN.encode() in path.read_bytes() for path in landed)


@pytest.mark.parametrize("broken", ["disk", "ledger"])
def test_what_cannot_be_kept_still_shows_the_picture(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(_what: Any) -> bool:
        raise RuntimeError("no ledger")

    async def full(*_: Any) -> None:
        raise Unavailable

    world = make(fails) if broken == "ledger" else make()
    if broken == "disk":
        monkeypatch.setattr(Writer, "append", full)
    assert world.look().status_code == 200
    assert world.counted("lost") == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_reading_shows_it(make: Callable[..., World], method: str) -> None:
    world = make()
    assert world.look(TOKEN, method).status_code == 404
    assert world.rows() == []


def test_without_a_key_nobody_is_seen(make: Callable[..., World]) -> None:
    world = make(recipients=None)
    assert world.look().status_code == 200
    assert world.rows() == []


def test_a_kept_path_that_is_no_token_is_a_rejected_row() -> None:
    (line,) = record_lines(Record(NOW, "links", "/i/x", [], b"", "r1"))
    assert b"unreadable" in line
