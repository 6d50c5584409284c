"""What came of a tick: steps in numbers to rows of the log.

Texts are put in by Arrow, from one copy of each: most of a log is the same few names.
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
#: Rows that are told at once; a column of texts holds two GB.
CHUNK = 2_000_000


def rows(connection: duckdb.DuckDBPyConnection, plan: Plan, as_of: datetime) -> pa.Table:
    """``new_steps`` and ``new_watches`` as rows of the stream without ``sequence``."""
    schema = STREAMS[STEPS].schema
    schema = pa.schema([field for field in schema if field.name != "sequence"])
    recur = standing.may_recur(connection, plan)
    _again(connection, plan, recur)
    names = _Names(connection, plan)
    tables = [_watches(connection, as_of).select(schema.names).cast(schema)]
    steps = connection.execute(
        """
        select s.eid, s.step_number, s.nid, s.outcome, s.next, s.arrived_at, s.left_at, s.evidence,
            1::bigint as visit
        from new_steps as s anti join tick_again using (eid)
        union all
        select s.eid, s.step_number, s.nid, s.outcome, s.next, s.arrived_at, s.left_at, s.evidence,
            a.visit
        from new_steps as s join tick_again as a using (eid, step_number)
        """
        if recur
        else "select *, 1::bigint as visit from new_steps"
    ).to_arrow_table()
    for start in range(0, steps.num_rows, CHUNK):
        told = names.tell(steps.slice(start, CHUNK), as_of)
        tables.append(told.select(schema.names).cast(schema))
    return pa.concat_tables(tables)


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
        nodes = plan.nodes
        count = nodes.num_rows
        # Numbers of nodes are places; what is no node is the place behind the last.
        self.none = count
        self.nodes = pa.chunked_array([*nodes.column("node").chunks, pa.nulls(1, pa.string())])
        self.kinds = pa.chunked_array([*nodes.column("kind").chunks, pa.array(["trigger"])])
        self.journeys = nodes.column("journey").combine_chunks()
        self.versions = np.append(nodes.column("version").to_numpy(), 0)
        self.outcomes = pa.array(plan.outcomes)
        self.moved = plan.outcomes.index("moved")
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
        here = self._nids(steps, "nid")
        there = self._nids(steps, "next")
        who = pa.array(self.place[steps.column("eid").to_numpy()])
        outcome = steps.column("outcome").to_numpy()
        is_there = (here == self.none) | (outcome == self.moved)
        of_journey = np.where(here == self.none, there, here)
        known = pa.repeat(pa.scalar(as_of, pa.timestamp("us")), steps.num_rows)
        columns: dict[str, Any] = {
            "journey": self.journeys.take(pa.array(of_journey)),
            "version": pa.array(self.versions[np.where(is_there, there, here)]),
            "enrolment_id": self.who.column("enrolment_id").combine_chunks().take(who),
            "contact_id": self.who.column("contact_id").combine_chunks().take(who),
            "occurrence": self.who.column("occurrence").combine_chunks().take(who),
            "node": pc.fill_null(self.nodes.take(pa.array(here)), "trigger"),
            "kind": self.kinds.take(pa.array(here)),
            "outcome": self.outcomes.take(pa.array(outcome)),
            "next_node": self.nodes.take(pa.array(there)),
            "known_at": known,
        }
        for name in ("step_number", "visit", "arrived_at", "left_at", "evidence"):
            columns[name] = steps.column(name)
        return pa.table(columns)

    def _nids(self, steps: pa.Table, column: str) -> np.ndarray:
        return pc.fill_null(steps.column(column), self.none).to_numpy()
