"""A leaf of a definition as SQL: built as expressions, so that no text of a user is ever pasted.

Comparisons come out true or false, never NULL: a missing value is false here, and the ``not``
above it true.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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

_TIMESTAMP = exp.DataType.build("timestamp")


def column(table: str, name: str) -> exp.Column:
    return exp.column(name, table=table, quoted=True)


def moment(time: datetime) -> exp.Expression:
    return exp.cast(exp.Literal.string(time.isoformat(sep=" ")), _TIMESTAMP)


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


def typed(alias: str, kind: Kind) -> exp.Expression:
    """A property (a row of field_values) as its kind; NULL where its text is none."""
    if kind == "number":
        return column(alias, "number_value")
    if kind == "time":
        return column(alias, "time_value")
    if kind == "date":
        return exp.cast(column(alias, "time_value"), "date")
    text = column(alias, "value")
    if kind == "text":
        return text
    said = {"true": exp.true(), "false": exp.false()}
    return exp.Case(
        ifs=[
            exp.If(this=exp.EQ(this=text.copy(), expression=exp.Literal.string(word)), true=truth)
            for word, truth in said.items()
        ]
    )


def event_rows(
    number: int,
    happening: Happening,
    fields: Fields,
    names: Collection[tuple[str, str]],
    as_of: datetime,
    since: datetime | None = None,
) -> exp.Select:
    """What contacts did: ``happening, contact_id, occurred_at, occurred_on, amount``."""
    is_event = happening.event is not None
    conditions = [named(happening, names) if is_event else _touch(happening), *_counting(since)]
    query = _rows(exp.Literal.number(number), is_event)
    for position, (name, comparison) in enumerate(happening.where.items()):
        if is_event and name not in EVENT_FIELDS:
            kind = fields.event[name]
            joined = f"p{position}"
            query = join_property(query, "event", column("e", "message_id"), name, joined)
            value = typed(joined, kind)
        else:
            kind = (EVENT_FIELDS if is_event else TOUCH_FIELDS)[name]
            value = column("e", name)
        conditions.append(whether(compare(value, kind, comparison, as_of)))
    return query.where(*conditions, copy=False)


def plain_rows(
    wanted: Collection[tuple[int, Happening]],
    names: Collection[tuple[str, str]],
    since: datetime | None,
) -> list[exp.Select]:
    """The rows of many happenings that only a name tells apart, of one kind, in one reading.

    A name that two of them go by is read again for the second.
    """
    rounds: list[dict[str, int]] = []
    is_event = False
    for number, happening in wanted:
        is_event = happening.event is not None
        for name in called(happening, names) if is_event else [happening.name]:
            for taken in rounds:
                if name not in taken:
                    taken[name] = number
                    break
            else:
                rounds.append({name: number})
    found = []
    for taken in rounds:
        name = column("e", "event" if is_event else "touch_type")
        number = exp.Case(
            this=name,
            ifs=[
                exp.If(this=exp.Literal.string(text), true=exp.Literal.number(number))
                for text, number in taken.items()
            ],
        )
        among = exp.In(this=name.copy(), expressions=[exp.Literal.string(text) for text in taken])
        conditions = [among, *_counting(since)]
        if is_event:
            track = exp.Literal.string("track")
            conditions.insert(0, exp.EQ(this=column("e", "message_type"), expression=track))
        found.append(_rows(number, is_event).where(*conditions, copy=False))
    return found


def _rows(number: exp.Expression, is_event: bool) -> exp.Select:
    return exp.select(
        exp.alias_(number, "happening"),
        column("e", "contact_id"),
        column("e", "occurred_at"),
        column("e", "occurred_on"),
        exp.alias_(column("e", "revenue_base") if is_event else _no_amount(), "amount"),
    ).from_(exp.alias_(mart("fct_events" if is_event else "fct_touchpoints"), "e", table=True))


def _counting(since: datetime | None) -> list[exp.Expression]:
    """What counts at all: some contact's, no machine's, and of late enough."""
    machine = exp.Literal.string("machine")
    found: list[exp.Expression] = [
        exp.Not(this=exp.Is(this=column("e", "contact_id"), expression=exp.Null())),
        exp.NullSafeNEQ(this=column("e", "actor_class"), expression=machine),
    ]
    if since is not None:
        found.append(exp.GTE(this=column("e", "occurred_at"), expression=moment(since)))
    return found


def called(happening: Happening, names: Collection[tuple[str, str]]) -> list[str]:
    """Names of events that a happening goes by: every known one, else the one it gives."""
    given = happening.name
    found = sorted({event for kind, event in names if kind == "track" and is_called(event, given)})
    return found or [given]


def named(happening: Happening, names: Collection[tuple[str, str]]) -> exp.Expression:
    """The event by name: as given, and every name whose plain form it is."""
    given = happening.name
    known = [exp.Literal.string(name) for name in called(happening, names)]
    track = exp.and_(
        exp.EQ(this=column("e", "message_type"), expression=exp.Literal.string("track")),
        exp.In(this=column("e", "event"), expressions=known),
    )
    if given not in NAMED_TYPES:
        return track
    kind = exp.Literal.string(NAMED_TYPES[given])
    return exp.or_(track, exp.EQ(this=column("e", "message_type"), expression=kind))


def is_called(event: str, given: str) -> bool:
    # No literal holds a NUL, and no file asks for one.
    return event != "" and "\0" not in event and (event == given or plain_name(event) == given)


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
        copy=False,
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


def between(count: exp.Expression, low: int | None, high: int | None) -> exp.Expression:
    parts: list[exp.Expression] = []
    if low is not None:
        parts.append(exp.GTE(this=count, expression=exp.Literal.number(low)))
    if high is not None:
        parts.append(exp.LTE(this=count.copy(), expression=exp.Literal.number(high)))
    return exp.and_(*parts)


def relation(part: str, relations: Mapping[str, str]) -> exp.Table:
    """Where a part stands: among the CTEs by its name, or as the table it was built as."""
    if part not in relations:
        return exp.to_table(part)
    schema, _, name = relations[part].partition(".")
    return exp.table_(name, db=schema, quoted=True)


def union(queries: list[exp.Select]) -> exp.Query:
    whole: exp.Query = queries[0]
    for query in queries[1:]:
        whole = exp.union(whole, query, distinct=False, copy=False)
    return whole
