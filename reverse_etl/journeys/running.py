"""The tick of a run: versions, log and facts put together, and its steps stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from reverse_etl.journeys import checkpoint, facts, intents, standing, versions
from reverse_etl.journeys.conditions import Conditions
from reverse_etl.journeys.plan import Plan, Version, plan
from reverse_etl.journeys.telling import SCHEMA
from reverse_etl.journeys.tick import FACTS, STEPS, step
from workspace.clock import iso
from workspace.lake import ROW_GROUP_ROWS, Lake, parquet_options
from workspace.streams import STREAMS


@dataclass(frozen=True)
class Ticked:
    """What a tick found; ``steps`` has the stream's columns."""

    steps: pa.Table
    versions: list[Version]
    is_stored: bool = False


def advance(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    sources: facts.Sources,
    as_of: datetime,
    snapshot_id: str | None,
) -> Ticked:
    """Tick at ``as_of`` and store the steps, once for an ``as_of`` and input snapshot.

    Without a snapshot nothing is stored: a look back. All steps are one commit.
    """
    checkpoint.load(connection, lake, as_of, may_write=snapshot_id is not None)
    load_log(connection, lake, as_of)
    pinned = connection.execute(
        "select distinct journey, version from journey_state where node is not null"
    ).fetchall()
    in_use = versions.in_use(lake, as_of, set(pinned))
    planned = plan(in_use)
    if planned.is_empty:
        return Ticked(STREAMS[STEPS].schema.empty_table(), in_use)
    facts.contacts(connection, sources)
    standing.number(connection, planned)
    make(connection, planned, in_use, sources, as_of)
    _outcomes(connection, lake, as_of)
    steps = numbered(step(connection, planned, as_of), lake)
    is_stored = snapshot_id is not None and store(steps, lake, as_of, snapshot_id)
    return Ticked(steps, in_use, is_stored)


def make(
    connection: duckdb.DuckDBPyConnection,
    planned: Plan,
    in_use: list[Version],
    sources: facts.Sources,
    as_of: datetime,
) -> None:
    """The tables of :data:`~reverse_etl.journeys.tick.FACTS` but the outcomes, for one tick.

    ``journey_contacts`` and the tables of :mod:`~reverse_etl.journeys.standing` must stand.
    """
    facts.gather(connection, planned, in_use, sources, as_of, as_of)
    news = facts.at(connection, as_of, None)
    asked = facts.asked(planned, as_of, news)
    Conditions(planned, sources).decide(connection, as_of, asked)


def _outcomes(connection: duckdb.DuckDBPyConnection, lake: Lake, as_of: datetime) -> None:
    """``journey_outcomes``: how the messages ended that somebody waits for."""
    made = connection.execute(
        """
        create or replace temp table tick_holding as
        select e.enrolment_id from tick_enrolled as e
        semi join (select eid from tick_standing where how = 'hold') as s using (eid)
        """
    ).fetchone()
    connection.execute(
        f"create or replace temp table journey_outcomes ({FACTS['journey_outcomes']})"
    )
    if made is not None and made[0]:
        intents.arrivals(connection, lake, as_of, among="tick_holding")
        connection.execute(f"insert into journey_outcomes {intents.outcomes_sql(lake, as_of)}")


def store(steps: pa.Table, lake: Lake, as_of: datetime, snapshot_id: str) -> bool:
    """Commit a tick's steps, once for an ``as_of`` and input snapshot; whether it was new."""
    batch = f"{iso(as_of)}:{snapshot_id}"
    if lake.has(STEPS, batch):
        return False
    if not steps.num_rows:
        return lake.commit(STEPS, batch, None)
    staged = lake.staging() / f"{uuid.uuid4().hex}.parquet"
    # A row group is written with the whole of its dictionary: right for names, not for ids.
    plain = pa.schema(
        [
            f.with_type(pa.string()) if f.name in ("enrolment_id", "contact_id") else f
            for f in SCHEMA
        ]
    )
    options = parquet_options(STREAMS[STEPS].schema)
    pq.write_table(steps.cast(plain), staged, ROW_GROUP_ROWS, store_schema=False, **options)
    return lake.commit(STEPS, batch, [staged])


def numbered(steps: pa.Table, lake: Lake) -> pa.Table:
    """The steps with the commit's sequence."""
    sequence = pa.scalar(len(lake.entries(STEPS)) + 1, pa.int64())
    return steps.append_column("sequence", pa.repeat(sequence, steps.num_rows)).select(SCHEMA.names)


def load_log(connection: duckdb.DuckDBPyConnection, lake: Lake, as_of: datetime) -> None:
    """``journey_log``: the steps known at ``as_of``, of the contacts of today.

    ``logged_contact_id`` is the contact by the tick that wrote the row. It is a view.
    """
    show_log(connection, lake.relation_sql(STEPS, as_of))


def show_log(connection: duckdb.DuckDBPyConnection, steps: str) -> None:
    """``journey_log`` over a SELECT of steps."""
    connection.execute(
        f"""
        create or replace temp view journey_log as
        select log.* replace (coalesce(identities.contact_id, log.contact_id) as contact_id),
            log.contact_id as logged_contact_id
        from ({steps}) as log
        left join (select * from marts.identity_map where contact_id is not null) as identities
            on log.contact_id = identities.identifier_key
        """
    )
