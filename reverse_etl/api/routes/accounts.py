"""Organisations: who is engaged there, and who is missing."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Alone, Asking, Listing, One, Page, Paging, first
from reverse_etl.api.fields import Amount, Key, Row, Time, columns, told
from reverse_etl.api.routes.scores import OF_SUBJECT, Score


class Account(Row):
    """An organisation."""

    account_id: str = told("Organisation (dim_accounts)")
    vertical: str | None = told("Vertical; empty where it cannot be told")
    account_type: str | None = told("Type by the CRM, such as commune or clinic")
    reference_level: str | None = told(
        "Level of the matching reference organisation: commune, epci, departement or region"
    )
    lifecycle_stage: str | None = told("CRM lifecycle stage")
    country: str | None = told("Country as given by the CRM")
    region_code: str | None = told("INSEE region code")
    departement_code: str | None = told("INSEE departement code")
    city: str | None = told("City")
    postal_code: str | None = told("Postal code")
    buyer_stage: str | None = told("Buyer stage of the organisation (account_engagement)")
    tier: int | None = told("Tier of target_accounts.csv, 1 being the most wanted")
    population: int | None = told("Inhabitants (count)")
    employees: int | None = told("Employees (count)")
    contacts: int | None = told("Known contacts (count)")
    engaged_contacts: int | None = told("Engaged contacts (count); empty where no contact is known")
    role_coverage: float | None = told(
        "Required roles with an engaged contact / required roles; empty where none are required"
    )
    mrr_base: Amount | None = told("Monthly recurring revenue on the day of as_of, base currency")
    engagement_score: float | None = told(
        "Engagement of the organisation, 0 to 100; empty where no contact is known"
    )
    churn_score: float | None = told(
        "100 x probability that it leaves within 90 days; empty without a champion, or where "
        "it pays nothing"
    )
    is_customer: bool | None = told("Has recurring revenue on the day of as_of")
    is_target: bool | None = told("A matched line of target_accounts.csv")
    created_at: Time | None = told("Created in the CRM (UTC)")
    last_touch_at: Time | None = told("Last touch by any of its contacts (UTC)")
    first_contract_on: date | None = told("Start of the first contract")
    contract_ends_on: date | None = told("End of the last signed contract")


class Coverage(Row):
    """Which of the roles that decide are engaged."""

    required_roles: int | None = told(
        "Roles that decide in accounts of its type (count); empty where accounts.yml lists "
        "none for the type, and so is what follows from it"
    )
    covered_roles: int | None = told("Of those, roles with an engaged contact (count)")
    missing_roles: str | None = told(
        "The required roles without an engaged contact, comma-separated"
    )
    required_contacts: int | None = told("Known contacts in required roles (count)")
    engaged_required_contacts: int | None = told(
        "Of those, engaged ones: by their engagement score, or a meeting not long ago "
        "(accounts.yml) (count)"
    )
    contact_coverage: float | None = told("engaged_required_contacts / required_contacts")
    meets_goal: bool | None = told("role_coverage reaches coverage_goal of accounts.yml")


class Engagement(Row):
    """How engaged its contacts are."""

    engaged_deciders: int | None = told("Engaged contacts whose role decides (count)")
    engaged_contacts_before: int | None = told(
        "Those of today's contacts that were engaged at the end of the baseline period "
        "(accounts.yml), by what they had done until then (count)"
    )
    stage: str | None = told(
        "Highest buyer stage that a contact with a deciding role holds, or enough others together"
    )
    stage_rank: int | None = told("0 (unaware) to 5 (retention)")
    outside_name: str | None = told(
        "The stage in 6sense's words: Target, Awareness, Consideration, Decision or Purchase"
    )
    baseline_engaged_contacts: float | None = told(
        "Engaged contacts per organisation of the vertical that has any: as stored in "
        "scoring.yml, else as measured at the end of the baseline period"
    )
    baseline_kind: str | None = told("stored, measured, none")
    stakeholder_multiplication: float | None = told(
        "engaged_contacts / baseline_engaged_contacts; empty without a baseline"
    )


class AccountInFull(Account):
    coverage: Coverage | None = told("Null for who is no target and has no known contact")
    engagement: Engagement | None = told("Null without a known contact")
    scores: list[Score] = told("Scores of models in force")


class AccountQuery(Paging):
    vertical: Key | None = Field(None, description="Vertical")
    account_type: Key | None = Field(None, description="Type by the CRM")
    tier: int | None = Field(None, ge=1, le=9, description="Tier of the target")
    is_customer: bool | None = Field(None, description="Has recurring revenue")
    is_target: bool | None = Field(None, description="A line of target_accounts.csv")


_ACCOUNTS = Listing(
    Account,
    "accounts",
    {"account_id": str},
    {
        "vertical": "vertical = $vertical",
        "account_type": "account_type = $account_type",
        "tier": "tier = $tier",
        "is_customer": "is_customer = $is_customer",
        "is_target": "is_target = $is_target",
    },
    ("accounts",),
)
_ACCOUNT = f"select {columns(Account)} from accounts where account_id = $account_id"
_COVERAGE = f"select {columns(Coverage)} from coverage where account_id = $account_id"
_ENGAGEMENT = f"select {columns(Engagement)} from engagement where account_id = $account_id"

router = APIRouter(tags=["Accounts"], dependencies=[Depends(needs(Right.PEOPLE))])


@router.get("/accounts", response_model=Page[Account])
def accounts(asked: Asking, query: Annotated[AccountQuery, Query()]) -> Response:
    """Organisations by their id, without a name: that of a practice may be a person's."""
    return asked.page(_ACCOUNTS, query, **query.filters())


@router.get("/accounts/{account_id}", response_model=One[AccountInFull])
def account(
    asked: Asking, account_id: Annotated[Key, Path(description="Id of the organisation")], _: Alone
) -> Response:
    """An organisation: coverage of the roles that decide, engagement, and scores of models."""
    version = asked.version
    if unchanged := asked.unchanged(version):
        return unchanged
    version.hold("accounts", "coverage", "engagement", "scores")
    values = {"account_id": account_id}
    found = first(version.rows(_ACCOUNT, values), "account")
    subject = {"subject_type": "account", "subject_id": account_id}
    item = {
        **found,
        "coverage": next(iter(version.rows(_COVERAGE, values)), None),
        "engagement": next(iter(version.rows(_ENGAGEMENT, values)), None),
        "scores": version.rows(OF_SUBJECT, subject),
    }
    return asked.answer(version, One[AccountInFull], {"item": item})
