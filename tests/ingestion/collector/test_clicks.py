"""Links of messages over real HTTP: readers reach the page, clicks are kept, no other leads on."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from prometheus_client import CollectorRegistry

from ingestion.collector.clicks import Recipients
from ingestion.collector.deliveries import record_lines
from ingestion.collector.segments import Record
from ingestion.collector.webhooks import verifiers
from ingestion.collector.writer import Limits, Unavailable, Writer
from tests.ingestion.collector.serving import KEYRING, Served, in_thread
from tests.ingestion.collector.test_deliveries import NOW
from tests.workspace.test_links import NOWHERE
from workspace import links
from workspace.identifiers import Keyring
from workspace.links import Link

LINK = Link("ab" * 32, "cd" * 16, "https://www.example.com/a?utm_campaign=spring&b=%C3%A9#top")
TOKEN = links.sign(KEYRING, LINK)
#: A browser would follow these to somebody else's page.
UNSIGNED = [
    *NOWHERE,
    *("https://evil.example/", "https%3A%2F%2Fevil.example", "?url=https://evil.example/"),
    *(f"{TOKEN}/https://evil.example/", f"../c/{TOKEN}x", f"{TOKEN}%0d%0aLocation: https://e.vil"),
    *(TOKEN[:-1], TOKEN + "A", TOKEN.swapcase(), "%00", "..", "%2e%2e/", "\u202e", "A" * 20_000),
    base64.urlsafe_b64encode(b"https://evil.example/").decode(),
    links.sign(Keyring(b"somebody else's pepper"), LINK),
]


class World:
    def __init__(self, served: Served, registry: CollectorRegistry) -> None:
        self.served, self._registry = served, registry

    def follow(self, token: str, method: str = "GET", **headers: str) -> requests.Response:
        return requests.request(
            method,
            f"{self.served.url}/c/{token}",
            headers=headers,
            allow_redirects=False,
            timeout=20,
        )

    def rows(self) -> list[dict[str, Any]]:
        return self.served.rows("delivery_events")

    def counted(self, outcome: str) -> float:
        name = "collector_clicks_total"
        return self._registry.get_sample_value(name, {"outcome": outcome}) or 0.0


def everybody(_link: Link) -> bool:
    return True


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    entered: list[Any] = []

    def made(may_be_seen: Callable[[Link], bool] = everybody, **options: Any) -> World:
        registry = CollectorRegistry()
        given = {"recipients": Recipients(KEYRING, may_be_seen), "webhooks": verifiers({}, {})}
        opened = in_thread(tmp_path, registry=registry, **{**given, **options})
        entered.append(opened)
        return World(opened.__enter__(), registry)

    yield made
    for opened in entered:
        opened.__exit__(None, None, None)


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


def test_a_reader_is_led_on_and_the_click_is_kept(world: World) -> None:
    answer = world.follow(TOKEN, **{"user-agent": "Reader/1", "cookie": "a=secret"})
    assert (answer.status_code, answer.headers["location"]) == (302, LINK.url)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.content == b""
    assert not answer.cookies
    (row,) = world.rows()
    expected = {
        "provider": "links",
        "event_type": "clicked",
        "channel": "email",
        "outbox_id": LINK.message_id,
        "email_key": LINK.recipient_key,
        "phone_key": None,
        "provider_message_id": None,
        "recipient": None,
        "url": LINK.url,
        "user_agent": "Reader/1",
        "ip": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["occurred_at"] == row["known_at"]
    landed = b"".join(
        path.read_bytes() for path in world.served.folder.rglob("*.segment") if path.is_file()
    )
    assert TOKEN.encode() in landed and b"secret" not in landed
    assert world.counted("kept") == 1


def test_each_click_counts_once_however_often_it_is_read(world: World) -> None:
    for _ in range(3):
        assert world.follow(TOKEN).status_code == 302
    assert len(world.rows()) == 3 == len({row["provider_event_id"] for row in world.rows()})
    for path in (world.served.folder / "landing" / "delivery_events").iterdir():
        path.rename(path.with_name("2026-06-02T00-00-00Z__0123456789ab__again.segment"))
    assert len(world.rows()) == 3


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}, {"x-moz": "prefetch"}],
)
def test_who_only_looks_is_led_on_and_not_counted(world: World, headers: dict[str, str]) -> None:
    answer = world.follow(TOKEN, "GET" if headers else "HEAD", **headers)
    assert (answer.status_code, answer.headers["location"]) == (302, LINK.url)
    assert world.rows() == []
    assert world.counted("looked_up") == 1


def test_what_nobody_signed_leads_nowhere(world: World) -> None:
    nothing = requests.get(f"{world.served.url}/nothing", timeout=5)
    assert nothing.status_code == 404
    for text in UNSIGNED:
        for token in (quote(text, safe="%", errors="surrogatepass"), quote(text, safe="/:?#@%")):
            answer = world.follow(token)
            assert answer.status_code == 404, text
            assert "location" not in answer.headers
            assert answer.content == nothing.content
            assert answer.headers.keys() == nothing.headers.keys()
    assert world.rows() == []


def test_raw_requests_lead_nowhere(world: World) -> None:
    for target in (
        *(b"/c/", b"/c", b"/c//evil.example", b"//evil.example/c/", b"/c/\\evil.example"),
        *(b"https://evil.example/c/x", b"/c/%5cevil.example", b"/c/%0d%0aLocation:%20x"),
    ):
        found = world.served.raw(b"GET " + target + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert found.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), target
        assert b"\r\nlocation" not in found.lower()
    found = world.served.raw(
        f"GET /c/{TOKEN} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n"
        "X-Forwarded-Proto: javascript\r\n\r\n".encode()
    )
    assert f"location: {LINK.url}\r\n".encode() in found


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_reading_follows_a_link(world: World, method: str) -> None:
    assert world.follow(TOKEN, method).status_code == 404
    assert world.rows() == []


def test_links_are_no_webhook(world: World) -> None:
    for provider, status in [("links", 404), ("nobody", 404), ("sendgrid", 503)]:
        answer = requests.post(f"{world.served.url}/webhooks/{provider}", data=b"{}", timeout=5)
        assert answer.status_code == status
    with pytest.raises(KeyError):
        verifiers({"links": "x"}, {})
    assert world.rows() == []


def test_without_a_key_there_are_no_links(make: Callable[..., World]) -> None:
    assert make(recipients=None).follow(TOKEN).status_code == 404


def test_who_took_it_back_is_led_on_unseen(make: Callable[..., World]) -> None:
    asked: list[Link] = []
    world = make(lambda link: bool(asked.append(link)))
    answer = world.follow(TOKEN)
    assert (answer.status_code, answer.headers["location"]) == (302, LINK.url)
    assert asked == [LINK]
    assert world.rows() == []
    assert world.counted("not_seen") == 1


def test_a_disk_that_refuses_keeps_nobody_from_the_page(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any) -> None:
        raise Unavailable

    world = make()
    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", full)
        answer = world.follow(TOKEN)
    assert (answer.status_code, answer.headers["location"]) == (302, LINK.url)
    assert (world.counted("lost"), world.counted("kept")) == (1, 0)
    assert world.follow(TOKEN).status_code == 302
    assert world.counted("kept") == 1 == len(world.rows())


@pytest.mark.parametrize("slow", [True, False])
def test_a_ledger_that_does_not_answer_keeps_nobody_from_the_page(
    make: Callable[..., World], slow: bool
) -> None:
    def broken(_link: Link) -> bool:
        if slow:
            time.sleep(0.3)
            return True
        raise RuntimeError("no ledger")

    world = make(broken, limits=Limits(click_seconds=0.05))
    assert world.follow(TOKEN).headers["location"] == LINK.url
    assert world.counted("lost") == 1
    assert world.rows() == []


def test_a_kept_path_that_is_no_token_is_a_rejected_row() -> None:
    (line,) = record_lines(Record(NOW, "links", "/c/x", [], b"", "r1"))
    assert b"unreadable" in line
