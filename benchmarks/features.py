"""Features of a million contacts with twenty million events: our models, and one plain query.

    python -m benchmarks.features [--contacts N] [--events N]

First all models of features, from events, mails, contacts, organisations and deals that are
there: everybody at as_of, and a sample at the starts of 24 months. Then the sums at as_of alone
against one query with a filter for each of them over every signal. Both use two threads and store
what they find.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks._models import ID, build, project
from dagster_project.statements import run_statements
from workspace import definitions, warehouse
from workspace.definitions.store import table
from workspace.paths import PROJECT
from workspace.streams import STREAMS

AS_OF = datetime(2026, 1, 1)
MARTS = ("account_feature_snapshots", "contact_feature_snapshots")
SYSTEM = """
    create table lake.run_context as select 'run' as run_id, timestamp '2026-01-01' as as_of,
        'snapshot' as snapshot_id, 'Europe/Paris' as time_zone, 'EUR' as base_currency
"""
EVENTS = """
    insert into marts.fct_events by name
    select
        'm' || n as message_id,
        case when kind < 5 then 'page' else 'track' end as message_type,
        case
            when kind < 5 then null
            when kind < 9 then 'Feature Used'
            when kind < 13 then 'Email Delivered'
            when kind < 15 then 'Email Opened'
            when kind < 16 then 'Email Clicked'
            else ['Pricing Viewed', 'Form Submitted', 'White Paper Downloaded',
                'Support Ticket Opened'][1 + kind - 16]
        end as event,
        timestamp '2026-01-01' - to_seconds(age) as occurred_at,
        timestamp '2026-01-01' - to_seconds(age - 1) as known_at,
        md5(person::varchar) as contact_id,
        case when kind between 5 and 8 then 'u' || person end as user_key,
        case when kind < 5 then 'www.example.org' end as page_host,
        case when kind between 9 and 12 then 's' || n end as send_id,
        'human' as actor_class
    from (
        select
            n,
            (hash(n * 3) % 20)::integer as kind,
            (1 + hash(n * 13) % 62208000)::integer as age,
            hash(n * 7) % {contacts} as person
        from range({events}) as r(n)
    ) as drawn
"""
FACTS = [
    EVENTS,
    """
    insert into marts.fct_emails by name
    select send_id as email_id, contact_id, occurred_at as sent_at, known_at as sent_known_at
    from marts.fct_events where send_id is not null
    """,
    """
    insert into intermediate.int_contacts by name
    select md5(n::varchar) as contact_id, 'a' || n % {accounts} as account_id, 'x' as vertical,
        'p' || n as crm_id, timestamp '2023-06-01' as created_at
    from range({contacts}) as r(n)
    """,
    """
    insert into lake.crm_contacts by name
    select 'p' || n as crm_id, 'k' || n as contact_key, ['lead', 'customer'][1 + v] as
        lifecycle_stage, 'role ' || n % 7 as role, timestamp '2023-06-01' + to_days(v * n % 900)
        as known_at, 'f' as landing_file, n as landing_line
    from range({contacts}) as r(n), range(2) as versions(v)
    """,
    """
    insert into lake.crm_companies by name
    select 'c' || n as crm_id, 'a' || n as company_key, 'type ' || n % 5 as account_type,
        n as employees, timestamp '2023-06-01' as known_at, 'f' as landing_file, n as landing_line
    from range({accounts}) as r(n)
    """,
    """
    insert into lake.crm_deals by name
    select 'd' || n as crm_id, 'medical_sales' as pipeline, 'contract_signed' as stage,
        'c' || n as company_crm_id, 100 as mrr, date '2024-01-01' + (n % 600)::integer as
        contract_start_on, timestamp '2024-01-01' + to_days((n % 600)::integer) as known_at,
        'f' as landing_file, n as landing_line
    from range({accounts} // 50) as r(n)
    """,
]
#: What the plain query computes: days by family, as the macro signal_windows has them.
PEER = {
    "pages": [7, 30, 90],
    "mails": [7, 30, 90, 180],
    "mail_opens": [90],
    "mail_clicks": [7, 30, 90, 180],
    "mail_stops": [180],
    "replies": [90],
    "content": [30, 90],
    "forms": [90],
    "pricing": [30, 90],
    "calculators": [90],
    "demos": [90],
    "trials": [90],
    "programmes": [90],
    "meetings": [90, 180],
    "advocacy": [180],
    "uses": [30, 90, 180],
    "tickets": [30, 90],
    "trainings": [180],
}
TOUCH = "family not in ('uses', 'tickets', 'trainings', 'mails', 'mail_stops')"


def fill(path: Path, contacts: int, events: int) -> None:
    """Every model over an empty lake, then rows in what features read."""
    with warehouse.connect(path) as connection:
        connection.execute("create schema lake")
        for name, stream in STREAMS.items():
            connection.register("none", pa.table(stream.schema.empty_table()))
            connection.execute(f"create table lake.{name} as from none")
        rows = definitions.load(PROJECT / "marketing").rows()
        connection.register("given", table(rows, datetime(2020, 1, 1)))
        connection.execute("create or replace table lake.parameters as from given")
        connection.execute(SYSTEM)
    ready = project(path)
    needed: set[str] = set()
    waiting = [ID + name for name in MARTS]
    while waiting:
        node = waiting.pop()
        if node in ready.manifest["nodes"] and node not in needed:
            needed.add(node)
            waiting += ready.manifest["nodes"][node]["depends_on"]["nodes"]
    results, _ = run_statements(ready, path, list(needed), [], anew=True)
    assert not [result.message for result in results if result.failed]
    with warehouse.connect(path) as connection:
        for fact in FACTS:
            accounts = contacts // 10
            connection.execute(fact.format(contacts=contacts, events=events, accounts=accounts))


#: What a run makes again whenever time has passed. The past is made again in slices.
PRESENT = ("int_contact_signal_sums", *MARTS)
PAST = ("int_contact_signal_months", "int_account_feature_history", "int_contact_feature_history")
SHARED = (
    *("int_feature_moments", "int_feature_people", "int_feature_records", "int_feature_families"),
    *("int_feature_signals", "int_deal_states", "int_contact_states", "int_company_states"),
)


def peer(path: Path) -> tuple[float, float]:
    sums = [
        f"sum(amount) filter (where {TOUCH} and age_days <= {days}) as touches_{days}d"
        for days in (7, 30, 90, 180)
    ]
    sums += [
        f"sum(amount) filter (where family = '{family}' and age_days <= {days}) as {family}_{days}d"
        for family, windows in PEER.items()
        for days in windows
    ]
    for name, half_life in (("fast", 30), ("slow", 90)):
        sums.append(
            f"sum(amount * power(2, -age_days / {half_life})) filter "
            f"(where family = 'uses' and age_days <= 180) as uses_{name}"
        )
    for name, half_life in (("touch_weight", 30), ("intent_points", 21)):
        sums.append(
            f"sum({name} * power(2, -age_days / {half_life})) filter (where age_days <= 180)"
        )
    for family in ("mails", "mail_clicks", "uses"):
        sums.append(f"min(age_days) filter (where family = '{family}' and age_days <= 180)")
    with duckdb.connect(str(path), config={"threads": 2}) as connection:
        connection.execute("set preserve_insertion_order = false")
        began, used = time.perf_counter(), time.process_time()
        connection.execute(
            f"create table marts.peer as select contact_id, {', '.join(sums)} from ("
            "select signals.*, date_diff('microsecond', occurred_at, as_of) / 86400e6 as age_days "
            "from intermediate.int_feature_signals as signals "
            "inner join intermediate.int_feature_people as people using (contact_id) "
            "cross join staging.stg_system__run_context "
            "where occurred_at < as_of and known_at <= as_of) group by contact_id"
        )
        spent = time.perf_counter() - began, time.process_time() - used
        names = "sum(touches_30d), sum(mails_90d), sum(uses_180d), round(sum(uses_slow), 3)"
        ours, theirs = (
            connection.execute(f"select {names} from {name}").fetchone()
            for name in ("intermediate.int_contact_signal_sums", "marts.peer")
        )
        assert ours == theirs, (ours, theirs)
        return spent


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        fill(path, options.contacts, options.events)
        parts = [build(path, *names) for names in (SHARED, PAST, PRESENT)]
        sums, used = build(path, "int_contact_signal_sums")
        plain = peer(path)
    print(f"{options.contacts:,} contacts, {options.events:,} events (in brackets: of processors)")
    for name, (spent, cpu) in zip(("shared", "past months", "at as_of"), parts, strict=True):
        print(f"{name:20}  {spent:6.2f} s   ({cpu:.1f} s)")
    whole, cpu = (sum(values) for values in zip(*parts, strict=True))
    print(f"all features          {whole:6.2f} s   ({cpu:.1f} s)")
    print(f"sums at as_of, ours   {sums:6.2f} s   ({used:.1f} s)")
    print(f"one query of filters  {plain[0]:6.2f} s   ({plain[1]:.1f} s)")
    print(f"ratio of processors   {plain[1] / used:6.2f}")


if __name__ == "__main__":
    main()
