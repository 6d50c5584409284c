"""Acceptance check 25: secrets and people are in no log, metadata, target folder or traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import requests
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from reverse_etl.privacy.forms import TEXT, Identifier
from reverse_etl.privacy.scanning import Scan, scan
from sandbox.servers import sendgrid
from sandbox.servers.base import serving
from tests.end_to_end.canaries import DAY, GIVEN, PEOPLE, files, secrets, variables
from tests.end_to_end.runner import ingest, outbox
from tests.ingestion.collector.serving import Served, free_port, kill, wait_until_ready
from workspace import settings
from workspace.identifiers import normalise_email
from workspace.ledger import consent, open_ledger
from workspace.ledger.consent import ConsentEvent
from workspace.paths import PROJECT
from workspace.settings import Settings

PRESENT = "2025-09-02T00:00:00Z"
WHO = [(name, each) for name, person in PEOPLE.items() for each in person.identifiers]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """A vendor that refuses, and repeats all that it was told."""
    request = Request(scope, receive)
    said = {
        "headers": dict(request.headers),
        "url": str(request.url),
        "body": (await request.body()).decode("utf-8", "replace"),
    }
    answer = JSONResponse({"message": "refused", "errors": [{"message": json.dumps(said)}]}, 400)
    await answer(scope, receive, send)


class World:
    """A workspace whose commands all have every secret, and what they wrote to their streams."""

    def __init__(self, folder: Path, echo_url: str) -> None:
        self.folder, self.said = folder / "w", folder / "said"
        self.said.mkdir()
        values, self.secrets = secrets()
        urls = {n: echo_url for n in variables() if n.endswith("_URL") and "LEDGER" not in n}
        self.environment = {
            **{n: v for n, v in os.environ.items() if not n.startswith("MARKETING_")},
            **urls,
            **values,
            **GIVEN,
            "MARKETING_ALERT_WEBHOOK": f"{echo_url}/{values['MARKETING_ALERT_WEBHOOK']}",
            "MARKETING_ALERT_MAIL_TO": f"{values['MARKETING_ALERT_MAIL_TO']}@example.com",
            "MARKETING_WORKSPACE": str(self.folder),
            "MARKETING_WITNESS": str(folder / "witness"),
            "MARKETING_STAND_INS": "on",
            "MARKETING_SENDGRID_WEBHOOK_KEY": sendgrid.secret(),
            "PYTHONPATH": str(PROJECT),
        }
        for name in ("MARKETING_PUBLIC_URL", "MARKETING_FILE_URL"):
            self.environment.pop(name, None)

    def marketing(self, *arguments: str, code: int | None = 0, **changes: str | None) -> None:
        """A command; what it says is kept for the scan. ``changes`` of None are left out."""
        given: Mapping[str, str | None] = {**self.environment, **changes}
        environment = {name: value for name, value in given.items() if value is not None}
        command = [sys.executable, "-m", "interfaces.cli", *arguments]
        number = len(list(self.said.iterdir()))
        with (self.said / f"{number:02}-{arguments[0]}").open("wb") as said:
            done = subprocess.run(
                command, env=environment, cwd=PROJECT, stdout=said, stderr=subprocess.STDOUT
            )
        text = (self.said / f"{number:02}-{arguments[0]}").read_text()
        assert code is None or done.returncode == code, text[-3000:]

    def sources_off(self) -> dict[str, None]:
        kept = ("PEPPER", "LINK_KEYS", "WRITE_KEYS", "WEBHOOK_TOKEN", "WEBHOOK_LOGIN", "SENDGRID")
        return {
            name: None
            for name in self.environment
            if name.startswith("MARKETING_")
            and not name.endswith(("WORKSPACE", "WITNESS", "STAND_INS"))
            and not any(word in name for word in kept)
        }

    @property
    def opened(self) -> Settings:
        with settings.exported(**{n: self.environment[n] for n in ("MARKETING_PEPPER",)}):
            return settings.load(self.folder)


def told(found: Scan, of: list[Identifier]) -> str:
    names = {id(each): name for name, each in WHO}
    return "\n".join(
        f"{hit.path} [{hit.place}] {names.get(id(of[hit.identifier]), '')} "
        f"{of[hit.identifier].kind} {hit.form} x{hit.count}"
        for hit in found.hits
    )


def test_check_25_nothing_leaks(tmp_path: Path) -> None:
    with serving(echo) as url:
        world = World(tmp_path, url)
        world.folder.mkdir()
        (world.folder / "as_of.txt").write_text(PRESENT)
        off = world.sources_off()
        for kind, path in files(tmp_path / "files"):
            if kind == "events":  # with bad rows, of which the command tells
                world.marketing("ingest", kind, str(path), code=2, **off)
            else:
                ingest(world.opened, kind, path)
        collect(world, off)
        agree(world)
        world.marketing("run", **off)
        assert {row["destination"] for row in outbox(world.opened)} == {PEOPLE["mailed"].email}
        world.marketing("send", code=None)
        world.marketing("audiences", "sync", code=None)
        world.marketing(
            "outbox", "status", code=None,
            MARKETING_LEDGER_URL="postgresql+psycopg://u:Kanarie-ledger-9f3aQ7@127.0.0.1:1/x",
        )  # fmt: skip
        world.marketing("alerts", "test", code=1)
        world.marketing("doctor", code=None)
        # Every source is asked and refuses, and a file of the lake is broken.
        with broken_lake(world):
            world.marketing("run", code=1)
        world.marketing("run", **off)
        broken_definitions(world, tmp_path / "definitions", off)
    world.secrets.append(Identifier(TEXT, "Kanarie-ledger-9f3aQ7"))

    leaks = [scan(folder, world.secrets) for folder in (world.folder, world.said)]
    for found in leaks:
        assert not found.unread and not found.too_short
        assert not found.hits, told(found, world.secrets)
    people = [each for _, each in WHO]
    elsewhere = [world.folder / name for name in ("landing", "lake", "published_pii", "ledger.db",
                 "ledger.db-wal", "warehouse.duckdb")]  # fmt: skip
    for found in (scan(world.folder, people, skip=elsewhere), scan(world.said, people)):
        assert not found.unread and not found.too_short
        assert not found.hits, told(found, people)
    # They all did come in, and those who became contacts are where identifiers belong.
    landed = {hit.identifier for hit in scan(world.folder / "landing", people).hits}
    came = {WHO[number][0] for number in landed}
    assert came == set(PEOPLE) - {"refused"}


def agree(world: World) -> None:
    opened, mailed, at = world.opened, PEOPLE["mailed"].email, datetime(2025, 8, 3)
    key = opened.keyring.key("email", normalise_email(mailed)) or ""
    given = [
        ConsentEvent(
            *("email", key, purpose, "email", "granted", "form", "form", at, at),
            legal_basis="consent", text_version="1", evidence="form-1",
        )
        for purpose in ("product_updates", "email_tracking")
    ]  # fmt: skip
    ledger = open_ledger(opened.ledger_url)
    consent.append(ledger, given, at)
    ledger.close()


def collect(world: World, off: Mapping[str, str | None]) -> None:
    """Everything the collector takes and refuses, with people in it."""
    port = free_port()
    given: Mapping[str, str | None] = {**world.environment, **off}
    with (world.said / "serve").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "interfaces.cli", "serve", "--port", str(port)],
            env={name: value for name, value in given.items() if value is not None},
            cwd=PROJECT, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        served = Served(world.folder, port)
        wait_until_ready(served, process)
        key = world.environment["MARKETING_WRITE_KEYS"].partition(":")[2]
        who, refused, bounced, asked = (
            PEOPLE[name] for name in ("collector", "refused", "webhook", "requests")
        )
        traits = {"email": who.email, "phone": who.phone, "name": who.last_name, "x": who.words}
        body = {"messageId": "s1", "userId": "u9", "traits": traits, "timestamp": DAY}
        assert served.post("/v1/identify", body, key).status_code == 200
        wrong = {"userId": refused.email, "traits": {"email": refused.email, "t": refused.words}}
        assert served.post("/v1/identify", wrong, "wrong").status_code == 401
        half = json.dumps(wrong).encode()[:-3]
        assert served.post("/v1/track", half, key).status_code == 400
        requests.get(f"{served.url}/v1/{refused.email}?phone={refused.phone}", timeout=5)
        requests.get(f"{served.url}/u/{refused.email}", timeout=5)
        event = {
            "event": "hard_bounce", "email": bounced.email, "message-id": "<1@x>", "ts": 1754100000,
            "reason": f"550 {bounced.last_name} {bounced.words} {bounced.phone}",
        }  # fmt: skip
        token = world.environment["MARKETING_BREVO_WEBHOOK_TOKEN"]
        for given_token, status in ((token, 200), ("wrong", 401)):
            answer = requests.post(
                f"{served.url}/webhooks/brevo", json=event, timeout=20,
                headers={"authorization": f"Bearer {given_token}"},
            )  # fmt: skip
            assert answer.status_code == status
        form = {
            "email": asked.email, "phone": asked.phone, "purpose": "newsletter",
            "channel": "email", "textVersion": "newsletter-1", "language": "fr",
            "page": f"https://www.example.com/?{asked.words}={asked.last_name}",
        }  # fmt: skip
        served.post("/v1/consents", form, key)
        kill(process, signal.SIGTERM)


@contextmanager
def broken_lake(world: World) -> Iterator[None]:
    """A file of the lake is cut short."""
    path = min((world.folder / "lake" / "events" / "events").glob("*.parquet"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    yield
    path.write_bytes(whole)


def broken_definitions(world: World, folder: Path, off: Mapping[str, str | None]) -> None:
    shutil.copytree(PROJECT / "marketing", folder)
    (folder / "caps.yml").write_text("caps: [}")
    world.marketing("run", code=2, **{**off, "MARKETING_DEFINITIONS": str(folder)})
