"""The five engagement components of a million contacts: our model, and a query a component.

    python -m benchmarks.engagement [--contacts N] [--touches N]

Both read the same touches with two threads and store what they find. Ours also stores the ids of
its evidence, which the peer does not.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path

import duckdb

from benchmarks._models import build
from workspace import definitions, warehouse
from workspace.definitions.store import table
from workspace.paths import PROJECT

PEER = {
    "recency": "100 * power(2, -min(age_days) / 14)",
    "frequency": "100 * (1 - exp(-sum(1.5 * power(2, -age_days / 30)) / 6))",
    "breadth": "100 * (least(1, count(distinct channel) / 4) / 2"
    " + least(1, count(distinct topic) / 5) / 2)",
    "intent": "100 * least(1, sum(case when touch_type = 'pricing_view' then 10 else 0 end"
    " * power(2, -age_days / 21)) / 40)",
}
DEPTH = """
    select contact_id, 100 * avg(depth) as depth from (
        select contact_id, depth, row_number() over (
            partition by contact_id order by occurred_at desc, touch_id
        ) as place from intermediate.int_contact_touches
    ) where place <= 10 group by contact_id
"""


def fill(path: Path, contacts: int, touches: int) -> None:
    with warehouse.connect(path) as connection:
        connection.execute("create schema lake; create schema intermediate; create schema marts")
        rows = definitions.load(PROJECT / "marketing").rows()
        connection.register("given", table(rows, datetime(2026, 1, 1)))
        connection.execute("create table lake.parameters as from given")
        connection.execute(
            "create table intermediate.int_profiling_objections as "
            "select ''::varchar as contact_id, null::timestamp as since_at where false"
        )
        connection.execute(
            f"""
            create table intermediate.int_contacts as
            select md5(n::varchar) as contact_id, null::varchar as account_id,
                ['medical', 'public'][1 + n % 2] as vertical
            from range({contacts}) as r(n)
            """
        )
        connection.execute(
            f"""
            create table intermediate.int_contact_touches as
            select
                md5((hash(n * 7) % {contacts})::varchar) as contact_id,
                md5('touch' || n::varchar) as touch_id,
                ['email_open', 'session', 'email_click', 'content_view', 'form_submit',
                    'pricing_view'][1 + (hash(n * 3) % 6)::integer] as touch_type,
                timestamp '2026-01-01' - to_seconds(age) as occurred_at,
                ['email', 'direct', 'event', 'unknown', 'organic_search'][
                    1 + (hash(n * 5) % 5)::integer] as channel,
                (hash(n) % 11) / 10.0 as depth,
                case when n % 8 = 0 then 'topic-' || (hash(n * 11) % 7)::varchar end as topic,
                age / 86400.0 as age_days
            from (
                select n, (1 + hash(n * 13) % 31536000)::integer as age
                from range({touches}) as r(n)
            )
            """
        )


def peer(path: Path) -> float:
    with duckdb.connect(str(path), config={"threads": 2}) as connection:
        connection.execute("set preserve_insertion_order = false")
        began = time.perf_counter()
        connection.execute(f"create table marts.depth as ({DEPTH})")
        for name, formula in PEER.items():
            connection.execute(
                f"create table marts.{name} as select contact_id, {formula} as {name} "
                "from intermediate.int_contact_touches group by contact_id"
            )
        joins = " ".join(f"left join marts.{name} using (contact_id)" for name in [*PEER, "depth"])
        connection.execute(
            f"create table marts.peer as select contact_id, {', '.join([*PEER, 'depth'])} "
            f"from intermediate.int_contacts {joins}"
        )
        return time.perf_counter() - began


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--touches", type=int, default=12_000_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        fill(path, options.contacts, options.touches)
        plain = peer(path)
        spent, _ = build(path, "engagement_scores")
    print(f"{options.contacts:,} contacts, {options.touches:,} touches")
    print(f"ours                  {spent:6.2f} s")
    print(f"a query a component   {plain:6.2f} s")
    print(f"ratio                 {plain / spent:6.2f}")


if __name__ == "__main__":
    main()
