"""The audit chain."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Asking, Listing, Page, Paging
from reverse_etl.api.fields import Day, Key, Row, Time, told


class Entry(Row):
    """An entry of the audit chain."""

    position: int = told("Place in the chain, from 1 without a gap; twice where one is_lost")
    entered_at: Time | None = told("When it was decided or read (UTC)")
    actor: str | None = told("Who did it: MARKETING_ACTOR, or the system's user")
    action: str | None = told("What was done, such as campaign.approve (docs/audit.md lists them)")
    object_kind: str | None = told("What kind of thing it was done to")
    object: str | None = told("What it was done to, as kind:key")
    subject_key: str | None = told(
        "The contact, or the keyed hash of an identifier, where it is about one person"
    )
    before_hash: str | None = told("Digest of what stood before; empty where there was nothing")
    after_hash: str | None = told("Digest of what stands since; empty where there is nothing")
    reason: str | None = told("Why, in the actor's words")
    previous: str | None = told("Digest of the entry before; zeros for the first")
    digest: str = told("SHA-256 of the entry and of previous")
    is_lost: bool = told("The ledger that held it was restored from an earlier backup")
    known_at: Time | None = told(
        "From when on a run sees it (UTC): never before the entry before it"
    )


class AuditQuery(Paging):
    action: Key | None = Field(None, description="What was done")
    object_kind: Key | None = Field(None, description="What kind of thing it was done to")
    subject_key: Key | None = Field(None, description="The person it is about, by key")
    from_on: Day | None = Field(None, alias="from", description="Entered from this day on (UTC)")
    to_on: Day | None = Field(None, alias="to", description="Entered before this day (UTC)")


_ENTRIES = Listing(
    Entry,
    "audit",
    {"position": Annotated[int, Field(ge=0, lt=2**63)], "digest": str},
    {
        "action": "action = $action",
        "object_kind": "object_kind = $object_kind",
        "subject_key": "subject_key = $subject_key",
        "from_on": "entered_at >= $from_on",
        "to_on": "entered_at < $to_on",
    },
    ("audit",),
)

router = APIRouter(tags=["Audit"], dependencies=[Depends(needs(Right.AUDIT))])


@router.get("/audit", response_model=Page[Entry])
def audit(asked: Asking, query: Annotated[AuditQuery, Query()]) -> Response:
    """Who decided or read what, when and why, in the order of the chain."""
    return asked.page(_ENTRIES, query, **query.filters())
