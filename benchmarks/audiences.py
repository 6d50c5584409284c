"""An audience against what stands at its destination: ours, and one member at a time in Python.

    python -m benchmarks.audiences [--members ROWS]

A million members with addresses and numbers, by Google's rules; of every hundred one came, one
changed and one left since. Both read what stands from the same ledger (SQLite); the peer fetches
rows, and hashes and compares in a loop.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from datetime import datetime
from pathlib import Path

import duckdb
import sqlalchemy as sa

from reverse_etl.audiences import diff
from reverse_etl.audiences.normalise import GOOGLE
from workspace.ledger import Ledger, open_ledger, schema
from workspace.ledger import audiences as book
from workspace.ledger.audiences import Place

PLACE = Place("google_data_manager", "all")
KINDS = ["email", "phone"]
AT = datetime(2026, 9, 1)
CHUNK = 50_000


def world(connection: duckdb.DuckDBPyConnection, members: int) -> None:
    """Who is there before and after: of each hundred, 0 comes, 1 changes, 2 leaves."""
    for name, keep, suffix in (("before", 0, ""), ("members", 2, ".new")):
        connection.execute(
            f"""
            create table {name} as
            select 'contact' || lpad(range::varchar, 9, '0') as contact_id,
                'First.Last' || range || case when range % 100 = 1 then '{suffix}' else '' end
                    || case when range % 3 = 0 then '@gmail.com' else '@example.com' end as email,
                '+336' || lpad(range::varchar, 8, '0') as phone,
                cast(null as varchar) as attributes
            from range({members}) where range % 100 != {keep}
            """
        )


def fill(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """The ledger as a sync of ``before`` leaves it."""
    nobody = book.STANDING.empty_table()
    diff.compare(connection, "before", "before", nobody, GOOGLE, KINDS)
    constant = {
        "destination": PLACE.destination,
        "audience": PLACE.audience,
        "operation": "add",
        "state": "confirmed",
        "normaliser_version": GOOGLE.version,
        "attempts": 1,
        "joined_at": AT,
        "updated_at": AT,
    }
    for rows in diff.changes(connection, diff.ADDED):
        for start in range(0, len(rows), CHUNK):
            with ledger.writing() as writing:
                writing.execute(
                    schema.audience_syncs.insert(),
                    [
                        {**constant, "contact_id": r[0], "identifiers": r[2], "payload_hash": r[4]}
                        for r in rows[start : start + CHUNK]
                    ],
                )


def ours(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> dict[str, int]:
    standing = book.standing(ledger, PLACE)
    counters = diff.compare(connection, "members", "members", standing, GOOGLE, KINDS)
    return counters.row()


def peer(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> dict[str, int]:
    """One member at a time."""
    t = schema.audience_syncs.c
    query = sa.select(t.contact_id, t.payload_hash, t.operation, t.state).where(
        t.destination == PLACE.destination, t.audience == PLACE.audience
    )
    with ledger.reading() as reading:
        standing = {
            key: digest
            for key, digest, operation, state in reading.execute(query)
            if not (operation == "remove" and state in ("sent", "confirmed"))
        }
    members = connection.execute("select contact_id, email, phone from members").fetchall()
    counts = dict.fromkeys(schema.AUDIENCE_COUNTERS, 0)
    seen = set()
    for contact_id, email, phone in members:
        local, _, domain = email.strip().lower().partition("@")
        if domain in ("gmail.com", "googlemail.com"):
            local = local.replace(".", "")
        hashes = {
            "email": [hashlib.sha256(f"{local}@{domain}".encode()).hexdigest()],
            "phone": [hashlib.sha256(phone.encode()).hexdigest()],
        }
        text = json.dumps(hashes, separators=(",", ":")) + "{}"
        digest = hashlib.md5(text.encode()).hexdigest()
        seen.add(contact_id)
        before = standing.get(contact_id)
        change = "added" if before is None else "unchanged" if before == digest else "changed"
        counts[change] += 1
    counts["removed"] = sum(contact_id not in seen for contact_id in standing)
    counts["queried"] = sum(counts.values())
    return counts


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        ledger = open_ledger(f"sqlite:///{Path(folder) / 'ledger.db'}")
        world(connection, options.members)
        fill(connection, ledger)
        seconds, found = {}, []
        for name, work in (
            ("ours", lambda: ours(connection, ledger)),
            ("a loop in Python", lambda: peer(connection, ledger)),
        ):
            taken = []
            for _ in range(3):
                started = time.perf_counter()
                found.append(work())
                taken.append(time.perf_counter() - started)
            seconds[name] = min(taken)
        ledger.close()
    assert all(one == found[0] for one in found), found
    print(f"{options.members:,} members: {found[0]}")
    for name, value in seconds.items():
        print(f"{name:26} {value:6.2f} s   {value / seconds['ours']:5.1f} times")


if __name__ == "__main__":
    main()
