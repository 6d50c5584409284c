"""From intended messages to the outbox: gates, rendering, and the ledger's transactions.

    python -m benchmarks.queueing [--messages N] [--profile]

By default 100,000 mails of one campaign, each to another contact, with the shipped template of a
welcome. The peer is the part of the work that no arrangement of ours could save: the same payloads
into the same table of SQLite, as plain rows in transactions of the same size.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sqlite3
import tempfile
import time
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import duckdb

from reverse_etl import queueing
from reverse_etl.content.library import Library
from reverse_etl.gates.intents import INTENTS
from workspace.definitions.caps import Caps
from workspace.definitions.reading import read
from workspace.definitions.templates import SOURCES
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.ledger.messages import CHUNK_ROWS
from workspace.paths import PROJECT
from workspace.streams import STREAMS

AS_OF = datetime(2026, 10, 23, 6, 30)
ZONE = "Europe/Paris"
TEMPLATE = "medical_welcome"
NAMES = ("first_name", "last_name", "job_title", "organisation", "city")


def fill(connection: duckdb.DuckDBPyConnection, lake: Lake, messages: int) -> None:
    """The marts that queueing asks, and one intent a contact in the lake."""
    connection.execute("set enable_progress_bar = false; set TimeZone = 'UTC'")
    people = f"(select md5('c' || i) as contact_id, i from range({messages}) as r(i))"
    own = ", ".join(
        f"'{'fr' if name == 'language' else 'FR' if name == 'country' else 'surgeon'}' as {name}"
        for name in sorted(SOURCES["contact"] - set(NAMES))
    )
    account = sorted(SOURCES["account"] - {"buyer_stage", "contract_ends_on", "domain"})
    connection.execute(
        f"""
        create schema marts; create schema pii;
        create table marts.contact_features as
        select contact_id, md5('a' || i % 1000) as account_id, {own} from {people};
        create table marts.dim_accounts as
        select md5('a' || i) as account_id, 'd' || i || '.fr' as domain,
            {", ".join(f"'x' || i as {name}" for name in account)}
        from range(1000) as r(i);
        create table marts.account_features as
        select account_id, 'awareness' as buyer_stage, date '2027-01-01' as contract_ends_on
        from marts.dim_accounts;
        create table pii.contacts as
        select contact_id, 'Anne' as first_name, 'Martin ' || i as last_name, 'Chirurgienne' as
            job_title, 'Clinique ' || i as organisation, 'Lyon' as city,
            'p' || i || '@example.com' as email, null::varchar as phone,
            null::varchar as user_id
        from {people};
        create table marts.dim_contacts as
        select contact_id, md5('m' || i) as email_key, null::varchar as phone_key,
            null::varchar as user_key, 'FR' as country from {people};
        create table marts.lead_scores as select contact_id, 'cool' as band from {people};
        create table marts.identity_map as
        select email_key as identifier_key, contact_id from marts.dim_contacts
        union all select contact_id, contact_id from marts.dim_contacts;
        create table marts.consent_states as
        select contact_id, 'product_updates' as purpose, 'email' as channel, '' as brand,
            'granted' as state, 'form' as reason, md5('e' || contact_id) as evidence_id,
            timestamp '2026-01-02' as decided_at, 'consent' as legal_basis,
            md5('text') || md5('text') as text_hash, '0123456789abcdef' as policy_version
        from marts.dim_contacts;
        create table marts.account_contacts as
        select account_id, contact_id from marts.contact_features;
        create table marts.consent_records as
        select ''::varchar as contact_id, '' as channel, '' as state, '' as reason,
            true as is_standing where false;
        """
    )
    schema = STREAMS[INTENTS].schema
    given = {
        "intent_id": "sha256('i' || i)",
        "source_kind": "'campaign'",
        "source_key": "'spring'",
        "step": "''",
        "occurrence": "''",
        "contact_id": "contact_id",
        "channel": "'email'",
        "template": f"'{TEMPLATE}'",
        "purpose": "'product_updates'",
        "message_class": "'marketing'",
        "priority": "0",
        **dict.fromkeys(("scheduled_at", "known_at"), f"timestamp '{AS_OF}'"),
        "not_after": "null::timestamp",
    }
    columns = ", ".join(f"{given.get(name, 'null')} as {name}" for name in schema.names)
    table = connection.execute(f"select {columns} from {people}").to_arrow_table()
    lake.commit(INTENTS, "1", table.cast(schema))


def plain_rows(ledger: Path, target: Path) -> float:
    """Seconds of writing what the ledger holds into a table of its shape, row by row as it is."""
    with sqlite3.connect(ledger) as source, sqlite3.connect(target) as copy:
        (statement,) = source.execute(
            "select sql from sqlite_master where name = 'messages' and type = 'table'"
        ).fetchone()
        indexes = source.execute(
            "select sql from sqlite_master where tbl_name = 'messages' and type = 'index' "
            "and sql is not null"
        ).fetchall()
        rows = source.execute("select * from messages").fetchall()
        copy.execute("pragma journal_mode = wal")
        copy.execute("pragma synchronous = full")
        for (text,) in [(statement,), *indexes]:
            copy.execute(text)
        insert = f"insert into messages values ({', '.join('?' * len(rows[0]))})"
        began = time.perf_counter()
        for start in range(0, len(rows), CHUNK_ROWS):
            with copy:
                copy.executemany(insert, rows[start : start + CHUNK_ROWS])
        return time.perf_counter() - began


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--profile", action="store_true", help="Where the time goes.")
    chosen = parser.parse_args(arguments)
    caps = read(PROJECT / "marketing" / "caps.yml", Caps)
    profile = cProfile.Profile() if chosen.profile else None
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        lake = Lake(Path(folder) / "lake")
        fill(connection, lake, chosen.messages)
        ledger = open_ledger(f"sqlite:///{folder}/ledger.db")
        with Library.load(PROJECT / "marketing") as library:
            began, worked = time.perf_counter(), time.process_time()
            with profile or nullcontext():
                done = queueing.queue(
                    connection, ledger, lake, caps, library, Keyring(b"p" * 32), AS_OF, ZONE
                )
            seconds, cpu = time.perf_counter() - began, time.process_time() - worked
        ledger.close()
        print(f"{done.decisions}; {done.queued:,} queued, {done.refused:,} refused")
        rate = chosen.messages / seconds
        told = f"{rate:,.0f} a second; CPU {cpu:.1f}"
        print(f"  {chosen.messages:,} messages  {seconds:.1f} s  ({told})")
        peer = plain_rows(Path(folder) / "ledger.db", Path(folder) / "copy.db")
        print(
            f"  {done.queued:,} plain rows of SQLite  {peer:.1f} s: {seconds / peer:.1f} x as long"
        )
    if profile is not None:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
