"""Identity resolution over two million links: our models, and plain label propagation in SQL.

    python -m benchmarks.identity [--people N]

Ours judges every value by its limits and names; the peer takes every link as it comes and would
join all who share a device. Both begin with the same tables of keys, and both run in DuckDB with
two threads. Reading the sources' words is not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from benchmarks._models import build
from workspace import definitions, warehouse
from workspace.definitions.store import table
from workspace.paths import PROJECT

STEPS = ["edges", "groups", "sources", "users", "emails", "phones", "devices", "members"]
#: stronger type, weaker type, of how many people in ten, and of how many a value is shared by two
LINKS = [
    ("crm_contact", "user_id", 7, 0),
    ("crm_contact", "email", 10, 200),
    ("crm_contact", "phone", 6, 20),
    ("user_id", "email", 7, 0),
    ("user_id", "anonymous_id", 10, 500),
    ("email", "anonymous_id", 9, 500),
]
KEY = "md5('{kind}' || ({person})::varchar)"


def fill(path: Path, people: int) -> int:
    """The tables that the first step reads; returns the number of links."""
    with warehouse.connect(path) as connection:
        connection.execute("create schema lake; create schema intermediate")
        rows = definitions.load(PROJECT / "marketing").rows()
        connection.register("given", table(rows, datetime(2026, 1, 1)))
        connection.execute("create table lake.parameters as from given")
        parts = []
        for stronger, weaker, share, shared in LINKS:
            other = f"case when person % {shared} = 1 then person - 1 else person end"
            weak = KEY.format(kind=weaker, person=other if shared else "person")
            parts.append(
                f"select '{stronger}' as stronger_type, "
                f"{KEY.format(kind=stronger, person='person')} as stronger_key, "
                f"'{weaker}' as weaker_type, {weak} as weaker_key "
                f"from range({people}) as people(person) where person % 10 < {share}"
            )
        connection.execute(
            f"create table intermediate.int_identity_links as {' union all '.join(parts)}"
        )
        connection.execute(
            """
            create table intermediate.int_identity_identifiers as
            select
                *, identifier_key as group_key,
                hash(identifier_key) as identifier_id, hash(identifier_key) as group_id
            from (
                select distinct * from (
                    select stronger_type as identifier_type, stronger_key as identifier_key
                    from intermediate.int_identity_links
                    union all
                    select weaker_type, weaker_key from intermediate.int_identity_links
                )
            )
            """
        )
        connection.execute(
            """
            create table intermediate.int_identity_names as
            select
                group_id, group_key, left(group_key, 2) as last_name,
                'a' as initial, 'anne' as first_name
            from intermediate.int_identity_identifiers where identifier_type = 'crm_contact'
            """
        )
        found = connection.execute(
            "select count(*) from intermediate.int_identity_links"
        ).fetchone()
    assert found is not None
    return int(found[0])


class Spent(NamedTuple):
    """Seconds until it was done, and of both processors, which others on them change less."""

    wall: float
    processors: float


def ours(path: Path) -> Spent:
    models = ["stg_marketing__identity_limits", *(f"int_identity_{step}" for step in STEPS)]
    return Spent(*build(path, *models))


def propagation(path: Path) -> Spent:
    """Until no label changes any more."""
    with duckdb.connect(str(path), config={"threads": 2}) as connection:
        began, processors = time.perf_counter(), time.process_time()
        connection.execute(
            """
            create or replace temp table edges as
            select stronger_key as a, weaker_key as b from intermediate.int_identity_links
            union all
            select weaker_key, stronger_key from intermediate.int_identity_links
            """
        )
        connection.execute(
            "create or replace temp table labels as "
            "select distinct a as node, a as label from edges"
        )
        while True:
            connection.execute(
                """
                create or replace temp table next as
                select labels.node, least(labels.label, min(other.label)) as label
                from labels join edges on labels.node = edges.a
                join labels as other on edges.b = other.node
                group by labels.node, labels.label
                """
            )
            changed = connection.execute(
                "select count(*) from next join labels using (node) "
                "where next.label <> labels.label"
            ).fetchone()
            connection.execute("create or replace temp table labels as from next")
            if changed == (0,):
                return Spent(time.perf_counter() - began, time.process_time() - processors)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=410_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        links = fill(path, options.people)
        peer = propagation(path)
        spent = ours(path)
    print(f"{links:,} links          wall s  processor s")
    print(f"ours                     {spent.wall:6.2f}  {spent.processors:6.2f}")
    print(f"label propagation in SQL {peer.wall:6.2f}  {peer.processors:6.2f}")
    print(
        f"ratio                    {peer.wall / spent.wall:6.2f}  "
        f"{peer.processors / spent.processors:6.2f}"
    )


if __name__ == "__main__":
    main()
