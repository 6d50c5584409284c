"""Definitions to SQL: what happened, one truth a leaf, one verdict a segment, then the members.

All segments are compiled together, so that each distinct happening is read once and each distinct
leaf decided once. The parts are SELECTs of their own, for dbt to build, or one SELECT with all of
them inside (:meth:`Compiled.members_sql`). Sources are the marts of the relation list of
:mod:`reverse_etl.segments.border`; what a definition says only ever becomes literals.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlglot import exp

from reverse_etl.segments import border, leaves
from reverse_etl.segments.asked import happening_key, happenings_of, key_of
from reverse_etl.segments.leaves import column, whether
from reverse_etl.segments.truths import Truths
from workspace.definitions.segment_fields import NAMED_TYPES, Fields
from workspace.definitions.segments import (
    All,
    Any_,
    ContactsLeaf,
    Happening,
    Leaf,
    Not,
    Segment,
    SegmentLeaf,
    Segments,
)

#: The parts, in the order in which they read one another.
PARTS = ("segment_events", "segment_touches", "segment_contacts", "segment_accounts")
UNITS = ("contact", "account")

#: Readers of SQL recurse: conditions nested deeper go on in a column of their own.
DEEPEST_EXPRESSION = 10


def compile_segments(
    segments: Segments, fields: Fields, names: Collection[tuple[str, str]], as_of: datetime
) -> Compiled:
    """Compile definitions that have been validated, for one ``as_of``.

    ``names`` are the (message_type, event) of the mart event_names.
    """
    return Compiled(segments, fields, frozenset(names), as_of)


def only(segments: Segments, key: str) -> Segments:
    """One segment, with those it refers to."""
    wanted, waiting = set(), [key]
    while waiting:
        one = waiting.pop()
        if one not in wanted:
            wanted.add(one)
            waiting += segments.segments[one].references()
    kept = {name: segments.segments[name] for name in sorted(wanted)}
    return Segments(segments=kept)


@dataclass(frozen=True)
class _Verdict:
    """What is decided of each contact or account: a segment, or a condition in ``contacts:``."""

    name: str
    unit: str
    condition: Any
    vertical: str | None = None


@dataclass
class Compiled:
    """The SQL of some definitions at one ``as_of``."""

    segments: Segments
    fields: Fields
    names: frozenset[tuple[str, str]]
    as_of: datetime
    happenings: dict[str, tuple[int, Happening]] = field(default_factory=dict)
    reach: dict[int, float | None] = field(default_factory=dict)
    leaves: dict[str, tuple[str, str, Leaf]] = field(default_factory=dict)
    verdicts: dict[str, _Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.segments.in_order():
            segment = self.segments.segments[key]
            self._collect(segment.where, segment.unit)
            self.verdicts[key] = _Verdict(f"v_{key}", segment.unit, segment.where, segment.vertical)

    def _collect(self, condition: Any, unit: str) -> None:
        """Number what a condition asks, deepest first."""
        if isinstance(condition, All | Any_):
            for part in condition.all_ if isinstance(condition, All) else condition.any_:
                self._collect(part, unit)
        elif isinstance(condition, Not):
            self._collect(condition.not_, unit)
        elif isinstance(condition, ContactsLeaf):
            self._collect(condition.contacts, "contact")
            key = key_of("contact", condition.contacts)
            if key not in self.verdicts:
                name = f"c_{len(self.verdicts)}"
                self.verdicts[key] = _Verdict(name, "contact", condition.contacts)
        elif not isinstance(condition, SegmentLeaf):
            key = key_of(unit, condition)
            if key not in self.leaves:
                self.leaves[key] = (f"l{len(self.leaves) + 1}", unit, condition)
            for happening in happenings_of(condition):
                number, _ = self.happenings.setdefault(
                    happening_key(happening), (len(self.happenings) + 1, happening)
                )
                days = condition.within_days
                known = self.reach.setdefault(number, days)
                far = days is None or known is None
                self.reach[number] = None if far else max(days, known)

    @property
    def unseen_events(self) -> dict[str, set[str]]:
        """Segment -> names of events that it asks for and that were never seen."""
        found: dict[str, set[str]] = {}
        seen = {event for kind, event in self.names if kind == "track"}
        kinds = {kind for kind, _ in self.names}
        for key, segment in self.segments.segments.items():
            for _, _, _, leaf in segment.leaves():
                for happening in happenings_of(leaf):
                    name = happening.event
                    if name is None or NAMED_TYPES.get(name) in kinds:
                        continue
                    if not any(leaves.is_called(event, name) for event in seen):
                        found.setdefault(key, set()).add(name)
        return found

    # ---- the parts ---------------------------------------------------------------------------

    def part_sql(self, part: str, relations: Mapping[str, str] | None = None) -> str:
        """One of :data:`PARTS`; ``relations`` says where the parts before it stand."""
        return border.checked(self._part(part, relations or {}), relations or {})

    def queries(self, prefix: str) -> dict[str, str]:
        """Every part and `segment_members`, each reading those before it as ``<prefix><part>``."""
        relations: dict[str, str] = {}
        found = {}
        for part in PARTS:
            found[part] = self.part_sql(part, relations)
            relations[part] = f"{prefix}{part}"
        return {**found, "segment_members": self.members_sql(relations)}

    def members_sql(self, relations: Mapping[str, str] | None = None) -> str:
        """Rows ``segment, member_type, member_id, account_id``, as one SELECT.

        A segment of contacts has members of type contact; one of accounts has its accounts and
        the contacts they resolve to. ``relations`` names the parts that stand as tables already.
        """
        query = self._members(relations or {})
        return border.checked(query, relations or {})

    def verdicts_sql(self, unit: str, member_ids: Sequence[str] | None = None) -> str:
        """Contacts or accounts with the truth of each leaf (:attr:`leaves`) and each verdict."""
        ctes, at = self._decided({})
        query = exp.select("*").from_(exp.alias_(at[unit].copy(), "m", table=True))
        if member_ids is not None:
            asked = [exp.Literal.string(one) for one in member_ids]
            query = query.where(exp.In(this=column("m", f"{unit}_id"), expressions=asked))
        return border.checked(_with(query, ctes), {})

    def leaf_column(self, unit: str, leaf: Leaf) -> str | None:
        """The column of a leaf's truth; None of those that ask for other verdicts."""
        found = self.leaves.get(key_of(unit, leaf))
        return found[0] if found else None

    def truth_of(self, unit: str, leaf: Leaf) -> str:
        """The column of :meth:`verdicts_sql` that holds a leaf's truth."""
        return self.leaves[key_of(unit, leaf)][0]

    def verdict_of(self, condition: Any) -> str:
        """The column of :meth:`verdicts_sql` for the condition inside a ``contacts:``."""
        return self.verdicts[key_of("contact", condition)].name

    def _part(self, part: str, relations: Mapping[str, str]) -> exp.Query:
        if part in ("segment_events", "segment_touches"):
            return self._happened(part)
        return self._truths(part.removeprefix("segment_").removesuffix("s"), relations)

    def _happened(self, part: str) -> exp.Query:
        """What some leaf may count, from the month on in which its longest window begins.

        The months, unlike the windows, leave the text as it is from day to day, so that only days
        that changed are read again.
        """
        is_event = part == "segment_events"
        wanted = [
            (number, happening)
            for number, happening in self.happenings.values()
            if (happening.event is not None) == is_event
        ]
        plain: dict[datetime | None, list[tuple[int, Happening]]] = {}
        queries = []
        for number, happening in wanted:
            since = self._since(number)
            if happening.where or happening.name in NAMED_TYPES:
                queries.append(
                    leaves.event_rows(number, happening, self.fields, self.names, self.as_of, since)
                )
            else:
                plain.setdefault(since, []).append((number, happening))
        for since in sorted(plain, key=str):
            queries += leaves.plain_rows(plain[since], self.names, since)
        if not queries:
            nothing = leaves.event_rows(0, _nothing(is_event), self.fields, self.names, self.as_of)
            queries = [nothing.where(exp.false(), copy=False)]
        return leaves.union(queries)

    def _since(self, number: int) -> datetime | None:
        days = self.reach[number]
        if days is None:
            return None
        first = self.as_of - timedelta(days=days)
        return datetime(first.year, first.month, 1)

    def _truths(self, unit: str, relations: Mapping[str, str]) -> exp.Select:
        """One row per contact or account: what every verdict may need, and one truth a leaf."""
        wanted = {name: leaf for name, of, leaf in self.leaves.values() if of == unit}
        return Truths(unit, wanted, self.happenings, self.fields, relations, self.as_of).query()

    # ---- verdicts and members ----------------------------------------------------------------

    @cached_property
    def _layers(self) -> dict[str, int]:
        """Verdict -> how often the question changes between contacts and accounts below it."""
        found: dict[str, int] = {}
        for key, verdict in self.verdicts.items():
            found[key] = max(
                (
                    found[other] + (self.verdicts[other].unit != verdict.unit)
                    for other, _ in _refers_to(verdict.condition)
                ),
                default=0,
            )
        return found

    def _decided(
        self, relations: Mapping[str, str]
    ) -> tuple[list[tuple[str, exp.Query]], dict[str, exp.Table]]:
        """The queries up to the last verdicts, and where those of each unit stand."""
        ctes: list[tuple[str, exp.Query]] = [
            (part, self._part(part, relations)) for part in PARTS if part not in relations
        ]
        at = {unit: leaves.relation(f"segment_{unit}s", relations) for unit in UNITS}
        for layer in range(max(self._layers.values(), default=0) + 1):
            before = dict(at)
            for unit in UNITS:
                decided = [
                    verdict
                    for key, verdict in self.verdicts.items()
                    if self._layers[key] == layer and verdict.unit == unit
                ]
                if decided:
                    name = f"{unit}_verdicts_{layer}"
                    ctes.append((name, self._decide(unit, decided, before)))
                    at[unit] = exp.to_table(name)
        return ctes, at

    def _members(self, relations: Mapping[str, str]) -> exp.Query:
        ctes, at = self._decided(relations)
        queries = []
        for key in sorted(self.segments.segments):
            queries += self._members_of(key, at)
        return _with(leaves.union(queries or [_no_members(at)]), ctes)

    def _decide(
        self, unit: str, decided: list[_Verdict], at: Mapping[str, exp.Table]
    ) -> exp.Select:
        """The verdicts of one layer beside all there was before."""
        own = f"{unit}_id"
        other = "account" if unit == "contact" else "contact"
        names: dict[str, exp.Expression] = {}
        query = exp.select(exp.Column(this=exp.Star(), table=exp.to_identifier("b")))
        query = query.from_(exp.alias_(at[unit].copy(), "b", table=True))
        asked = {
            (key, how): self.verdicts[key].name
            for verdict in decided
            for key, how in _refers_to(verdict.condition)
            if self.verdicts[key].unit == other
        }
        if asked and unit == "contact":
            on = exp.EQ(this=column("b", "account_id"), expression=column("o", "account_id"))
            query = query.join(
                exp.alias_(at[other].copy(), "o", table=True), on=on, join_type="left"
            )
            for (key, how), name in asked.items():
                member = whether(column("o", name))
                roles = self.segments.segments[key].roles
                if roles:
                    among = [exp.Literal.string(role) for role in roles]
                    own_role = exp.In(this=column("b", "role"), expressions=among)
                    member = exp.and_(member, whether(own_role))
                names[f"{key}/{how}"] = member
        elif asked:
            counted = exp.select(column("c", "account_id")).from_(
                exp.alias_(at[other].copy(), "c", table=True)
            )
            for name in sorted(set(asked.values())):
                counted = counted.select(exp.alias_(_count_if(column("c", name)), name), copy=False)
            counted = counted.where(
                exp.Not(this=exp.Is(this=column("c", "account_id"), expression=exp.Null()))
            ).group_by(column("c", "account_id"))
            on = exp.EQ(this=column("b", own), expression=column("o", own))
            query = query.join(counted.subquery("o"), on=on, join_type="left")
            for (key, how), name in asked.items():
                count = exp.Coalesce(this=column("o", name), expressions=[exp.Literal.number(0)])
                low, _, high = how.partition("..")
                names[f"{key}/{how}"] = leaves.between(
                    count, int(low) if low else None, int(high) if high else None
                )
        for verdict in decided:
            parts: list[exp.Expression] = []
            condition, _ = self._condition(verdict, verdict.condition, names, parts)
            if verdict.vertical is not None:
                vertical = exp.Literal.string(verdict.vertical)
                in_it = whether(exp.EQ(this=column("b", "vertical"), expression=vertical))
                condition = exp.and_(in_it, condition)
            decided_as = exp.alias_(condition, verdict.name, quoted=True)
            query = query.select(*parts, decided_as, copy=False)
        return query

    def _condition(
        self,
        verdict: _Verdict,
        condition: Any,
        names: Mapping[str, exp.Expression],
        parts: list[exp.Expression],
    ) -> tuple[exp.Expression, int]:
        """A condition and how deep it is; what is too deep to nest becomes a column of its own."""
        if isinstance(condition, All | Any_ | Not):
            if isinstance(condition, Not):
                inside, join = [condition.not_], exp.not_
            elif isinstance(condition, All):
                inside, join = condition.all_, exp.and_
            else:
                inside, join = condition.any_, exp.or_
            made = [self._condition(verdict, part, names, parts) for part in inside]
            found, depth = join(*(part for part, _ in made)), 1 + max(depth for _, depth in made)
            if depth < DEEPEST_EXPRESSION:
                return found, depth
            name = f"p{len(parts) + 1}_{verdict.name}"
            parts.append(exp.alias_(found, name, quoted=True))
            return exp.column(name, quoted=True), 0
        if isinstance(condition, SegmentLeaf | ContactsLeaf):
            ((key, how),) = _refers_to(condition)
            if f"{key}/{how}" in names:
                return names[f"{key}/{how}"].copy(), 1
            return exp.column(self.verdicts[key].name, quoted=True), 0
        name, _, _ = self.leaves[key_of(verdict.unit, condition)]
        return column("b", name), 0

    def _members_of(self, key: str, at: Mapping[str, exp.Table]) -> list[exp.Select]:
        segment: Segment = self.segments.segments[key]
        name = self.verdicts[key].name

        def rows(member_type: str, source: str) -> exp.Select:
            return exp.select(
                exp.alias_(exp.Literal.string(key), "segment"),
                exp.alias_(exp.Literal.string(member_type), "member_type"),
                exp.alias_(column("m", f"{member_type}_id"), "member_id"),
                column("m", "account_id"),
            ).from_(exp.alias_(at[source].copy(), "m", table=True))

        own = rows(segment.unit, segment.unit).where(column("m", name))
        if segment.unit == "contact":
            return [own]
        resolved = rows("contact", "contact").join(
            exp.alias_(at["account"].copy(), "a", table=True),
            on=exp.EQ(this=column("m", "account_id"), expression=column("a", "account_id")),
        )
        resolved = resolved.where(column("a", name))
        if segment.roles:
            roles = [exp.Literal.string(role) for role in segment.roles]
            resolved = resolved.where(exp.In(this=column("m", "role"), expressions=roles))
        return [own, resolved]


def _refers_to(condition: Any) -> list[tuple[str, str]]:
    """The verdicts a condition asks for, and how many contacts must have it (``low..high``)."""
    if isinstance(condition, All | Any_):
        parts = condition.all_ if isinstance(condition, All) else condition.any_
        return [found for part in parts for found in _refers_to(part)]
    if isinstance(condition, Not):
        return _refers_to(condition.not_)
    if isinstance(condition, SegmentLeaf):
        return [(condition.segment, "1..")]
    if isinstance(condition, ContactsLeaf):
        low, high = condition.at_least, condition.at_most
        if low is None and high is None:
            low = 1
        how = f"{'' if low is None else low}..{'' if high is None else high}"
        return [(key_of("contact", condition.contacts), how)]
    return []


def _count_if(condition: exp.Expression) -> exp.Expression:
    return exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=condition))


def _nothing(is_event: bool) -> Happening:
    return Happening(event="nothing") if is_event else Happening(touch="nothing")


def _no_members(at: Mapping[str, exp.Table]) -> exp.Select:
    return (
        exp.select(
            exp.alias_(exp.Literal.string(""), "segment"),
            exp.alias_(exp.Literal.string("contact"), "member_type"),
            exp.alias_(column("m", "contact_id"), "member_id"),
            column("m", "account_id"),
        )
        .from_(exp.alias_(at["contact"].copy(), "m", table=True))
        .where(exp.false())
    )


def _with(query: exp.Query, ctes: list[tuple[str, exp.Query]]) -> exp.Query:
    for name, part in ctes:
        # What joins nothing is cheaper to read again for each segment: few columns of it are.
        again = name in PARTS[:2] or (name not in PARTS and not part.args.get("joins"))
        query = query.with_(name, part, materialized=not again, copy=False)
    return query
