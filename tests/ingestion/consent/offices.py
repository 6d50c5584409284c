"""The pages behind a real HTTP server, over a ledger and a clock of the test's own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import requests
import sqlalchemy as sa
import uvicorn

from ingestion.collector.protocol import GuardedProtocol
from ingestion.collector.writer import Limits
from ingestion.consent.routes import Office, Pages
from ingestion.consent.standing import Published
from tests.ingestion.collector.serving import free_port
from workspace import tokens
from workspace.definitions.consent import Consent
from workspace.definitions.reading import read
from workspace.definitions.templates import load_senders
from workspace.identifiers import Keyring
from workspace.ledger import Ledger, schema
from workspace.paths import PROJECT
from workspace.tokens import PATHS, Token

KEYRING = Keyring(b"a pepper for tests")
AT = datetime(2026, 3, 3, 9)
POLICY: Consent = read(PROJECT / "marketing" / "consent.yml", Consent)
SENDERS = load_senders(PROJECT / "marketing").senders
KEY = KEYRING.key("email", "zoe@example.com") or ""
TOKEN = Token(
    what="unsubscribe",
    reference="ab" * 32,
    identifier_type="email",
    identifier_key=KEY,
    channel="email",
    at=AT - timedelta(days=1),
    purpose="newsletter",
    vertical="medical",
    language="fr",
)
REQUEST = replace(
    TOKEN,
    what="confirm",
    reference="12" * 16,
    identifier_type="phone",
    identifier_key=KEYRING.key("phone", "+33612345678") or "",
    channel="sms",
    purpose="sms_reminders",
    text_version="sms-reminders-1",
)


@dataclass
class World:
    """What a test may change while the server runs."""

    ledger: Ledger
    now: datetime = AT
    published: Published | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def ask(self, key: str) -> Published | None:
        self.asked.append(key)
        return self.published

    def address(self, token: Token) -> str:
        return f"{self.url}{PATHS[token.what]}{tokens.sign(KEYRING, token)}"

    def get(self, token: Token, query: str = "", **more: Any) -> requests.Response:
        return requests.get(self.address(token) + query, timeout=20, **more)

    def post(self, token: Token, data: Any, **more: Any) -> requests.Response:
        return requests.post(
            self.address(token), data=data, timeout=20, allow_redirects=False, **more
        )

    def events(self) -> list[dict[str, Any]]:
        query = sa.select(schema.consent_events).order_by(schema.consent_events.c.consent_event_id)
        with self.ledger.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


@contextmanager
def serving(ledger: Ledger, limits: Limits | None = None, **more: Any) -> Iterator[World]:
    """The pages in a thread."""
    world = World(ledger, url=f"http://127.0.0.1:{free_port()}", **more)
    office = Office(
        policy=POLICY,
        senders=SENDERS,
        keyring=KEYRING,
        ledger=lambda: world.ledger,
        ask=world.ask,
        clock=lambda: world.now,
    )
    pages = Pages(office, limits)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await pages(scope, receive, send)

    config = uvicorn.Config(
        app,
        port=int(world.url.rpartition(":")[2]),
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield world
    finally:
        server.should_exit = True
        thread.join()
