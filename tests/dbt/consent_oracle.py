"""What consent is, said slowly: the definition in plain loops, for the SQL to be held to.

Written from the definition and not from the models. Histories are literal: people with their
identifiers, and statements about one identifier each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dateutil.relativedelta import relativedelta

#: From the least to the most restrictive; a lifted refusal is no opinion.
ORDER = ["granted", "pending", "unproven", "expired", "suppressed", "withdrawn", "objection"]


@dataclass(frozen=True)
class Statement:
    """``decision``: somebody decided about a purpose. Otherwise a report of a stop."""

    identifier: str
    authority: str
    state: str  # granted, pending, withdrawn, objection, suppressed, lifted
    covers: str  # purpose, marketing, objection, channel
    channel: str
    decided: datetime
    known: datetime
    decision: bool
    purpose: str | None = None
    brand: str = ""
    other: str | None = None  # a second identifier of whoever it is about
    lasting: bool = False
    basis: str | None = None
    notice: str | None = None
    confirmed: bool = False
    file: str | None = None  # an import's, with the name it gives the purpose
    name: str | None = None
    timed: bool = True  # its source says when; otherwise it counts from when it is known


@dataclass(frozen=True)
class Cell:
    """A purpose and channel of the policy."""

    purpose: str
    channel: str
    marketing: bool
    on_objection: bool
    double_opt_in: bool
    months: int | None
    bases: dict[str, tuple[str, ...]] = field(hash=False, default_factory=dict)


@dataclass
class Person:
    name: str
    identifiers: set[str]
    signs: list[datetime] = field(default_factory=list)  # of life, besides decisions
    sold: datetime | None = None
    professional: bool = False  # the address written to is one person's at work
    given_up: set[str] = field(default_factory=set)  # addresses that were corrected


def state(
    person: Person, statements: list[Statement], cell: Cell, brand: str, as_of: datetime
) -> str | None:
    """The state at ``as_of``; None where nothing was ever said about this brand of it."""
    mine = [
        s
        for s in statements
        if is_of(s, person) and s.known <= as_of and (s.decided < as_of or not s.timed)
    ]
    if not any(s.brand == brand and about(s, cell) for s in mine):
        return None
    heard = [
        s
        for s in mine
        if about(s, cell) and (s.brand == brand or (s.brand == "" and s.state != "granted"))
    ]
    opinions = []
    for authority in {s.authority for s in heard}:
        for identifier in {s.identifier for s in heard}:
            group = [s for s in heard if s.authority == authority and s.identifier == identifier]
            lasting = [s for s in group if s.lasting or ends_its_file(s, mine)]
            opinions += [amounts_to(s, cell, person, mine, as_of) for s in lasting]
            passing = [s for s in group if s not in lasting]
            if passing:
                latest = max(s.decided for s in passing)
                tied = [s for s in passing if s.decided == latest]
                opinions.append(strictest([amounts_to(s, cell, person, mine, as_of) for s in tied]))
    return strictest(opinions)


def is_of(s: Statement, person: Person) -> bool:
    """Whether a person said it. What was granted by an address that is corrected since was not
    granted by the new one; what was refused there was refused by the person."""
    named = {s.identifier, s.other} & person.identifiers
    if s.state not in ("granted", "pending"):
        return bool(named)
    if s.channel == "email" and named & person.given_up:  # given up are addresses only
        return False
    return bool(named - person.given_up)


def ends_its_file(s: Statement, mine: list[Statement]) -> bool:
    """A withdrawal that an imported file ends with: no other file undoes it."""
    if s.file is None or s.state != "withdrawn":
        return False
    told = (s.file, s.identifier, s.name, s.channel)
    return not any(
        (o.file, o.identifier, o.name, o.channel) == told and o.decided > s.decided for o in mine
    )


def strictest(opinions: list[str]) -> str:
    said = [opinion for opinion in opinions if opinion not in ("lifted", "unknown")]
    return max(said, key=ORDER.index) if said else "unknown"


def about(s: Statement, cell: Cell) -> bool:
    """Whether a statement speaks about a purpose and channel."""
    channel_fits = s.channel == cell.channel
    if s.state != "granted":  # a grant is for one channel, a refusal may be for all
        if s.channel == "all":
            channel_fits = True
        if cell.channel == "all" and s.covers != "channel":
            channel_fits = True
    if not channel_fits:
        return False
    if s.covers == "purpose":
        return s.purpose == cell.purpose
    if s.covers == "marketing":
        return cell.marketing
    if s.covers == "objection":
        return cell.on_objection
    return s.covers == "channel"


def amounts_to(
    s: Statement, cell: Cell, person: Person, mine: list[Statement], as_of: datetime
) -> str:
    """What one statement is worth by the policy."""
    if s.state != "granted":
        return s.state
    if s.basis not in cell.bases:
        return "unproven"
    needs = cell.bases[s.basis]
    if "notice" in needs and s.notice is None:
        return "unproven"
    if "sale" in needs and (person.sold is None or person.sold.date() > s.decided.date()):
        return "unproven"
    if "professional" in needs and not person.professional:
        return "unproven"
    if cell.double_opt_in and not s.confirmed:
        return "pending"
    if cell.months is not None:
        signs = sorted(
            [t for t in person.signs if t < as_of] + [m.decided for m in mine if m.decision]
        )
        if lapse(s.decided, signs, cell.months) <= as_of:
            return "expired"
    return "granted"


def lapse(since: datetime, signs: list[datetime], months: int) -> datetime:
    """When the first silence of so many months since a moment was complete."""
    last = since
    for sign in signs:
        if sign > last:
            if last + relativedelta(months=months) <= sign:
                break
            last = sign
    return last + relativedelta(months=months)
