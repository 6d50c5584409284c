"""Where everybody stands, in numbers: what a tick reads and the next one goes on from.

The fold of the log is made of texts (``journey_state``); a tick joins numbers: of contacts
(``cid``), enrolments (``eid``), nodes (``nid``), versions (``vid``) and journeys (``jid``), all of
one plan and one connection.

``tick_enrolled`` has every enrolment of the plan's journeys, ``tick_standing`` those that have not
ended, with the moment their node is due, and ``tick_watched`` what conditions of triggers were.
"""

from __future__ import annotations

import duckdb

from reverse_etl.journeys.plan import Plan

#: The fold of the log: one row an enrolment, by the contacts of today. ``node`` is None where it
#: ended; ``joined_at`` is when it came to its version.
STATE = (
    "enrolment_id varchar, journey varchar, version bigint, contact_id varchar, occurrence bigint, "
    "node varchar, arrived_at timestamp, step_number bigint, entered_at timestamp, "
    "joined_at timestamp, was_moved boolean"
)
#: One row a journey and contact that was looked at for ``becomes``; without a contact: anybody.
WATCHES = "journey varchar, contact_id varchar, is_true boolean, step_number bigint"

#: What was seen last; of two contacts that became one, true where they differ at the same number.
LAST_SEEN = (
    "arg_max(is_true, {n: step_number, t: is_true}) as is_true, max(step_number) as step_number"
)

#: Whoever is at a node, as the rounds of a tick have them.
AT_NODE = "eid, cid, step_number, nid, how, number, arrived_at, due_at"


def fold(connection: duckdb.DuckDBPyConnection, log: str = "journey_log") -> None:
    """``journey_state`` and ``journey_watches`` from the whole of a log."""
    connection.execute(
        f"""
        create or replace temp table journey_state as
        with ends as (
            select
                enrolment_id,
                max(step_number) as step_number,
                min(left_at) filter (step_number = 1) as entered_at,
                max(left_at) filter (outcome in ('entered', 'moved')) as joined_at,
                bool_or(outcome = 'moved') as was_moved
            from {log} where kind != 'watch' group by enrolment_id
        )
        select log.enrolment_id, log.journey, log.version, log.contact_id, log.occurrence,
            log.next_node as node, log.left_at as arrived_at, log.step_number, ends.entered_at,
            ends.joined_at, ends.was_moved
        from {log} as log
        join ends on log.enrolment_id = ends.enrolment_id and log.step_number = ends.step_number
        where log.kind != 'watch'
        """
    )
    connection.execute(
        f"""
        create or replace temp table journey_watches as
        select journey, contact_id, {LAST_SEEN}
        from (select *, outcome = 'true' as is_true from {log} where kind = 'watch')
        group by all
        """
    )


def number(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """The tables of this module from ``journey_state``, ``journey_watches`` and the contacts.

    A contact of the log that is no more gets a number too; it is not ``is_there``.
    """
    load(connection, plan)
    connection.execute(
        """
        create or replace temp table tick_enrolled as
        select cast(row_number() over () - 1 as integer) as eid, s.enrolment_id, j.jid, c.cid,
            s.contact_id, s.occurrence, n.nid, s.step_number, s.arrived_at, s.entered_at,
            s.joined_at, s.was_moved, s.node is null as has_ended
        from journey_state as s
        join (select distinct journey, jid from plan_versions) as j on s.journey = j.journey
        left join journey_contacts as c on s.contact_id = c.contact_id
        left join plan_nodes as n
            on s.journey = n.journey and s.version = n.version and s.node = n.node
        """
    )
    connection.execute(
        """
        create or replace temp table tick_missing as
        select cast((select coalesce(max(cid), 0) from journey_contacts) + row_number() over ()
                as integer) as cid, contact_id, cast(null as varchar) as time_zone
        from (
            select contact_id from tick_enrolled where cid is null and nid is not null
            union
            select contact_id from journey_watches anti join journey_contacts using (contact_id)
            where contact_id != ''
        )
        """
    )
    connection.execute(
        """
        update tick_enrolled set cid = gone.cid from tick_missing as gone
        where tick_enrolled.cid is null and tick_enrolled.contact_id = gone.contact_id
        """
    )
    connection.execute(
        """
        create or replace temp view tick_people as
        select cid, contact_id, time_zone from journey_contacts
        union all select cid, contact_id, time_zone from tick_missing
        """
    )
    _stand(connection, plan)
    connection.execute(
        """
        create or replace temp table tick_watched as
        select j.jid, coalesce(p.cid, -1) as cid, w.is_true, w.step_number
        from journey_watches as w
        join (select distinct journey, jid from plan_versions) as j on w.journey = j.journey
        left join tick_people as p on w.contact_id = p.contact_id
        """
    )


def load(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """The plan's tables: ``plan_nodes``, ``plan_branches``, ``plan_versions``."""
    for name in ("nodes", "branches", "versions"):
        connection.register(f"given_{name}", getattr(plan, name))
        connection.execute(f"create or replace temp table plan_{name} as from given_{name}")
        connection.unregister(f"given_{name}")


def _stand(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """``tick_standing``; ``tick_gone``: who is no more, or in a journey twice by a merge;
    ``tick_visits``: how often those were at a node who may come to one again."""
    arrived = "select * from tick_enrolled where nid is not null"
    columns = f"{AT_NODE}, vid, jid, entered_at, joined_at"
    query = arriving(plan, arrived, f"select {columns}")
    connection.execute(f"create or replace temp table tick_standing as {query}")
    connection.execute(
        """
        create or replace temp table tick_gone as
        select eid, 'erased' as outcome from tick_standing semi join tick_missing using (cid)
        union all
        select eid, 'superseded' from (
            select s.eid, s.jid, s.cid, s.entered_at, e.enrolment_id
            from tick_standing as s
            join tick_enrolled as e using (eid)
            semi join (
                select jid, cid from tick_standing group by all having count(*) > 1
            ) as doubles on s.jid = doubles.jid and s.cid = doubles.cid
        )
        qualify row_number() over (partition by jid, cid order by entered_at, enrolment_id) > 1
        """
    )
    connection.execute(
        """
        create or replace temp table tick_visits as
        select e.eid, log.node, max(log.visit) as visits
        from journey_log as log
        join (
            select e.eid, e.enrolment_id from tick_enrolled as e
            join plan_nodes as n using (nid)
            join plan_versions as v using (vid)
            where n.has_circles or e.was_moved or v.edit = 'move'
        ) as e on log.enrolment_id = e.enrolment_id
        group by all
        """
        if may_recur(connection, plan)
        else "create or replace temp table tick_visits (eid integer, node varchar, visits bigint)"
    )


def may_recur(connection: duckdb.DuckDBPyConnection, plan: Plan) -> bool:
    """Whether anybody may come to a node again."""
    if plan.has_moves or any(plan.nodes.column("has_circles").to_pylist()):
        return True
    query = "select 1 from tick_enrolled where was_moved and nid is not null limit 1"
    return connection.execute(query).fetchone() is not None


def arriving(plan: Plan, people: str, select: str) -> str:
    """SQL: ``people`` (eid, cid, nid, arrived_at, …) with how their node is passed, and when.

    ``due_at`` is when a wait is over, at once for what waits for nothing, and NULL for a message
    whose end is waited for.
    """
    span = "people.arrived_at + to_seconds(coalesce(n.seconds, 0))"
    query = f"""
        {select} from (
            select people.*, n.vid, n.how, n.number,
                case when n.how != 'hold' then {span} end as due_at
            from ({people}) as people join plan_nodes as n on people.nid = n.nid
            where n.how != 'until'
        )
    """
    if "until" not in plan.hows:
        return query
    clock = next_clock_time("people.arrived_at", "n.minute", "n.days", "n.ahead")
    return f"""
        {query} union all {select} from (
            select people.*, n.vid, n.how, n.number, {clock} as due_at
            from ({people}) as people join plan_nodes as n on people.nid = n.nid
            join tick_people as c on people.cid = c.cid
            where n.how = 'until'
        )
    """


def next_clock_time(at: str, minute: str, days: str, ahead: str) -> str:
    """SQL: the first moment from ``at`` on when the contact's clock shows a minute, on some days.

    ``c.time_zone`` is where the contact lives. A time that the clock skips is its later self; one
    that comes twice is the second. It is that of the day itself or of the next allowed one.
    """
    zone = "coalesce(c.time_zone, 'UTC')"
    day = f"date_trunc('day', timezone({zone}, timezone('UTC', {at})))"

    def shown(later: str) -> str:
        clock = f"{day} + to_days({later}) + to_minutes({minute})"
        return f"timezone('UTC', timezone({zone}, {clock}))"

    is_allowed = f"({days} >> (isodow({day}) - 1)) & 1 = 1"
    return (
        f"case when {is_allowed} and {shown('0')} >= {at} then {shown('0')} "
        f"else {shown(f'{ahead}[isodow({day})]')} end"
    )


def go_on(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Bring the tables to where ``new_steps`` led, for another tick of the same plan.

    Contacts and versions must stay as they are.
    """
    connection.execute(
        """
        insert into tick_enrolled
        select eid, enrolment_id, jid, cid, contact_id, occurrence, null, 1, null, entered_at,
            entered_at, false, false
        from tick_entering
        """
    )
    connection.execute(
        """
        create or replace temp table tick_last as
        select s.eid, e.cid, s.last.step_number as step_number, s.last.next as nid,
            s.last.left_at as arrived_at, e.jid, e.entered_at, e.joined_at
        from (
            select eid, arg_max(
                {step_number: step_number, next: next, left_at: left_at}, step_number
            ) as last
            from new_steps group by eid
        ) as s
        join tick_enrolled as e using (eid)
        """
    )
    connection.execute("delete from tick_standing where eid in (select eid from tick_last)")
    columns = f"{AT_NODE}, vid, jid, entered_at, joined_at"
    arrived = "select * from tick_last where nid is not null"
    connection.execute(f"insert into tick_standing {arriving(plan, arrived, f'select {columns}')}")
    connection.execute(
        """
        update tick_enrolled set has_ended = true, arrived_at = ended.arrived_at
        from (select eid, arrived_at from tick_last where nid is null) as ended
        where tick_enrolled.eid = ended.eid
        """
    )
    connection.execute(
        """
        create or replace temp table tick_visits as
        select eid, node, max(visits) as visits
        from (
            from tick_visits union all select eid, node, visit from tick_again
        ) group by all
        """
    )
    connection.execute(
        f"""
        create or replace temp table tick_watched as
        select jid, cid, {LAST_SEEN}
        from (from tick_watched union all select jid, cid, is_true, step_number from new_watches)
        group by all
        """
        if plan.asked("watch_number")
        else "delete from tick_watched"
    )
    connection.execute("create or replace temp table tick_gone (eid integer, outcome varchar)")
