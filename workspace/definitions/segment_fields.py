"""The fields that segments may ask about, and `fields.yml`, which adds properties to them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict

Kind = Literal["text", "number", "boolean", "date", "time"]

#: Columns of the mart contact_features.
CONTACT_FIELDS: dict[str, Kind] = {
    "vertical": "text",
    "role": "text",
    "lifecycle_stage": "text",
    "country": "text",
    "language": "text",
    "lead_source": "text",
    "persona": "text",
    "buyer_stage": "text",
    "lead_band": "text",
    "has_email": "boolean",
    "has_phone": "boolean",
    "created_at": "time",
    "last_touch_at": "time",
    "first_order_at": "time",
    "last_order_at": "time",
    "orders": "number",
    "order_revenue_base": "number",
    "engagement_score": "number",
    "lead_score": "number",
    "learned_lead_score": "number",
    "p_engage_7d": "number",
    "p_convert_90d": "number",
    "churn_score": "number",
}
#: Columns of the mart account_features.
ACCOUNT_FIELDS: dict[str, Kind] = {
    "vertical": "text",
    "account_type": "text",
    "reference_level": "text",
    "lifecycle_stage": "text",
    "country": "text",
    "region_code": "text",
    "departement_code": "text",
    "city": "text",
    "postal_code": "text",
    "buyer_stage": "text",
    "tier": "number",
    "population": "number",
    "employees": "number",
    "contacts": "number",
    "engaged_contacts": "number",
    "role_coverage": "number",
    "mrr_base": "number",
    "engagement_score": "number",
    "churn_score": "number",
    "is_customer": "boolean",
    "is_target": "boolean",
    "created_at": "time",
    "last_touch_at": "time",
    "first_contract_on": "date",
    "contract_ends_on": "date",
}
#: Columns of fct_events and fct_touchpoints that a happening may be narrowed by.
EVENT_FIELDS: dict[str, Kind] = {
    "vertical": "text",
    "page_host": "text",
    "page_path": "text",
    "referrer_host": "text",
    "utm_source": "text",
    "utm_medium": "text",
    "utm_campaign": "text",
    "utm_term": "text",
    "utm_content": "text",
    "locale": "text",
    "mailing_id": "text",
    "content_id": "text",
    "programme_key": "text",
    "currency": "text",
    "revenue_base": "number",
}
TOUCH_FIELDS: dict[str, Kind] = {
    "vertical": "text",
    "channel": "text",
    "campaign": "text",
    "content_id": "text",
    "depth": "number",
    "source": "text",
}
#: Score -> its field for a contact and for an account; None where it has none.
SCORES: dict[str, tuple[str, str | None]] = {
    "engagement": ("contact.engagement_score", "account.engagement_score"),
    "lead": ("contact.lead_score", None),
    "account_engagement": ("account.engagement_score", "account.engagement_score"),
    "churn": ("contact.churn_score", "account.churn_score"),
    "p_engage_7d": ("contact.p_engage_7d", None),
    "p_convert_90d": ("contact.p_convert_90d", None),
    "learned_lead": ("contact.learned_lead_score", None),
}


def score_field(score: str, unit: str) -> str | None:
    found = SCORES.get(score)
    return None if found is None else found[unit == "account"]


class Property(Strict):
    """A property of the CRM's contacts or companies, or of events. Its values are published."""

    name: str | None = None
    type: Kind = "text"


class Fields(Strict):
    """What `fields.yml` adds: properties by the name that the source gives them.

    Only name what may be read by everybody who reads the marts: no address, no name of a person.
    """

    contact_properties: dict[Key, Property] = Field({}, alias="contact")
    account_properties: dict[Key, Property] = Field({}, alias="account")
    event_properties: dict[Key, Property] = Field({}, alias="event")

    @model_validator(mode="after")
    def _no_second_meaning(self) -> Fields:
        for owner, properties, columns in (
            ("contact", self.contact_properties, CONTACT_FIELDS),
            ("account", self.account_properties, ACCOUNT_FIELDS),
            ("event", self.event_properties, EVENT_FIELDS),
        ):
            for name in properties:
                if name in columns:
                    raise ValueError(f"{owner}.{name} is a field already")
        return self

    def of(self, unit: str) -> dict[str, Kind]:
        """Field as segments name it -> kind; a contact also has its account's fields."""
        account = {f"account.{name}": kind for name, kind in ACCOUNT_FIELDS.items()}
        account |= {f"account.{name}": p.type for name, p in self.account_properties.items()}
        if unit == "account":
            return account
        contact = {f"contact.{name}": kind for name, kind in CONTACT_FIELDS.items()}
        contact |= {f"contact.{name}": p.type for name, p in self.contact_properties.items()}
        return {**contact, **account}

    @property
    def event(self) -> dict[str, Kind]:
        return {name: p.type for name, p in self.event_properties.items()}

    def rows(self) -> Iterator[Row]:
        for owner, properties in (
            ("contact", self.contact_properties),
            ("account", self.account_properties),
            ("event", self.event_properties),
        ):
            for position, (key, value) in enumerate(properties.items(), 1):
                row = {"owner": owner, "property": key, "type": value.type}
                yield Row("field_properties", f"{owner}.{key}", position, row)


#: Messages without a name of their own, as segments call them.
NAMED_TYPES = {"page_viewed": "page", "screen_viewed": "screen", "identified": "identify"}


def plain_name(event: str) -> str:
    """``Démo Booked!`` is ``demo_booked``: how a segment may write an event's name."""
    letters = unicodedata.normalize("NFD", event).lower()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "_", plain).strip("_")
