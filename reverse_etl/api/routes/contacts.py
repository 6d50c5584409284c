"""Contacts, and what is recommended for them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, Json
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Alone, Asking, Listing, One, Page, Paging, first
from reverse_etl.api.fields import Amount, Key, Row, Time, columns, told
from reverse_etl.api.routes.scores import OF_SUBJECT, Score


class Contact(Row):
    """A contact: what is known, its stage and scores."""

    contact_id: str = told("Contact (dim_contacts)")
    account_id: str | None = told("Its organisation")
    vertical: str | None = told("Vertical; empty where it cannot be told")
    role: str | None = told("Buying role")
    lifecycle_stage: str | None = told("CRM lifecycle stage")
    country: str | None = told("Country as given by the source")
    language: str | None = told("Language as given by the source")
    lead_source: str | None = told("Original source by the CRM")
    persona: str | None = told("Persona by the rules of personas.yml")
    buyer_stage: str | None = told(
        "unaware, awareness, interest, consideration, purchase or retention"
    )
    lead_band: str | None = told("Band of the lead score to act by: hot, warm, cool or cold")
    has_email: bool | None = told("An address is known")
    has_phone: bool | None = told("A telephone number is known")
    created_at: Time | None = told("Created in the source, or first seen (UTC)")
    last_touch_at: Time | None = told("Last touch that no machine made (UTC)")
    first_order_at: Time | None = told("First order (UTC)")
    last_order_at: Time | None = told("Last order (UTC)")
    orders: int | None = told("Orders (count)")
    order_revenue_base: Amount | None = told(
        "Revenue of the orders in the base currency; empty where a rate is missing"
    )
    engagement_score: float | None = told("Engagement, 0 to 100")
    lead_score: float | None = told("Lead score, 0 to 100")
    learned_lead_score: float | None = told(
        "Lead score that a model learnt, beside the rules' lead_score: 100 x probability to "
        "be accepted by sales or to buy within 90 days; empty without a champion"
    )
    p_engage_7d: float | None = told(
        "Probability (0 to 1) of a human click or answer within 7 days of the next mail; "
        "empty without a champion"
    )
    p_convert_90d: float | None = told(
        "Probability (0 to 1) to be accepted by sales or to buy within 90 days; empty without "
        "a champion, or where it has happened"
    )
    churn_score: float | None = told(
        "100 x probability that the account leaves within 90 days, weighed by the contact's "
        "buying role; empty without a champion, or where the account pays nothing"
    )
    segments: list[str] = told("Segments that it is in")


class Action(Row):
    """What to do with a contact in this round."""

    contact_id: str = told("Contact (dim_contacts)")
    account_id: str | None = told("Its organisation")
    vertical: str | None = told("Its vertical")
    action: str = told("Key of the action in actions.yml, or nothing")
    action_name: str | None = told("Its name")
    action_kind: str | None = told(
        "message (a campaign sends it) or task (somebody does it); empty for nothing"
    )
    campaign: str | None = told("Campaign that carries it out (campaigns); empty for tasks")
    purpose: str | None = told("Purpose that the contact consents to")
    channel: str | None = told("Channel of that consent")
    expected_gain: float | None = told(
        "response_part - cost_part - stop_part, base currency; 0 for nothing"
    )
    p_response: float | None = told(
        "Probability of a response (0 to 1); where basis is uplift, of one that the action "
        "brings (-1 to 1)"
    )
    p_stop: float | None = told("Probability that the contact unsubscribes (0 to 1)")
    response_part: float | None = told("p_response x what a response is worth, base currency")
    cost_part: float | None = told("What doing it costs, base currency")
    stop_part: float | None = told("p_stop x what an unsubscription costs, base currency")
    reason: str | None = told(
        "highest_expected_gain, nothing_is_worth_it, or explored (drawn at random to learn)"
    )
    contributions: Json[dict[str, float]] | None = told(
        "Features that move the probability most, against the mean of who got the action "
        "before: feature -> part of the log odds (JSON); empty where no model was fitted"
    )
    basis: str | None = told(
        "What p_response rests on: model, rate (of all exposures), assumed (actions.yml), or "
        "uplift (against people held out); empty for nothing"
    )
    is_exploration: bool | None = told("Drawn at random from what was possible")
    propensity: float | None = told("Probability with which this option was taken (0 to 1)")
    best_action: str | None = told(
        "Option of the highest expected gain; empty where it may not be done any more"
    )
    best_expected_gain: float | None = told("Its expected gain, base currency")
    candidate_actions: int | None = told("Actions that the contact may get, beside nothing (count)")
    is_automated: bool | None = told("Segments can ask for it (enabled in actions.yml)")
    round_on: date | None = told("First day of the round")
    decided_at: Time | None = told("as_of of the run that decided (UTC)")
    decided_until: Time | None = told("When the decision's days are over (UTC)")


class Content(Row):
    """An item of content for a contact."""

    contact_id: str = told("The contact (dim_contacts)")
    recommendation_rank: int = told("Place, 1 is the first")
    content_id: str = told("The item (dim_content)")
    content_type: str | None = told("Its type; at most two of one type for a contact (content.yml)")
    vertical: str | None = told("Vertical of contact and item")
    contact_stage: str | None = told("Where the contact stands (buyer_stages)")
    persona: str | None = told("Persona of the contact (contact_personas); empty where it has none")
    score: float | None = told(
        "0 to 1: the six terms by their weights in content.yml, to 9 decimals"
    )
    stage_fit: float | None = told(
        "The item serves the contact's stage, the next one, or another: 0 to 1 by content.yml"
    )
    persona_fit: float | None = told(
        "How much the persona cares for the item's topic and type: 0 to 1 by personas.yml"
    )
    topic_fit: float | None = told(
        "Cosine of the contact's topics, decayed by age, and the item's: 0 to 1"
    )
    performance_fit: float | None = told(
        "Share of those of this stage and persona who met the item and did more than look, "
        "drawn to the mean where few did and scaled to a good item: 0 to 1"
    )
    freshness: float | None = told("1 on publication, half after freshness_half_life_days")
    novelty: float | None = told(
        "1 less the share of the item's type in the contact's last touches"
    )
    reason_1: str | None = told(
        "Term with the largest part of the score: stage, persona, topic, performance, "
        "freshness or novelty"
    )
    reason_2: str | None = told("Term with the second largest part")
    is_exploration: bool | None = told("Drawn at random from what was allowed, not chosen by score")
    propensity: float | None = told(
        "Probability of this item in this place, given the places before it; adds up to 1 "
        "over the allowed items"
    )
    allowed_items: int | None = told("Items the place could have had (count)")
    needs_approval: bool | None = told(
        "Not to be used without somebody's approval (approved_content_types of content.yml)"
    )
    channel: str | None = told("Channel that the contact's consent was asked for")
    recommended_at: Time | None = told("The run's as_of (UTC)")


class ContactInFull(Contact):
    scores: list[Score] = told("Scores of models in force")


class Recommendations(Row):
    """What a contact should get: nothing here sends anything."""

    contact_id: str = told("The contact")
    action: Action | None = told("The next best action; null for who may get none")
    content: list[Content] = told("Up to three items, the best first")


class ContactQuery(Paging):
    vertical: Key | None = Field(None, description="Vertical")
    segment: Key | None = Field(None, description="Key of a segment that it is in")
    lifecycle_stage: Key | None = Field(None, description="CRM lifecycle stage")
    buyer_stage: Key | None = Field(None, description="Buyer stage")
    lead_band: Key | None = Field(None, description="hot, warm, cool or cold")
    account_id: Key | None = Field(None, description="Its organisation")


_CONTACTS = Listing(
    Contact,
    "contacts",
    {"contact_id": str},
    {
        "vertical": "vertical = $vertical",
        "segment": "list_contains(segments, $segment)",
        "lifecycle_stage": "lifecycle_stage = $lifecycle_stage",
        "buyer_stage": "buyer_stage = $buyer_stage",
        "lead_band": "lead_band = $lead_band",
        "account_id": "account_hash = hash($account_id) and account_id = $account_id",
    },
    ("contacts",),
)
_CONTACT = f"select {columns(Contact)} from contacts where contact_id = $contact_id"
#: Whether there is one.
KNOWN = "select contact_id from contacts where contact_id = $contact_id"
_ACTION = f"select {columns(Action)} from actions where contact_id = $contact_id"
_CONTENT = f"select {columns(Content)} from content where contact_id = $contact_id"
_Who = Annotated[Key, Path(description="Pseudonymous id of the contact")]

router = APIRouter(tags=["Contacts"], dependencies=[Depends(needs(Right.PEOPLE))])


@router.get("/contacts", response_model=Page[Contact])
def contacts(asked: Asking, query: Annotated[ContactQuery, Query()]) -> Response:
    """Contacts by their id, without a name or an address."""
    return asked.page(_CONTACTS, query, **query.filters())


@router.get("/contacts/{contact_id}", response_model=One[ContactInFull])
def contact(asked: Asking, contact_id: _Who, _: Alone) -> Response:
    """A contact: features, stage, segments, and the scores of models with what moves them."""
    version = asked.version
    if unchanged := asked.unchanged(version):
        return unchanged
    version.hold("contacts", "scores")
    found = first(version.rows(_CONTACT, {"contact_id": contact_id}), "contact")
    values = {"subject_type": "contact", "subject_id": contact_id}
    item = {**found, "scores": version.rows(OF_SUBJECT, values)}
    return asked.answer(version, One[ContactInFull], {"item": item})


@router.get("/contacts/{contact_id}/recommendations", response_model=One[Recommendations])
def recommendations(asked: Asking, contact_id: _Who, _: Alone) -> Response:
    """The next best action for a contact, and content for it, each with its reasons."""
    version = asked.version
    if unchanged := asked.unchanged(version):
        return unchanged
    version.hold("contacts", "actions", "content")
    values = {"contact_id": contact_id}
    first(version.rows(KNOWN, values), "contact")
    actions = version.rows(_ACTION, values)
    item = {
        **values,
        "action": actions[0] if actions else None,
        "content": version.rows(_CONTENT, values),
    }
    return asked.answer(version, One[Recommendations], {"item": item})
