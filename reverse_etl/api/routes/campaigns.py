"""Campaigns, and how they do."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Alone, Asking, Listing, One, Page, Paging, first
from reverse_etl.api.fields import Amount, Key, Row, Time, columns, told


class Campaign(Row):
    """A campaign: how it stands, and what was sent."""

    campaign: str = told("Key of the campaign: the name of its file")
    campaign_name: str | None = told("Name")
    vertical: str | None = told("Vertical whose contacts it is for; empty where it is for all")
    owner: str | None = told("Who is in charge of it")
    campaign_kind: str | None = told("broadcast (once), recurring or triggered (a journey)")
    is_automated: bool | None = told("Whether it is recurring or triggered")
    version: int | None = told("Version in force, or last in force")
    status: str | None = told(
        "planned, launched or missed of a broadcast; active of any other; retired where its "
        "file is gone"
    )
    source_kind: str | None = told("campaign, or journey where it is one: as message_queue has it")
    source_key: str | None = told("Key of the campaign, or of its journey")
    journey: str | None = told("Journey that it is; empty for the others")
    channel: str | None = told("email, sms or push; empty where the journey says it")
    template: str | None = told("Template; empty where the journey says it")
    purpose: str | None = told("Purpose of consent.yml")
    message_class: str | None = told("Class of caps.yml")
    approval: str | None = told(
        "What must be approved before anything is queued: once (the campaign, or its "
        "journey), each (every occurrence) or none"
    )
    holdout_share: float | None = told(
        "Share of its audience that gets nothing, so that its effect can be told (fraction)"
    )
    objective_metric: str | None = told("contacts, contact_share or revenue")
    objective_kind: str | None = told("event, touch or goal: what it is reached by")
    objective_name: str | None = told(
        "Name of the event, type of the touch, or deal_won, order, conversion (any goal)"
    )
    objective_days: float | None = told(
        "How long after a contact's first message was planned it counts (days)"
    )
    objective_target: float | None = told(
        "Target: contacts (count), a share (fraction) or an amount in the base currency"
    )
    objective_deadline_on: date | None = told("Last day that counts, local to the reports")
    first_in_force_at: Time | None = told("as_of of the run that first saw its file (UTC)")
    launches: int | None = told("Occurrences that were launched (count)")
    missed: int | None = told("Occurrences that were too late or superseded (count)")
    last_planned_at: Time | None = told("When the last launched occurrence goes out (UTC)")
    first_queued_at: Time | None = told("When its first message was queued (UTC)")
    messages: int | None = told("Messages it intended (count)")
    contacts: int | None = told("Contacts it intended to write to, the held-out among them (count)")
    sent: int | None = told("Messages that a provider accepted (count)")
    underway: int | None = told("Messages that are queued or being sent (count)")
    unknown: int | None = told("Messages of which nobody knows yet whether they were sent (count)")
    not_sent: int | None = told("Messages that a gate stopped or holds back (count)")
    waiting: int | None = told("Of those not sent, messages that a gate only holds back (count)")


class Card(Row):
    """What its objective says, what followed and what it caused."""

    status: str | None = told(
        "reached (a share: once the deadline is over or no window is open), failed (the "
        "deadline is over without it), planned (nobody was to be written to yet) or running"
    )
    result: float | None = told(
        "Contacts written to that did it within their window and by the deadline (count), "
        "their share of those written to (fraction), or what was taken of them (base "
        "currency)"
    )
    progress: float | None = told("result / objective_target")
    time_passed: float | None = told(
        "Of the time from when it was first in force to the end of its deadline's local day "
        "(0 to 1); 1 where that came first"
    )
    assigned: int | None = told(
        "Contacts it was to write to, those of the universal hold-out aside (count)"
    )
    held_out: int | None = told(
        "Of those, contacts of its own hold-out to whom nothing is out (count)"
    )
    written_to: int | None = told(
        "Of those, contacts of whom a message is in the outbox or was accepted (count)"
    )
    converted: int | None = told("Of those written to, contacts that reached the objective (count)")
    conversion_rate: float | None = told("converted / written_to")
    currency: str | None = told("ISO 4217 currency of the amounts: the base currency")
    followed_revenue_base: Amount | None = told(
        "What was taken of contacts written to within their windows; empty where the "
        "objective has no revenue"
    )
    cost_base: Amount | None = told("What it costs as a whole; empty where nobody said")
    followed_roi: float | None = told("(followed_revenue_base - cost_base) / cost_base")
    experiment: str | None = told(
        "Experiment with people held out that the effect is from: of several one that a file "
        "declares, then the one with the most people measured"
    )
    effect: float | None = told("Difference of rates against those who got nothing")
    effect_low: float | None = told("Lower bound of its interval")
    effect_high: float | None = told("Upper bound of its interval")
    p_adjusted: float | None = told("The p that decides; empty as long as nothing may be decided")
    effect_decision: str | None = told(
        "better, worse, no_decision, or no_control where nobody is held out"
    )
    incremental_conversions: float | None = told("Contacts that did it because of it")
    incremental_revenue: float | None = told(
        "Revenue because of it (base currency); empty without revenue"
    )
    incremental_roi: float | None = told("(incremental_revenue - cost_base) / cost_base")
    learnings: str | None = told(
        "What experiments about it have decided; empty where nothing is significant"
    )
    next_step: str | None = told("What to do, by a rule from status, effect_decision and pace")


class CampaignInFull(Campaign):
    card: Card | None = told("Objective, result and effect")


class CampaignQuery(Paging):
    vertical: Key | None = Field(None, description="Vertical whose contacts it is for")
    status: Key | None = Field(None, description="planned, launched, missed, active or retired")
    channel: Key | None = Field(None, description="email, sms or push")


_CAMPAIGNS = Listing(
    Campaign,
    "campaigns",
    {"campaign": str},
    {
        "vertical": "vertical = $vertical",
        "status": "status = $status",
        "channel": "channel = $channel",
    },
    ("campaigns",),
)
_CAMPAIGN = f"select {columns(Campaign)} from campaigns where campaign = $campaign"
_CARD = f"select {columns(Card)} from campaign_cards where campaign = $campaign"

router = APIRouter(tags=["Campaigns"], dependencies=[Depends(needs(Right.AGGREGATES))])


@router.get("/campaigns", response_model=Page[Campaign])
def campaigns(asked: Asking, query: Annotated[CampaignQuery, Query()]) -> Response:
    """Campaigns, by their key."""
    return asked.page(_CAMPAIGNS, query, **query.filters())


@router.get("/campaigns/{campaign}", response_model=One[CampaignInFull])
def campaign(
    asked: Asking, campaign: Annotated[Key, Path(description="Its key")], _: Alone
) -> Response:
    """A campaign: its objective, what followed, and what experiments say that it caused."""
    version = asked.version
    if unchanged := asked.unchanged(version):
        return unchanged
    version.hold("campaigns", "campaign_cards")
    found = first(version.rows(_CAMPAIGN, {"campaign": campaign}), "campaign")
    cards = version.rows(_CARD, {"campaign": campaign})
    item = {**found, "card": cards[0] if cards else None}
    return asked.answer(version, One[CampaignInFull], {"item": item})
