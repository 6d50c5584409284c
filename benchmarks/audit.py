"""Tell everything on record about a person: from what is published and the ledger, and by an
index in a database of rows.

    python -m benchmarks.audit [--contacts N] [--workspace DIR] [--asked N]

By default 400,000 contacts (the demo world's size M) with two million identifiers, a million
consents, two million intended messages, four million lines of delivery, a million memberships, and
400,000 messages in the ledger, in no order that would help. With a workspace that was published it
is asked instead, and read only. The peer is SQLite with the same marts and an index for each
question, as an application's database would have it; filling that is not counted, and it only
fetches rows. Both must find the same number of them.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from reverse_etl.privacy.trail import trail
from reverse_etl.publish import Catalogue, Relation, is_published, publish, reader
from workspace.identifiers import Keyring
from workspace.ledger import Ledger, open_ledger, schema
from workspace.paths import Paths

NOW = datetime(2026, 10, 1)
#: Each mart that is read, and the columns that it is asked by.
ASKED_BY = {
    "identity_map": ("identifier_key", "contact_id"),
    "consent_records": ("contact_id",),
    "message_queue": ("contact_id",),
    "why_not_sent": ("contact_id",),
    "delivery_logs": ("message_id", "recipient_key"),
    "message_proofs": ("contact_id",),
    "segment_membership_history": ("contact_id",),
    "journey_executions": ("contact_id",),
    "experiment_assignments": ("contact_id",),
}
_RING = Keyring(b"a pepper for benchmarks")
_CONTACT = "md5('c' || hash(i, 'w') % $contacts)"
_TIME = "timestamp '2026-01-01' + to_seconds((hash(i, 't') % 20000000)::bigint)"

_WORLD = {
    "identity_map": (
        5,
        f"""['email', 'phone', 'user_id', 'anonymous_id', 'crm_contact'][1 + i % 5] as
        identifier_type, case when i % 5 = 4 then md5('c' || i // 5) else md5('k' || i) end as
        identifier_key, md5('c' || i // 5) as contact_id, 'itself' as verdict, 'crm_property' as
        evidence, null::varchar as evidence_key, {_TIME} as first_seen_at,
        {_TIME} as last_seen_at""",
    ),
    "consent_records": (
        2.5,
        f"""md5('e' || i) as evidence_id, {_CONTACT} as contact_id, 'granted' as state,
        'newsletter' as purpose, 'email' as channel, 'form' as source, {_TIME} as decided_at,
        {_TIME} as known_at, sha256('t' || i) as text_hash""",
    ),
    "message_queue": (
        5,
        f"""sha256('m' || i) as intent_id, {_CONTACT} as contact_id, 'campaign' as source_kind,
        'c' || i % 50 as source_key, 'email' as channel, 'newsletter' as message_class, 't' as
        template, 'v' as template_version, case when i % 2 = 0 then 'accepted' else 'blocked' end
        as status, case when i % 2 = 1 then 'capped' end as gate, null::varchar as detail,
        null::timestamp as deferred_until_at, md5('e' || i) as consent_evidence_id, 'ses' as
        provider, 'sent' as outcome, {_TIME} as planned_for_at, {_TIME} as intended_at, {_TIME} as
        decided_at, case when i % 2 = 0 then {_TIME} end as sent_at""",
    ),
    "why_not_sent": (
        2.5,
        """sha256('m' || (2 * i + 1)) as intent_id,
        md5('c' || hash(2 * i + 1, 'w') % $contacts) as contact_id, 'too many' as gate_text""",
    ),
    "delivery_logs": (
        10,
        f"""md5('l' || i) as log_id, 'event' as entry_kind, sha256('m' || i // 2) as message_id,
        'ses' as provider, md5('p' || i) as provider_event_id, 'delivered' as event_type,
        null::integer as attempt, null::varchar as provider_code, null::varchar as bounce_type,
        null::varchar as reason, md5('r' || i) as recipient_key, false as is_machine, false as
        is_test, {_TIME} as occurred_at""",
    ),
    "segment_membership_history": (
        2.5,
        f"""'s' || i % 30 as segment, {_CONTACT} as contact_id, {_TIME} as entered_at,
        null::timestamp as left_at, 'd' as entered_by_definition, null::varchar as
        left_by_definition""",
    ),
}


def make(paths: Paths, contacts: int) -> None:
    """A published version of as many contacts, and what the ledger holds of them."""
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("set threads = 2; create schema marts")
        for name, (times, columns) in _WORLD.items():
            rows = int(times * contacts)
            columns = columns.replace("$contacts", str(contacts))
            connection.execute(
                f"create table marts.{name} as select {columns} from range({rows}) as numbers(i)"
            )
    catalogue = Catalogue([Relation("marts", name, "One row per row.") for name in _WORLD])
    publish(paths.warehouse, paths, catalogue, NOW, {})
    ledger = open_ledger(f"sqlite:///{paths.ledger}")
    with duckdb.connect() as connection:
        keys = connection.execute(
            f"select sha256('m' || 2 * i), md5('c' || hash(2 * i, 'w') % {contacts}), md5('k' || i)"
            f" from range({contacts}) as numbers(i)"
        ).fetchall()
    ledger.append(schema.messages, [_message(*row) for row in keys])
    ledger.close()


def _message(ident: str, contact_id: str, destination_key: str) -> dict[str, Any]:
    plain = {name: "x" for name in ("source_key", "step", "message_class", "purpose")}
    times = dict.fromkeys(("planned_at", "scheduled_at", "due_at", "updated_at"), NOW)
    return {
        **plain,
        **times,
        "message_id": ident,
        "dedup_key": ident,
        "contact_id": contact_id,
        "destination_key": destination_key,
        "source_kind": "campaign",
        "occurrence": ident,
        "channel": "email",
        "state": "accepted",
    }


class Rows:
    """The same marts in SQLite, with an index for each column that is asked by."""

    def __init__(self, paths: Paths, file: Path) -> None:
        self.connection = sqlite3.connect(file)
        self.connection.execute("pragma synchronous = off")
        with reader(paths, seconds=3_600) as published:
            self.views = [name for name in ASKED_BY if is_published(published, name)]
            for name in self.views:
                self._copy(published, name)

    def _copy(self, published: duckdb.DuckDBPyConnection, name: str) -> None:
        found = published.execute(f"select columns(*)::varchar from marts.{name}")
        names = [column[0] for column in found.description or []]
        listed = ", ".join(f'"{one}"' for one in names)
        self.connection.execute(f"create table {name} ({listed})")
        marks = ", ".join("?" * len(names))
        while chunk := found.fetchmany(100_000):
            self.connection.executemany(f"insert into {name} values ({marks})", chunk)
        for column in ASKED_BY[name]:
            self.connection.execute(f"create index {name}_{column} on {name} ({column})")
        self.connection.commit()

    def count(self, contact_id: str) -> int:
        """Rows of a contact, all fetched."""
        found = 0
        keys = [
            row[0] for row in self._of("identity_map", "identifier_key", "contact_id", [contact_id])
        ]
        messages = [
            row[0] for row in self._of("message_queue", "intent_id", "contact_id", [contact_id])
        ]
        for name in self.views:
            if name == "delivery_logs":
                by_message = self._of(name, "log_id, *", "message_id", messages)
                by_address = self._of(name, "log_id, *", "recipient_key", [*keys, contact_id])
                found += len({row[0] for row in [*by_message, *by_address]})
            else:
                found += len(self._of(name, "*", "contact_id", [contact_id]))
        return found

    def _of(self, name: str, columns: str, by: str, values: list[str]) -> list[Any]:
        marks = ", ".join("?" * len(values))
        query = f"select {columns} from {name} where {by} in ({marks})"
        return self.connection.execute(query, values).fetchall()


def _count(paths: Paths, contact_id: str) -> int:
    """The rows that `trail` is made from, counted by a scan."""
    with reader(paths) as connection:
        found = 0
        for name in ASKED_BY:
            if not is_published(connection, name):
                continue
            where = f"contact_id = '{contact_id}'"
            if name == "delivery_logs":
                where = (
                    "message_id in (select intent_id from marts.message_queue where "
                    f"{where}) or recipient_key in (select identifier_key from marts.identity_map "
                    f"where {where} union all select '{contact_id}')"
                )
            row = connection.execute(f"select count(*) from marts.{name} where {where}").fetchone()
            found += row[0] if row else 0
    return found


def measure(paths: Paths, ledger: Ledger, keyring: Keyring, asked: int, folder: Path) -> None:
    with reader(paths) as connection:
        sizes = {
            name: (connection.execute(f"select count(*) from marts.{name}").fetchone() or (0,))[0]
            for name in ASKED_BY
            if is_published(connection, name)
        }
        people = [
            row[0]
            for row in connection.execute(
                "select contact_id from marts.message_queue group by contact_id "
                f"order by md5(contact_id) limit {asked}"
            ).fetchall()
        ]
    print(", ".join(f"{name} {count:,}" for name, count in sizes.items()), flush=True)
    ours = _timed(lambda one: trail(paths, ledger, keyring, one), people)
    base = _told("ours", ours)
    lines = [len(found.events) for one in people if (found := trail(paths, ledger, keyring, one))]
    print(f"{len(people)} people, {statistics.mean(lines):.1f} lines each", flush=True)
    began = time.perf_counter()
    rows = Rows(paths, folder / "rows.db")
    print(f"(SQLite was filled in {time.perf_counter() - began:.0f} s)")
    assert all(rows.count(one) == _count(paths, one) for one in people)
    print(f"{_told('rows by an index', _timed(rows.count, people)) / base:.4f} times ours")


def _told(name: str, times: list[tuple[float, float]]) -> float:
    """Print what was measured; the median on the clock."""
    walls = [wall for wall, _ in times]
    median, worked = statistics.median(walls), statistics.median(cpu for _, cpu in times)
    print(
        f"{name:18} first {_ms(walls[0])}   median {_ms(median)} (processors {_ms(worked)})   "
        f"worst {_ms(max(walls))}",
        flush=True,
    )
    return median


def _timed(work: Callable[[str], Any], people: list[str]) -> list[tuple[float, float]]:
    """Seconds on the clock and of processors."""
    taken = []
    for one in people:
        began, worked = time.perf_counter(), time.process_time()
        work(one)
        taken.append((time.perf_counter() - began, time.process_time() - worked))
    return taken


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:9,.2f} ms"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--contacts", type=int, default=400_000)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--asked", type=int, default=20)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.workspace is None:
            paths = Paths(folder / "w")
            paths.create()
            make(paths, options.contacts)
        else:
            paths = Paths(options.workspace)
        ledger = open_ledger(f"sqlite:///{paths.ledger}")
        measure(paths, ledger, _RING, options.asked, folder)
        ledger.close()


if __name__ == "__main__":
    main()
