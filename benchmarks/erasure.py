"""Erasure of 100 people from landing and lake: all in one pass, and (the peer) one after the other.

    python -m benchmarks.erasure [--contacts N] [--events N] [--people N] [--peer N]

A world of events in monthly NDJSON files and their lake files is made in a temporary folder. Ours
searches and rewrites every file once for everybody, then scans the whole workspace; the peer does
the same for one person at a time, ``--peer`` of them, and its time is what that makes for all.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ingestion import accounts, load_pending, redaction
from reverse_etl.privacy import streams
from reverse_etl.privacy.finding import Known
from reverse_etl.privacy.forms import Identifier
from reverse_etl.privacy.scanning import scan
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.privacy.subjects import Subject
from workspace.identifiers import Keyring
from workspace.lake import Lake

MONTHS = 24
RING = Keyring(b"a pepper for benchmarks")


def fill(landing: Path, lake: Lake, contacts: int, events: int) -> None:
    dice = random.Random(1)
    folder = landing / "events"
    folder.mkdir(parents=True)
    number = 0
    for month in range(MONTHS):
        start = datetime(2024, 1, 1) + timedelta(days=30 * month)
        with open(folder / f"events-{month:02}.ndjson", "w") as out:
            for _ in range(events // MONTHS):
                number += 1
                who = dice.randrange(contacts)
                at = start + timedelta(seconds=dice.randrange(2_500_000))
                message = {
                    "messageId": f"m{number:09}",
                    "type": "track",
                    "event": "Pricing Viewed",
                    "userId": f"usr_{who:07}",
                    "anonymousId": f"device-{who:07}-{dice.randrange(3)}",
                    "timestamp": at.isoformat() + "Z",
                    "properties": {"page": f"/p/{dice.randrange(500)}", "position": number % 90},
                    "context": {"page": {"url": f"https://shop.example/p/{number % 500}"}},
                }
                out.write(json.dumps(message) + "\n")
    load_pending("events", landing, lake, RING, guard=False)


def subjects(count: int, contacts: int, offset: int = 0) -> list[Subject]:
    found = []
    for i in range(count):
        who = (offset + i * 7_919) % contacts
        values = {
            "user_id": frozenset({f"usr_{who:07}"}),
            "anonymous_id": frozenset(f"device-{who:07}-{n}" for n in range(3)),
            "email": frozenset({f"person.{who:07}@clinic.example"}),
        }
        keys = frozenset(key for kind, held in values.items() for key in RING.keys(kind, held))
        found.append(Subject(None, keys, values))
    return found


def erase(landing: Path, lake: Lake, people: Sequence[Subject]) -> dict[str, float]:
    """Seconds of each part."""
    stand_ins = StandIns.draw(people, RING)
    times: dict[str, float] = {}
    started = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal started
        ended = time.perf_counter()
        times[name], started = ended - started, ended

    known: Known = {}
    lines = streams.landed_lines(lake, stand_ins, known).of
    lap("search")
    redaction.redact(landing, lake, RING, stand_ins, lines, ["events"])
    lap("landing")
    streams.erase(lake, stand_ins, known=known)
    accounts.recount(lake, ["events"])
    lap("lake")
    wanted = [
        Identifier(kind, value)
        for subject in people
        for kind, values in subject.values.items()
        for value in values
    ]
    found = scan(landing.parent, wanted)
    lap("scan")
    assert found.is_clean, (found.hits[:3], found.unread)
    return times


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=15_000)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--peer", type=int, default=3)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        landing, lake = Path(folder) / "landing", Lake(Path(folder) / "lake")
        fill(landing, lake, given.contacts, given.events)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        print(f"{given.events:,} events of {given.contacts:,} contacts, {size >> 20} MB")
        ours = erase(landing, lake, subjects(given.people, given.contacts))
        told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in ours.items())
        print(f"{given.people} people at once: {sum(ours.values()):.1f} s ({told})")
        started = time.perf_counter()
        for n, one in enumerate(subjects(given.peer, given.contacts, offset=3)):
            erase(landing, lake, [one])
            print(f"  alone, person {n + 1}: {time.perf_counter() - started:.1f} s", flush=True)
        each = (time.perf_counter() - started) / given.peer
        whole = each * given.people
        print(f"one at a time: {each:.1f} s each, {whole:.0f} s for {given.people}")
        print(f"ratio {whole / sum(ours.values()):.1f}")


if __name__ == "__main__":
    main()
