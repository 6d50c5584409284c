"""Decide a million intended messages: all at once, and one contact after the other.

    python -m benchmarks.gates [--messages N] [--sample N]

By default a million contacts with three million consents, fifty thousand stops, a million messages
of the last month, and a million intended ones, mails and text messages, for a good half of the
contacts. The plain loop holds the facts in dictionaries and asks the same gates and caps of each
contact in turn; it is given a sample of the contacts, and filling its dictionaries is not counted.
Both must decide alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import duckdb

from reverse_etl.gates.deciding import decide
from reverse_etl.gates.facts import Facts
from reverse_etl.gates.hours import LONGEST_QUIET, Span, allowed_spans, next_allowed, rules_for
from workspace.buckets import BUCKETS, bucket
from workspace.definitions.caps import Caps
from workspace.definitions.reading import read
from workspace.paths import PROJECT

AS_OF = datetime(2026, 10, 23, 6, 30)
ZONE = "Europe/Paris"
HOUR = timedelta(hours=1)
Row = dict[str, Any]


def fill(connection: duckdb.DuckDBPyConnection, messages: int) -> Facts:
    """Tables with the columns that `Facts` and the stream of intents have."""
    connection.execute("set threads = 2; set enable_progress_bar = false; set TimeZone = 'UTC'")
    now = f"timestamp '{AS_OF}'"
    connection.execute(
        f"""
        create table contacts as
        select md5('c' || i) as contact_id, md5('m' || i) as email_key,
            case when hash(i, 'p') % 10 < 6 then md5('p' || i) end as phone_key,
            md5('u' || i) as push_key,
            case when hash(i, 'f') % 10 < 8 then 'FR' else 'DE' end as country,
            case when hash(i, 'f') % 10 < 8 then 'Europe/Paris' else 'Europe/Berlin' end
                as time_zone,
            ['hot', 'warm', 'cool', 'cold'][1 + (hash(i, 'b') % 4)::int] as band
        from range({messages}) as numbers(i);
        create table consents as
        select contact_id, purpose, channel,
            case when hash(contact_id, purpose, channel) % 10 < 8
                then 'granted' else 'withdrawn' end as state,
            'form' as reason, md5(contact_id || purpose || channel) as evidence_id,
            {now} - interval 90 day as decided_at, 'consent' as legal_basis,
            md5(purpose) || md5(channel) as text_hash, '0123456789abcdef' as policy_version
        from contacts cross join (
            values ('marketing', 'email'), ('newsletter', 'email'), ('marketing', 'sms')
        ) as asked(purpose, channel);
        create table stops as
        select contact_id, 'email' as channel, null::varchar as purpose,
            ['bounced', 'suppressed'][1 + (hash(contact_id, 'g') % 2)::int] as gate,
            'hard_bounce' as detail
        from contacts where hash(contact_id, 's') % 20 = 0;
        create table sent as
        select md5('s' || i) as message_id, md5('c' || hash(i, 'w') % {messages}) as contact_id,
            'marketing' as message_class, 'email' as channel,
            {now} - to_seconds((hash(i, 't') % (30 * 86400))::bigint) as sent_at
        from range({messages}) as numbers(i);
        create table intents as
        select sha256('i' || i) as intent_id, 'campaign' as source_kind,
            'campaign_' || hash(i, 'k') % 20 as source_key, '' as step, '' as occurrence,
            md5('c' || floor(pow(hash(i, 'w') % 1000000 / 1e6, 1.3) * {messages})::bigint)
                as contact_id,
            ['email', 'email', 'email', 'email', 'sms'][1 + (hash(i, 'c') % 5)::int] as channel,
            case when hash(i, 'k') % 20 < 5 then 'newsletter' else 'marketing' end as purpose,
            case when hash(i, 'k') % 20 < 5 then 'newsletter'
                else ['marketing', 'lifecycle'][1 + (hash(i, 'm') % 2)::int] end as message_class,
            (hash(i, 'r') % 3)::bigint as priority, (hash(i, 'v') % 100) / 10.0 as expected_value,
            {now} + to_minutes((hash(i, 'a') % 600)::bigint) as scheduled_at,
            null::timestamp as not_after, 'wait' as on_capped,
            null::varchar as send_time, null::varchar as approval,
            null::varchar as experiment, null::varchar as variant,
            null::timestamp as deferred_until
        from range({messages}) as numbers(i);
        """
    )
    return Facts(contacts="contacts", consents="consents", stops="stops", sent="sent")


class Loop:
    """The gates that the benchmark's world can fail at, one contact after the other."""

    def __init__(self, caps: Caps, rows: dict[str, list[Row]]) -> None:
        self.caps = caps
        self.horizon = AS_OF + caps.queue_ahead_hours * HOUR
        self.contacts = {row["contact_id"]: row for row in rows["contacts"]}
        self.consents = {
            (r["contact_id"], r["purpose"], r["channel"]): r["state"] for r in rows["consents"]
        }
        self.stops = {(row["contact_id"], row["channel"]): row["gate"] for row in rows["stops"]}
        self.sent = _by_contact(rows["sent"])
        self.intents = _by_contact(rows["intents"])
        self.open: dict[tuple[str, str, str], list[Span]] = {}

    def decide(self) -> dict[str, tuple[str | None, datetime | None]]:
        """Intent -> the gate that stops it, and when it goes out."""
        found = {}
        for contact_id, intents in self.intents.items():
            counted = list(self.sent.get(contact_id, ()))
            for intent in sorted(
                intents,
                key=lambda i: (
                    -i["priority"],
                    -i["expected_value"],
                    i["scheduled_at"],
                    i["source_key"],
                    i["channel"],
                    i["intent_id"],
                ),
            ):
                gate, at = self.ask(intent, counted)
                if gate is None:
                    counted.append({**intent, "sent_at": at})
                found[intent["intent_id"]] = (gate, at)
        return found

    def ask(self, intent: Row, counted: list[Row]) -> tuple[str | None, datetime | None]:
        contact = self.contacts[intent["contact_id"]]
        kind = self.caps.classes[intent["message_class"]]
        channel = intent["channel"]
        stop = self.stops.get((intent["contact_id"], channel))
        if contact["email_key" if channel == "email" else "phone_key"] is None:
            return "no_address", None
        if stop == "bounced":
            return stop, None
        key = (intent["contact_id"], intent["purpose"], channel)
        if self.consents.get(key) != "granted":
            return "consent", None
        if stop == "suppressed":
            return stop, None
        holdout = self.caps.holdout
        if bucket(holdout.salt, intent["contact_id"]) < round(holdout.share * BUCKETS):
            return "holdout", None
        at = max(AS_OF, intent["scheduled_at"])
        over = intent["scheduled_at"] + kind.not_after_hours * HOUR
        if at >= over:
            return "not_after", None
        if kind.bands is not None and contact["band"] not in kind.bands:
            return "lead_band", None
        allowed = next_allowed(self.spans(channel, contact, intent["message_class"]), at)
        if allowed is None or allowed >= over or (allowed > at and allowed > self.horizon):
            return "quiet_hours", None
        at = allowed
        for cap in self.caps.caps:
            if intent["message_class"] in cap.classes and channel in cap.channels:
                used = 0
                for row in counted:
                    if row["message_class"] in cap.classes and row["channel"] in cap.channels:
                        if cap.days is not None:
                            used += row["sent_at"] + timedelta(days=cap.days) > at
                        else:
                            used += _week(row["sent_at"]) == _week(at)
                if cap.limit is not None and used >= cap.limit:
                    return "cap", None
        return None, at

    def spans(self, channel: str, contact: Row, message_class: str) -> list[Span]:
        key = (channel, contact["country"], message_class)
        if key not in self.open:
            rules = rules_for(self.caps, *key)
            listed = self.caps.holidays.get(contact["country"])
            until = AS_OF + LONGEST_QUIET
            self.open[key] = allowed_spans(rules, listed, contact["time_zone"], AS_OF, until)
        return self.open[key]


def _week(at: datetime) -> tuple[int, int]:
    # Paris and Berlin, two hours ahead on these days.
    return (at + 2 * HOUR).isocalendar()[:2]


def _by_contact(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["contact_id"], []).append(row)
    return found


def compare(connection: duckdb.DuckDBPyConnection, caps: Caps, sample: int) -> tuple[int, float]:
    """How many messages of a sample of contacts the loop decided, and in how many seconds."""
    share = f"contact_id in (select contact_id from contacts where rowid < {sample})"
    rows = {
        name: connection.execute(f"from {name} where {share}").to_arrow_table().to_pylist()
        for name in ("contacts", "consents", "stops", "sent", "intents")
    }
    loop = Loop(caps, rows)
    began = time.perf_counter()
    found = loop.decide()
    seconds = time.perf_counter() - began
    ours = connection.execute("select intent_id, gate, scheduled_at from decisions").fetchall()
    other = [i for i, gate, at in ours if i in found and found[i] != (gate, at)]
    assert not other, f"{len(other)} of {len(found)} decided otherwise"
    return len(found), seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=50_000)
    chosen = parser.parse_args(arguments)
    caps = read(PROJECT / "marketing" / "caps.yml", Caps)
    with duckdb.connect() as connection:
        facts = fill(connection, chosen.messages)
        best = cpu = float("inf")
        for _ in range(3):
            began, worked = time.perf_counter(), time.process_time()
            decisions = decide(connection, "intents", facts, caps, AS_OF, ZONE)
            best = min(best, time.perf_counter() - began)
            cpu = min(cpu, time.process_time() - worked)
        connection.register("decisions", decisions)
        shares = connection.execute(
            "select decision, coalesce(gate, '-'), count(*) from decisions group by all order by 3"
        ).fetchall()
        print(", ".join(f"{d} {g} {n:,}" for d, g, n in reversed(shares)))
        size = f"{chosen.messages:,}"
        print(f"  {size} messages of {size} contacts  {best:.2f} s  (limit 5; CPU {cpu:.1f})")
        count, seconds = compare(connection, caps, chosen.sample)
        ours, theirs = decisions.num_rows / best, count / seconds
        print(f"  {count:,} messages in a plain loop  {seconds:.2f} s")
        print(f"  {ours:,.0f} messages/s against {theirs:,.0f}: {ours / theirs:.1f} x")


if __name__ == "__main__":
    main()
