"""The facts of a tick from the warehouse: who there is, what triggers, what happened, what is true.

What happened is gathered once, for a tick or for all days of a rehearsal, with the moment from
which it counts (``known_at``: after it happened and once it was known), and cut for each tick. All
journeys are read together: a mart is scanned once, however many of them ask.

Fields and scores are those of the warehouse, which keeps none of the past: a rehearsal over past
days sees them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from reverse_etl.journeys import walking
from reverse_etl.journeys.plan import Plan, Version
from reverse_etl.journeys.tick import FACTS
from reverse_etl.segments import leaves
from workspace.definitions.consent import Consent
from workspace.definitions.journey_triggers import DateTrigger, FormTrigger, SegmentTrigger
from workspace.definitions.journeys import TRIGGER_AGE
from workspace.definitions.segment_fields import (
    ACCOUNT_FIELDS,
    CONTACT_FIELDS,
    NAMED_TYPES,
    Fields,
)
from workspace.definitions.segments import Happening, Segments

#: States of a consent after which nobody goes on in a journey for its purpose.
STOPPED = ("withdrawn", "objection", "suppressed")


@dataclass(frozen=True)
class Sources:
    """What the facts are made from besides the marts.

    ``time_zones`` has the zone of a country; ``time_zone`` is that of everybody else. ``changes``
    and ``enrolments`` are relations with the columns of the streams `segment_changes` and
    `journey_enrolments`. By ``consent`` conditions find nobody who objects to profiling by the
    absence of a profile, as ``segments`` do not.
    """

    fields: Fields
    segments: Segments
    names: Iterable[tuple[str, str]]
    time_zone: str
    time_zones: Mapping[str, str]
    changes: str = "lake.segment_changes"
    enrolments: str = "lake.journey_enrolments"
    only_by_hand: bool = False
    consent: Consent = field(default_factory=Consent)


def contacts(connection: duckdb.DuckDBPyConnection, sources: Sources) -> None:
    """``journey_contacts``: those there are, by number."""
    connection.execute(f"create or replace temp table journey_contacts ({FACTS[CONTACTS]})")
    connection.execute(
        "insert into journey_contacts select row_number() over () - 1, contact_id, "
        "coalesce(map($1::varchar[], $2::varchar[])[country], $3) from marts.dim_contacts",
        [list(sources.time_zones), list(sources.time_zones.values()), sources.time_zone],
    )


CONTACTS = "journey_contacts"


def gather(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    versions: list[Version],
    sources: Sources,
    as_of: datetime,
    since: datetime,
    without: Iterable[int] = (),
) -> None:
    """What counts by ``as_of``, for ticks from ``since`` on: ``journey_happened`` and
    ``journey_triggered`` with ``known_at``, ``journey_stops``.

    ``journey_contacts``, ``plan_versions`` and ``tick_standing`` must stand. Of events, those of
    people who stand in a journey or have a trigger are kept, but the numbers ``without``; they may
    be triggers nevertheless.
    """
    happened = _happened(plan, sources, as_of, _earliest(connection, plan, since))
    connection.execute(
        f"""
        create or replace temp table journey_happened as
        select h.number, c.cid, h.moment, h.known_at, h.evidence
        from ({happened}) as h
        join journey_contacts as c on h.contact_id = c.contact_id
        where h.known_at <= {_at(as_of)}
        """
    )
    _register(connection, plan, versions)
    triggers = " union all ".join(_triggers(connection, sources))
    connection.execute(
        f"""
        create or replace temp table journey_triggered as
        select t.jid, c.cid, t.moment, t.known_at, t.evidence
        from ({triggers}) as t join journey_contacts as c on t.contact_id = c.contact_id
        where t.known_at <= {_at(as_of)} and t.moment > {_at(since - TRIGGER_AGE)}
        union all
        select v.jid, h.cid, h.moment, h.known_at, h.evidence
        from journey_happened as h join plan_versions as v on h.number = v.trigger_number
        where h.moment > {_at(since - TRIGGER_AGE)} and {not sources.only_by_hand}
        """
    )
    # In the order in which it is known, a tick finds what is new without looking at the rest.
    connection.execute(
        f"""
        create or replace temp table journey_happened as
        select * from journey_happened
        where number in ({_listed(plan.followed - set(without))}) and cid in (
            select cid from tick_standing union all select cid from journey_triggered
        )
        order by known_at
        """
    )
    stopped = ", ".join(f"'{state}'" for state in STOPPED)
    connection.execute(
        f"""
        create or replace temp table journey_stops as
        select c.cid, s.purpose, min(s.evidence_id) as evidence
        from marts.consent_states as s join journey_contacts as c on s.contact_id = c.contact_id
        where s.purpose in (select purpose from plan_versions)
        group by all having bool_and(s.state in ({stopped}))
        """
    )


def at(connection: duckdb.DuckDBPyConnection, as_of: datetime, before: datetime | None) -> str:
    """Cut what was gathered for a tick; the table of news since the tick ``before``, if any.

    Whoever was in when a tick is over has entered for good where nobody enters twice.
    """
    connection.execute(
        f"""
        create or replace temp table journey_triggers as
        select t.jid, t.cid, t.moment, t.evidence from journey_triggered as t
        anti join (
            select e.jid, e.cid from tick_enrolled as e
            join plan_versions as v on e.jid = v.jid and v.is_open and v.reentry = 'never'
            anti join plan_versions as w on e.jid = w.jid and w.is_open and w.reentry != 'never'
        ) as past on t.jid = past.jid and t.cid = past.cid
        where t.known_at <= {_at(as_of)} and t.moment > {_at(as_of - TRIGGER_AGE)}
        """
    )
    shown = "select number, cid, moment, evidence, known_at from journey_happened"
    if before is None:
        connection.execute(
            f"create or replace temp view journey_events as {shown} where known_at <= {_at(as_of)}"
        )
        return "journey_events"
    # What was known when people came to where they wait was looked at then.
    row = connection.execute(
        "select min(arrived_at) from tick_standing where how = 'event'"
    ).fetchone()
    first = min(before, row[0]) if row is not None and row[0] is not None else before
    connection.execute(
        f"create or replace temp table journey_recent as "
        f"{shown} where known_at > {_at(first)} and known_at <= {_at(as_of)}"
    )
    connection.execute("create or replace temp view journey_events as from journey_recent")
    connection.execute(
        f"create or replace temp table journey_news as "
        f"from journey_recent where known_at > {_at(before)}"
    )
    return "journey_news"


def asked(plan: Plan, as_of: datetime, news: str) -> list[str]:
    """SELECTs of ``number, cid``: which conditions may be asked of whom at a tick.

    They are asked of those who may leave, enter or go on, those of their own journey only; what is
    watched is asked of everybody.
    """
    of_nodes = "select vid, number from plan_nodes where how = 'condition'"
    of_entries = "select vid, where_number from plan_versions where where_number is not null"
    asks = (
        f"(select v.vid, v.jid, v.is_open, a.number from ({of_nodes} union all {of_entries}) "
        "as a (vid, number) join plan_versions as v using (vid))"
    )
    found = [
        f"select a.number, t.cid from journey_triggers as t join {asks} as a "
        "on t.jid = a.jid and a.is_open"
    ]
    if plan.asked("watch_number"):
        found.append(
            "select v.watch_number, c.cid from plan_versions as v, journey_contacts as c "
            "where v.watch_number is not null and v.is_newest"
        )
        found.append(
            f"select a.number, c.cid from {asks} as a, journey_contacts as c "
            "where a.is_open and a.jid in "
            "(select jid from plan_versions where watch_number is not null)"
        )
    if plan.asked("exit_number"):
        found.append(
            "select v.exit_number, s.cid from tick_standing as s "
            "join plan_versions as v using (vid) where v.exit_number is not null"
        )
    if "condition" in plan.hows:
        found.append(
            f"select a.number, g.cid from ({walking.going(plan, _at(as_of), news)}) as g "
            f"join plan_nodes as n using (nid) join {asks} as a on n.vid = a.vid"
        )
    if plan.has_moves:
        found.append(
            f"select a.number, s.cid from tick_standing as s "
            f"join plan_versions as v using (vid) join {asks} as a on v.jid = a.jid "
            "where v.edit = 'move'"
        )
    return found


def _at(time: datetime) -> str:
    return f"timestamp '{time:%Y-%m-%d %H:%M:%S.%f}'"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers)) or "null"


def _earliest(connection: duckdb.DuckDBPyConnection, plan: Plan, since: datetime) -> datetime:
    """No event from before counts for anybody."""
    row = connection.execute(
        "select min(least(entered_at, arrived_at)) from tick_standing"
    ).fetchone()
    earliest = [row[0]] if row is not None and row[0] is not None else []
    if plan.asked("trigger_number"):
        earliest.append(since - TRIGGER_AGE)
    return min([since, *earliest])


# ---- what happened -----------------------------------------------------------------------------


def _happened(plan: Plan, sources: Sources, as_of: datetime, since: datetime) -> str:
    """A SELECT of ``number, contact_id, moment, known_at, evidence``; touches are known at once."""
    parts = [
        "select null::integer as number, null::varchar as contact_id, null::timestamp as moment, "
        "null::timestamp as known_at, null::varchar as evidence where false"
    ]
    for is_event, rows in _rows(plan.happenings, sources, as_of, since):
        ident = "message_id" if is_event else "touch_id"
        rows = rows.select(exp.alias_(leaves.column("e", ident), "evidence"))
        if is_event:
            rows = rows.select(leaves.column("e", "known_at"))
        after = "occurred_at + interval 1 microsecond"
        known = f"greatest(known_at, {after})" if is_event else after
        parts.append(
            f"select happening, contact_id, occurred_at, {known}, evidence "
            f"from ({rows.sql('duckdb')})"
        )
    return " union all ".join(parts)


def _rows(
    wanted: Mapping[int, Happening], sources: Sources, as_of: datetime, since: datetime
) -> Iterator[tuple[bool, exp.Select]]:
    """Happenings that only a name tells apart in one reading, each other one in its own."""
    names = list(sources.names)
    for is_event in (True, False):
        plain = []
        for number, happening in wanted.items():
            if (happening.event is not None) != is_event:
                continue
            if happening.where or happening.name in NAMED_TYPES:
                yield (
                    is_event,
                    leaves.event_rows(number, happening, sources.fields, names, as_of, since),
                )
            else:
                plain.append((number, happening))
        for rows in leaves.plain_rows(plain, names, since):
            yield is_event, rows


# ---- triggers ----------------------------------------------------------------------------------

_TRIGGERS = pa.schema(
    [
        ("journey", pa.string()),
        ("jid", pa.int32()),
        ("kind", pa.string()),
        ("subject", pa.string()),
        ("days", pa.int32()),
        ("is_existing", pa.bool_()),
        ("launched_at", pa.timestamp("us")),
    ]
)


def _register(
    connection: duckdb.DuckDBPyConnection, plan: Plan, versions: Iterable[Version]
) -> None:
    """``plan_triggers``: what takes people in, of the versions in force."""
    rows: list[dict[str, Any]] = []
    for version in versions:
        if version.in_force not in (None, version.journey) or not version.is_open:
            continue
        trigger = version.journey.trigger
        row: dict[str, Any] = {"journey": version.key, "jid": plan.journeys[version.key]}
        if isinstance(trigger, SegmentTrigger):
            row |= {"kind": "segment", "subject": trigger.segment}
            row |= {"is_existing": trigger.existing, "launched_at": version.since}
        elif isinstance(trigger, FormTrigger):
            row |= {"kind": "form", "subject": trigger.form}
        elif isinstance(trigger, DateTrigger):
            row |= {"kind": "date", "subject": trigger.date, "days": trigger.days}
        rows.append(row)
    connection.register("given_triggers", pa.Table.from_pylist(rows, schema=_TRIGGERS))
    connection.execute("create or replace temp table plan_triggers as from given_triggers")
    connection.unregister("given_triggers")


def _triggers(connection: duckdb.DuckDBPyConnection, sources: Sources) -> list[str]:
    """SELECTs of ``jid, contact_id, moment, known_at, evidence`` besides those of events."""
    by_hand = f"""
        select p.jid, e.contact_id, e.known_at as moment, e.known_at,
            concat('by hand ', e.request_id) as evidence
        from {sources.enrolments} as e join plan_triggers as p on e.journey = p.journey
    """
    found = [by_hand]
    if sources.only_by_hand:
        return found
    subjects = connection.execute(
        "select distinct kind, subject from plan_triggers where kind is not null order by all"
    ).fetchall()
    kinds = {kind for kind, _ in subjects}
    if "segment" in kinds:
        found += _segment_triggers(sources)
    if "form" in kinds:
        found.append(
            """
            select p.jid, s.contact_id, s.occurred_at,
                greatest(s.known_at, s.occurred_at + interval 1 microsecond), s.submission_id
            from marts.fct_form_submissions as s
            join plan_triggers as p
                on p.kind = 'form' and (p.subject = s.form_id or p.subject = s.form_name)
            where s.contact_id is not null
            """
        )
    found += [_date_trigger(subject) for kind, subject in subjects if kind == "date"]
    return found


def _segment_triggers(sources: Sources) -> list[str]:
    """Who came in after the segment's first evaluation, and who was a member at the launch."""
    changes = (
        f"(select * from {sources.changes} where member_type = 'contact' "
        "and segment in (select subject from plan_triggers where kind = 'segment'))"
    )
    came = f"""
        select p.jid, c.member_id, c.known_at, c.known_at, concat(c.segment, ' ', c.sequence)
        from {changes} as c
        join plan_triggers as p on p.kind = 'segment' and c.segment = p.subject
        join (
            select segment, min(sequence) as sequence from {changes} group by segment
        ) as first on c.segment = first.segment and c.sequence > first.sequence
        where c.change = 'entered'
    """
    existing = f"""
        select p.jid, c.member_id, p.launched_at, p.launched_at, 'a member at the launch'
        from {changes} as c
        join plan_triggers as p
            on p.kind = 'segment' and p.is_existing and c.segment = p.subject
                and c.known_at <= p.launched_at
        group by p.jid, c.member_id, p.launched_at
        having arg_max(c.change, c.sequence) = 'entered'
    """
    return [came, existing]


def _date_trigger(subject: str) -> str:
    """The date plus its days at midnight UTC; a date that moves is a trigger of its own."""
    owner, _, name = subject.partition(".")
    columns = CONTACT_FIELDS if owner == "contact" else ACCOUNT_FIELDS
    if name in columns:
        dates = f'select {owner}_id as owner_id, cast("{name}" as timestamp) as day '
        dates += f"from marts.{owner}_features"
    else:
        dates = "select owner_id, time_value as day from marts.field_values "
        dates += f"where owner = '{owner}' and property = {_text(name)}"
    join = "contact_id" if owner == "contact" else "account_id"
    moment = "date_trunc('day', dates.day) + to_days(p.days)"
    return f"""
        select p.jid, people.contact_id, {moment}, {moment}, strftime(dates.day, '%Y-%m-%d')
        from ({dates}) as dates
        join marts.contact_features as people on dates.owner_id = people.{join}
        join plan_triggers as p on p.kind = 'date' and p.subject = {_text(subject)}
    """


def _text(value: str) -> str:
    return exp.Literal.string(value).sql("duckdb")
