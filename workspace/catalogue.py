"""The catalogue of personal data: what each stream and each table of the ledger holds of people.

Export, rectification, erasure, retention and the paperwork all go by it, so that none of them can
forget a place. What a category is kept for, and how long, is in ``marketing/privacy.yml``.
What belongs here: where things are. How they are read or rewritten is `reverse_etl/privacy`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

#: What a column says of whom it names: a raw value of that kind; ``key`` the keyed hash of any
#: identifier, or a contact id; ``keys`` a JSON list of them.
Kind = Literal[
    "email",
    "phone",
    "user_id",
    "anonymous_id",
    "crm_contact",
    "external_id",
    "key",
    "keys",
]
Category = Literal[
    "identity",
    "contact_details",
    "consent",
    "behaviour",
    "messages",
    "sales",
    "product_usage",
    "support",
    "feedback",
    "programme",
    "decisions",
    "audiences",
    "rejected",
    "staff",
    "operations",
]
Store = Literal["lake", "ledger"]

#: Properties of events that marts read and that name nobody.
_EVENT_PROPERTIES = (
    "bounce_type",
    "content_id",
    "email_id",
    "event_key",
    "link",
    "link_id",
    "mailing_id",
    "page",
    "send_id",
    "type",
)


@dataclass(frozen=True)
class Holding:
    """What one stream or table holds.

    A row belongs to a person whom any of its ``owners`` names, where it meets ``when`` (column and
    the values it may have). ``mentions`` name people in rows that are not theirs. ``cleared`` are
    direct identifiers, free text and originals; of a column in ``kept`` only these JSON properties
    are free of them (``*`` stands for any end of a name). ``texts`` are of no person, yet somebody
    may have written an identifier into them. ``stays``: what an erasure leaves of a
    row. ``residual``: the row without what is cleared, under keys that lead nowhere; ``keyed``: the
    row as it is, since it proves a refusal and holds keyed hashes alone; ``none``: nothing.
    """

    store: Store
    name: str
    category: Category
    owners: Mapping[str, Kind] = field(default_factory=dict)
    mentions: Mapping[str, Kind] = field(default_factory=dict)
    cleared: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stays: Literal["residual", "keyed", "none"] = "residual"

    @property
    def columns(self) -> Iterator[str]:
        """Every column that holds something of people."""
        told = [*self.owners, *self.mentions, *self.cleared, *self.kept, *self.texts]
        return iter(dict.fromkeys(told))


def _email(**more: Kind) -> dict[str, Kind]:
    return {"email": "email", "email_key": "key", **more}


def _phone(**more: Kind) -> dict[str, Kind]:
    return {"phone": "phone", "phone_key": "key", **more}


def _user(**more: Kind) -> dict[str, Kind]:
    return {"user_id": "user_id", "user_key": "key", **more}


_CONTACT: dict[str, Kind] = {"contact_id": "key"}
_CRM_CONTACT: dict[str, Kind] = {"contact_crm_id": "crm_contact"}
_NAMES = ("first_name", "last_name", "job_title")

_LAKE = [
    Holding(
        "lake",
        "events",
        "behaviour",
        owners=_user(
            anonymous_id="anonymous_id",
            anonymous_key="key",
            previous_user_key="key",
            previous_anonymous_key="key",
            email_key="key",
            phone_key="key",
        ),
        cleared=("previous_id", "page_url", "page_referrer", "user_agent", "ip", "traits"),
        texts=("event", "name", "group_id", "page_path", "page_title", "order_id"),
        kept={"properties": _EVENT_PROPERTIES, "context": ("library",)},
    ),
    Holding(
        "lake",
        "crm_contacts",
        "contact_details",
        owners={
            "crm_id": "crm_contact",
            "contact_key": "key",
            **_email(),
            **_phone(),
            **_user(),
        },
        # Without an address or a number nothing can be sent to what is left.
        cleared=("email", "phone", *_NAMES, "city", "associations"),
        kept={
            "properties": (
                "hs_merged_object_ids",
                "age",
                "siren",
                "hs_lifecyclestage_*",
                "hs_v2_date_entered_*",
            )
        },
    ),
    # An organisation is no person; its record may hold the address or number of one.
    Holding(
        "lake",
        "crm_companies",
        "identity",
        texts=("name", "domain", "properties", "associations"),
    ),
    *(
        Holding(
            "lake",
            name,
            category,
            mentions=_CRM_CONTACT,
            cleared=("subject",) if name != "crm_deals" else (),
            kept={"properties": (), "associations": ()},
        )
        for name, category in (
            ("crm_deals", "sales"),
            ("crm_tickets", "support"),
            ("crm_tasks", "sales"),
            ("crm_engagements", "sales"),
        )
    ),
    Holding(
        "lake",
        "crm_list_members",
        "contact_details",
        owners={"crm_id": "crm_contact"},
    ),
    *(
        Holding(
            "lake",
            "crm_associations",
            "sales",
            mentions={f"{end}_id": "crm_contact"},
            when={f"{end}_type": ("contacts", "contact", "0-1")},
        )
        for end in ("from", "to")
    ),
    Holding(
        "lake",
        "crm_property_history",
        "contact_details",
        owners={"crm_id": "crm_contact"},
        cleared=("value", "source_id"),
        when={"object_type": ("contacts", "contact", "0-1")},
    ),
    Holding(
        "lake",
        "crm_owners",
        "staff",
        owners=_email(),
        cleared=("first_name", "last_name", "user_id", "payload"),
    ),
    Holding(
        "lake",
        "meetings",
        "sales",
        owners=_email(),
        mentions={"host_email": "email"},
        cleared=("payload",),
    ),
    Holding(
        "lake",
        "sales_activities",
        "sales",
        owners=_email(),
        mentions={"owner_email": "email"},
        cleared=("profile_url", "contact_name", "job_title", "organisation"),
    ),
    Holding(
        "lake",
        "form_submissions",
        "behaviour",
        owners=_email(**_phone()),
        cleared=("first_name", "last_name", "organisation", "page_url", "payload"),
    ),
    Holding("lake", "surveys", "feedback", owners=_email(**_user()), cleared=("comment",)),
    Holding(
        "lake",
        "support_tickets",
        "support",
        owners=_email(**_user()),
        cleared=("subject", "payload"),
    ),
    Holding("lake", "product_usage", "product_usage", owners=_user()),
    Holding(
        "lake",
        "attendees",
        "programme",
        owners=_email(),
        cleared=("first_name", "last_name", "organisation", "job_title"),
    ),
    Holding(
        "lake",
        "delivery_events",
        "messages",
        owners={"recipient": "email", "email_key": "key", "phone_key": "key"},
        cleared=("url", "user_agent", "ip", "payload", "reason"),
    ),
    Holding(
        "lake",
        "imported_contacts",
        "contact_details",
        owners={"external_id": "external_id", "external_key": "key", **_email(), **_phone()},
        cleared=("email", "phone", *_NAMES, "organisation"),
    ),
    Holding(
        "lake",
        "suppressions",
        "consent",
        owners={"identifier_key": "key"},
        cleared=("identifier",),
        stays="keyed",
    ),
    Holding(
        "lake",
        "consents",
        "consent",
        owners={"identifier_key": "key"},
        cleared=("identifier",),
    ),
    Holding(
        "lake",
        "rectifications",
        "contact_details",
        owners={"contact_id": "key", "record_key": "key", "value_key": "key"},
        cleared=("value",),
    ),
    Holding("lake", "privacy_requests", "operations", owners={"subject_key": "key"}, stays="keyed"),
    Holding("lake", "consent_events", "consent", owners={"identifier_key": "key"}, stays="keyed"),
    *(
        Holding(
            "lake",
            name,
            "decisions",
            owners={"member_id": "key"},
            when={"member_type": ("contact",)},
        )
        for name in ("segment_changes",)
    ),
    *(
        Holding("lake", name, "decisions", owners=_CONTACT)
        for name in (
            "segment_snapshots",
            "journey_enrolments",
            "journey_steps",
            "experiment_assignments",
            "action_decisions",
            "recommendation_logs",
        )
    ),
    # Erased with the person: no total rests on it.
    Holding(
        "lake",
        "predictions",
        "decisions",
        owners={"subject_id": "key"},
        when={"subject_type": ("contact",)},
        stays="none",
    ),
    Holding(
        "lake",
        "message_intents",
        "messages",
        owners=_CONTACT,
        cleared=("given", "occasion"),
    ),
    Holding(
        "lake",
        "message_states",
        "messages",
        owners={"contact_id": "key", "destination_key": "key"},
    ),
    Holding("lake", "message_attempts", "messages", owners={"destination_key": "key"}),
    Holding("lake", "audience_syncs", "audiences", owners=_CONTACT, cleared=("message",)),
    Holding("lake", "crm_action_states", "audiences", owners=_CONTACT, cleared=("message",)),
    Holding("lake", "audit_chain", "operations", owners={"subject_key": "key"}, stays="keyed"),
    # Whose row it is, is only known by a look at its original.
    Holding("lake", "rejected_rows", "rejected", cleared=("original", "detail")),
]

_LEDGER = [
    Holding("ledger", "consent_events", "consent", owners={"identifier_key": "key"}, stays="keyed"),
    Holding("ledger", "suppressions", "consent", owners={"identifier_key": "key"}, stays="keyed"),
    Holding(
        "ledger",
        "messages",
        "messages",
        owners={"contact_id": "key", "destination_key": "key", "aliases": "keys"},
    ),
    # Of a message: by its message_id.
    Holding(
        "ledger",
        "message_payloads",
        "messages",
        cleared=("destination", "payload", "inputs"),
        stays="none",
    ),
    Holding(
        "ledger",
        "audience_syncs",
        "audiences",
        owners=_CONTACT,
        cleared=("identifiers", "former", "message"),
        stays="none",
    ),
    Holding("ledger", "crm_actions", "audiences", owners=_CONTACT, cleared=("message",)),
    Holding("ledger", "tombstones", "consent", owners={"identifier_key": "key"}, stays="keyed"),
    Holding(
        "ledger", "privacy_requests", "operations", owners={"subject_key": "key"}, stays="keyed"
    ),
    Holding("ledger", "audit_chain", "operations", owners={"subject_key": "key"}, stays="keyed"),
]

HOLDINGS: tuple[Holding, ...] = (*_LAKE, *_LEDGER)

#: Streams and tables without people, and why.
NOT_PERSONAL: Mapping[Store, Mapping[str, str]] = {
    "lake": {
        "crm_stages": "names of stages",
        "crm_lists": "names of lists",
        "ad_spend": "sums",
        "ad_spend_details": "sums",
        "web_analytics": "sums",
        "social_posts": "our own posts and their sums",
        "tender_notices": "public notices of organisations",
        "costs": "sums",
        "fx_rates": "rates",
        "organisations": "public organisations",
        "content_items": "our own content",
        "template_versions": "our own content",
        "assets": "our own content",
        "segment_definitions": "definitions",
        "segment_evaluations": "counts",
        "segment_acceptances": "definitions",
        "journey_versions": "definitions",
        "campaign_versions": "definitions",
        "campaign_launches": "counts",
        "audience_runs": "counts",
        "message_decisions": "of a message, which its intent ties to a person",
        "experiment_looks": "sums",
        "collector_requests": "counts",
        "http_latencies": "counts",
        "scheduled_ticks": "what ran",
        "attribution_effects": "sums over paths of many",
        "ml_model_versions": "sums over many",
        "ml_promotions": "decisions about models",
        "model_metrics": "sums over many",
        "action_models": "counts and rates",
        "parameters": "definitions",
    },
    "ledger": {
        "runs": "what ran",
        "run_steps": "what ran",
        "message_attempts": "of a message, by its message_id",
        "provider_pauses": "providers",
        "cursors": "places in streams",
        "audience_runs": "counts",
        "approvals": "decisions of our own people",
        "pauses": "decisions of our own people",
        "sending_lease": "who sends",
        "privacy_steps": "counts",
        "erasure_forwards": "of a request, by its request_id",
    },
}

#: Everywhere else that copies of it are, and how each is emptied of a person.
PLACES: Mapping[str, str] = {
    "landing": "bytes as received: the item is replaced by a mark, in its file",
    "warehouse": "computed: made anew by the next run",
    "published": "rewritten at once in its current version; older versions are removed",
    "published_pii": "rows removed at once from its current version; older ones are removed",
    "dagster": "logs and metadata of runs hold counts; runs older than retention are deleted",
    "dbt_target": "compiled statements hold none; removed with the warehouse",
    "backups": "expire after a fixed time; a restore erases again before anything runs",
    "packs": "handed over: pseudonymous unless asked whole, then the recipient must be told",
    "witness": "keyed hashes of who was erased, kept so that nobody comes back",
    "providers": "asked to delete where they keep contacts",
    "destinations": "asked to remove members and, in the CRM, to delete the contact",
}


def of(store: Store, name: str) -> list[Holding]:
    """What a stream or table holds: none, one, or one for each way that it names people."""
    return [holding for holding in HOLDINGS if (holding.store, holding.name) == (store, name)]
