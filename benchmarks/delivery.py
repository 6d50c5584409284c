"""Sending: what leaves a second, claiming and settling in the ledger included.

    python -m benchmarks.delivery [PART…] [--messages N]

- ``single``: mails one by one to SendGrid's stand-in, which answers after 100 ms, 256 in flight;
  beside it requests from 256 threads that send the same bodies and write no ledger. The bound is
  256 mails each 100 ms.
- ``batch``: mails to Postmark's stand-in in requests of 500 full bodies.
- ``ledger``: the state changes alone (claimed, accepted), in batches, on SQLite; beside it the same
  changes as plain statements, one transaction each batch.

Stand-ins run in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import requests

from reverse_etl.delivery.claiming import Claims
from reverse_etl.delivery.providers import make
from reverse_etl.delivery.recheck import Rules
from reverse_etl.delivery.routing import Routes
from reverse_etl.delivery.sender import Sender
from reverse_etl.delivery.transport import Transport, run
from sandbox.servers.messaging import load
from workspace.definitions.caps import Caps
from workspace.definitions.providers import Place, ProviderSettings
from workspace.definitions.reading import read
from workspace.ledger import CHUNK_ROWS, Ledger, lease, messages, open_ledger, outbox
from workspace.ledger.messages import Message
from workspace.paths import PROJECT

NOW = datetime(2026, 10, 1, 10)
LATENCY = 0.1
IN_FLIGHT = 256
#: A mail of 2.9 kB.
HTML = "<html><body>" + "<p>Bonjour, voici les nouvelles de la semaine.</p>" * 57 + "</body></html>"


def message(number: int) -> Message:
    payload = {
        "channel": "email",
        "content": {"subject": f"Bonjour {number}", "html": HTML, "text": "Bonjour\n"},
        "headers": [
            ["List-Unsubscribe", f"<https://www.example.com/u/{number}>"],
            ["List-Unsubscribe-Post", "List-Unsubscribe=One-Click"],
        ],
        "labels": {"template": "welcome"},
        "reply_to": "us@example.com",
        "sender": "us@example.com",
        "sender_name": "Us",
    }
    return Message(
        message_id=f"{number:064x}",
        contact_id=f"{number:032x}",
        destination_key=f"{number:032x}",
        source_kind="campaign",
        source_key="spring",
        step="",
        occurrence="once",
        channel="email",
        message_class="marketing",
        purpose="marketing",
        country="FR",
        time_zone="Europe/Paris",
        scheduled_at=NOW - timedelta(hours=1),
        destination=f"p{number}@example.com",
        payload=json.dumps(payload, sort_keys=True).encode(),
    )


@contextmanager
def outbox_of(count: int) -> Iterator[tuple[Ledger, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        root.mkdir()
        ledger = open_ledger(f"sqlite:///{root / 'ledger.db'}")
        messages.enqueue(ledger, map(message, range(count)), NOW)
        yield ledger, root
        ledger.close()


@contextmanager
def stand_in(name: str, latency: float) -> Iterator[str]:
    """A stand-in in a process of its own; gives its address."""
    port = 18_000 + hash(name) % 1000
    command = [sys.executable, "-m", "sandbox.servers.messaging", name, "--no-log"]
    command += ["--port", str(port), "--latency", str(latency)]
    process = subprocess.Popen(command)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(url, timeout=1)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def send(name: str, settings: ProviderSettings, count: int, latency: float) -> float:
    """Seconds from the first claim to the last settled answer."""
    caps = read(PROJECT / "marketing" / "caps.yml", Caps)
    with (
        outbox_of(count) as (ledger, root),
        stand_in(name, latency) as url,
        lease.holding(ledger, root, root.parent / "witness", "bench", NOW) as held,
    ):
        transport = Transport(lambda: NOW)
        provider = make(name, load(name).environment(url), {}, transport)

        async def main() -> None:
            try:
                routes = Routes({"email": [Place(provider=name, weight=1)]})
                rules = Rules(caps, "Europe/Paris")
                claims = Claims(ledger, held, rules, routes, {name: provider})
                sender = Sender(claims, {name: settings}, lambda: NOW)
                report = await sender.run()
                sender.close()
                assert report.outcomes == {"accepted": count}, report
            finally:
                await transport.close()

        began = time.perf_counter()
        run(main())
        return time.perf_counter() - began


def threads(count: int) -> float:
    """The same bodies by requests, a session a thread."""
    import threading

    with stand_in("sendgrid", LATENCY) as url:
        environment = load("sendgrid").environment(url)
        transport = Transport(lambda: NOW)
        provider = make("sendgrid", environment, {}, transport)
        from reverse_etl.delivery.envelope import open_for
        from workspace.ledger.outstanding import Due

        def body(number: int) -> bytes:
            given = message(number)
            values = {name: getattr(given, name, None) for name in Due.__slots__}
            return provider.item(open_for(Due(**values), provider.capabilities))

        bodies = [body(number) for number in range(count)]
        headers = {
            "Authorization": f"Bearer {environment['MARKETING_SENDGRID_KEY']}",
            "Content-Type": "application/json",
        }
        own = threading.local()

        def post(data: bytes) -> None:
            if not hasattr(own, "session"):
                own.session = requests.Session()
            answer = own.session.post(f"{url}/v3/mail/send", data=data, headers=headers, timeout=30)
            assert answer.status_code == 202, answer.text

        began = time.perf_counter()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            list(pool.map(post, bodies))
        return time.perf_counter() - began


def single(count: int) -> None:
    settings = ProviderSettings(live=True, in_flight=IN_FLIGHT)
    ours = count / send("sendgrid", settings, count, LATENCY)
    theirs = count / threads(count)
    bound = IN_FLIGHT / LATENCY
    print(
        f"  ours {ours:,.0f} mails/s ({ours * 60:,.0f} a minute), {ours / bound:.0%} of the bound"
    )
    print(f"  requests in 256 threads {theirs:,.0f}/s: ours {ours / theirs:.1f} times")


def batch(count: int) -> None:
    settings = ProviderSettings(live=True, in_flight=8)
    rate = count / send("postmark", settings, count, LATENCY)
    print(f"  {rate:,.0f} mails/s ({rate * 60:,.0f} a minute) in requests of 500")


def ledger_alone(count: int) -> None:
    with outbox_of(count) as (ledger, _):
        ids = [f"{number:064x}" for number in range(count)]
        began = time.perf_counter()
        for start in range(0, count, CHUNK_ROWS):
            some = ids[start : start + CHUNK_ROWS]
            with ledger.writing() as connection:
                claims = [outbox.Claim(i, 1, "one", "0" * 64) for i in some]
                outbox.start(connection, claims, 1, NOW)
            with ledger.writing() as connection:
                ends = [
                    outbox.Settled(i, 1, "accepted", "accepted", "", "one", NOW, f"id-{i}")
                    for i in some
                ]
                outbox.settle(connection, ends)
        ours = 2 * count / (time.perf_counter() - began)
    with outbox_of(count) as (ledger, root):
        ledger.close()
        plain = sqlite3.connect(root / "ledger.db", isolation_level=None)
        plain.execute("pragma synchronous = full")
        statement = "update messages set state = ?, updated_at = ? where message_id = ?"
        began = time.perf_counter()
        for start in range(0, count, CHUNK_ROWS):
            for state in ("sending", "accepted"):
                plain.execute("begin immediate")
                rows = [(state, "2026-10-01", i) for i in ids[start : start + CHUNK_ROWS]]
                plain.executemany(statement, rows)
                plain.execute("commit")
        theirs = 2 * count / (time.perf_counter() - began)
        plain.close()
    print(f"  {ours:,.0f} state changes/s with an attempt's record for each message")
    print(f"  plain updates without it {theirs:,.0f}/s: ours {ours / theirs:.2f} times")


PARTS = {"single": (single, 20_000), "batch": (batch, 200_000), "ledger": (ledger_alone, 100_000)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--messages", type=int)
    given = parser.parse_args(arguments)
    for name in given.parts or PARTS:
        work, count = PARTS[name]
        print(f"{name}:")
        work(given.messages or count)


if __name__ == "__main__":
    main()
