"""Acceptance check 32: nobody is tracked without consent, nor after it was taken back."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ingestion.collector.clicks import GIF
from reverse_etl.content.library import Library
from tests.ingestion.collector.serving import Served, as_process, counted, kill
from tests.reverse_etl.content.folders import folder
from tests.reverse_etl.delivery.test_verifying import AT, ROW, SITE, URL, queued_by
from workspace import settings
from workspace.ledger import Ledger, consent, messages, open_ledger, schema
from workspace.ledger.consent import ConsentEvent

KEYS = {"agreed": "cd" * 16, "refuses": "01" * 16, "erased": "23" * 16}
IDS = {"agreed": "ab" * 32, "refuses": "ef" * 32, "erased": "45" * 32}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.load(folder(tmp_path_factory.mktemp("marketing"))) as opened:
        yield opened


def said(ledger: Ledger, key: str, state: str) -> None:
    event = ConsentEvent(
        *("email", key, "email_tracking", "email", state),
        *("preference_page", "page", AT, AT),
    )
    consent.append(ledger, [event], AT)


def test_check_32_tracking_off_and_withdrawal(tmp_path: Path, library: Library) -> None:
    opened = settings.load(tmp_path / "w")
    ledger = open_ledger(opened.ledger_url)
    left: dict[str, str] = {}
    for name, tracked in (("agreed", True), ("refuses", False), ("erased", True)):
        row = {"intent_id": IDS[name], "email_key": KEYS[name], "is_tracked": tracked}
        row |= {"occurrence": name}
        made = queued_by(opened.keyring, library, **row)
        assert messages.enqueue(ledger, [made], AT).new
        left[name] = json.loads(made.payload)["content"]["html"]
        assert made.message_id not in left[name] and ROW["email"] not in left[name]

    # Tracking off: no pixel, no link ids, links as the template has them.
    assert not re.search(r"/(i|c)/|<img[^>]+width=\"1\"", left["refuses"])
    assert URL.replace("&", "&amp;") in left["refuses"]

    with as_process(tmp_path / "w", 1) as (served, process):
        for name in ("agreed", "erased", "agreed"):
            look(served, left[name])
            follow(served, left[name])
        said(ledger, KEYS["agreed"], "withdrawn")
        row = {"identifier_key": KEYS["erased"], "request_id": "r", "erased_at": AT}
        ledger.append(schema.tombstones, [row])
        # Mails that left before: the picture and the page as ever, and nothing is kept.
        for name in ("agreed", "erased"):
            look(served, left[name])
            follow(served, left[name])
        assert counted(served, "collector_opens_total", "not_seen") == 2
        assert counted(served, "collector_clicks_total", "not_seen") == 2
        said(ledger, KEYS["agreed"], "granted")
        look(served, left["agreed"])
        kill(process, signal.SIGTERM)
    ledger.close()
    rows = [(row["event_type"], row["email_key"]) for row in served.rows("delivery_events")]
    assert sorted(rows) == sorted(
        [("opened", KEYS["agreed"])] * 3
        + [("clicked", KEYS["agreed"])] * 2
        + [("opened", KEYS["erased"]), ("clicked", KEYS["erased"])]
    )


def look(served: Served, html: str) -> None:
    (path,) = re.findall(rf'<img src="{SITE}(/i/[^"]+)"', html)
    answer = requests.get(served.url + path, allow_redirects=False, timeout=20)
    assert (answer.status_code, answer.content) == (200, GIF)
    assert not answer.cookies and answer.headers["cache-control"] == "no-store"


def follow(served: Served, html: str) -> None:
    (path,) = set(re.findall(rf'href="{SITE}(/c/[^"]+)"', html))
    answer = requests.get(served.url + path, allow_redirects=False, timeout=20)
    assert (answer.status_code, answer.headers["location"]) == (302, URL)
