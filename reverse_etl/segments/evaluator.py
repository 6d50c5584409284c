"""Who is in a segment, in Polars: a second opinion on the SQL that definitions compile to.

It follows `docs/segments.md` sentence by sentence and shares nothing with the compiler, so that
what one of them gets wrong the other does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import and_
from typing import Literal

import polars as pl

from reverse_etl.segments import comparing
from reverse_etl.segments.comparing import MONEY, TYPES, holds, window
from workspace.definitions.segment_fields import (
    ACCOUNT_FIELDS,
    CONTACT_FIELDS,
    EVENT_FIELDS,
    TOUCH_FIELDS,
    Fields,
    Kind,
    score_field,
)
from workspace.definitions.segments import (
    All,
    Any_,
    Condition,
    ConsentLeaf,
    ContactsLeaf,
    EventLeaf,
    FieldLeaf,
    Happening,
    ListLeaf,
    Not,
    ScoreLeaf,
    Segment,
    SegmentLeaf,
    SequenceLeaf,
    SnapshotLeaf,
)

Unit = Literal["contact", "account"]

#: Names that stand for messages of a type.
_OF_TYPE = {"page_viewed": "page", "screen_viewed": "screen", "identified": "identify"}

_TEXT, _AT = TYPES["text"], TYPES["time"]
_HAPPENED = {"contact_id": _TEXT, "occurred_at": _AT, "actor_class": _TEXT}


def _of_kinds(kinds: Mapping[str, Kind]) -> dict[str, pl.DataType]:
    return {name: TYPES[kind] for name, kind in kinds.items()}


#: Table -> the columns that are read, and what they are held as.
COLUMNS: dict[str, dict[str, pl.DataType]] = {
    "contact_features": {"contact_id": _TEXT, "account_id": _TEXT, **_of_kinds(CONTACT_FIELDS)},
    "account_features": {"account_id": _TEXT, **_of_kinds(ACCOUNT_FIELDS)},
    "field_values": dict.fromkeys(("owner", "owner_id", "property", "value"), _TEXT),
    "fct_events": {
        **dict.fromkeys(("message_id", "message_type", "event"), _TEXT),
        **_HAPPENED,
        **_of_kinds(EVENT_FIELDS),
    },
    "fct_touchpoints": {"touch_type": _TEXT, **_HAPPENED, **_of_kinds(TOUCH_FIELDS)},
    "consent_states": dict.fromkeys(("contact_id", "purpose", "channel", "state"), _TEXT),
    "list_members": dict.fromkeys(("list_id", "list_name", "contact_id"), _TEXT),
    "segment_snapshots": dict.fromkeys(("snapshot_id", "contact_id"), _TEXT),
}
#: Amounts, which are compared exactly.
_AMOUNTS = {"order_revenue_base", "mrr_base", "revenue_base"}


@dataclass(frozen=True)
class Tables:
    """The marts that segments ask, with at least ``COLUMNS`` of each.

    A part of them will do as long as it holds whole accounts: their contacts, and what all of
    those did, consented to and are listed in.
    """

    contact_features: pl.DataFrame
    account_features: pl.DataFrame
    field_values: pl.DataFrame
    fct_events: pl.DataFrame
    fct_touchpoints: pl.DataFrame
    consent_states: pl.DataFrame
    list_members: pl.DataFrame
    segment_snapshots: pl.DataFrame


def plain(name: str) -> str:
    """An event's name in its plain form: ``Démo réservée`` is ``demo_reservee``."""
    parts = unicodedata.normalize("NFD", name.lower())
    bare = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", bare)).strip("_")


class Evaluator:
    """Evaluates definitions that were read without fault, at ``as_of`` (naive or aware UTC)."""

    def __init__(
        self, tables: Tables, fields: Fields, segments: Mapping[str, Segment], as_of: datetime
    ) -> None:
        self._as_of = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
        self._fields = fields
        self._segments = segments
        self._members: dict[str, frozenset[str]] = {}
        self._read: dict[tuple[str, str], pl.DataFrame] = {}
        self._tables = read = _typed(tables)

        accounts = self._with_properties("account", read.account_features, {"account_id": "who"})
        contacts = self._with_properties(
            "contact", read.contact_features, {"contact_id": "who", "account_id": "home"}
        )
        #: One row per contact or account: ``who``, and the fields that may be asked of it.
        self._frames: dict[Unit, pl.DataFrame] = {
            "contact": contacts.join(accounts, left_on="home", right_on="who", how="left"),
            "account": accounts,
        }
        self._everybody: dict[Unit, frozenset[str]] = {
            unit: frozenset(frame["who"]) for unit, frame in self._frames.items()
        }
        self._accounts_of = read.contact_features.select("contact_id", "account_id", "role")
        #: (message_type, event) or (touch_type,) -> what counts of it.
        self._events = self._counted(read.fct_events, "message_type", "event")
        self._touches = self._counted(read.fct_touchpoints, "touch_type")

    def members(self, key: str) -> frozenset[str]:
        """Contacts, or accounts of a segment with ``unit: account``, by their ids."""
        if key not in self._members:
            segment = self._segments[key]
            found = self._meet(segment.where, segment.unit)
            if segment.vertical is not None:
                table = getattr(self._tables, f"{segment.unit}_features")
                found &= frozenset(table.filter(vertical=segment.vertical)[f"{segment.unit}_id"])
            self._members[key] = found
        return self._members[key]

    def contacts(self, key: str) -> frozenset[str]:
        """Contacts that are members: of an account segment those of its accounts, by role."""
        segment, found = self._segments[key], self.members(key)
        if segment.unit == "contact":
            return found
        contacts = self._accounts_of.filter(_among("account_id", found))
        if segment.roles is not None:
            contacts = contacts.filter(_among("role", segment.roles))
        return frozenset(contacts["contact_id"])

    # -- conditions -------------------------------------------------------------------------

    def _meet(self, condition: Condition, unit: Unit) -> frozenset[str]:
        """Who meets a condition. A comparison with a missing value is false, its ``not`` true:
        whoever is not in the set of the one is in that of the other."""
        if isinstance(condition, All):
            return reduce(and_, [self._meet(part, unit) for part in condition.all_])
        if isinstance(condition, Any_):
            return frozenset().union(*(self._meet(part, unit) for part in condition.any_))
        if isinstance(condition, Not):
            return self._everybody[unit] - self._meet(condition.not_, unit)
        leaf = self._leaves[type(condition)]
        return leaf(self, condition, unit) & self._everybody[unit]

    def _field(self, leaf: FieldLeaf, unit: Unit) -> frozenset[str]:
        frame = self._frames[unit]
        test = holds(pl.col(leaf.field), frame.schema[leaf.field], leaf, self._as_of)
        return frozenset(frame.filter(test)["who"])

    def _score(self, leaf: ScoreLeaf, unit: Unit) -> frozenset[str]:
        field = score_field(leaf.score, unit)
        if field is None:
            raise ValueError(f"no score {leaf.score!r} of {unit}s")
        return self._field(FieldLeaf(field=field, **leaf.operators()), unit)

    def _event(self, leaf: EventLeaf, unit: Unit) -> frozenset[str]:
        happened = self._happened(leaf, unit, leaf.within_days, leaf.older_than_days)
        amount = pl.col("revenue_base") if leaf.event else pl.lit(None, dtype=MONEY)
        by_who = happened.group_by("who").agg(
            times=pl.len(),
            total=pl.when(amount.count() > 0).then(amount.sum().cast(MONEY)),
            last=pl.col("occurred_at").max(),
        )
        everybody = self._frames[unit].select("who").join(by_who, on="who", how="left")
        times, total, last = pl.col("times").fill_null(0), pl.col("total"), pl.col("last")
        asked: list[pl.Expr] = []
        if leaf.at_most is not None:
            asked.append(times <= leaf.at_most)
        if leaf.sum_at_least is not None:
            asked.append(comparing.at_least(total, leaf.sum_at_least))
        if leaf.sum_below is not None:
            asked.append(comparing.below(total, leaf.sum_below))
        if (days := leaf.last_at_least_days_ago) is not None:
            asked.append(last <= self._as_of - timedelta(days=days))
        if (days := leaf.last_below_days_ago) is not None:
            asked.append(last > self._as_of - timedelta(days=days))
        if leaf.at_least is not None or not asked:
            asked.append(times >= (1 if leaf.at_least is None else leaf.at_least))
        return frozenset(everybody.filter(*asked)["who"])

    def _sequence(self, leaf: SequenceLeaf, unit: Unit) -> frozenset[str]:
        # Whoever can do all the steps can do each at its first chance after the one before.
        first, *others = [
            self._happened(step, unit, leaf.within_days, None).select("who", "occurred_at")
            for step in leaf.steps
        ]
        reached = first.group_by("who").agg(reached=pl.col("occurred_at").min())
        for step in others:
            later = step.join(reached, on="who").filter(pl.col("occurred_at") > pl.col("reached"))
            reached = later.group_by("who").agg(reached=pl.col("occurred_at").min())
        return frozenset(reached["who"])

    def _segment(self, leaf: SegmentLeaf, unit: Unit) -> frozenset[str]:
        if unit == "contact":
            return self.contacts(leaf.segment)
        found = self.members(leaf.segment)
        if self._segments[leaf.segment].unit == "account":
            return found
        return frozenset(self._accounts_of.filter(_among("contact_id", found))["account_id"])

    def _contacts(self, leaf: ContactsLeaf, unit: Unit) -> frozenset[str]:
        meeting = self._meet(leaf.contacts, "contact")
        number = self._accounts_of.filter(_among("contact_id", meeting)).group_by("account_id")
        everybody = (
            self._frames["account"]
            .select("who")
            .join(number.agg(number=pl.len()), left_on="who", right_on="account_id", how="left")
        )
        fewest = 1 if leaf.at_least is None and leaf.at_most is None else leaf.at_least or 0
        counted = pl.col("number").fill_null(0)
        found = everybody.filter(counted >= fewest)
        if leaf.at_most is not None:
            found = found.filter(counted <= leaf.at_most)
        return frozenset(found["who"])

    def _consent(self, leaf: ConsentLeaf, unit: Unit) -> frozenset[str]:
        states = self._tables.consent_states.filter(
            state=leaf.consent, purpose=leaf.purpose, channel=leaf.channel
        )
        return frozenset(states["contact_id"])

    def _list(self, leaf: ListLeaf, unit: Unit) -> frozenset[str]:
        named = (pl.col("list_id") == leaf.list_) | (pl.col("list_name") == leaf.list_)
        return frozenset(self._tables.list_members.filter(named)["contact_id"])

    def _snapshot(self, leaf: SnapshotLeaf, unit: Unit) -> frozenset[str]:
        rows = self._tables.segment_snapshots.filter(snapshot_id=leaf.snapshot)
        return frozenset(rows["contact_id"])

    _leaves: Mapping[type, Callable[..., frozenset[str]]] = {
        FieldLeaf: _field,
        ScoreLeaf: _score,
        EventLeaf: _event,
        SequenceLeaf: _sequence,
        SegmentLeaf: _segment,
        ContactsLeaf: _contacts,
        ConsentLeaf: _consent,
        ListLeaf: _list,
        SnapshotLeaf: _snapshot,
    }

    # -- what happened ----------------------------------------------------------------------

    def _counted(
        self, table: pl.DataFrame, *name: str
    ) -> dict[tuple[str | None, ...], pl.DataFrame]:
        counts = (
            pl.col("contact_id").is_not_null()
            & (pl.col("occurred_at") < self._as_of)
            & pl.col("actor_class").ne_missing(pl.lit("machine"))
        )
        kept = table.filter(counts).join(
            self._accounts_of.select("contact_id", "account_id"), on="contact_id"
        )
        return kept.partition_by(*name, as_dict=True)

    def _happened(
        self, happening: Happening, unit: Unit, within: float | None, older: float | None
    ) -> pl.DataFrame:
        """What counts of a happening in a window; ``who`` is the contact or its account."""
        if happening.event is not None:
            kinds: dict[str, Kind] = {**EVENT_FIELDS, **self._fields.event}
            parts = [part for name, part in self._events.items() if _is(happening.event, *name)]
            nothing = self._tables.fct_events
        else:
            kinds = TOUCH_FIELDS
            parts = [part for name, part in self._touches.items() if name == (happening.touch,)]
            nothing = self._tables.fct_touchpoints
        if not parts:
            return nothing.clear().with_columns(who=pl.lit(None, dtype=_TEXT))
        found = pl.concat(parts).filter(window(pl.col("occurred_at"), self._as_of, within, older))
        for name, comparison in happening.where.items():
            column = name
            if happening.event is not None and name in self._fields.event_properties:
                column = f"property.{name}"
                values = self._values("event", name, kinds[name]).rename({"value": column})
                found = found.join(values, left_on="message_id", right_on="owner_id", how="left")
            test = holds(pl.col(column), found.schema[column], comparison, self._as_of)
            found = found.filter(test)
        return found.with_columns(who=pl.col(f"{unit}_id")).drop_nulls("who")

    # -- properties -------------------------------------------------------------------------

    def _values(self, owner: str, name: str, kind: Kind) -> pl.DataFrame:
        """A property's values, read as its kind: ``owner_id``, ``value``."""
        if (owner, name) not in self._read:
            rows = self._tables.field_values.filter(owner=owner, property=name)
            values = comparing.parsed(rows["value"], kind)
            self._read[owner, name] = rows.select("owner_id", value=values)
        return self._read[owner, name]

    def _with_properties(
        self, unit: Unit, table: pl.DataFrame, keys: Mapping[str, str]
    ) -> pl.DataFrame:
        """The fields of a unit as definitions name them; a property hides a column of its name."""
        frame = table.rename(lambda name: keys.get(name, f"{unit}.{name}"))
        properties = getattr(self._fields, f"{unit}_properties")
        for name, declared in properties.items():
            field = f"{unit}.{name}"
            values = self._values(unit, name, declared.type).rename({"value": field})
            frame = frame.drop(field, strict=False).join(
                values, left_on="who", right_on="owner_id", how="left"
            )
        return frame


def _is(wanted: str, message_type: str | None, event: str | None) -> bool:
    """Whether a definition's name means the messages of a type with an event's name."""
    if message_type == "track":
        return event is not None and wanted in (event, plain(event))
    return message_type is not None and message_type == _OF_TYPE.get(wanted)


def _among(column: str, ids: frozenset[str] | list[str]) -> pl.Expr:
    return pl.col(column).is_in(pl.Series(list(ids), dtype=_TEXT).implode())


def _typed(tables: Tables) -> Tables:
    """The columns that are read, cast to what they are held as."""
    typed = {}
    for table in (field.name for field in fields(tables)):
        columns = COLUMNS[table]
        typed[table] = getattr(tables, table).select(
            pl.col(name).cast(MONEY if name in _AMOUNTS else dtype)
            for name, dtype in columns.items()
        )
    return Tables(**typed)
