"""Journeys rehearsed on what is published: over past days, on chosen people, before a change.

Nothing here writes or sends. Over the past the same tick runs day by day over the facts known on
each day; what people answered is taken as recorded, or nobody answers (``responses``). Fields and
scores are as published, since no mart keeps their past.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from reverse_etl.journeys import facts, standing, versions
from reverse_etl.journeys.conditions import Conditions
from reverse_etl.journeys.plan import Plan, Version, plan
from reverse_etl.journeys.telling import SCHEMA
from reverse_etl.journeys.tick import FACTS, STEPS, step
from reverse_etl.publish import need, published_as_of, reader
from workspace.definitions import Definitions, nearest
from workspace.definitions.consent import Consent
from workspace.definitions.journey_nodes import Send
from workspace.definitions.journeys import LAUNCH_WINDOW, Journey, Journeys
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segments import Segments
from workspace.lake import Lake
from workspace.paths import Paths
from workspace.streams import STREAMS

Responses = Literal["recorded", "none"]
#: Marts that facts are made of.
READ = (
    "dim_contacts",
    "fct_events",
    "fct_touchpoints",
    "contact_features",
    "account_features",
    "consent_states",
    "identity_map",
    "event_names",
    "segment_membership_history",
)
#: What people do with what they were sent, by the names of events and touches.
ANSWERS = ("email", "sms", "push")
LONGEST = 400  # days


class Unanswerable(LookupError):
    """A question that what is published cannot answer; the message says what would help."""


@dataclass(frozen=True)
class Day:
    """One tick of a rehearsal; ``waiting`` is after it."""

    at: datetime
    entered: int
    sends: int
    ended: int
    waiting: int


@dataclass(frozen=True)
class Rehearsed:
    """What would have happened. ``double_days`` are contacts and days with several sends;
    ``to_unsubscribed`` sends to people who had no consent by the time of the published facts.
    ``steps`` are in the order of the ticks."""

    days: list[Day]
    outcomes: list[tuple[str, str, int]]
    waiting: list[tuple[str, int]]
    sends: list[tuple[str, str, int]]
    double_days: int
    to_unsubscribed: int
    steps: pa.Table


@dataclass(frozen=True)
class Change:
    """What a file would do to a journey when it is applied: ``kind`` is new, changed or retired."""

    journey: str
    kind: str
    version: int
    active: int
    moved: int
    ended: int


@dataclass(frozen=True)
class Stage:
    """A workspace's published marts and the definitions as their files stand."""

    paths: Paths
    fields: Fields
    segments: Segments
    journeys: Journeys
    time_zone: str
    time_zones: Mapping[str, str]
    consent: Consent

    @classmethod
    def over(cls, paths: Paths, found: Definitions) -> Stage:
        """That of a workspace, with all its journeys."""
        return cls(
            paths,
            found.fields,
            found.segments,
            found.journeys,
            found.verticals.reporting.time_zone,
            found.caps.time_zones,
            found.consent,
        )

    def journey(self, key: str) -> Journey:
        if key not in self.journeys.journeys:
            raise Unanswerable(f"no journey {key!r}{nearest(key, self.journeys.journeys)}")
        return self.journeys.journeys[key]

    def backtest(
        self,
        key: str,
        from_on: date,
        to_on: date,
        responses: Responses = "recorded",
        every: timedelta = timedelta(days=1),
        journey: Journey | None = None,
    ) -> Rehearsed:
        """Run a version over [from_on, to_on), a tick at each day's end. Raises
        :class:`Unanswerable`."""
        given = journey or self.journey(key)
        start, end = _midnight(from_on), _midnight(to_on)
        if not start < end <= start + timedelta(days=LONGEST):
            raise Unanswerable(f"--from before --to, and no more than {LONGEST} days")
        moments = []
        at = start + every
        while at <= end:
            moments.append(at)
            at += every
        return self._rehearse(key, given, moments, start, responses, None)

    def simulate(
        self, key: str, contacts: Sequence[str], days: int, responses: Responses = "none"
    ) -> Rehearsed:
        """Put people into the journey on the published day and go on day by day."""
        start = published_as_of(self.paths)
        moments = [start + timedelta(days=number) for number in range(days + 1)]
        return self._rehearse(key, self.journey(key), moments, start, responses, contacts)

    def _rehearse(
        self,
        key: str,
        journey: Journey,
        moments: list[datetime],
        start: datetime,
        responses: Responses,
        contacts: Sequence[str] | None,
    ) -> Rehearsed:
        given = [
            Version(key, journey, start + (LAUNCH_WINDOW if contacts is None else timedelta()))
        ]
        planned = plan(given)
        with self.opened() as connection:
            enrolled = [(key, one, start) for one in contacts or []]
            _relation(connection, "rehearsed_enrolments", enrolled)
            sources = self.sources(connection, is_by_hand=contacts is not None)
            days, told = [], []
            for steps, day in self._ticks(connection, planned, given, sources, moments, responses):
                days.append(day)
                told.append(steps)
            return _summary(connection, _table(told), days, key, journey)

    def _ticks(
        self,
        connection: duckdb.DuckDBPyConnection,
        planned: Plan,
        given: list[Version],
        sources: facts.Sources,
        moments: list[datetime],
        responses: Responses,
    ) -> Iterator[tuple[pa.Table, Day]]:
        """Tick after tick over what is gathered once; each goes on from the one before."""
        connection.register("no_steps", STREAMS[STEPS].schema.empty_table())
        connection.execute("create or replace temp table journey_log as from no_steps")
        facts.contacts(connection, sources)
        standing.fold(connection)
        standing.number(connection, planned)
        answers = [
            number
            for number, happening in planned.happenings.items()
            if responses == "none" and happening.name.lower().startswith(ANSWERS)
        ]
        facts.gather(connection, planned, given, sources, moments[-1], moments[0], answers)
        connection.execute(f"create temp table journey_outcomes ({FACTS['journey_outcomes']})")
        conditions = Conditions(planned, sources)
        conditions.keep(connection, moments[-1])
        before = None
        for at in moments:
            news = facts.at(connection, at, before)
            conditions.decide(connection, at, facts.asked(planned, at, news))
            steps = step(connection, planned, at, news)
            standing.go_on(connection, planned)
            yield steps, _day(connection, at)
            before = at

    # ---- before a change is applied ------------------------------------------------------------

    def plan(self, lake: Lake) -> list[Change]:
        """What the files would change against the versions in force."""
        as_of = published_as_of(self.paths)
        faults = list(versions.faults_of(self.journeys, lake, as_of, self.paths.root))
        if faults:
            raise Unanswerable("\n".join(faults))
        before = {}
        for row in versions.history(lake, as_of):
            before[row["journey"]] = row
        with self.opened() as connection:
            need(connection, "journey_executions")
            active = dict(
                connection.execute(
                    "select journey, count(*) from marts.journey_executions "
                    "where status = 'active' group by 1"
                ).fetchall()
            )
        found = []
        for key in sorted({*before, *self.journeys.journeys}):
            journey, known = self.journeys.journeys.get(key), before.get(key)
            count = active.get(key, 0)
            if journey is None:
                assert known is not None
                if known["status"] == versions.ACTIVE:
                    found.append(Change(key, "retired", known["version"], count, 0, 0))
            elif known is None or journey.version > known["version"]:
                moves = not isinstance(journey.on_edit, str)
                found.append(
                    Change(
                        key,
                        "new" if known is None else "changed",
                        journey.version,
                        count,
                        count if moves else 0,
                        count if journey.on_edit == "exit" else 0,
                    )
                )
        return found

    # ---- facts from what is published ----------------------------------------------------------

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with reader(self.paths, seconds=600) as connection:
            need(connection, *READ)
            yield connection

    def sources(self, connection: duckdb.DuckDBPyConnection, is_by_hand: bool) -> facts.Sources:
        """Changes of segments are told back from the published spells."""
        connection.execute(
            """
            create temp table published_changes as
            select segment, member_type, member_id, 'entered' as change,
                dense_rank() over (partition by segment order by entered_at) as sequence,
                entered_at as known_at
            from marts.segment_membership_history
            union all
            select segment, member_type, member_id, 'left', 0, left_at
            from marts.segment_membership_history where left_at is not null
            """
        )
        names = connection.execute("select message_type, event from marts.event_names").fetchall()
        return facts.Sources(
            self.fields,
            self.segments,
            names,
            self.time_zone,
            self.time_zones,
            changes="published_changes",
            enrolments="rehearsed_enrolments",
            only_by_hand=is_by_hand,
            consent=self.consent,
        )


def _relation(
    connection: duckdb.DuckDBPyConnection, name: str, rows: list[tuple[str, str, datetime]]
) -> None:
    table = pa.table(
        {
            "journey": pa.array([row[0] for row in rows], pa.string()),
            "contact_id": pa.array([row[1] for row in rows], pa.string()),
            "known_at": pa.array([row[2] for row in rows], pa.timestamp("us")),
            "request_id": pa.array(["rehearsal"] * len(rows), pa.string()),
        }
    )
    connection.register("given_rows", table)
    connection.execute(f"create temp table {name} as from given_rows")
    connection.unregister("given_rows")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _table(told: list[pa.Table]) -> pa.Table:
    """The steps of all ticks."""
    schema = pa.schema([field for field in SCHEMA if field.name != "sequence"])
    return pa.concat_tables([schema.empty_table(), *told])


def _day(connection: duckdb.DuckDBPyConnection, at: datetime) -> Day:
    row = connection.execute(
        """
        select count(*) filter (s.nid is null), count(*) filter (n.is_send),
            count(*) filter (s.next is null), (select count(*) from tick_standing)
        from new_steps as s left join plan_nodes as n on s.next = n.nid
        """
    ).fetchone()
    assert row is not None
    return Day(at, *row)


def _summary(
    connection: duckdb.DuckDBPyConnection,
    steps: pa.Table,
    days: list[Day],
    key: str,
    journey: Journey,
) -> Rehearsed:
    steps = steps.filter(pc.field("kind") != "watch")
    connection.register("told_steps", steps)
    sends = {name: node for name, node in journey.nodes.items() if isinstance(node, Send)}
    connection.execute(
        "create temp table rehearsed_sends (node varchar, purpose varchar, channel varchar)"
    )
    for name, node in sends.items():
        values = [name, node.purpose or journey.purpose, node.channel]
        connection.execute("insert into rehearsed_sends values (?, ?, ?)", values)
    outcomes = connection.execute(
        "select node, outcome, count(*) from told_steps "
        "group by all order by min(step_number), 1, 2"
    ).fetchall()
    waiting = connection.execute(
        "select n.node, count(*) from tick_standing join plan_nodes as n using (nid) "
        "group by 1 order by 2 desc, 1"
    ).fetchall()
    connection.execute(
        "create temp table sent as select log.contact_id::varchar as contact_id, s.*, log.left_at "
        "from told_steps as log join rehearsed_sends as s on log.next_node = s.node"
    )
    sent = connection.execute(
        "select node, channel, count(*) from sent group by all order by 1, 2"
    ).fetchall()
    row = connection.execute(
        """
        select
            (select count(*) from (
                select 1 from sent group by contact_id, cast(left_at as date) having count(*) > 1
            )),
            (select count(*) from sent where exists (
                select 1 from marts.consent_states as c
                where c.contact_id = sent.contact_id and c.purpose = sent.purpose
                    and c.channel = sent.channel
                    and c.state in ('withdrawn', 'objection', 'suppressed')
            ))
        """
    ).fetchone()
    assert row is not None
    return Rehearsed(days, outcomes, waiting, sent, row[0], row[1], steps)
