"""One row per contact or account with one truth a leaf.

A field's truth is an expression on the row itself. All else (what happened, consents, lists) is
found as a few rows each, "this one differs from one of whom nothing is known", and put into bits of
one number, which are joined once: a join for every leaf costs several times the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlglot import exp

from reverse_etl.segments import leaves
from reverse_etl.segments.asked import happening_key
from reverse_etl.segments.leaves import column, whether
from workspace.definitions.segment_fields import (
    ACCOUNT_FIELDS,
    CONTACT_FIELDS,
    Fields,
    score_field,
)
from workspace.definitions.segments import (
    ConsentLeaf,
    EventLeaf,
    FieldLeaf,
    Happening,
    Leaf,
    ListLeaf,
    ScoreLeaf,
    SequenceLeaf,
    SnapshotLeaf,
)

#: Bits of a number that every engine takes for a positive one.
BITS = 60


class Truths:
    """The query for the leaves of one unit. ``wanted`` maps the column of each leaf to it."""

    def __init__(
        self,
        unit: str,
        wanted: Mapping[str, Leaf],
        happenings: Mapping[str, tuple[int, Happening]],
        fields: Fields,
        relations: Mapping[str, str],
        as_of: datetime,
    ) -> None:
        self.unit = unit
        self.wanted = wanted
        self.happenings = happenings
        self.fields = fields
        self.relations = relations
        self.as_of = as_of
        self.properties: dict[tuple[str, str], str] = {}
        self.places: dict[str, tuple[int, int]] = {}
        self.counted: dict[int, list[tuple[str, exp.Expression, bool]]] = {}
        self.present: dict[str, exp.Select] = {}

    def query(self) -> exp.Select:
        truths = [exp.alias_(self._truth(name, leaf), name) for name, leaf in self.wanted.items()]
        own = column(self.unit, f"{self.unit}_id")
        query = exp.select(own)
        if self.unit == "contact":
            query = query.select(column("contact", "account_id"), column("contact", "role"))
        query = query.select(column(self.unit, "vertical"), *truths, copy=False)
        features = exp.alias_(leaves.mart(f"{self.unit}_features"), self.unit, table=True)
        query = query.from_(features, copy=False)
        if self.unit == "contact":
            account = column("account", "account_id")
            query = query.join(
                exp.alias_(leaves.mart("account_features"), "account", table=True),
                on=exp.EQ(this=column("contact", "account_id"), expression=account),
                join_type="left",
                copy=False,
            )
        for (owner, name), alias in self.properties.items():
            query = leaves.join_property(query, owner, column(owner, f"{owner}_id"), name, alias)
        if self.places:
            on = exp.EQ(this=own.copy(), expression=column("bits", "member_id"))
            bits = self._bits().subquery("bits", copy=False)
            query = query.join(bits, on=on, join_type="left", copy=False)
        return query

    # ---- a truth -----------------------------------------------------------------------------

    def _truth(self, name: str, leaf: Leaf) -> exp.Expression:
        if isinstance(leaf, ScoreLeaf):
            place = score_field(leaf.score, self.unit)
            assert place is not None
            return whether(leaves.compare(self._field(place)[0], "number", leaf, self.as_of))
        if isinstance(leaf, FieldLeaf):
            value, kind = self._field(leaf.field)
            return whether(leaves.compare(value, kind, leaf, self.as_of))
        word, bit = divmod(len(self.places), BITS)
        self.places[name] = (word, bit)
        otherwise = False
        if isinstance(leaf, EventLeaf):
            number, _ = self.happenings[happening_key(leaf)]
            truth, otherwise = self._happened(leaf)
            self.counted.setdefault(number, []).append((name, truth, otherwise))
        else:
            self.present[name] = self._present(leaf)
        zero = exp.Literal.number(0)
        found = exp.Coalesce(this=column("bits", f"b{word}"), expressions=[zero])
        differs = exp.Paren(this=exp.BitwiseAnd(this=found, expression=_bit(bit)))
        compare = exp.EQ if otherwise else exp.NEQ
        return compare(this=differs, expression=zero.copy())

    def _field(self, place: str) -> tuple[exp.Expression, Any]:
        owner, _, name = place.partition(".")
        kind = (CONTACT_FIELDS if owner == "contact" else ACCOUNT_FIELDS).get(name)
        if kind is not None:
            return column(owner, name), kind
        alias = self.properties.setdefault((owner, name), f"p{len(self.properties) + 1}")
        declared = self.fields.of("contact")[place]
        return leaves.typed(alias, declared), declared

    def _happened(self, leaf: EventLeaf) -> tuple[exp.Expression, bool]:
        """The truth as aggregates of what happened, and what it is where nothing did."""
        inside = exp.and_(*leaves.window(leaf, self.as_of))

        def over(function: exp.Expression) -> exp.Expression:
            return exp.Filter(this=function, expression=exp.Where(this=inside.copy()))

        asks_amount = leaf.sum_at_least is not None or leaf.sum_below is not None
        asks_last = leaf.last_at_least_days_ago is not None or leaf.last_below_days_ago is not None
        low, high = leaf.at_least, leaf.at_most
        if low is None and high is None and not asks_amount and not asks_last:
            low = 1
        parts: list[exp.Expression] = []
        if low is not None or high is not None:
            parts.append(leaves.between(over(exp.Count(this=exp.Star())), low, high))
        for amount, operator in ((leaf.sum_at_least, exp.GTE), (leaf.sum_below, exp.LT)):
            if amount is not None:
                total = over(exp.Sum(this=column("h", "amount")))
                parts.append(operator(this=total, expression=exp.convert(amount)))
        for days, operator in (
            (leaf.last_at_least_days_ago, exp.LTE),
            (leaf.last_below_days_ago, exp.GT),
        ):
            if days is not None:
                last = over(exp.Max(this=column("h", "occurred_at")))
                limit = leaves.moment(self.as_of - timedelta(days=days))
                parts.append(operator(this=last, expression=limit))
        otherwise = not low and not asks_amount and not asks_last
        return whether(exp.and_(*parts)), otherwise

    # ---- bits --------------------------------------------------------------------------------

    def _bits(self) -> exp.Select:
        """``member_id, b0, b1, ...``: who differs from one of whom nothing is known, and where."""
        words = 1 + max(word for word, _ in self.places.values())
        queries = []
        for number, truths in self.counted.items():
            rows, whose = self._rows(number)
            found: dict[int, list[exp.Expression]] = {}
            for name, truth, otherwise in truths:
                word, bit = self.places[name]
                differs = exp.not_(truth) if otherwise else truth
                case = exp.Case(
                    ifs=[exp.If(this=differs, true=_bit(bit))], default=exp.Literal.number(0)
                )
                found.setdefault(word, []).append(case)
            rows = rows.select(exp.alias_(whose, "member_id"), *_words(found, words), copy=False)
            queries.append(rows.group_by(whose.copy(), copy=False))
        for name, rows in self.present.items():
            word, bit = self.places[name]
            member = exp.alias_(column("t", f"{self.unit}_id"), "member_id")
            query = exp.select(member, *_words({word: [_bit(bit)]}, words))
            queries.append(query.from_(rows.subquery("t", copy=False), copy=False))
        together = exp.select(column("u", "member_id"))
        together = together.select(
            *(
                exp.alias_(exp.BitwiseOrAgg(this=column("u", f"b{word}")), f"b{word}")
                for word in range(words)
            ),
            copy=False,
        )
        together = together.from_(leaves.union(queries).subquery("u", copy=False), copy=False)
        return together.group_by(column("u", "member_id"), copy=False)

    def _rows(self, number: int) -> tuple[exp.Select, exp.Expression]:
        """``h``: what happened under this number, and the column of whom it counts for."""
        _, happening = next(h for h in self.happenings.values() if h[0] == number)
        part = "segment_events" if happening.event is not None else "segment_touches"
        source = exp.alias_(leaves.relation(part, self.relations), "h", table=True)
        mine = exp.EQ(this=column("h", "happening"), expression=exp.Literal.number(number))
        rows = exp.select().from_(source).where(mine)
        if self.unit == "contact":
            return rows, column("h", "contact_id")
        rows = rows.join(
            exp.alias_(leaves.mart("contact_features"), "c", table=True),
            on=exp.EQ(this=column("h", "contact_id"), expression=column("c", "contact_id")),
        )
        whose = column("c", "account_id")
        return rows.where(exp.Not(this=exp.Is(this=whose.copy(), expression=exp.Null()))), whose

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
        window = leaves.window(EventLeaf(event="any", within_days=leaf.within_days), self.as_of)
        for step in leaf.steps:
            number, _ = self.happenings[happening_key(step)]
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


def _bit(bit: int) -> exp.Expression:
    return exp.Literal.number(1 << bit)


def _words(found: Mapping[int, list[exp.Expression]], words: int) -> list[exp.Expression]:
    """A column for each word: the sum of its bits, which are of one row and distinct."""
    made = []
    for word in range(words):
        bits = found.get(word) or [exp.Literal.number(0)]
        total: exp.Expression = bits[0]
        for bit in bits[1:]:
            total = exp.Add(this=total, expression=bit)
        made.append(exp.alias_(exp.cast(total, "bigint"), f"b{word}"))
    return made
