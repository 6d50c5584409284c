"""A leaf of a definition as SQL: built as expressions, so that no text of a user is ever pasted.

Comparisons come out true or false, never NULL: a missing value is false here, and the ``not``
above it true.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from sqlglot import exp

from workspace.definitions.segment_fields import (
    EVENT_FIELDS,
    NAMED_TYPES,
    TOUCH_FIELDS,
    Fields,
    Kind,
    plain_name,
)
from workspace.definitions.segments import Comparison, EventLeaf, Happening

#: Numbers beyond this are taken for rubbish in a property's text, NaN and infinity too.
_LARGEST = 10**15


def column(table: str, name: str) -> exp.Column:
    return exp.column(name, table=table, quoted=True)


def moment(time: datetime) -> exp.Expression:
    return exp.cast(exp.Literal.string(time.isoformat(sep=" ")), "timestamp")


def whether(condition: exp.Expression) -> exp.Expression:
    return exp.Coalesce(this=condition, expressions=[exp.false()])


def either(conditions: list[exp.Expression]) -> exp.Expression:
    return exp.or_(*conditions) if conditions else exp.false()


def compare(
    value: exp.Expression, kind: Kind, comparison: Comparison, as_of: datetime
) -> exp.Expression:
    """The comparison of a value of this kind; may be NULL where the value is."""
    parts: list[exp.Expression] = []
    for name, given in comparison.operators().items():
        this = value.copy()
        if name == "is_known":
            known = exp.Not(this=exp.Is(this=this, expression=exp.Null()))
            parts.append(known if given else exp.Is(this=this, expression=exp.Null()))
        elif name in ("within_days", "older_than_days", "within_next_days"):
            at = exp.cast(this, "timestamp") if kind == "date" else this
            limit = moment(as_of - timedelta(days=given))
            if name == "within_next_days":
                parts.append(exp.GTE(this=at, expression=moment(as_of)))
                limit = moment(as_of + timedelta(days=given))
                parts.append(exp.LT(this=at.copy(), expression=limit))
            elif name == "within_days":
                parts.append(exp.GTE(this=at, expression=limit))
                parts.append(exp.LT(this=at.copy(), expression=moment(as_of)))
            else:
                parts.append(exp.LT(this=at, expression=limit))
        elif name in ("in", "not_in"):
            among = exp.In(this=this, expressions=[literal(item, kind) for item in given])
            parts.append(among if name == "in" else exp.Not(this=among))
        elif name == "contains":
            found = exp.StrPosition(this=this, substr=literal(given, kind))
            parts.append(exp.GT(this=found, expression=exp.Literal.number(0)))
        else:
            parts.append(_OPERATORS[name](this=this, expression=literal(given, kind)))
    return exp.and_(*parts)


_OPERATORS: dict[str, Any] = {
    "is": exp.EQ,
    "is_not": exp.NEQ,
    "at_least": exp.GTE,
    "above": exp.GT,
    "at_most": exp.LTE,
    "below": exp.LT,
    "starts_with": exp.StartsWith,
    "ends_with": exp.EndsWith,
}


def literal(value: Any, kind: Kind) -> exp.Expression:
    if kind in ("date", "time"):
        day = value if isinstance(value, date) else date.fromisoformat(value)
        return exp.cast(
            exp.Literal.string(day.isoformat()), "date" if kind == "date" else "timestamp"
        )
    return exp.convert(value)


def typed(text: exp.Expression, kind: Kind) -> exp.Expression:
    """A property's text as its kind; NULL where it is none."""
    if kind == "text":
        return text
    if kind == "boolean":
        return exp.Case(
            ifs=[
                exp.If(
                    this=exp.EQ(this=text, expression=exp.Literal.string("true")), true=exp.true()
                ),
                exp.If(
                    this=exp.EQ(this=text.copy(), expression=exp.Literal.string("false")),
                    true=exp.false(),
                ),
            ]
        )
    if kind == "number":
        number = exp.TryCast(this=text, to=exp.DataType.build("double"))
        shape = exp.RegexpLike(
            this=text.copy(),
            expression=exp.Literal.string(
                r"^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *$"
            ),
        )
        usable = exp.Between(
            this=number,
            low=exp.Neg(this=exp.Literal.number(_LARGEST)),
            high=exp.Literal.number(_LARGEST),
        )
        return exp.Case(ifs=[exp.If(this=exp.and_(shape, usable), true=number.copy())])
    return exp.TryCast(this=text, to=exp.DataType.build("timestamp" if kind == "time" else "date"))


def event_rows(
    number: int,
    happening: Happening,
    fields: Fields,
    names: Collection[tuple[str, str]],
    as_of: datetime,
) -> exp.Select:
    """What contacts did: ``happening, contact_id, occurred_at, occurred_on, amount``."""
    is_event = happening.event is not None
    source = "fct_events" if is_event else "fct_touchpoints"
    conditions = [named(happening, names) if is_event else _touch(happening)]
    conditions.append(exp.Not(this=exp.Is(this=column("e", "contact_id"), expression=exp.Null())))
    conditions.append(
        exp.NEQ(this=column("e", "actor_class"), expression=exp.Literal.string("machine"))
    )
    query = exp.select(
        exp.alias_(exp.Literal.number(number), "happening"),
        column("e", "contact_id"),
        column("e", "occurred_at"),
        column("e", "occurred_on"),
        exp.alias_(column("e", "revenue_base") if is_event else _no_amount(), "amount"),
    ).from_(exp.alias_(mart(source), "e", table=True))
    for position, (name, comparison) in enumerate(happening.where.items()):
        if is_event and name not in EVENT_FIELDS:
            kind = fields.event[name]
            joined = f"p{position}"
            query = join_property(query, "event", column("e", "message_id"), name, joined)
            value = typed(column(joined, "value"), kind)
        else:
            kind = EVENT_FIELDS[name] if is_event else TOUCH_FIELDS[name]
            value = column("e", name)
        conditions.append(whether(compare(value, kind, comparison, as_of)))
    return query.where(*conditions)


def named(happening: Happening, names: Collection[tuple[str, str]]) -> exp.Expression:
    """The event by name: as given, and every name whose plain form it is."""
    given = happening.name
    found = sorted({event for kind, event in names if kind == "track" and is_called(event, given)})
    track = exp.and_(
        exp.EQ(this=column("e", "message_type"), expression=exp.Literal.string("track")),
        exp.In(
            this=column("e", "event"),
            expressions=[exp.Literal.string(name) for name in found or [given]],
        ),
    )
    if given not in NAMED_TYPES:
        return track
    kind = exp.Literal.string(NAMED_TYPES[given])
    return exp.or_(track, exp.EQ(this=column("e", "message_type"), expression=kind))


def is_called(event: str, given: str) -> bool:
    return event != "" and (event == given or plain_name(event) == given)


def join_property(
    query: exp.Select, owner: str, key: exp.Expression, name: str, alias: str
) -> exp.Select:
    return query.join(
        exp.alias_(mart("field_values"), alias, table=True),
        on=exp.and_(
            exp.EQ(this=column(alias, "owner"), expression=exp.Literal.string(owner)),
            exp.EQ(this=column(alias, "property"), expression=exp.Literal.string(name)),
            exp.EQ(this=column(alias, "owner_id"), expression=key),
        ),
        join_type="left",
    )


def mart(name: str) -> exp.Table:
    return exp.table_(name, db="marts", quoted=True)


def window(leaf: EventLeaf, as_of: datetime) -> list[exp.Expression]:
    """The window of a leaf as conditions of ``h.occurred_at``."""
    at = column("h", "occurred_at")
    end = as_of - timedelta(days=leaf.older_than_days or 0)
    found: list[exp.Expression] = [exp.LT(this=at, expression=moment(end))]
    if leaf.within_days is not None:
        start = moment(as_of - timedelta(days=leaf.within_days))
        found.append(exp.GTE(this=at.copy(), expression=start))
    return found


def _touch(happening: Happening) -> exp.Expression:
    return exp.EQ(this=column("e", "touch_type"), expression=exp.Literal.string(happening.name))


def _no_amount() -> exp.Expression:
    return exp.cast(exp.Null(), "decimal(18, 4)")
