"""What came of a tick: steps in numbers to rows of the log.

Most of a log is the same few names, so texts come as dictionaries: a number a row and one copy of
each text. Parquet takes them as they are.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reverse_etl.journeys import standing
from reverse_etl.journeys.plan import Plan
from workspace.streams import STREAMS

STEPS = "journey_steps"
#: Columns that come as dictionaries.
NAMES = ("journey", "enrolment_id", "contact_id", "node", "kind", "outcome", "next_node")
SCHEMA = pa.schema(
    [
        pa.field(field.name, pa.dictionary(pa.int32(), pa.string()))
        if field.name in NAMES
        else field
        for field in STREAMS[STEPS].schema
    ]
)


def rows(connection: duckdb.DuckDBPyConnection, plan: Plan, as_of: datetime) -> pa.Table:
    """``new_steps`` and ``new_watches`` as rows of :data:`SCHEMA` without ``sequence``."""
    schema = pa.schema([field for field in SCHEMA if field.name != "sequence"])
    recur = standing.may_recur(connection, plan)
    _again(connection, plan, recur)
    steps = connection.execute(
        """
        select s.*, 1::bigint as visit from new_steps as s anti join tick_again using (eid)
        union all
        select s.*, a.visit from new_steps as s join tick_again as a using (eid, step_number)
        """
        if recur
        else "select *, 1::bigint as visit from new_steps"
    ).to_arrow_table()
    told = [_Names(connection, plan).tell(steps, as_of), _watches(connection, as_of)]
    return pa.concat_tables(table.select(schema.names).cast(schema) for table in told)


def _again(connection: duckdb.DuckDBPyConnection, plan: Plan, recur: bool) -> None:
    """``tick_again``: the steps of those who may come to a node again, with the visit each is."""
    if not recur:
        connection.execute(
            "create or replace temp table tick_again "
            "(eid integer, step_number bigint, node varchar, visit bigint)"
        )
        return
    moved = plan.outcomes.index("moved")
    connection.execute(
        f"""
        create or replace temp table tick_again as
        with recurring as (
            select s.eid from new_steps as s
            left join plan_nodes as n on s.nid = n.nid
            where n.has_circles or s.outcome = {moved}
            union
            select eid from tick_enrolled where was_moved
        )
        select s.eid, s.step_number, coalesce(n.node, 'trigger') as node,
            coalesce(v.visits, 0) + row_number() over (
                partition by s.eid, n.node order by s.step_number
            ) as visit
        from new_steps as s
        semi join recurring on s.eid = recurring.eid
        left join plan_nodes as n on s.nid = n.nid
        left join tick_visits as v on s.eid = v.eid and coalesce(n.node, 'trigger') = v.node
        """
    )


def _watches(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> pa.Table:
    return connection.execute(
        """
        select v.journey, v.version,
            md5(concat_ws('|', 'watch', v.journey, coalesce(p.contact_id, ''))) as enrolment_id,
            coalesce(p.contact_id, '') as contact_id, 0::bigint as occurrence, w.step_number,
            'watch' as node, w.step_number as visit, 'watch' as kind,
            case when w.is_true then 'true' else 'false' end as outcome,
            cast(null as varchar) as next_node, $1::timestamp as arrived_at,
            $1::timestamp as left_at, cast(null as varchar) as evidence, $1::timestamp as known_at
        from new_watches as w
        join plan_versions as v on w.jid = v.jid and v.is_newest and v.watch_number is not null
        left join tick_people as p on w.cid = p.cid
        """,
        [as_of],
    ).to_arrow_table()


class _Names:
    """The texts behind the numbers of a tick's steps."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
        self.plan = plan
        self.who = connection.execute(
            """
            select eid, enrolment_id, contact_id, occurrence
            from tick_enrolled semi join new_steps using (eid)
            union all
            select eid, enrolment_id, contact_id, occurrence from tick_entering
            """
        ).to_arrow_table()
        eids = self.who.column("eid").to_numpy()
        self.place = np.zeros(int(eids.max(initial=-1)) + 1, np.int32)
        self.place[eids] = np.arange(len(eids), dtype=np.int32)

    def tell(self, steps: pa.Table, as_of: datetime) -> pa.Table:
        """The rows of ``new_steps`` with texts."""
        nodes, outcomes = self.plan.nodes, self.plan.outcomes
        # Numbers of nodes are places; what is no node is the place behind the last: the trigger.
        none = nodes.num_rows
        here = pc.fill_null(steps.column("nid"), none).to_numpy()
        there = pc.fill_null(steps.column("next"), none).to_numpy()
        outcome = steps.column("outcome").to_numpy()
        who = self.place[steps.column("eid").to_numpy()]
        of_next = (here == none) | (outcome == outcomes.index("moved"))
        versions = np.append(nodes.column("version").to_numpy(), 0)
        names = [*nodes.column("node").to_pylist(), "trigger"]
        columns: dict[str, Any] = {
            "journey": _named(
                np.where(here == none, there, here), nodes.column("journey").to_pylist()
            ),
            "version": versions[np.where(of_next, there, here)],
            "enrolment_id": _of(who, self.who.column("enrolment_id")),
            "contact_id": _of(who, self.who.column("contact_id")),
            "occurrence": self.who.column("occurrence").to_numpy()[who],
            "node": _named(here, names),
            "kind": _named(here, [*nodes.column("kind").to_pylist(), "trigger"]),
            "outcome": _named(outcome, outcomes),
            "next_node": _named(there, names, none),
            "known_at": pa.repeat(pa.scalar(as_of, pa.timestamp("us")), steps.num_rows),
        }
        for name in ("step_number", "visit", "arrived_at", "left_at", "evidence"):
            columns[name] = steps.column(name)
        return pa.table(columns)


def _named(places: np.ndarray, names: list[str], none: int | None = None) -> pa.Array:
    """A few names, each kept once; NULL at the place ``none``."""
    distinct = {name: number for number, name in enumerate(dict.fromkeys(names))}
    numbers = np.array([distinct[name] for name in names], np.int32)[places]
    indices = pa.array(numbers, pa.int32(), mask=None if none is None else places == none)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(distinct), pa.string()))


def _of(places: np.ndarray, texts: pa.ChunkedArray) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(places), texts.combine_chunks())
