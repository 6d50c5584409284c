"""The contracts of the flat kinds. To add a field: a line here and a column in its stream."""

from __future__ import annotations

from ingestion.contracts.fields import Field
from ingestion.contracts.model import Contract, Key

AD_SPEND = Contract(
    kind="ad_spend",
    stream="ad_spend",
    identity="version",
    identity_columns=("platform", "account_id", "campaign_id", "spend_on"),
    fields=(
        Field("platform", "code", required=True),
        Field("account_id"),
        Field("campaign_id", required=True),
        Field("campaign_name"),
        Field("vertical", "code"),
        Field("spend_on", "date", required=True, names=("date",)),
        Field("spend", "decimal", required=True),
        Field("currency", "currency", required=True),
        Field("impressions", "integer", minimum=0),
        Field("clicks", "integer", minimum=0),
        Field("platform_conversions", "float", minimum=0, names=("conversions",)),
    ),
)

COSTS = Contract(
    kind="costs",
    stream="costs",
    identity="version",
    identity_columns=("vertical", "cost_month", "line", "scenario"),
    fields=(
        Field("vertical", "code", required=True),
        Field("cost_month", "month", required=True, names=("month",), future=True),
        Field("line", required=True),
        Field("scenario", "code", default="actual", allowed=("actual", "budget")),
        Field("cost_class", "code", required=True, allowed=("marketing", "sales", "other")),
        Field("channel", "code"),
        Field("amount", "decimal", required=True),
        Field("currency", "currency", required=True),
    ),
)

FX_RATES = Contract(
    kind="fx_rates",
    stream="fx_rates",
    identity="version",
    identity_columns=("base_currency", "currency", "rate_on"),
    fields=(
        Field("base_currency", "currency", required=True),
        Field("currency", "currency", required=True),
        Field("rate_on", "date", required=True, names=("date",)),
        Field("rate", "rate", required=True, minimum=0, above=True),
    ),
)

SURVEYS = Contract(
    kind="surveys",
    stream="surveys",
    identity="id",
    identity_columns=("response_id",),
    conflict="id_conflict",
    fields=(
        Field("response_id", required=True, names=("id",)),
        Field("survey"),
        Field("question_type", "code", required=True, allowed=("nps", "csat", "other")),
        Field("vertical", "code"),
        Field("email"),
        Field("user_id"),
        Field("score", "integer", minimum=0, maximum=100),
        Field("comment"),
        Field("occurred_at", "time", required=True, names=("answered_at",)),
    ),
    keys=(Key("email_key", "email", "email"), Key("user_key", "user_id", "user_id")),
)

CONTENT = Contract(
    kind="content",
    stream="content_items",
    identity="version",
    identity_columns=("content_id",),
    conflict="id_conflict",
    fields=(
        Field("content_id", required=True, names=("id",)),
        Field("title", required=True),
        Field("content_type", "code"),
        Field("vertical", "code"),
        Field("language", "code"),
        Field("topic"),
        Field("persona"),
        Field("stage"),
        Field("channel"),
        Field("url"),
        Field("status", "code"),
        Field("published_at", "time", future=True),
    ),
)

ATTENDEES = Contract(
    kind="attendees",
    stream="attendees",
    identity="version",
    identity_columns=("event_key", "email_key"),
    fields=(
        Field("event_key", required=True),
        Field("event_name"),
        Field("event_type", "code", allowed=("congress", "salon", "webinar", "other")),
        Field("vertical", "code"),
        Field("starts_on", "date", future=True),
        Field("ends_on", "date", future=True),
        Field("city"),
        Field("email", "email"),
        Field("first_name"),
        Field("last_name"),
        Field("organisation"),
        Field("job_title"),
        Field("status", "code", allowed=("invited", "registered", "attended", "no_show")),
    ),
    keys=(Key("email_key", "email", "email"),),
)

CONTACTS = Contract(
    kind="contacts",
    stream="imported_contacts",
    identity="version",
    identity_columns=("external_id",),
    conflict="id_conflict",
    column_map=True,
    fields=(
        Field("external_id", required=True),
        Field("email", "email"),
        Field("phone"),
        Field("first_name"),
        Field("last_name"),
        Field("organisation"),
        Field("job_title"),
        Field("vertical", "code"),
        Field("country"),
        Field("language", "code"),
        Field("created_at", "time"),
    ),
    keys=(
        Key("external_key", "external_id", "external_id"),
        Key("email_key", "email", "email"),
        Key("phone_key", "phone", "phone"),
    ),
)

CHANNELS = ("email", "sms", "push", "all")

#: The closed vocabulary. The first group tells what became of a message, the second what a
#: person did with it, the third what happened to an object of the CRM.
EVENT_TYPES = (
    *("processed", "sent", "deferred", "delivered", "bounced", "dropped", "failed"),
    *("opened", "clicked", "read", "complained", "unsubscribed", "resubscribed", "received"),
    *("crm_created", "crm_changed", "crm_deleted", "crm_privacy_deleted", "crm_merged"),
    *("crm_restored", "crm_associated"),
)
#: permanent: never again to this address; transient: it may pass; block: refused for what we are.
BOUNCE_TYPES = ("permanent", "transient", "block", "undetermined")

DELIVERY_EVENTS = Contract(
    kind="delivery_events",
    stream="delivery_events",
    identity="id",
    identity_columns=("provider", "provider_event_id"),
    conflict="id_conflict",
    fields=(
        Field("provider", "code", required=True),
        Field("provider_event_id", required=True),
        Field("event_type", required=True, allowed=EVENT_TYPES),
        Field("channel", "code", required=True, allowed=("email", "sms", "push", "crm")),
        Field("provider_message_id"),
        Field("outbox_id"),
        Field("recipient"),
        Field("bounce_type", "code", allowed=BOUNCE_TYPES),
        Field("reason"),
        Field("url"),
        Field("user_agent"),
        Field("ip"),
        Field("is_machine", "boolean"),
        Field("occurred_at", "time"),
        Field("payload"),
    ),
    keys=(Key("email_key", "email", "recipient"), Key("phone_key", "phone", "recipient")),
)

SUPPRESSIONS = Contract(
    kind="suppressions",
    stream="suppressions",
    identity="version",
    identity_columns=("identifier_key", "channel", "reason"),
    column_map=True,
    one_of=("email", "phone"),
    fields=(
        Field("email", "email"),
        Field("phone", "phone"),
        # An old tool that names no channel or reason still means it: the widest reading holds.
        Field("channel", "code", default="all", allowed=CHANNELS),
        Field("reason", "code", default="imported"),
        Field("suppressed_at", "time"),
    ),
)

CONSENTS = Contract(
    kind="consents",
    stream="consents",
    identity="version",
    identity_columns=("identifier_key", "purpose", "channel", "decided_at"),
    column_map=True,
    one_of=("email", "phone"),
    fields=(
        Field("email", "email"),
        Field("phone", "phone"),
        Field("purpose", "code", required=True),
        Field("channel", "code", required=True, allowed=CHANNELS),
        Field("status", "code", required=True, allowed=("granted", "withdrawn")),
        Field("legal_basis", "code"),
        Field("source"),
        Field("text_version"),
        Field("decided_at", "time", required=True),
    ),
)

REFERENCE = Contract(
    kind="reference",
    stream="organisations",
    identity="version",
    identity_columns=("level", "code"),
    fields=(
        Field(
            "level",
            "code",
            required=True,
            allowed=("commune", "epci", "departement", "region"),
        ),
        Field("code", required=True),
        Field("name", required=True),
        Field("siren"),
        Field("departement_code"),
        Field("region_code"),
        Field("population", "integer", minimum=0),
    ),
)
