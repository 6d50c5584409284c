"""Why a contact or account is in a segment or not: each condition's verdict, with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
from sqlglot import exp

from reverse_etl.publish import dicts, published_as_of, reader
from reverse_etl.segments import border, leaves
from reverse_etl.segments.asked import label_of
from reverse_etl.segments.compiler import Compiled, only
from reverse_etl.segments.questions import Desk, Unanswerable
from workspace.definitions.segment_fields import ACCOUNT_FIELDS, CONTACT_FIELDS, score_field
from workspace.definitions.segments import (
    All,
    Any_,
    ConsentLeaf,
    ContactsLeaf,
    EventLeaf,
    FieldLeaf,
    Happening,
    ListLeaf,
    Not,
    ScoreLeaf,
    SegmentLeaf,
    SequenceLeaf,
)

#: Pieces of evidence shown of each condition.
SHOWN = 3


@dataclass(frozen=True)
class Verdict:
    """A condition and what is true of it; ``evidence`` holds lines with values and ids."""

    label: str
    is_true: bool
    evidence: list[str] = field(default_factory=list)
    parts: list[Verdict] = field(default_factory=list)


def explain(desk: Desk, key: str, member_id: str) -> Verdict:
    """The verdict of a segment on a contact or an account, by the file as it stands.

    A contact that is asked about a segment of accounts is asked as its account. Raises
    :class:`~reverse_etl.segments.questions.Unanswerable` for an id that nobody has.
    """
    segment = desk.segment(key)
    with reader(desk.paths) as connection:
        as_of = published_as_of(desk.paths)
        compiled = desk.compile_on(connection, only(desk.segments, key), as_of)
        row = connection.execute(
            "select 'contact', account_id from marts.contact_features where contact_id = $1 "
            "union all "
            "select 'account', account_id from marts.account_features where account_id = $1",
            [member_id],
        ).fetchone()
        if row is None:
            raise Unanswerable(f"no contact or account has the id {member_id}")
        unit, account_id = row
        if segment.unit == "account" and unit == "contact" and account_id is None:
            raise Unanswerable(f"{key} is of accounts, and the contact has none")
        if segment.unit == "contact" and unit == "account":
            raise Unanswerable(f"{key} is of contacts; ask about one of the account's")
        whose = account_id if segment.unit == "account" else member_id
        return _Case(connection, compiled, as_of).segment(key, whose)


class _Case:
    """One question: each member's truths are asked for once."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, compiled: Compiled, as_of: datetime
    ) -> None:
        self.connection = connection
        self.compiled = compiled
        self.as_of = as_of
        self.known: dict[tuple[str, str], dict[str, Any]] = {}

    def segment(self, key: str, member_id: str) -> Verdict:
        segment = self.compiled.segments.segments[key]
        parts = [self.condition(segment.where, segment.unit, member_id)]
        if segment.vertical is not None:
            found = self.truths(segment.unit, member_id)["vertical"]
            label = f"vertical is {segment.vertical}"
            parts.insert(0, Verdict(label, found == segment.vertical, [f"it is {found}"]))
        is_in = self.truths(segment.unit, member_id)[f"v_{key}"]
        return Verdict(f"segment {key}: {segment.name}", is_in, [], parts)

    def truths(self, unit: str, member_id: str) -> dict[str, Any]:
        self.look_up(unit, [member_id])
        return self.known[unit, member_id]

    def look_up(self, unit: str, member_ids: list[str]) -> None:
        missing = [one for one in member_ids if (unit, one) not in self.known]
        if missing:
            for row in dicts(self.connection, self.compiled.verdicts_sql(unit, missing)):
                self.known[unit, row[f"{unit}_id"]] = row

    def condition(self, condition: Any, unit: str, member_id: str) -> Verdict:
        if isinstance(condition, All | Any_):
            word = "all" if isinstance(condition, All) else "any"
            inside = condition.all_ if isinstance(condition, All) else condition.any_
            parts = [self.condition(part, unit, member_id) for part in inside]
            holds = all if word == "all" else any
            return Verdict(f"{word} of", holds(part.is_true for part in parts), [], parts)
        if isinstance(condition, Not):
            part = self.condition(condition.not_, unit, member_id)
            return Verdict("not", not part.is_true, [], [part])
        if isinstance(condition, SegmentLeaf):
            return self.other_segment(condition, unit, member_id)
        label = label_of(condition)
        if isinstance(condition, ContactsLeaf):
            return self.contacts(condition, member_id)
        is_true = self.truths(unit, member_id)[self.compiled.truth_of(unit, condition)]
        return Verdict(label, is_true, list(self.evidence(condition, unit, member_id)))

    def other_segment(self, leaf: SegmentLeaf, unit: str, member_id: str) -> Verdict:
        segment = self.compiled.segments.segments[leaf.segment]
        if segment.unit == unit:
            return self.segment(leaf.segment, member_id)
        if unit == "contact":
            account_id = self.truths("contact", member_id)["account_id"]
            if account_id is None:
                return Verdict(f"segment {leaf.segment}", False, ["the contact has no account"])
            found = self.segment(leaf.segment, account_id)
            role = self.truths("contact", member_id)["role"]
            fits = not segment.roles or role in segment.roles
            note = (
                [] if fits else [f"its role, {role}, is none of {', '.join(segment.roles or [])}"]
            )
            return Verdict(found.label, found.is_true and fits, note, found.parts)
        members = self.of_contacts(f"v_{leaf.segment}", member_id)
        shown = [f"contact {contact}" for contact in members[:SHOWN]]
        return Verdict(
            f"a contact in segment {leaf.segment}",
            bool(members),
            [f"{len(members)} of its contacts", *shown],
        )

    def contacts(self, leaf: ContactsLeaf, account_id: str) -> Verdict:
        members = self.of_contacts(self.compiled.verdict_of(leaf.contacts), account_id)
        low = 1 if leaf.at_least is None and leaf.at_most is None else leaf.at_least or 0
        enough = low <= len(members) and (leaf.at_most is None or len(members) <= leaf.at_most)
        parts = [self.condition(leaf.contacts, "contact", one) for one in members[:1]]
        lines = [f"{len(members)} of its contacts", *(f"contact {one}" for one in members[:SHOWN])]
        return Verdict(label_of(leaf), enough, lines, parts)

    def of_contacts(self, verdict: str, account_id: str) -> list[str]:
        rows = self.connection.execute(
            "select contact_id from marts.contact_features where account_id = ? order by 1",
            [account_id],
        ).fetchall()
        contacts = [one for (one,) in rows]
        self.look_up("contact", contacts)
        return [one for one in contacts if self.truths("contact", one)[verdict]]

    # ---- evidence ----------------------------------------------------------------------------

    def evidence(self, leaf: Any, unit: str, member_id: str) -> Iterator[str]:
        if isinstance(leaf, FieldLeaf | ScoreLeaf):
            place = leaf.field if isinstance(leaf, FieldLeaf) else score_field(leaf.score, unit)
            assert place is not None
            value = self.value(place, unit, member_id)
            shown = f"{value:.6g}" if isinstance(value, float) else value
            yield "it is not known" if value is None else f"it is {shown}"
        elif isinstance(leaf, EventLeaf):
            yield from self.happened(leaf, leaf, unit, member_id)
        elif isinstance(leaf, SequenceLeaf):
            whole = EventLeaf(event="any", within_days=leaf.within_days)
            for step in leaf.steps:
                lines = list(self.happened(step, whole, unit, member_id))
                yield from (f"{step.name}: {line}" for line in lines[:2])
        elif isinstance(leaf, ConsentLeaf):
            rows = self.connection.execute(
                "select state, decided_at, evidence_id from marts.consent_states "
                "where contact_id = ? and purpose = ? and channel = ?",
                [member_id, leaf.purpose, leaf.channel],
            ).fetchall()
            yield from (
                f"{state} since {at:%Y-%m-%d}, evidence {ident}" for state, at, ident in rows
            )
            if not rows:
                yield "nothing was ever said about it"
        else:
            table, names = (
                ("list_members", ("list_id", "list_name"))
                if isinstance(leaf, ListLeaf)
                else ("segment_snapshots", ("snapshot_id", "segment"))
            )
            rows = self.connection.execute(
                f"select distinct {names[0]}, {names[1]} from marts.{table} "
                "where contact_id = ? order by 1",
                [member_id],
            ).fetchall()
            yield f"it is in {', '.join(' '.join(row) for row in rows[:SHOWN]) or 'none'}"

    def value(self, place: str, unit: str, member_id: str) -> Any:
        owner, _, name = place.partition(".")
        whose = member_id
        if owner == "account" and unit == "contact":
            whose = self.truths("contact", member_id)["account_id"]
        known = name in (CONTACT_FIELDS if owner == "contact" else ACCOUNT_FIELDS)
        query = (
            f'select "{name}" from marts.{owner}_features where {owner}_id = $1'
            if known
            else "select value from marts.field_values "
            "where owner_id = $1 and owner = $2 and property = $3"
        )
        row = self.connection.execute(query, [whose] if known else [whose, owner, name]).fetchone()
        return row[0] if row else None

    def happened(
        self, happening: Happening, leaf: EventLeaf, unit: str, member_id: str
    ) -> Iterator[str]:
        """How often it happened in the leaf's window, and the last few, by their ids."""
        names, fields = self.compiled.names, self.compiled.fields
        rows = leaves.event_rows(0, happening, fields, names, self.as_of)
        ident = "message_id" if happening.event is not None else "touch_id"
        whose = exp.Literal.string(member_id)
        if unit == "account":
            of_account = exp.select("contact_id").from_(leaves.mart("contact_features"))
            of_account = of_account.where(exp.EQ(this=exp.column("account_id"), expression=whose))
            mine: exp.Expression = exp.In(
                this=leaves.column("e", "contact_id"), query=of_account.subquery()
            )
        else:
            mine = exp.EQ(this=leaves.column("e", "contact_id"), expression=whose)
        query = rows.select(exp.alias_(leaves.column("e", ident), "evidence_id")).where(mine)
        window = exp.and_(*leaves.window(leaf, self.as_of))
        inside = exp.select("occurred_at", "evidence_id").from_(query.subquery("h")).where(window)
        found = self.connection.execute(
            f"select * from ({border.checked(inside, {})}) order by 1 desc, 2"
        ).fetchall()
        yield f"{len(found)} in the window"
        yield from (f"{at:%Y-%m-%d %H:%M} {ident} {one}" for at, one in found[:SHOWN])
