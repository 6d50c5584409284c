"""Definitions to SQL: what happened, one truth a leaf, one verdict a segment, then the members.

All segments are compiled together, so that each distinct happening is read once and each distinct
leaf decided once. The parts are SELECTs of their own, for dbt to build, or one SELECT with all of
them inside (:meth:`Compiled.members_sql`). Sources are the marts of the relation list of
:mod:`reverse_etl.segments.border`; what a definition says only ever becomes literals.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlglot import exp

from reverse_etl.segments import border, leaves
from reverse_etl.segments.leaves import column, whether
from workspace.definitions.segment_fields import (
    ACCOUNT_FIELDS,
    CONTACT_FIELDS,
    NAMED_TYPES,
    Fields,
    score_field,
)
from workspace.definitions.segments import (
    All,
    Any_,
    ConsentLeaf,
    ContactsLeaf,
    EventLeaf,
    FieldLeaf,
    Happening,
    Leaf,
    ListLeaf,
    Not,
    ScoreLeaf,
    Segment,
    SegmentLeaf,
    Segments,
    SequenceLeaf,
    SnapshotLeaf,
)

#: The parts, in the order in which they read one another.
PARTS = ("segment_events", "segment_touches", "segment_contacts", "segment_accounts")
UNITS = ("contact", "account")


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
            key = _key("contact", condition.contacts)
            if key not in self.verdicts:
                name = f"c_{len(self.verdicts)}"
                self.verdicts[key] = _Verdict(name, "contact", condition.contacts)
        elif not isinstance(condition, SegmentLeaf):
            key = _key(unit, condition)
            if key not in self.leaves:
                self.leaves[key] = (f"l{len(self.leaves) + 1}", unit, condition)
            for happening in _happenings(condition):
                self.happenings.setdefault(
                    _happening_key(happening), (len(self.happenings) + 1, happening)
                )

    @property
    def unseen_events(self) -> dict[str, set[str]]:
        """Segment -> names of events that it asks for and that were never seen."""
        found: dict[str, set[str]] = {}
        seen = {event for kind, event in self.names if kind == "track"}
        kinds = {kind for kind, _ in self.names}
        for key, segment in self.segments.segments.items():
            for _, _, _, leaf in segment.leaves():
                for happening in _happenings(leaf):
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

    def verdicts_sql(self, unit: str, member_id: str) -> str:
        """One contact or account with the truth of each leaf (:attr:`leaves`) and each verdict."""
        ctes, at = self._decided({})
        query = exp.select("*").from_(exp.alias_(at[unit].copy(), "m", table=True))
        wanted = exp.EQ(this=column("m", f"{unit}_id"), expression=exp.Literal.string(member_id))
        return border.checked(_with(query.where(wanted), ctes), {})

    def truth_of(self, unit: str, leaf: Leaf) -> str:
        """The column of :meth:`verdicts_sql` that holds a leaf's truth."""
        return self.leaves[_key(unit, leaf)][0]

    def verdict_of(self, condition: Any) -> str:
        """The column of :meth:`verdicts_sql` for the condition inside a ``contacts:``."""
        return self.verdicts[_key("contact", condition)].name

    def _part(self, part: str, relations: Mapping[str, str]) -> exp.Query:
        if part in ("segment_events", "segment_touches"):
            return self._happened(part)
        return self._truths(part.removeprefix("segment_").removesuffix("s"), relations)

    def _happened(self, part: str) -> exp.Query:
        is_event = part == "segment_events"
        queries = [
            leaves.event_rows(number, happening, self.fields, self.names, self.as_of)
            for number, happening in self.happenings.values()
            if (happening.event is not None) == is_event
        ]
        if not queries:
            nothing = leaves.event_rows(0, _nothing(is_event), self.fields, self.names, self.as_of)
            queries = [nothing.where(exp.false())]
        return _union(queries)

    def _truths(self, unit: str, relations: Mapping[str, str]) -> exp.Select:
        """One row per contact or account: what every verdict may need, and one truth a leaf."""
        return _Truths(self, unit, relations).query()

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
        at = {unit: _relation(f"segment_{unit}s", relations) for unit in UNITS}
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
        return _with(_union(queries or [_no_members(at)]), ctes)

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
                counted = counted.select(exp.alias_(_count_if(column("c", name)), name))
            counted = counted.where(
                exp.Not(this=exp.Is(this=column("c", "account_id"), expression=exp.Null()))
            ).group_by(column("c", "account_id"))
            on = exp.EQ(this=column("b", own), expression=column("o", own))
            query = query.join(counted.subquery("o"), on=on, join_type="left")
            for (key, how), name in asked.items():
                names[f"{key}/{how}"] = _counts(
                    exp.Coalesce(this=column("o", name), expressions=[exp.Literal.number(0)]), how
                )
        for verdict in decided:
            condition = self._condition(verdict.condition, unit, names)
            if verdict.vertical is not None:
                vertical = exp.Literal.string(verdict.vertical)
                in_it = whether(exp.EQ(this=column("b", "vertical"), expression=vertical))
                condition = exp.and_(in_it, condition)
            query = query.select(exp.alias_(condition, verdict.name, quoted=True))
        return query

    def _condition(
        self, condition: Any, unit: str, names: Mapping[str, exp.Expression]
    ) -> exp.Expression:
        if isinstance(condition, All):
            return exp.and_(*(self._condition(part, unit, names) for part in condition.all_))
        if isinstance(condition, Any_):
            return exp.or_(*(self._condition(part, unit, names) for part in condition.any_))
        if isinstance(condition, Not):
            return exp.not_(self._condition(condition.not_, unit, names))
        if isinstance(condition, SegmentLeaf | ContactsLeaf):
            ((key, how),) = _refers_to(condition)
            if f"{key}/{how}" in names:
                return names[f"{key}/{how}"].copy()
            return exp.column(self.verdicts[key].name, quoted=True)
        name, _, _ = self.leaves[_key(unit, condition)]
        return column("b", name)

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


class _Truths:
    """The query that decides the leaves of one unit, each join added once."""

    def __init__(self, compiled: Compiled, unit: str, relations: Mapping[str, str]) -> None:
        self.compiled = compiled
        self.unit = unit
        self.relations = relations
        self.own = column(unit, f"{unit}_id")
        self.columns: list[exp.Expression] = []
        self.joins: dict[str, tuple[exp.Expression, str]] = {}
        self.properties: dict[tuple[str, str], str] = {}
        self.counted: dict[int, list[exp.Expression]] = {}

    def query(self) -> exp.Select:
        for name, unit, leaf in self.compiled.leaves.values():
            if unit == self.unit:
                self.columns.append(exp.alias_(self._truth(name, leaf), name))
        query = exp.select(self.own.copy())
        if self.unit == "contact":
            query = query.select(column("contact", "account_id"), column("contact", "role"))
        query = query.select(column(self.unit, "vertical"), *self.columns)
        query = query.from_(exp.alias_(leaves.mart(f"{self.unit}_features"), self.unit, table=True))
        if self.unit == "contact":
            query = query.join(
                exp.alias_(leaves.mart("account_features"), "account", table=True),
                on=exp.EQ(
                    this=column("contact", "account_id"), expression=column("account", "account_id")
                ),
                join_type="left",
            )
        for (owner, name), alias in self.properties.items():
            query = leaves.join_property(query, owner, column(owner, f"{owner}_id"), name, alias)
        for number, aggregates in self.counted.items():
            self.joins[f"h{number}"] = (self._counted(number, aggregates), f"h{number}")
        for source, alias in self.joins.values():
            on = exp.EQ(this=self.own.copy(), expression=column(alias, f"{self.unit}_id"))
            query = query.join(source.subquery(alias), on=on, join_type="left")
        return query

    def _truth(self, name: str, leaf: Leaf) -> exp.Expression:
        as_of = self.compiled.as_of
        if isinstance(leaf, ScoreLeaf):
            place = score_field(leaf.score, self.unit)
            assert place is not None
            return whether(leaves.compare(self._field(place)[0], "number", leaf, as_of))
        if isinstance(leaf, FieldLeaf):
            value, kind = self._field(leaf.field)
            return whether(leaves.compare(value, kind, leaf, as_of))
        if isinstance(leaf, EventLeaf):
            return self._happened(name, leaf)
        self.joins[name] = (self._present(leaf), name)
        return exp.Not(this=exp.Is(this=column(name, f"{self.unit}_id"), expression=exp.Null()))

    def _field(self, place: str) -> tuple[exp.Expression, Any]:
        owner, _, name = place.partition(".")
        kind = (CONTACT_FIELDS if owner == "contact" else ACCOUNT_FIELDS).get(name)
        if kind is not None:
            return column(owner, name), kind
        alias = self.properties.setdefault((owner, name), f"p{len(self.properties) + 1}")
        declared = self.compiled.fields.of("contact")[place]
        return leaves.typed(column(alias, "value"), declared), declared

    def _happened(self, name: str, leaf: EventLeaf) -> exp.Expression:
        number, _ = self.compiled.happenings[_happening_key(leaf)]
        aggregates = self.counted.setdefault(number, [])
        inside = exp.and_(*leaves.window(leaf, self.compiled.as_of))

        def aggregate(function: exp.Expression, suffix: str) -> exp.Expression:
            kept = exp.Filter(this=function, expression=exp.Where(this=inside.copy()))
            aggregates.append(exp.alias_(kept, f"{name}{suffix}"))
            return column(f"h{number}", f"{name}{suffix}")

        parts: list[exp.Expression] = []
        asks_amount = leaf.sum_at_least is not None or leaf.sum_below is not None
        asks_last = leaf.last_at_least_days_ago is not None or leaf.last_below_days_ago is not None
        low, high = leaf.at_least, leaf.at_most
        if low is None and high is None and not asks_amount and not asks_last:
            low = 1
        if low is not None or high is not None:
            count = aggregate(exp.Count(this=exp.Star()), "n")
            known = exp.Coalesce(this=count, expressions=[exp.Literal.number(0)])
            parts += [
                _counts(known, f"{'' if low is None else low}..{'' if high is None else high}")
            ]
        if asks_amount:
            amount = aggregate(exp.Sum(this=column("h", "amount")), "s")
            if leaf.sum_at_least is not None:
                parts.append(exp.GTE(this=amount, expression=exp.convert(leaf.sum_at_least)))
            if leaf.sum_below is not None:
                parts.append(exp.LT(this=amount.copy(), expression=exp.convert(leaf.sum_below)))
        if asks_last:
            last = aggregate(exp.Max(this=column("h", "occurred_at")), "t")
            for days, operator in (
                (leaf.last_at_least_days_ago, exp.LTE),
                (leaf.last_below_days_ago, exp.GT),
            ):
                if days is not None:
                    limit = leaves.moment(self.compiled.as_of - timedelta(days=days))
                    parts.append(operator(this=last.copy(), expression=limit))
        return whether(exp.and_(*parts))

    def _rows(self, number: int) -> tuple[exp.Select, exp.Expression]:
        """``h``: what happened under this number, and the column of whom it counts for."""
        _, happening = next(h for h in self.compiled.happenings.values() if h[0] == number)
        part = "segment_events" if happening.event is not None else "segment_touches"
        rows = exp.select().from_(exp.alias_(_relation(part, self.relations), "h", table=True))
        rows = rows.where(
            exp.EQ(this=column("h", "happening"), expression=exp.Literal.number(number))
        )
        if self.unit == "contact":
            return rows, column("h", "contact_id")
        rows = rows.join(
            exp.alias_(leaves.mart("contact_features"), "c", table=True),
            on=exp.EQ(this=column("h", "contact_id"), expression=column("c", "contact_id")),
        )
        whose = column("c", "account_id")
        return rows.where(exp.Not(this=exp.Is(this=whose.copy(), expression=exp.Null()))), whose

    def _counted(self, number: int, aggregates: list[exp.Expression]) -> exp.Select:
        rows, whose = self._rows(number)
        return rows.select(whose, *aggregates).group_by(whose.copy())

    def _present(self, leaf: Leaf) -> exp.Select:
        """Those for whom a leaf holds, by their id."""
        if isinstance(leaf, SequenceLeaf):
            return self._sequence(leaf)
        if isinstance(leaf, ConsentLeaf):
            table, wanted = (
                "consent_states",
                {"state": leaf.consent, "purpose": leaf.purpose, "channel": leaf.channel},
            )
        elif isinstance(leaf, SnapshotLeaf):
            table, wanted = "segment_snapshots", {"snapshot_id": leaf.snapshot}
        else:
            assert isinstance(leaf, ListLeaf)
            table, wanted = "list_members", {"list_id": leaf.list_, "list_name": leaf.list_}
        conditions = [
            exp.EQ(this=column("t", name), expression=exp.Literal.string(value))
            for name, value in wanted.items()
        ]
        matches = exp.or_ if table == "list_members" else exp.and_
        known = exp.Not(this=exp.Is(this=column("t", "contact_id"), expression=exp.Null()))
        query = exp.select(column("t", "contact_id")).distinct()
        query = query.from_(exp.alias_(leaves.mart(table), "t", table=True))
        return query.where(matches(*conditions), known)

    def _sequence(self, leaf: SequenceLeaf) -> exp.Select:
        """The earliest time at which each step can have been reached, step after step."""
        found: exp.Select | None = None
        window = leaves.window(
            EventLeaf(event="any", within_days=leaf.within_days), self.compiled.as_of
        )
        for step in leaf.steps:
            number, _ = self.compiled.happenings[_happening_key(step)]
            rows, whose = self._rows(number)
            rows = rows.where(*(condition.copy() for condition in window))
            if found is not None:
                later = exp.GT(this=column("h", "occurred_at"), expression=column("s", "at"))
                same = exp.EQ(this=whose.copy(), expression=column("s", f"{self.unit}_id"))
                rows = rows.join(found.subquery("s"), on=exp.and_(same, later))
            at = exp.alias_(exp.Min(this=column("h", "occurred_at")), "at")
            found = rows.select(exp.alias_(whose.copy(), f"{self.unit}_id"), at)
            found = found.group_by(whose.copy())
        assert found is not None
        return found


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
        return [(_key("contact", condition.contacts), how)]
    return []


def _counts(count: exp.Expression, how: str) -> exp.Expression:
    low, _, high = how.partition("..")
    parts: list[exp.Expression] = []
    if low:
        parts.append(exp.GTE(this=count, expression=exp.Literal.number(low)))
    if high:
        parts.append(exp.LTE(this=count.copy(), expression=exp.Literal.number(high)))
    return exp.and_(*parts)


def _count_if(condition: exp.Expression) -> exp.Expression:
    return exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=condition))


def _happenings(leaf: Leaf) -> list[Happening]:
    if isinstance(leaf, EventLeaf):
        return [leaf]
    return leaf.steps if isinstance(leaf, SequenceLeaf) else []


def _happening_key(happening: Happening) -> str:
    plain = Happening(event=happening.event, touch=happening.touch, where=happening.where)
    return _key("", plain)


def _key(unit: str, condition: Any) -> str:
    plain = condition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps([unit, type(condition).__name__, plain], sort_keys=True)


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


def _relation(part: str, relations: Mapping[str, str]) -> exp.Table:
    if part not in relations:
        return exp.to_table(part)
    schema, _, name = relations[part].partition(".")
    return exp.table_(name, db=schema, quoted=True)


def _with(query: exp.Query, ctes: list[tuple[str, exp.Query]]) -> exp.Query:
    for name, part in ctes:
        query = query.with_(name, part, materialized=name not in PARTS[:2], copy=False)
    return query


def _union(queries: list[exp.Select]) -> exp.Query:
    whole: exp.Query = queries[0]
    for query in queries[1:]:
        whole = exp.union(whole, query, distinct=False, copy=False)
    return whole
