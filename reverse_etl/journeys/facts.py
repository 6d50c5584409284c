"""The facts of a tick from the warehouse: who there is, what triggers, what happened, what is true.

Conditions are compiled as segments are, so a leaf means the same in both. Everything is cut at
both clocks: what happened before ``as_of`` and was known by then. Fields and scores are those of
the warehouse, which keeps none of the past: a rehearsal over past days sees them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
from sqlglot import exp

from reverse_etl.journeys.plan import Plan, Version
from reverse_etl.journeys.tick import FACTS
from reverse_etl.segments import leaves
from reverse_etl.segments.asked import label_of
from reverse_etl.segments.compiler import compile_segments
from workspace.definitions.journeys import (
    DateTrigger,
    EventTrigger,
    FormTrigger,
    SegmentTrigger,
)
from workspace.definitions.segment_fields import ACCOUNT_FIELDS, CONTACT_FIELDS, Fields
from workspace.definitions.segments import Happening, Segment, Segments

#: States of a consent after which nobody goes on in a journey for its purpose.
STOPPED = ("withdrawn", "objection", "suppressed")


@dataclass(frozen=True)
class Sources:
    """What the facts are made from besides the marts.

    ``time_zones`` has the zone of a country; ``time_zone`` is that of everybody else. ``changes``
    and ``enrolments`` are relations with the columns of the streams `segment_changes` and
    `journey_enrolments`, ``outcomes`` a SELECT of what became of messages.
    """

    fields: Fields
    segments: Segments
    names: Iterable[tuple[str, str]]
    time_zone: str
    time_zones: Mapping[str, str]
    changes: str = "lake.segment_changes"
    enrolments: str = "lake.journey_enrolments"
    outcomes: str | None = None
    only_by_hand: bool = False


def make(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    versions: list[Version],
    sources: Sources,
    as_of: datetime,
) -> None:
    """Make the tables of :data:`~reverse_etl.journeys.tick.FACTS`; ``journey_log`` must stand."""
    for name, columns in FACTS.items():
        connection.execute(f"create or replace temp table {name} ({columns})")
    connection.execute(
        "insert into journey_contacts "
        "select contact_id, coalesce(map($1::varchar[], $2::varchar[])[country], $3) "
        "from marts.dim_contacts",
        [list(sources.time_zones), list(sources.time_zones.values()), sources.time_zone],
    )
    for version in versions:
        if version.in_force in (None, version.journey) and version.is_open:
            for query, values in _triggers(version, sources, as_of):
                connection.execute(
                    f"insert into journey_triggers select $1, contact_id, moment, evidence "
                    f"from ({query})",
                    [version.key, *values],
                )
    connection.execute(
        """
        create or replace temp table journey_people as
        select distinct contact_id from (
            select contact_id from journey_log
            where kind != 'watch'
            union all select contact_id from journey_triggers
        )
        """
    )
    for number, happening in plan.happenings.items():
        connection.execute(
            f"insert into journey_events select {number}, contact_id, moment, min(evidence) "
            f"from ({_happened(happening, sources, as_of)}) "
            "where contact_id in (select contact_id from journey_people) group by all"
        )
    _truths(connection, plan, sources, as_of)
    stopped = ", ".join(f"'{state}'" for state in STOPPED)
    connection.execute(
        f"""
        insert into journey_stops
        select contact_id, purpose, min(evidence_id) from marts.consent_states
        where contact_id in (select contact_id from journey_people)
        group by contact_id, purpose having bool_and(state in ({stopped}))
        """
    )
    if sources.outcomes is not None:
        connection.execute(f"insert into journey_outcomes from ({sources.outcomes})")


def _happened(happening: Happening, sources: Sources, as_of: datetime) -> str:
    """A SELECT of ``contact_id, moment, evidence``, cut at both clocks; touches have only one."""
    rows = leaves.event_rows(0, happening, sources.fields, list(sources.names), as_of)
    before = exp.LT(this=leaves.column("e", "occurred_at"), expression=leaves.moment(as_of))
    rows = rows.where(before)
    if happening.event is not None:
        known = leaves.column("e", "known_at")
        rows = rows.where(exp.LTE(this=known, expression=leaves.moment(as_of)))
    ident = "message_id" if happening.event is not None else "touch_id"
    rows = rows.select(exp.alias_(leaves.column("e", ident), "evidence"))
    return (
        "select contact_id, occurred_at as moment, evidence "
        f"from ({rows.sql('duckdb')}) as happened"
    )


def _triggers(version: Version, sources: Sources, as_of: datetime) -> list[tuple[str, list[Any]]]:
    """SELECTs of ``contact_id, moment, evidence``; the first parameter is the journey's key."""
    trigger = version.journey.trigger
    at = f"timestamp '{as_of:%Y-%m-%d %H:%M:%S.%f}'"
    by_hand: tuple[str, list[Any]] = (
        f"select contact_id, known_at as moment, concat('by hand ', request_id) as evidence "
        f"from {sources.enrolments} where journey = $1 and known_at <= {at}",
        [],
    )
    found = [by_hand]
    if sources.only_by_hand:
        return found
    if isinstance(trigger, EventTrigger):
        found.append((_happened(trigger, sources, as_of), []))
    elif isinstance(trigger, SegmentTrigger):
        changes = (
            f"(select * from {sources.changes} where segment = $2 and member_type = 'contact' "
            f"and known_at <= {at})"
        )
        found.append(
            (
                "select member_id as contact_id, known_at as moment, "
                f"concat(segment, ' ', sequence) as evidence from {changes} "
                f"where change = 'entered' and sequence > (select min(sequence) from {changes})",
                [trigger.segment],
            )
        )
        if trigger.existing:
            launch = f"timestamp '{version.since:%Y-%m-%d %H:%M:%S.%f}'"
            found.append(
                (
                    f"select member_id as contact_id, {launch} as moment, "
                    f"'a member at the launch' as evidence from {changes} "
                    f"where known_at <= {launch} group by member_id "
                    "having arg_max(change, sequence) = 'entered'",
                    [trigger.segment],
                )
            )
    elif isinstance(trigger, FormTrigger):
        found.append(
            (
                "select contact_id, occurred_at as moment, submission_id as evidence "
                "from marts.fct_form_submissions where $2 in (form_id, form_name) "
                f"and contact_id is not null and occurred_at < {at} and known_at <= {at}",
                [trigger.form],
            )
        )
    elif isinstance(trigger, DateTrigger):
        found.append(_date_trigger(trigger, at))
    return found


def _date_trigger(trigger: DateTrigger, at: str) -> tuple[str, list[Any]]:
    """The date plus its days at midnight UTC; a date that moves is a trigger of its own."""
    owner, _, name = trigger.date.partition(".")
    columns = CONTACT_FIELDS if owner == "contact" else ACCOUNT_FIELDS
    if name in columns:
        dates = f'select {owner}_id as owner_id, cast("{name}" as timestamp) as day '
        dates += f"from marts.{owner}_features"
        values: list[Any] = [trigger.days]
    else:
        dates = "select owner_id, time_value as day from marts.field_values "
        dates += f"where owner = '{owner}' and property = $3"
        values = [trigger.days, name]
    join = "contact_id" if owner == "contact" else "account_id"
    return (
        f"""
        select people.contact_id, date_trunc('day', dates.day) + to_days($2) as moment,
            strftime(dates.day, '%Y-%m-%d') as evidence
        from ({dates}) as dates
        join marts.contact_features as people on dates.owner_id = people.{join}
        where date_trunc('day', dates.day) + to_days($2) <= {at}
        """,
        values,
    )


def _truths(
    connection: duckdb.DuckDBPyConnection, plan: Plan, sources: Sources, as_of: datetime
) -> None:
    """Each condition's truth of everybody it may be asked of, with that of each of its leaves."""
    if not plan.conditions:
        return
    asked = {
        f"journey_condition_{number}": Segment(name="A condition", where=condition)
        for number, condition in plan.conditions.items()
    }
    everything = Segments(segments={**sources.segments.segments, **asked})
    wanted: set[str] = set(asked)
    waiting = list(asked)
    while waiting:
        for other in everything.segments[waiting.pop()].references() - wanted:
            wanted.add(other)
            waiting.append(other)
    chosen = Segments(segments={key: everything.segments[key] for key in sorted(wanted)})
    compiled = compile_segments(chosen, sources.fields, list(sources.names), as_of)
    connection.execute(f"create or replace temp table asked as {compiled.verdicts_sql('contact')}")
    watched = {n for n in plan.versions.column("watch_number").to_pylist() if n is not None}
    for number, key in zip(plan.conditions, asked, strict=True):
        parts = []
        for _, unit, _, leaf in asked[key].leaves():
            name = compiled.leaf_column(unit, leaf)
            if unit == "contact" and name is not None:
                label = exp.Literal.string(f"{label_of(leaf)}: ").sql("duckdb")
                parts.append(f'concat({label}, "{name}")')
        evidence = f"concat_ws('; ', {', '.join(parts)})" if parts else "null"
        people = (
            ""
            if number in watched
            else ("where contact_id in (select contact_id from journey_people)")
        )
        connection.execute(
            f'insert into journey_truths select {number}, contact_id, "v_{key}", {evidence} '
            f"from asked {people}"
        )
    connection.execute("drop table asked")
