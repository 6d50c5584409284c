"""The welcome scenario goes on: sent by SendGrid's stand-in, reported back, and credited."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
import uvicorn
from typer.testing import CliRunner

from interfaces.cli import app
from interfaces.http import create_app
from sandbox.servers import messaging, sendgrid
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk, Fate
from tests.end_to_end import inputs
from tests.end_to_end.runner import ask, ingest, open_workspace, outbox, run
from tests.end_to_end.test_journeys import KEY, agree, contacts, event, known
from workspace import links
from workspace.clock import parse_time
from workspace.settings import Settings

START = datetime(2025, 9, 2)
PEOPLE = 24
APP = "https://app.chirurgieprox.example/"


def _z(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}Z"


def marketing(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


@contextmanager
def collecting(opened: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`marketing serve`, in a thread of this process."""
    monkeypatch.setenv("MARKETING_WORKSPACE", str(opened.paths.root))
    monkeypatch.setenv("MARKETING_SENDGRID_WEBHOOK_KEY", sendgrid.secret())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        server = uvicorn.Server(
            uvicorn.Config(create_app(), log_level="critical", access_log=False)
        )
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


def links_of(row: dict) -> list[str]:
    """The paths of a mail's links to the app that are led past us."""
    html = json.loads(row["payload"])["content"]["html"]
    tokens = re.findall(r'href="https://www\.chirurgieprox\.example/c/([^"]+)"', html)
    found = [(token, links.unproven(token)) for token in tokens]
    return [f"/c/{token}" for token, link in found if link and APP in link.url]


def pixel_of(row: dict) -> str:
    """The path of a mail's pixel."""
    html = json.loads(row["payload"])["content"]["html"]
    (path,) = re.findall(r'<img src="https://www\.chirurgieprox\.example(/i/[^"]+)"', html)
    return path


def read(address: str) -> requests.Response:
    """What a reader's browser gets."""
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/129.0.0.0"
    return requests.get(address, headers={"user-agent": agent}, allow_redirects=False, timeout=20)


def visit(number: int, at: datetime) -> dict:
    """A click in the mail leads to the site; the visit carries the mail's campaign."""
    page = {
        "url": f"https://app.chirurgieprox.example/start?utm_source=chirurgieprox"
        f"&utm_medium=email&utm_campaign={KEY}",
        "path": "/start",
    }
    return {
        **event(number, "", at),
        "type": "page",
        "messageId": f"page-{number}",
        "properties": page,
        "context": {
            "page": page,
            "campaign": {"source": "chirurgieprox", "medium": "email", "name": KEY},
            "traits": {"email": f"p{number}@x.example"},
        },
    }


def test_the_welcome_mail_is_sent_reported_and_credited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_workspace(tmp_path / "w", _z(START))
    monkeypatch.setenv("MARKETING_WORKSPACE", str(opened.paths.root))
    ingest(opened, "crm", contacts(tmp_path / "contacts.ndjson"))
    forms = [
        event(n, "Form Submitted", START - timedelta(hours=n % 20 + 1), form_id="demo")
        for n in range(PEOPLE)
    ]
    people = [*map(known, range(PEOPLE)), *forms]
    ingest(opened, "events", inputs.ndjson(tmp_path / "events.ndjson", people))
    agree(opened, list(range(PEOPLE)))
    agree(opened, list(range(0, PEOPLE, 2)), "email_tracking")
    run(opened)
    queued = {row["message_id"]: row for row in outbox(opened)}
    assert len(queued) > 15

    # Nothing leaves before a provider may be asked; the dry run says what would.
    told = marketing("send")
    assert "no provider can be asked" in told and f"{len(queued)} would leave" in told
    assert {row["state"] for row in outbox(opened)} == {"pending"}

    # One withdraws between the plan and the claim.
    monkeypatch.setenv("MARKETING_STAND_INS", "on")
    gone = next(iter(queued.values()))
    suppress(opened, gone["destination_key"])
    desk = Desk(
        clock=lambda: parse_time(opened.paths.default_as_of.read_text()) + timedelta(minutes=1),
        fate=lambda address: Fate.BOUNCED if address == bounced else Fate.OPENED,
    )
    bounced = next(
        row["destination"] for row in queued.values() if row["message_id"] != gone["message_id"]
    )
    bounced_id = next(i for i, row in queued.items() if row["destination"] == bounced)
    with serving(sendgrid.app(desk)) as address:
        for name, value in sendgrid.environment(address).items():
            monkeypatch.setenv(name, value)
        told = marketing("send")
        assert f"{len(queued) - 1} left" in told and "not now: unsubscribed" in told
        assert len(desk.taken) == len(queued) - 1
        assert gone["message_id"] not in {one.outbox_id for one in desk.taken}
        posts = len(desk.posts)
        assert "nothing is due" in marketing("send")
        assert len(desk.posts) == posts
        with collecting(opened, monkeypatch) as collector:
            statuses = messaging.report(sendgrid, list(desk.events()), collector)
        assert set(statuses) == {200}
        assert "nothing is due" in marketing("send")  # takes in what came back
    left = {one.outbox_id: queued[one.outbox_id] for one in desk.taken}
    led = {ident: paths for ident, row in left.items() if (paths := links_of(row))}
    agreed = {f"p{number}@x.example" for number in range(0, PEOPLE, 2)}
    assert set(led) == {ident for ident, row in left.items() if row["destination"] in agreed}
    assert 0 < len(led) < len(left) and not any(one.tracks_opens for one in desk.taken)
    with collecting(opened, monkeypatch) as collector:
        opened.paths.default_as_of.write_text(_z(START + timedelta(hours=1)))
        for ident in led:
            assert read(collector + pixel_of(left[ident])).headers["content-type"] == "image/gif"
        opened.paths.default_as_of.write_text(_z(START + timedelta(hours=2)))
        for paths in led.values():
            location = read(collector + paths[0]).headers["location"]
            assert location.startswith(f"{APP}start?utm_source=")
    assert "identical" in marketing("outbox", "verify", next(iter(led)))

    # A copy of the folder does not send, whoever asks it.
    shutil.copytree(opened.paths.root, tmp_path / "copy", symlinks=True)
    refused = marketing("send", "--workspace", str(tmp_path / "copy"), code=2)
    assert "a copy must not send beside it" in " ".join(refused.split())

    # Some come, and one buys: the mail's campaign gets the credit.
    later = START + timedelta(hours=5)
    opened.paths.default_as_of.write_text(_z(START + timedelta(days=1)))
    buyer = next(n for n in range(PEOPLE) if f"p{n}@x.example" in {t.recipient for t in desk.taken})
    order = event(
        buyer,
        "Order Completed",
        later + timedelta(hours=1),
        order_id="o1",
        revenue=120,
        currency="EUR",
    )
    visits = [visit(buyer, later), order]
    ingest(opened, "events", inputs.ndjson(tmp_path / "visits.ndjson", visits))
    run(opened)
    states = dict(
        ask(
            opened,
            "select event_type, count(*) from marts.delivery_logs where entry_kind = 'event' "
            "group by all",
        )
    )
    assert states == {
        "delivered": len(desk.taken) - 1,
        "bounced": 1,
        "opened": len(led),
        "clicked": len(led),
    }
    # A click is of the mail that the provider tells of, and a touch of its campaign.
    clicked = ask(
        opened,
        "select source, count(*), count(delivered_at) from marts.fct_emails "
        "where human_clicks = 1 and human_opens = 1 and contact_id is not null group by all",
    )
    assert clicked == [("sendgrid", len(led), len(led) - (bounced_id in led))]
    touches = ask(
        opened,
        "select campaign, count(distinct contact_id) from marts.fct_touchpoints "
        "where touch_type = 'email_click' group by all",
    )
    assert touches == [(KEY, len(led))]
    sent = ask(
        opened,
        f"select outcome, count(*) from marts.message_queue where source_key = '{KEY}' "
        "and status != 'blocked' group by all",
    )
    assert ("sent", len(desk.taken)) in sent
    why = ask(
        opened,
        f"select gate from marts.why_not_sent where intent_id = '{gone['message_id']}'",
    )
    assert why == [("unsubscribed",)]
    credited = ask(
        opened,
        "select distinct campaign_id from marts.attribution_credits where credit > 0",
    )
    assert (f"utm//{KEY}",) in credited
    # Who bounced is written to no more, before any warehouse knows it.
    assert [row["state"] for row in outbox(opened) if row["destination"] == bounced] == ["accepted"]


def suppress(opened: Settings, key: str) -> None:
    from workspace.ledger import open_ledger, schema

    ledger = open_ledger(opened.ledger_url)
    row = {"identifier_key": key, "channel": "email", "reason": "unsubscribed"}
    ledger.append(schema.suppressions, [{**row, "source": "page", "suppressed_at": START}])
    ledger.close()


def test_a_demo_world_goes_on_by_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_workspace(tmp_path / "w", _z(START))
    monkeypatch.setenv("MARKETING_WORKSPACE", str(opened.paths.root))
    ingest(opened, "crm", contacts(tmp_path / "contacts.ndjson"))
    forms = [
        event(n, "Form Submitted", START - timedelta(hours=2), form_id="demo") for n in range(8)
    ]
    people = [*map(known, range(8)), *forms]
    ingest(opened, "events", inputs.ndjson(tmp_path / "events.ndjson", people))
    agree(opened, list(range(8)))
    run(opened)
    queued = len(outbox(opened))
    told = marketing("demo", "--next-day")
    assert f"{queued} left" in told and "sendgrid reported back" in told
    assert "the world goes on to 2025-09-03" in told and "delivered" in told
    sent = ask(
        opened,
        "select count(*) filter (where delivered_at is not null or bounced_at is not null) "
        "from marts.message_queue where outcome = 'sent'",
    )
    assert sent == [(queued,)]
    assert opened.present() == START + timedelta(days=1)


def test_a_next_day_is_a_demo_world_s(tmp_path: Path) -> None:
    told = marketing("demo", "--next-day", "--workspace", str(tmp_path / "live"), code=2)
    assert "holds no demo world" in told
