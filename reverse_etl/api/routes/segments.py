"""Segments, whom they reach, and who is in them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Alone, Asking, Listing, One, Page, Paging, first
from reverse_etl.api.fields import Key, Row, Time, columns, told


class Segment(Row):
    """A segment that is in force, and how many are in it."""

    segment: str = told("Key: the name of the file")
    version_number: int = told("Grows with every change of any file")
    definition_hash: str | None = told(
        "Hash of what decides who is in it; a new name or priority leaves it"
    )
    status: str = told("active; retired from when the file was gone")
    segment_name: str | None = told("Name")
    segment_description: str | None = told("Description")
    vertical: str | None = told("Vertical its members are of; empty where it is for all")
    unit: str | None = told("contact or account")
    priority: int | None = told("1 first")
    expected_size: int | None = told("An estimate from outside, to stand beside the real number")
    max_age_hours: float | None = told("Age from which its members are stale (hours)")
    valid_from: Time | None = told("as_of of the run that first used this version (UTC)")
    contacts: int | None = told(
        "Contacts that are members at present (count); of the last version only"
    )
    accounts: int | None = told(
        "Accounts that are members at present (count); of the last version of a segment of accounts"
    )
    computed_at: Time | None = told(
        "as_of of the last run whose evaluation was applied (UTC); empty where there is none"
    )
    is_held: bool | None = told(
        "The last evaluation was too large a change, and waits for somebody to accept it"
    )
    is_stale: bool | None = told("computed_at is older than max_age_hours, or there is none")


class Reach(Row):
    """How many members a purpose and channel reaches."""

    purpose: str = told("Purpose of consent.yml that is marketing")
    channel: str = told("email, sms or push")
    members: int | None = told("Contacts in the segment (count)")
    reachable_contacts: int | None = told(
        "Of those, with an address or number of the channel and a consent that is granted: no "
        "withdrawal, objection, complaint, bounce or suppression stands against it (count)"
    )
    sendable_contacts: int | None = told(
        "Of those, nothing temporary stands against it either (count): none while the segment "
        "is stale"
    )
    reachable_share: float | None = told("reachable_contacts / members; empty for an empty segment")


class Member(Row):
    """A contact in a segment."""

    segment: str = told("Key of the segment")
    contact_id: str = told("Contact (dim_contacts)")
    account_id: str | None = told("Its organisation when it came")
    vertical: str | None = told("Vertical of the segment; empty where it is for all")
    definition_hash: str | None = told("Version of the definition in force")
    priority: int | None = told("Priority of the segment, 1 first")
    is_primary: bool | None = told(
        "Of the segments the contact is in, the one with the highest priority; of equals the "
        "first by key"
    )
    entered_at: Time | None = told("as_of of the run that found it in (UTC)")
    computed_at: Time | None = told(
        "as_of of the run that last evaluated the segment and applied what it found (UTC)"
    )
    is_stale: bool | None = told(
        "computed_at is older than the segment's max_age_hours: not to be sent to"
    )


class SegmentInFull(Segment):
    reach: list[Reach] = told("By purpose and channel; do not sum, people are in several")


class SegmentQuery(Paging):
    vertical: Key | None = Field(None, description="Vertical its members are of")
    unit: Key | None = Field(None, description="contact or account")


_SEGMENTS = Listing(
    Segment,
    "segments",
    {"segment": str},
    {"vertical": "vertical = $vertical", "unit": "unit = $unit"},
    ("segments",),
)
_MEMBERS = Listing(
    Member, "members", {"contact_id": str}, {"segment": "segment = $segment"}, ("members",)
)
_SEGMENT = f"select {columns(Segment)} from segments where segment = $segment"
_KNOWN = "select segment from segments where segment = $segment"
_REACH = f"select {columns(Reach)} from segment_reach where segment = $segment"
_Which = Annotated[Key, Path(description="Key of the segment")]

router = APIRouter(tags=["Segments"])


@router.get(
    "/segments",
    response_model=Page[Segment],
    dependencies=[Depends(needs(Right.AGGREGATES))],
)
def segments(asked: Asking, query: Annotated[SegmentQuery, Query()]) -> Response:
    """Segments in force, by their key."""
    return asked.page(_SEGMENTS, query, **query.filters())


@router.get(
    "/segments/{segment}",
    response_model=One[SegmentInFull],
    dependencies=[Depends(needs(Right.AGGREGATES))],
)
def segment(asked: Asking, segment: _Which, _: Alone) -> Response:
    """A segment, and how many of it each purpose and channel reaches."""
    version = asked.version
    if unchanged := asked.unchanged(version):
        return unchanged
    version.hold("segments", "segment_reach")
    found = first(version.rows(_SEGMENT, {"segment": segment}), "segment")
    item = {**found, "reach": version.rows(_REACH, {"segment": segment})}
    return asked.answer(version, One[SegmentInFull], {"item": item})


@router.get(
    "/segments/{segment}/members",
    response_model=Page[Member],
    dependencies=[Depends(needs(Right.PEOPLE))],
)
def members(asked: Asking, segment: _Which, query: Annotated[Paging, Query()]) -> Response:
    """Who is in a segment, by contact."""
    version = asked.version
    version.hold("segments")
    first(version.rows(_KNOWN, {"segment": segment}), "segment")
    return asked.page(_MEMBERS, query, segment=segment)
