"""The read API under load, beside the same statements asked in one process without HTTP.

    python -m benchmarks.read_api [--contacts N] [--rate R] [--seconds S]

A synthetic version of N contacts is published, and `marketing serve` with one worker is asked R
times a second for S seconds, at moments that do not wait for answers (an answer's time counts from
the moment it was due). Who asks runs on the same cores. Before that every resource is asked once:
that makes the tables of memory. The peer is each resource's own statements, asked one after the
other of a connection in this process. Attribution with free parameters is asked apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
import requests
from starlette.testclient import TestClient

from benchmarks._published import published
from reverse_etl.api.app import create
from reverse_etl.api.published import Version
from reverse_etl.api.routes import contacts as contact_routes
from reverse_etl.publish import reader
from tests.ingestion.collector.serving import free_port
from workspace.paths import Paths
from workspace.settings import ReadKey

#: A path, and its share of the questions.
MIX = {
    "/contacts/{contact}": 30,
    "/contacts/{contact}/recommendations": 20,
    "/contacts?cursor={cursor}&limit=50": 8,
    "/contacts?vertical=public&segment=segment_7&limit=50": 4,
    "/segments/segment_{segment}/members?cursor={cursor}&limit=100": 8,
    "/accounts/{account}": 8,
    "/contacts/{contact}/messages": 6,
    "/messages/{message}": 4,
    "/scores/engagement?cursor={cursor}&limit=50": 4,
    "/kpis?vertical=public&window=month": 4,
    "/campaigns": 2,
    "/segments": 2,
}
ATTRIBUTION = "/attribution?model=time_decay&lookback={days}&half-life=5&by=campaign"
KEYS = [ReadKey(f"bench {n}", "dpo", f"key{n}") for n in range(2)]


def ids(paths: Paths, contacts: int) -> list[dict[str, str]]:
    """What to ask for."""
    draw = random.Random(7)
    with reader(paths) as connection:
        sql = (
            "select md5('contact ' || i) as contact, md5('account ' || i // 3) as account, "
            "md5('intent ' || i) as message from range($n) as t(i) using sample 4000 "
            "(reservoir, 7)"
        )
        found = connection.execute(sql, {"n": contacts // 3 * 3}).fetchall()
    made = []
    for contact, account, message in found:
        cursor = contact_routes._CONTACTS.after({"contact_id": contact})
        made.append(
            {
                "contact": contact,
                "account": account,
                "message": message,
                "cursor": cursor,
                "segment": str(draw.randrange(23)),
                "days": str(draw.randrange(20, 200)),
            }
        )
    return made


@contextmanager
def served(paths: Paths) -> Iterator[tuple[str, int]]:
    """`marketing serve`; its address and process."""
    port = free_port()
    command = [sys.executable, "-m", "interfaces.cli", "serve", "--workspace", str(paths.root)]
    keys = ",".join(f"{one.role}/{one.name}:{one.key}" for one in KEYS)
    environment = os.environ | {"MARKETING_READ_KEYS": keys, "MARKETING_WRITE_KEYS": "web:write"}
    process = subprocess.Popen([*command, "--port", str(port)], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                if requests.get(f"{url}/ready", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


def memory(pid: int) -> float:
    """Resident megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def processor(pid: int) -> float:
    """Seconds of processor that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_answers(url: str, asked: dict[str, str]) -> None:
    headers = {"authorization": f"Bearer {KEYS[0].key}"}
    for path in [*MIX, ATTRIBUTION]:
        began = time.perf_counter()
        answer = requests.get(f"{url}/api/v1{path.format(**asked)}", headers=headers, timeout=300)
        answer.raise_for_status()
        spent = time.perf_counter() - began
        if spent > 0.2:
            print(f"  first {path:<62} {spent:6.2f} s")


async def load(
    url: str, known: list[dict[str, str]], rate: float, seconds: float
) -> dict[str, list[float]]:
    """Seconds of each answer, by path."""
    draw = random.Random(3)
    spent: dict[str, list[float]] = {path: [] for path in MIX}
    paths = draw.choices(list(MIX), list(MIX.values()), k=int(rate * seconds))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        began = time.perf_counter() + 0.1

        async def one(number: int, path: str) -> None:
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            headers = {"authorization": f"Bearer {KEYS[number % 2].key}"}
            where = f"{url}/api/v1{path.format(**draw.choice(known))}"
            async with session.get(where, headers=headers) as answer:
                await answer.read()
                if answer.status != 200:
                    raise SystemExit(f"{where}: {answer.status}")
            spent[path].append(time.perf_counter() - due)

        await asyncio.gather(*(one(number, path) for number, path in enumerate(paths)))
    return spent


def peer(paths: Paths, known: list[dict[str, str]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each resource's statements, without HTTP."""
    statements: list[tuple[Version, str, Any]] = []
    rows = Version.rows

    def noted(self: Version, sql: str, values: Any, *more: Any) -> Any:
        statements.append((self, sql, values))
        return rows(self, sql, values, *more)

    app = create(paths, KEYS)
    client = TestClient(app, headers={"authorization": f"Bearer {KEYS[0].key}"})
    spent: dict[str, list[float]] = {path: [] for path in [*MIX, ATTRIBUTION]}
    for path in spent:
        for number in range(rounds if path != ATTRIBUTION else 5):
            statements.clear()
            with mock.patch.object(Version, "rows", noted):
                client.get(f"/api/v1{path.format(**known[number])}").raise_for_status()
            time.sleep(0.005)  # below the rate of one key
            began = time.perf_counter()
            for version, sql, values in statements:
                rows(version, sql, values)
            spent[path].append(time.perf_counter() - began)
    return spent


def quantile(values: list[float], share: float) -> float:
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))]


def told(label: str, ours: list[float], theirs: list[float]) -> None:
    shown = [f"{quantile(one, share):7.1f}" for one in (ours, theirs) for share in (0.5, 0.95)]
    print(f"  {label:<62} {shown[0]} {shown[1]}   {shown[2]} {shown[3]}  ({len(ours):,})")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder))
        paths.create()
        published(paths, options.contacts)
        paths.warehouse.unlink()
        known = ids(paths, options.contacts)
        with served(paths) as (url, pid):
            print(f"{options.contacts:,} contacts; a worker has {memory(pid):,.0f} MB before")
            first_answers(url, known[0])
            print(f"  with every table in memory it has {memory(pid):,.0f} MB")
            asyncio.run(load(url, known, options.rate, 2))  # warm
            used = processor(pid)
            ours = asyncio.run(load(url, known, options.rate, options.seconds))
            used = 1000 * (processor(pid) - used) / (options.rate * options.seconds)
            load_average = os.getloadavg()[0]
            headers = {"authorization": f"Bearer {KEYS[0].key}"}
            ours[ATTRIBUTION] = []
            for number in range(5):
                began = time.perf_counter()
                where = f"{url}/api/v1{ATTRIBUTION.format(**known[number])}"
                requests.get(where, headers=headers, timeout=60).raise_for_status()
                ours[ATTRIBUTION].append(time.perf_counter() - began)
        theirs = peer(paths, known, 50)
    print(f"  {used:.1f} ms of processor an answer; the machine's load was {load_average:.1f}")
    print(
        f"milliseconds, {options.rate:g} a second: p50, p95 over HTTP; p50, p95 of the statements"
    )
    for path in MIX:
        told(path, ours[path], theirs[path])
    mixed = [one for path in MIX for one in ours[path]]
    weighted = [one for path in MIX for one in theirs[path] for _ in range(MIX[path])]
    told("all of the mix", mixed, weighted)
    told(ATTRIBUTION + " (alone)", ours[ATTRIBUTION], theirs[ATTRIBUTION])


if __name__ == "__main__":
    main()
