"""One tick: from a plan, facts and the log so far to the log's new rows, for everybody at once.

The facts are temporary tables of the connection (:data:`FACTS`), cut at ``as_of`` by whoever makes
them; where people stand is made of the log (:mod:`reverse_etl.journeys.standing`). A tick is a
function of these: asked again with its own rows in the log it finds nothing, whoever calls it.

Time: entries, conditions, splits, actions and exits happen at the tick; a wait ends when its span,
its clock time or its event says, which may lie between two ticks, so that waits in a row do not
drift. Several nodes may be passed in one tick.
"""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from reverse_etl.journeys import standing, telling, walking
from reverse_etl.journeys.plan import Plan
from workspace.buckets import bucket_sql
from workspace.definitions.journeys import TRIGGER_AGE

STEPS = "journey_steps"

#: Table -> its columns. Contacts, journeys, events and conditions are numbers: ``cid`` is the
#: connection's own, the others are the plan's. A contact that is not in ``journey_contacts`` is no
#: more; a condition without a row in ``journey_truths`` is false; ``journey_outcomes`` says how a
#: message ended, once a moment. Of events of one moment the first by its evidence counts.
FACTS = {
    "journey_contacts": "cid integer, contact_id varchar, time_zone varchar",
    "journey_triggers": "jid integer, cid integer, moment timestamp, evidence varchar",
    "journey_events": "number integer, cid integer, moment timestamp, evidence varchar",
    "journey_truths": "number integer, cid integer, is_true boolean, evidence varchar",
    "journey_stops": "cid integer, purpose varchar, evidence varchar",
    "journey_outcomes": "enrolment_id varchar, node varchar, moment timestamp, is_done boolean, "
    "evidence varchar",
}
ENTERING = (
    "eid integer, enrolment_id varchar, jid integer, cid integer, contact_id varchar, "
    "occurrence bigint, moment timestamp, evidence varchar, first integer, entered_at timestamp"
)


def tick(connection: duckdb.DuckDBPyConnection, plan: Plan, as_of: datetime) -> pa.Table:
    """The steps that follow at ``as_of``, as rows of the stream without ``sequence``.

    ``journey_log`` and the tables of :data:`FACTS` must stand.
    """
    standing.fold(connection)
    standing.number(connection, plan)
    return step(connection, plan, as_of)


def step(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    as_of: datetime,
    news: str = "journey_events",
) -> pa.Table:
    """The same from the tables of :mod:`~reverse_etl.journeys.standing`.

    ``news`` is a table that has at least those events that were not there at the tick before.
    """
    run = _Tick(connection, plan, as_of, news)
    run.leave()
    run.watch()
    run.enter()
    run.gather(walking.walk(connection, plan, run.at))
    return telling.rows(connection, plan, as_of)


class _Tick:
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, plan: Plan, as_of: datetime, news: str
    ) -> None:
        self.connection = connection
        self.plan = plan
        self.at = f"timestamp '{as_of:%Y-%m-%d %H:%M:%S.%f}'"
        self.news = news
        self.code = {name: number for number, name in enumerate(plan.outcomes)}

    def execute(self, query: str) -> None:
        self.connection.execute(query)

    def _any(self, table: str) -> bool:
        return self.connection.execute(f"select 1 from {table} limit 1").fetchone() is not None

    # ---- exits that no node decides ------------------------------------------------------------

    def leave(self) -> None:
        """Those who are gone, are there twice, or reached the goal; and what an edit asks.

        Nobody leaves so at the tick of the entry, or of a move to another version.
        """
        found = " union all ".join(
            f"select eid, {rank} as rank, {self.code[outcome]} as outcome, evidence "
            f"from ({query}) as r (eid, evidence)"
            for rank, (outcome, query) in enumerate(self._reasons().items())
        )
        self.execute(
            f"""
            create or replace temp table leaving as
            select s.*, v.edit_next, f.why.outcome as outcome, f.why.evidence as evidence
            from (
                select eid, arg_min({{outcome: outcome, evidence: evidence}}, rank) as why
                from ({found}) group by eid
            ) as f
            join tick_standing as s using (eid)
            join plan_versions as v using (vid)
            where s.joined_at < {self.at}
            """
        )
        moved = self.code["moved"]
        walking.begin(self.connection, self.plan, self.at, self.news, moved)

    def _reasons(self) -> dict[str, str]:
        """Outcome -> SELECT of eid and evidence, first things first; of those that may occur."""
        people = "tick_standing as s join plan_versions as v using (vid)"
        reasons = {
            outcome: f"select eid, null from tick_gone where outcome = '{outcome}'"
            for outcome in ("erased", "superseded")
        }
        edits = set(self.plan.versions.column("edit").to_pylist())
        if "exit" in edits:
            reasons["edited"] = f"select eid, null from {people} where v.edit = 'exit'"
        if self.plan.asked("goal_number"):
            reasons["goal"] = f"""
                select s.eid,
                    min({{moment: e.moment, evidence: e.evidence}})['evidence'] as evidence
                from {people}
                join {self.news} as e
                    on v.goal_number = e.number and s.cid = e.cid and s.entered_at < e.moment
                where e.moment < {self.at} group by s.eid
            """
        reasons["unsubscribed"] = f"""
            select s.eid, o.evidence from {people}
            join journey_stops as o on s.cid = o.cid and v.purpose = o.purpose
        """
        if self.plan.asked("exit_number"):
            reasons["criteria"] = f"""
                select s.eid, t.evidence from {people}
                join journey_truths as t
                    on v.exit_number = t.number and s.cid = t.cid and t.is_true
            """
        if self.plan.asked("expires_seconds"):
            reasons["expired"] = f"""
                select eid, null from {people}
                where s.entered_at + to_seconds(v.expires_seconds) <= {self.at}
            """
        if "move" in edits:
            reasons["moved"] = f"select eid, null from {people} where v.edit = 'move'"
        return reasons

    # ---- conditions that become true -----------------------------------------------------------

    def watch(self) -> None:
        """What became true or ceased to be, and triggers; the first look only takes note.

        A row of contact -1 says that a journey's people have been looked at.
        """
        if not self.plan.asked("watch_number"):
            self.execute(
                "create or replace temp table new_watches "
                "(jid integer, cid integer, is_true boolean, step_number bigint)"
            )
            return
        self.execute(
            """
            create or replace temp table new_watches as
            with watched as (
                select jid, watch_number from plan_versions
                where is_newest and watch_number is not null
            ),
            at_present as (
                select watched.jid, truth.cid
                from watched
                join journey_truths as truth
                    on watched.watch_number = truth.number and truth.is_true
                union all
                select jid, -1 from watched
            )
            select coalesce(a.jid, b.jid) as jid, coalesce(a.cid, b.cid) as cid,
                a.cid is not null as is_true, coalesce(b.step_number, 0) + 1 as step_number
            from at_present as a
            full join (select * from tick_watched semi join watched using (jid)) as b
                on a.jid = b.jid and a.cid = b.cid
            where (a.cid is not null) != coalesce(b.is_true, false)
            """
        )
        self.execute(
            f"""
            insert into journey_triggers
            select jid, cid, {self.at}, 'became true' from new_watches
            where is_true and cid != -1 and jid in (select jid from tick_watched)
            """
        )

    # ---- entries -------------------------------------------------------------------------------

    def enter(self) -> None:
        """One entry a contact and journey: the first trigger that its rules let through."""
        if not self._any("journey_triggers"):
            self.execute(f"create or replace temp table tick_entering ({ENTERING})")
            return
        # The share of a version is of texts, which only journeys with two of them need.
        shares = "c.jid = v.jid and v.is_open"
        people = "journey_triggers as c"
        if self.plan.has_shares:
            bucket = bucket_sql("concat('versions:', v.journey)", "c.contact_id")
            shares += f" and {bucket} >= v.from_bucket and {bucket} < v.to_bucket"
            people = "(from journey_triggers join tick_people using (cid)) as c"
        self.execute(
            f"""
            create or replace temp table tick_entering as
            with past as (
                select e.jid, e.cid, max(e.occurrence) as occurrences,
                    max(e.arrived_at) as last_at, bool_or(not e.has_ended) as is_active,
                    max(e.entered_at) as last_entered_at
                from tick_enrolled as e
                semi join journey_triggers as t on e.jid = t.jid and e.cid = t.cid
                group by all
            ),
            let_in as (
                select c.jid, c.cid, c.moment, c.evidence, v.journey, v.first,
                    coalesce(p.occurrences, 0) + 1 as occurrence
                from {people}
                join plan_versions as v on {shares}
                left join past as p on c.jid = p.jid and c.cid = p.cid
                left join journey_truths as truth
                    on v.where_number = truth.number and c.cid = truth.cid and truth.is_true
                where c.moment > v.since
                    and c.moment <= {self.at}
                    and c.moment > {self.at} - to_seconds({int(TRIGGER_AGE.total_seconds())})
                    and (v.where_number is null or truth.cid is not null)
                    and (
                        p.jid is null
                        or v.reentry != 'never' and not p.is_active and c.moment > p.last_at
                        and (
                            v.reentry = 'after_exit'
                            or c.moment >= p.last_entered_at + to_seconds(v.cooldown_seconds)
                        )
                    )
                qualify row_number() over (
                    partition by c.jid, c.cid order by c.moment, c.evidence
                ) = 1
            )
            select cast(
                    (select count(*) from tick_enrolled) + row_number() over () - 1 as integer
                ) as eid,
                md5(concat_ws('|', e.journey, p.contact_id, e.occurrence)) as enrolment_id,
                e.jid, e.cid, p.contact_id, e.occurrence, e.moment, e.evidence, e.first,
                {self.at} as entered_at
            from let_in as e join tick_people as p using (cid)
            """
        )
        walking.join_in(self.connection, self.plan)

    # ---- all of it -----------------------------------------------------------------------------

    def gather(self, passed: list[str]) -> None:
        """``new_steps``: exits, entries and the nodes of each round, ``next`` being a ``nid``."""
        columns = "eid, step_number, nid, outcome, next, arrived_at, left_at, evidence"
        rounds = "".join(f" union all select {columns} from {table}" for table in passed)
        self.execute(
            f"""
            create or replace temp view new_steps as
            select eid, step_number + 1 as step_number, nid, outcome,
                case when outcome = {self.code["moved"]} then edit_next end as next, arrived_at,
                {self.at} as left_at, evidence
            from leaving
            union all
            select eid, 1, null, {self.code["entered"]}, first, moment, entered_at, evidence
            from tick_entering
            {rounds}
            """
        )
