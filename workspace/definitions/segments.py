"""`segments/*.yml`: who belongs to a segment, as conditions nested to any depth.

A condition is all, any or not of others, or a leaf about a field, an event, a sequence of events,
a score, another segment, a consent, a list or a snapshot. What a leaf means exactly stands in
`docs/segments.md`; here is its form, and what is wrong with one.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

from workspace.definitions.reading import Key, Strict
from workspace.definitions.segment_fields import Kind

#: Conditions within conditions; more is a file nobody wrote by hand.
DEEPEST = 100
LARGEST = 1e15


def _usable(number: float) -> float:
    if not math.isfinite(number) or abs(number) > LARGEST:
        raise ValueError("a number between -1e15 and 1e15")
    return number


def _printable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text without NUL")
    return text


Number = Annotated[StrictInt | StrictFloat, AfterValidator(_usable)]
Text = Annotated[StrictStr, Field(max_length=1000), AfterValidator(_printable)]
Part = Annotated[Text, Field(min_length=1)]
# Text first: what is stored as JSON has no dates.
Scalar = StrictBool | Number | Text | date
Days = Annotated[StrictInt | StrictFloat, Field(gt=0, le=36500)]
Count = Annotated[StrictInt, Field(ge=0, le=1_000_000_000)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(_printable)]

#: Operators that say the whole comparison, and those that may stand together.
_ALONE = ("is", "is_not", "in", "not_in", "contains", "starts_with", "ends_with", "is_known")
_RANGE = ("at_least", "above", "at_most", "below")
_AGE = ("within_days", "older_than_days")
_AHEAD = "within_next_days"
_FAMILY = {**dict.fromkeys(_RANGE, "range"), **dict.fromkeys(_AGE, "age")}
_OPERATORS = (*_ALONE, *_RANGE, *_AGE, _AHEAD)
_OF_KIND: dict[Kind, tuple[str, ...]] = {
    "text": _ALONE,
    "number": ("is", "is_not", "in", "not_in", "is_known", *_RANGE),
    "boolean": ("is", "is_known"),
    "date": ("is_known", *_RANGE, *_AGE, _AHEAD),
    "time": ("is_known", *_RANGE, *_AGE, _AHEAD),
}


class Comparison(Strict):
    """One comparison of a value; a missing value makes it false."""

    is_: Scalar | None = Field(None, alias="is")
    is_not: Scalar | None = None
    in_: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)] | None = Field(
        None, alias="in"
    )
    not_in: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)] | None = None
    at_least: Number | date | None = None
    above: Number | date | None = None
    at_most: Number | date | None = None
    below: Number | date | None = None
    contains: Part | None = None
    starts_with: Part | None = None
    ends_with: Part | None = None
    within_days: Days | None = None
    older_than_days: Days | None = None
    within_next_days: Days | None = None
    is_known: StrictBool | None = None

    def operators(self) -> dict[str, Any]:
        """Operator -> value, as the file has them."""
        found = {
            name: getattr(self, "in_" if name == "in" else "is_" if name == "is" else name)
            for name in _OPERATORS
        }
        return {name: value for name, value in found.items() if value is not None}

    @model_validator(mode="after")
    def _one_comparison(self) -> Comparison:
        given = list(self.operators())
        if not given:
            raise ValueError(f"give one of {', '.join(_OPERATORS)}")
        families = {
            name if name in _ALONE else "range" if name in _RANGE else "age" for name in given
        }
        if len(families) > 1:
            raise ValueError(f"{' and '.join(given)} cannot stand together; use all")
        for one, other in (("at_least", "above"), ("at_most", "below")):
            if one in given and other in given:
                raise ValueError(f"give {one} or {other}")
        if len(given) == 2 and "range" in families:
            low, high = self.operators()[given[0]], self.operators()[given[1]]
            if type(low) in (int, float) and type(high) in (int, float) and low > high:
                raise ValueError(f"nothing is between {low} and {high}")
        if self.within_days and self.older_than_days and self.older_than_days >= self.within_days:
            raise ValueError("older_than_days is below within_days")
        return self

    def faults_for(self, kind: Kind) -> Iterator[str]:
        for name, value in self.operators().items():
            if name not in _OF_KIND[kind]:
                fits = ", ".join(_OF_KIND[kind])
                yield f"{name} does not go with a {kind}; one of {fits} does"
                continue
            if name in _AGE or name in (_AHEAD, "is_known"):
                continue
            for item in value if isinstance(value, list) else [value]:
                if not _fits(item, kind):
                    yield f"{name}: {item!r} is not a {kind}"


def _fits(value: Any, kind: Kind) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "text":
        return isinstance(value, str)
    if isinstance(value, str):  # as definitions are stored
        try:
            date.fromisoformat(value)
        except ValueError:
            return False
        return True
    return isinstance(value, date)


class FieldLeaf(Comparison):
    """A field of the contact or its account."""

    field: Name


class ScoreLeaf(Comparison):
    """A score; those that models make may still be missing."""

    score: Key


class Happening(Strict):
    """What happened: an event by its name, or a touch by its type, and what its fields were."""

    event: Name | None = None
    touch: Key | None = None
    where: dict[Name, Comparison] = {}

    @model_validator(mode="after")
    def _event_or_touch(self) -> Happening:
        if (self.event is None) == (self.touch is None):
            raise ValueError("give event or touch")
        return self

    @property
    def name(self) -> str:
        return self.event or self.touch or ""


class EventLeaf(Happening):
    """How often it happened, how much it came to, or how long ago it last did."""

    at_least: Count | None = None
    at_most: Count | None = None
    sum_at_least: Number | None = None
    sum_below: Number | None = None
    last_at_least_days_ago: Days | None = None
    last_below_days_ago: Days | None = None
    within_days: Days | None = None
    older_than_days: Days | None = None

    @model_validator(mode="after")
    def _sane(self) -> EventLeaf:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"no count is at least {self.at_least} and at most {self.at_most}")
        if self.within_days and self.older_than_days and self.older_than_days >= self.within_days:
            raise ValueError("older_than_days is below within_days")
        if self.touch and (self.sum_at_least is not None or self.sum_below is not None):
            raise ValueError("only events have a revenue to sum")
        return self


class SequenceLeaf(Strict):
    """Events one after the other, each strictly later than the one before."""

    sequence: Annotated[list[Name | Happening], Field(min_length=2, max_length=10)]
    within_days: Days | None = None

    @property
    def steps(self) -> list[Happening]:
        return [
            step if isinstance(step, Happening) else Happening(event=step) for step in self.sequence
        ]


class SegmentLeaf(Strict):
    """Membership of another segment."""

    segment: Key


class ConsentLeaf(Strict):
    """The state of a consent; of several brands any."""

    consent: Literal[
        "granted",
        "pending",
        "unproven",
        "expired",
        "suppressed",
        "withdrawn",
        "objection",
        "unknown",
    ]
    purpose: Key
    channel: Key


class ListLeaf(Strict):
    """A list that was brought in or is kept in the CRM."""

    list_: Name = Field(alias="list")


class SnapshotLeaf(Strict):
    """Who was in a snapshot."""

    snapshot: Name


class All(Strict):
    all_: Annotated[list[Condition], Field(min_length=1)] = Field(alias="all")


class Any_(Strict):
    any_: Annotated[list[Condition], Field(min_length=1)] = Field(alias="any")


class Not(Strict):
    not_: Condition = Field(alias="not")


class ContactsLeaf(Strict):
    """How many contacts of the account meet a condition."""

    contacts: Condition
    at_least: Count | None = None
    at_most: Count | None = None

    @model_validator(mode="after")
    def _sane(self) -> ContactsLeaf:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"no count is at least {self.at_least} and at most {self.at_most}")
        return self


def _kind_of(condition: Any) -> str | None:
    if isinstance(condition, Strict):
        return next(_tag(model) for model in _KINDS.values() if type(condition) is model)
    if not isinstance(condition, dict):
        return None
    return next((_tag(model) for name, model in _KINDS.items() if name in condition), None)


def _tag(model: type[Strict]) -> str:
    """Stands in a fault's location, from which the reader of definitions takes it out."""
    return f"<{model.__name__}>"


#: What a condition says -> its model.
_KINDS: dict[str, type[Strict]] = {
    "all": All,
    "any": Any_,
    "not": Not,
    "contacts": ContactsLeaf,
    "field": FieldLeaf,
    "score": ScoreLeaf,
    "sequence": SequenceLeaf,
    "segment": SegmentLeaf,
    "consent": ConsentLeaf,
    "list": ListLeaf,
    "snapshot": SnapshotLeaf,
    "event": EventLeaf,
    "touch": EventLeaf,
}

Condition = Annotated[
    Annotated[All, Tag("<All>")]
    | Annotated[Any_, Tag("<Any_>")]
    | Annotated[Not, Tag("<Not>")]
    | Annotated[ContactsLeaf, Tag("<ContactsLeaf>")]
    | Annotated[FieldLeaf, Tag("<FieldLeaf>")]
    | Annotated[ScoreLeaf, Tag("<ScoreLeaf>")]
    | Annotated[SequenceLeaf, Tag("<SequenceLeaf>")]
    | Annotated[SegmentLeaf, Tag("<SegmentLeaf>")]
    | Annotated[ConsentLeaf, Tag("<ConsentLeaf>")]
    | Annotated[ListLeaf, Tag("<ListLeaf>")]
    | Annotated[SnapshotLeaf, Tag("<SnapshotLeaf>")]
    | Annotated[EventLeaf, Tag("<EventLeaf>")],
    Discriminator(
        _kind_of,
        custom_error_type="condition",
        custom_error_message=f"a condition is a mapping with one of {', '.join(_KINDS)}",
    ),
]
Leaf = (
    FieldLeaf
    | ScoreLeaf
    | EventLeaf
    | SequenceLeaf
    | SegmentLeaf
    | ConsentLeaf
    | ListLeaf
    | SnapshotLeaf
    | ContactsLeaf
)
Location = tuple[str | int, ...]


def subject_of(plain: dict[str, Any]) -> str:
    """Which of a written leaf's keys says what it is about: `field`, `event` and so on."""
    return next(name for name in _KINDS if name in plain)


for _model in (All, Any_, Not, ContactsLeaf):
    _model.model_rebuild()


class Segment(Strict):
    """One definition. ``max_change`` is the share of its members that may come and go at once."""

    name: Name
    description: Text | None = None
    vertical: Key | None = None
    unit: Literal["contact", "account"] = "contact"
    roles: Annotated[list[Key], Field(min_length=1)] | None = None
    priority: Annotated[StrictInt, Field(ge=1, le=1000)] = 100
    expected_size: Annotated[StrictInt, Field(ge=0)] | None = None
    max_age_hours: Annotated[StrictInt | StrictFloat, Field(gt=0, le=24 * 366)] = 48
    max_change: Annotated[StrictInt | StrictFloat, Field(gt=0)] = 0.5
    where: Condition

    @model_validator(mode="after")
    def _roles_of_accounts(self) -> Segment:
        if self.roles and self.unit == "contact":
            raise ValueError("roles go with unit: account")
        return self

    @property
    def plain(self) -> dict[str, Any]:
        """The definition as the file has it, without what is left at its default."""
        return json.loads(self.model_dump_json(by_alias=True, exclude_defaults=True))

    @property
    def hash(self) -> str:
        """Changes with whatever decides who is in it, and not with what it is called."""
        deciding = {"unit": self.unit, "roles": self.roles, "vertical": self.vertical}
        where = self.where.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        text = json.dumps({**deciding, "where": where}, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def leaves(self) -> Iterator[tuple[Location, str, bool, Leaf]]:
        """Each leaf: where it stands, of which unit it asks, whether a not is above it, and it."""
        yield from leaves_of(self.where, ("where",), self.unit, False)

    def references(self) -> set[str]:
        return {leaf.segment for _, _, _, leaf in self.leaves() if isinstance(leaf, SegmentLeaf)}


def leaves_of(
    condition: Any, at: Location, unit: str, negated: bool
) -> Iterator[tuple[Location, str, bool, Leaf]]:
    if sum(isinstance(part, str) for part in at) > DEEPEST:
        raise RecursionError
    if isinstance(condition, All | Any_):
        word, parts = (
            ("all", condition.all_) if isinstance(condition, All) else ("any", condition.any_)
        )
        for number, part in enumerate(parts):
            yield from leaves_of(part, (*at, word, number), unit, negated)
    elif isinstance(condition, Not):
        yield from leaves_of(condition.not_, (*at, "not"), unit, not negated)
    else:
        yield at, unit, negated, condition
        if isinstance(condition, ContactsLeaf):
            yield from leaves_of(condition.contacts, (*at, "contacts"), "contact", False)


class Segments(Strict):
    """All definitions, by key: the name of the file without its ending."""

    segments: dict[Key, Segment] = {}

    def in_order(self) -> list[str]:
        """Keys, each after those it refers to."""
        done: dict[str, None] = {}

        def add(key: str) -> None:
            if key not in done:
                for other in sorted(self.segments[key].references()):
                    add(other)
                done[key] = None

        for key in sorted(self.segments):
            add(key)
        return list(done)
