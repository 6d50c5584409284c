"""The rounds of a tick: whoever is at a node that can be passed passes it, until nobody can."""

from __future__ import annotations

import duckdb

from reverse_etl.journeys.plan import Plan
from reverse_etl.journeys.standing import AT_NODE, arriving
from workspace.buckets import bucket_sql


def going(plan: Plan, at: str, news: str) -> str:
    """SQL: those who stand where they may go on, as :data:`AT_NODE`.

    The others need not be looked at: their wait is not over, and nothing new happened.
    """
    chosen = f"select {AT_NODE} from tick_standing where due_at <= {at}"
    if "event" in plan.hows:
        chosen += f"""
            union all
            select {AT_NODE} from (
                select * from tick_standing where how = 'event' and due_at > {at}
            ) as s
            semi join (select number, cid from {news} where moment < {at}) as e
                on s.number = e.number and s.cid = e.cid
        """
    if "hold" in plan.hows:
        chosen += f" union all select {AT_NODE} from tick_standing where how = 'hold'"
    return chosen


def begin(
    connection: duckdb.DuckDBPyConnection, plan: Plan, at: str, news: str, moved: int
) -> None:
    """``frontier``: those who may go on and do not leave, and those whom an edit moved."""
    connection.execute(
        f"create or replace temp table frontier as "
        f"select * from ({going(plan, at, news)}) anti join leaving using (eid)"
    )
    if plan.has_moves:
        arrived = (
            f"select eid, cid, step_number + 1 as step_number, edit_next as nid, "
            f"{at} as arrived_at from leaving where outcome = {moved}"
        )
        connection.execute(f"insert into frontier {arriving(plan, arrived, f'select {AT_NODE}')}")


def join_in(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Those who enter stand at the first node."""
    arrived = (
        "select eid, cid, 1::bigint as step_number, first as nid, entered_at as arrived_at "
        "from tick_entering"
    )
    connection.execute(f"insert into frontier {arriving(plan, arrived, f'select {AT_NODE}')}")


def walk(connection: duckdb.DuckDBPyConnection, plan: Plan, at: str) -> list[str]:
    """Pass nodes, round by round, until nobody can go on; the tables of what was passed."""
    passing = " union all ".join(_ways(plan, at))
    done: list[str] = []
    while True:
        passed = f"passed_{len(done)}"
        if not _made(connection, passed, passing):
            return done
        done.append(passed)
        arrived = (
            f"select eid, cid, step_number, next as nid, left_at as arrived_at "
            f"from {passed} where next is not null"
        )
        if not _made(connection, "frontier", arriving(plan, arrived, f"select {AT_NODE}")):
            return done


def _made(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> int:
    """Make the table; how many rows it has."""
    made = connection.execute(f"create or replace temp table {table} as {query}").fetchone()
    assert made is not None
    return made[0]


def _ways(plan: Plan, at: str) -> list[str]:
    """Per way of passing a node one SELECT over those who stand at such nodes."""
    code = {name: number for number, name in enumerate(plan.outcomes)}
    person = "f.eid, f.cid, f.step_number + 1 as step_number, f.nid, f.arrived_at"
    standing = "frontier as f join plan_nodes as n on f.nid = n.nid"
    events = f"""
        select eid, first.moment as moment, first.evidence as evidence
        from (
            select f.eid, min({{moment: e.moment, evidence: e.evidence}}) as first
            from (select * from frontier where how = 'event') as f
            join journey_events as e on f.number = e.number and f.cid = e.cid
                and f.arrived_at < e.moment
            where e.moment < {at} group by f.eid
        )
    """
    ways = {
        "pass": f"""
            select {person}, n.outcome as outcome, n.next as next,
                case when f.how in ('for', 'until') then f.due_at else {at} end as left_at,
                cast(null as varchar) as evidence
            from {standing}
            where f.how in ('pass', 'exit') or f.how in ('for', 'until') and f.due_at <= {at}
        """,
        "event": f"""
            select {person},
                case when e.moment <= f.due_at then {code["event"]} else {code["timed_out"]} end,
                case when e.moment <= f.due_at then n.next else n.other end,
                least(coalesce(e.moment, f.due_at), f.due_at),
                case when e.moment <= f.due_at then e.evidence end
            from {standing}
            left join ({events}) as e on f.eid = e.eid
            where f.how = 'event' and (e.moment <= f.due_at or f.due_at <= {at})
        """,
        "condition": f"""
            select {person},
                case when t.is_true then {code["then"]} else {code["else"]} end,
                case when t.is_true then n.next else n.other end,
                {at}, t.evidence
            from {standing}
            left join journey_truths as t on f.number = t.number and f.cid = t.cid
            where f.how = 'condition'
        """,
        "split": f"""
            select {person}, b.outcome, b.next, {at}, null
            from (
                select f.*, {bucket_sql("n.salt", "c.contact_id")} as bucket
                from {standing} join tick_people as c on f.cid = c.cid
                where f.how = 'split'
            ) as f
            join plan_branches as b
                on f.nid = b.nid and f.bucket >= b.from_bucket and f.bucket < b.to_bucket
        """,
        "hold": f"""
            select {person}, case when o.is_done then {code["done"]} else {code["failed"]} end,
                case when o.is_done then n.next else n.other end, o.moment, o.evidence
            from {standing}
            join (
                select eid, enrolment_id from tick_enrolled
                union all select eid, enrolment_id from tick_entering
            ) as s on f.eid = s.eid
            asof join (select * from journey_outcomes where moment <= {at}) as o
                on s.enrolment_id = o.enrolment_id and n.node = o.node
                and f.arrived_at <= o.moment
            where f.how = 'hold'
        """,
    }
    found = plan.hows | {"pass"}
    return [query for how, query in ways.items() if how in found]
