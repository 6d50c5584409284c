"""One tick: from a plan, facts and the log so far to the log's new rows, for everybody at once.

The facts are temporary tables of the connection (:data:`FACTS`), cut at ``as_of`` by whoever makes
them; the log is ``journey_log`` with the contacts of today. A tick is a function of these: asked
again with its own rows in the log it finds nothing, whoever calls it.

Time: entries, conditions, splits, actions and exits happen at the tick; a wait ends when its span,
its clock time or its event says, which may lie between two ticks, so that waits in a row do not
drift. Several nodes may be passed in one tick.
"""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from reverse_etl.journeys.plan import Plan
from workspace.buckets import bucket_sql
from workspace.definitions.journeys import TRIGGER_AGE
from workspace.streams import STREAMS

STEPS = "journey_steps"

#: Table -> its columns. A contact that is not in ``journey_contacts`` is no more; a condition
#: without a row in ``journey_truths`` is false; ``journey_outcomes`` says how a message ended.
#: Events and outcomes have one row a moment.
FACTS = {
    "journey_contacts": "contact_id varchar, time_zone varchar",
    "journey_triggers": "journey varchar, contact_id varchar, moment timestamp, evidence varchar",
    "journey_events": "number integer, contact_id varchar, moment timestamp, evidence varchar",
    "journey_truths": "number integer, contact_id varchar, is_true boolean, evidence varchar",
    "journey_stops": "contact_id varchar, purpose varchar, evidence varchar",
    "journey_outcomes": "enrolment_id varchar, node varchar, moment timestamp, is_done boolean, "
    "evidence varchar",
}


def tick(connection: duckdb.DuckDBPyConnection, plan: Plan, as_of: datetime) -> pa.Table:
    """The steps that follow at ``as_of``, as rows of the stream without ``sequence``.

    ``journey_log`` and the tables of :data:`FACTS` must stand.
    """
    run = _Tick(connection, plan, as_of)
    run.load()
    run.state()
    run.leave()
    run.watch()
    run.enter()
    run.walk()
    return run.rows()


class _Tick:
    def __init__(self, connection: duckdb.DuckDBPyConnection, plan: Plan, as_of: datetime) -> None:
        self.connection = connection
        self.plan = plan
        self.as_of = as_of
        self.at = f"timestamp '{as_of:%Y-%m-%d %H:%M:%S.%f}'"

    def execute(self, query: str) -> None:
        self.connection.execute(query)

    def load(self) -> None:
        for name in ("nodes", "branches", "versions"):
            self.connection.register(f"given_{name}", getattr(self.plan, name))
            self.execute(f"create or replace temp table plan_{name} as from given_{name}")
            self.connection.unregister(f"given_{name}")
        self.execute(
            """
            create or replace temp table new_steps (
                eid integer, step_number bigint, nid integer, outcome varchar, next integer,
                arrived_at timestamp, left_at timestamp, evidence varchar
            )
            """
        )

    # ---- where everybody stands ----------------------------------------------------------------

    def state(self) -> None:
        """``enrolments``: each with its last step; ``standing``: those that have not ended.

        ``eid`` numbers those of this tick.
        """
        self.execute(
            """
            create or replace temp table enrolments as
            select
                enrolment_id,
                last.journey as journey,
                last.version as version,
                last.contact_id as contact_id,
                last.occurrence as occurrence,
                last.next_node as node,
                last.left_at as arrived_at,
                last.step_number as step_number,
                entered_at,
                joined_at
            from (
                select
                    enrolment_id,
                    arg_max(
                        {
                            journey: journey, version: version, contact_id: contact_id,
                            occurrence: occurrence, next_node: next_node, left_at: left_at,
                            step_number: step_number
                        },
                        step_number
                    ) as last,
                    min(left_at) filter (step_number = 1) as entered_at,
                    max(left_at) filter (outcome in ('entered', 'moved')) as joined_at
                from journey_log where kind != 'watch' group by enrolment_id
            )
            """
        )
        self.execute(
            """
            create or replace temp table standing as
            select cast(row_number() over () as integer) as eid, e.enrolment_id, e.journey,
                e.version, e.contact_id, e.occurrence, e.step_number, n.nid, n.vid, e.arrived_at,
                e.entered_at, e.joined_at
            from enrolments as e
            join plan_nodes as n
                on e.journey = n.journey and e.version = n.version and e.node = n.node
            where e.node is not null
            """
        )

    # ---- exits that no node decides ------------------------------------------------------------

    def leave(self) -> None:
        """Those who are gone, are there twice, or reached the goal; and what an edit asks.

        Nobody leaves so at the tick of the entry, or of a move to another version.
        """
        standing = "standing as s join plan_versions as v using (vid)"
        reasons = {
            "erased": "select eid, null as evidence from standing anti join journey_contacts "
            "using (contact_id)",
            "superseded": """
                select eid, null from standing
                semi join (
                    select journey, contact_id from standing group by all having count(*) > 1
                ) as doubles using (journey, contact_id)
                qualify row_number() over (
                    partition by journey, contact_id order by entered_at, enrolment_id
                ) > 1
            """,
            "edited": f"select eid, null from {standing} where v.edit = 'exit'",
            "goal": f"""
                select s.eid, e.evidence
                from (select * from {standing} where v.goal_number is not null) as s
                asof join (select * from journey_events where moment < {self.at}) as e
                    on s.goal_number = e.number and s.contact_id = e.contact_id
                    and s.entered_at < e.moment
            """,
            "unsubscribed": f"""
                select s.eid, o.evidence from {standing}
                join journey_stops as o
                    on s.contact_id = o.contact_id and v.purpose = o.purpose
            """,
            "criteria": f"""
                select s.eid, t.evidence from {standing}
                join journey_truths as t
                    on v.exit_number = t.number and s.contact_id = t.contact_id and t.is_true
            """,
            "expired": f"""
                select eid, null from {standing}
                where s.entered_at + to_seconds(v.expires_seconds) <= {self.at}
            """,
            "moved": f"select eid, null from {standing} where v.edit = 'move'",
        }
        found = " union all ".join(
            f"select eid, {rank} as rank, '{outcome}' as outcome, evidence "
            f"from ({query}) as r (eid, evidence)"
            for rank, (outcome, query) in enumerate(reasons.items())
        )
        self.execute(
            f"""
            create or replace temp table leaving as
            select s.*, v.edit_version, v.edit_next, f.why.outcome, f.why.evidence
            from (
                select eid, arg_min({{outcome: outcome, evidence: evidence}}, rank) as why
                from ({found}) group by eid
            ) as f
            join standing as s using (eid)
            join plan_versions as v using (vid)
            where s.joined_at < {self.at}
            """
        )
        self.execute(
            f"""
            insert into new_steps
            select eid, step_number + 1, nid, outcome,
                case when outcome = 'moved' then edit_next end, arrived_at, {self.at}, evidence
            from leaving
            """
        )
        self.execute(
            f"""
            create or replace temp table frontier as
            select eid, contact_id, step_number, nid, arrived_at
            from standing anti join leaving using (eid)
            union all
            select eid, contact_id, step_number + 1, edit_next, {self.at}
            from leaving where outcome = 'moved'
            """
        )

    # ---- conditions that become true -----------------------------------------------------------

    def watch(self) -> None:
        """What became true or ceased to be, as rows and triggers; the first look only takes note.

        A row without a contact says that a journey's people have been looked at.
        """
        self.execute(
            f"""
            create or replace temp table new_watches as
            with watched as (
                select journey, version, watch_number from plan_versions
                where is_newest and watch_number is not null
            ),
            before as (
                select journey, contact_id, arg_max(outcome, step_number) = 'true' as is_true,
                    max(step_number) as step_number
                from journey_log where kind = 'watch' group by all
            ),
            at_present as (
                select watched.journey, truth.contact_id
                from watched
                join journey_truths as truth
                    on watched.watch_number = truth.number and truth.is_true
                join journey_contacts using (contact_id)
                union all
                select journey, '' from watched
            ),
            compared as (
                select coalesce(a.journey, b.journey) as journey,
                    coalesce(a.contact_id, b.contact_id) as contact_id,
                    a.contact_id is not null as is_true,
                    coalesce(b.step_number, 0) + 1 as step_number
                from at_present as a
                full join before as b on a.journey = b.journey and a.contact_id = b.contact_id
                where (a.contact_id is not null) != coalesce(b.is_true, false)
            )
            select c.journey, w.version, md5(concat_ws('|', 'watch', c.journey, c.contact_id))
                    as enrolment_id,
                c.contact_id, 0::bigint as occurrence, c.step_number, 'watch' as node,
                c.step_number as visit, 'watch' as kind,
                case when c.is_true then 'true' else 'false' end as outcome,
                null::varchar as next_node, {self.at} as arrived_at, {self.at} as left_at,
                null::varchar as evidence
            from compared as c join watched as w using (journey)
            """
        )
        self.execute(
            f"""
            insert into journey_triggers
            select journey, contact_id, {self.at}, 'became true' from new_watches
            where outcome = 'true' and contact_id != ''
                and journey in (select journey from journey_log where kind = 'watch')
            """
        )

    # ---- entries -------------------------------------------------------------------------------

    def enter(self) -> None:
        """One entry a contact and journey: the first trigger that its rules let through."""
        self.execute(
            f"""
            create or replace temp table entering as
            with past as (
                select journey, contact_id, max(occurrence) as occurrences,
                    max(arrived_at) as last_at, bool_or(node is not null) as is_active,
                    max(entered_at) as last_entered_at
                from enrolments group by all
            ),
            people as (
                select t.*, coalesce(p.occurrences, 0) + 1 as occurrence,
                    {bucket_sql("concat('versions:', t.journey)", "t.contact_id")} as bucket,
                    p.is_active, p.last_at, p.last_entered_at
                from journey_triggers as t
                join journey_contacts as c on t.contact_id = c.contact_id
                left join past as p on t.journey = p.journey and t.contact_id = p.contact_id
                where t.moment <= {self.at}
                    and t.moment > {self.at} - to_seconds({int(TRIGGER_AGE.total_seconds())})
            )
            select people.*, v.version, v.first,
                cast(
                    row_number() over () + (select count(*) from standing) as integer
                ) as eid,
                md5(concat_ws('|', people.journey, people.contact_id, people.occurrence))
                    as enrolment_id
            from people
            join plan_versions as v
                on people.journey = v.journey and v.is_open
                and people.bucket >= v.from_bucket and people.bucket < v.to_bucket
            left join journey_truths as truth
                on v.where_number = truth.number and people.contact_id = truth.contact_id
                    and truth.is_true
            where people.moment > v.since
                and (v.where_number is null or truth.contact_id is not null)
                and (
                    people.last_at is null
                    or v.reentry != 'never' and not people.is_active
                    and people.moment > people.last_at
                    and (
                        v.reentry = 'after_exit'
                        or people.moment >= people.last_entered_at + to_seconds(v.cooldown_seconds)
                    )
                )
            qualify row_number() over (
                partition by people.journey, people.contact_id
                order by people.moment, people.evidence
            ) = 1
            """
        )
        self.execute(
            f"""
            insert into new_steps
            select eid, 1, null, 'entered', first, moment, {self.at}, evidence from entering
            """
        )
        self.execute(
            f"""
            insert into frontier
            select eid, contact_id, 1, first, {self.at} from entering
            """
        )

    # ---- nodes ---------------------------------------------------------------------------------

    def walk(self) -> None:
        """Pass nodes, round by round, until nobody can go on."""
        while self._count("frontier"):
            self.execute(
                f"create or replace temp table passed as "
                f"select * from ({' union all '.join(self._ways())}) as p ("
                "eid, contact_id, step_number, nid, arrived_at, outcome, next, left_at, evidence)"
            )
            self.execute(
                "insert into new_steps select eid, step_number + 1, nid, outcome, next, "
                "arrived_at, left_at, evidence from passed"
            )
            self.execute(
                "create or replace temp table frontier as select eid, contact_id, "
                "step_number + 1 as step_number, next as nid, left_at as arrived_at from passed "
                "where next is not null"
            )

    def _ways(self) -> list[str]:
        """Per way of passing a node one SELECT over those who stand at such nodes."""
        person = "f.eid, f.contact_id, f.step_number, f.nid, f.arrived_at"
        now = self.at
        hows = set(self.plan.nodes.column("how").to_pylist())
        standing = "frontier as f join plan_nodes as n on f.nid = n.nid"
        span = "f.arrived_at + to_seconds(n.seconds)"
        ways = {
            "for": f"""
                select {person}, 'waited' as outcome, n.next, {span} as left_at,
                    null::varchar as evidence
                from {standing} where n.how = 'for' and {span} <= {now}
            """,
            "until": f"""
                select {person}, 'waited', n.next, due.moment, null
                from {standing}
                left join journey_contacts as c on f.contact_id = c.contact_id,
                    lateral (
                        select {next_clock_time("f.arrived_at", "n.minute", "n.days")} as moment
                    ) as due
                where n.how = 'until' and due.moment <= {now}
            """,
            "event": f"""
                select {person},
                    case when e.moment <= {span} then 'event' else 'timed_out' end,
                    case when e.moment <= {span} then n.next else n.other end,
                    least(coalesce(e.moment, {span}), {span}),
                    case when e.moment <= {span} then e.evidence end
                from {standing}
                asof left join (
                    select number, contact_id, moment, evidence from journey_events
                where moment < {now}
                ) as e
                    on n.number = e.number and f.contact_id = e.contact_id
                    and f.arrived_at < e.moment
                where n.how = 'event' and (e.moment <= {span} or {span} <= {now})
            """,
            "condition": f"""
                select {person},
                    case when t.is_true then 'then' else 'else' end,
                    case when t.is_true then n.next else n.other end,
                    {now}, t.evidence
                from {standing}
                left join journey_truths as t
                    on n.number = t.number and f.contact_id = t.contact_id
                where n.how = 'condition'
            """,
            "split": f"""
                select {person}, b.label, b.next, {now}, null
                from (
                    select f.*, {bucket_sql("n.salt", "f.contact_id")} as bucket
                    from {standing} where n.how = 'split'
                ) as f
                join plan_branches as b
                    on f.nid = b.nid and f.bucket >= b.from_bucket and f.bucket < b.to_bucket
            """,
            "pass": f"""
                select {person}, 'requested', n.next, {now}, null
                from {standing} where n.how = 'pass'
            """,
            "hold": f"""
                select {person}, case when o.is_done then 'done' else 'failed' end,
                    case when o.is_done then n.next else n.other end, o.moment, o.evidence
                from {standing}
                join standing as s on f.eid = s.eid
                asof join (select * from journey_outcomes where moment <= {now}) as o
                    on s.enrolment_id = o.enrolment_id and n.node = o.node
                    and f.arrived_at <= o.moment
                where n.how = 'hold'
            """,
            "exit": f"""
                select {person}, n.outcome, null, {now}, null
                from {standing} where n.how = 'exit'
            """,
        }
        return [query for how, query in ways.items() if how in hows]

    def _count(self, table: str) -> int:
        row = self.connection.execute(f"select count(*) from {table}").fetchone()
        assert row is not None
        return row[0]

    # ---- what came of it -----------------------------------------------------------------------

    def rows(self) -> pa.Table:
        """New steps as rows of the log; which visit of the node each is counts where it can be
        another than the first."""
        self.execute(
            """
            create or replace temp table who as
            select eid, enrolment_id, journey, contact_id, occurrence from standing
            union all
            select eid, enrolment_id, journey, contact_id, occurrence from entering
            """
        )
        self.execute(
            """
            create or replace temp table told_steps as
            select coalesce(here.journey, there.journey) as journey,
                case when s.nid is null or s.outcome = 'moved' then there.version
                    else here.version end as version,
                who.enrolment_id, who.contact_id, who.occurrence, s.step_number,
                coalesce(here.node, 'trigger') as node, coalesce(here.kind, 'trigger') as kind,
                s.outcome, there.node as next_node, s.arrived_at, s.left_at, s.evidence,
                coalesce(here.has_circles, false) as has_circles
            from new_steps as s
            join who on s.eid = who.eid
            left join plan_nodes as here on s.nid = here.nid
            left join plan_nodes as there on s.next = there.nid
            """
        )
        self.execute(
            """
            create or replace temp table again as
            select enrolment_id from told_steps where has_circles
            union
            select enrolment_id from told_steps where outcome = 'moved'
            union
            select enrolment_id from journey_log where outcome = 'moved'
            """
        )
        steps = """
            with visits as (
                select enrolment_id, node, max(visit) as visits
                from journey_log semi join again using (enrolment_id)
                group by all
            )
            select * exclude (has_circles), 1::bigint as visit
            from told_steps anti join again using (enrolment_id)
            union all by name
            select t.* exclude (has_circles), coalesce(v.visits, 0) + row_number() over (
                partition by t.enrolment_id, t.node order by t.step_number
            ) as visit
            from told_steps as t
            semi join again using (enrolment_id)
            left join visits as v on t.enrolment_id = v.enrolment_id and t.node = v.node
            union all by name
            from new_watches
        """
        if not self._count("again"):
            steps = (
                "select * exclude (has_circles), 1::bigint as visit from told_steps "
                "union all by name from new_watches"
            )
        wanted = [name for name in STREAMS[STEPS].schema.names if name != "sequence"]
        listed = ", ".join(f"{self.at} as known_at" if n == "known_at" else n for n in wanted)
        return self.connection.execute(f"select {listed} from ({steps})").to_arrow_table()


def next_clock_time(at: str, minute: str, days: str) -> str:
    """SQL: the first moment from ``at`` on when the contact's clock shows a minute, on some days.

    ``c.time_zone`` is where the contact lives. A time that the clock skips is its later self; one
    that comes twice is the second.
    """
    zone = "coalesce(c.time_zone, 'UTC')"
    local = f"timezone({zone}, timezone('UTC', {at}))"
    candidates = ", ".join(
        f"case when ({days} >> (isodow(date_trunc('day', {local}) + to_days({n})) - 1)) & 1 = 1 "
        f"then timezone('UTC', timezone({zone}, date_trunc('day', {local}) + to_days({n}) "
        f"+ to_minutes({minute}))) end"
        for n in range(9)
    )
    return f"list_min(list_filter([{candidates}], lambda x: x >= {at}))"
