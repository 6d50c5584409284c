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
    passing=("survey",),
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
        Field("email_key", "key"),
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
    one_of=("email", "phone", "domain", "crm_company"),
    fields=(
        Field("email", "email"),
        Field("phone", "phone"),
        # Of an organisation, for everybody who belongs to it.
        Field("domain", "domain"),
        Field("crm_company"),
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

AD_SPEND_DETAILS = Contract(
    kind="ad_spend_details",
    stream="ad_spend_details",
    identity="version",
    identity_columns=(
        "platform",
        "account_id",
        "campaign_id",
        "ad_group_id",
        "ad_id",
        "spend_on",
    ),
    fields=(
        Field("platform", "code", required=True),
        Field("account_id"),
        Field("campaign_id", required=True),
        Field("campaign_name"),
        Field("ad_group_id", required=True),
        Field("ad_group_name"),
        Field("ad_id"),
        Field("ad_name"),
        Field("spend_on", "date", required=True, names=("date",)),
        Field("spend", "decimal", required=True),
        Field("currency", "currency", required=True),
        Field("impressions", "integer", minimum=0),
        Field("clicks", "integer", minimum=0),
        Field("platform_conversions", "float", minimum=0, names=("conversions",)),
        Field("payload", "json"),
    ),
)

WEB_ANALYTICS = Contract(
    kind="web_analytics",
    stream="web_analytics",
    identity="version",
    identity_columns=(
        "source",
        "property_id",
        "report_on",
        "channel_group",
        "traffic_source",
        "traffic_medium",
        "campaign",
    ),
    fields=(
        Field("source", "code", required=True),
        Field("property_id", required=True),
        Field("report_on", "date", required=True, names=("date",)),
        Field("channel_group"),
        Field("traffic_source"),
        Field("traffic_medium"),
        Field("campaign"),
        Field("sessions", "integer", required=True, minimum=0),
        Field("engaged_sessions", "integer", minimum=0),
        Field("users", "integer", minimum=0),
        Field("new_users", "integer", minimum=0),
        Field("key_events", "float", minimum=0),
        Field("payload", "json"),
    ),
)

MEETINGS = Contract(
    kind="meetings",
    stream="meetings",
    identity="version",
    identity_columns=(
        "source",
        "meeting_id",
    ),
    fields=(
        Field("source", "code", required=True),
        Field("meeting_id", required=True, names=("id",)),
        Field("name"),
        Field(
            "status", "code", required=True, allowed=("scheduled", "held", "canceled", "no_show")
        ),
        Field("vertical", "code"),
        Field("email", "email"),
        Field("host_email"),
        Field("location"),
        Field("starts_at", "time", required=True, future=True),
        Field("ends_at", "time", future=True),
        Field("created_at", "time"),
        Field("canceled_at", "time"),
        Field("utm_source"),
        Field("utm_medium"),
        Field("utm_campaign"),
        Field("payload", "json"),
    ),
    keys=(Key("email_key", "email", "email"),),
)

FORM_SUBMISSIONS = Contract(
    kind="form_submissions",
    stream="form_submissions",
    identity="version",
    identity_columns=(
        "source",
        "submission_id",
    ),
    fields=(
        Field("source", "code", required=True),
        Field("submission_id", required=True, names=("id",)),
        Field("form_id"),
        Field("form_name"),
        Field("vertical", "code"),
        Field("email"),
        Field("phone"),
        Field("first_name"),
        Field("last_name"),
        Field("organisation"),
        Field("page_url"),
        Field("utm_source"),
        Field("utm_medium"),
        Field("utm_campaign"),
        Field("occurred_at", "time", required=True, names=("submitted_at",)),
        Field("payload", "json"),
    ),
    keys=(
        Key("email_key", "email", "email"),
        Key("phone_key", "phone", "phone"),
    ),
)

SUPPORT_TICKETS = Contract(
    kind="support_tickets",
    stream="support_tickets",
    identity="version",
    identity_columns=(
        "source",
        "ticket_id",
    ),
    fields=(
        Field("source", "code", required=True),
        Field("ticket_id", required=True, names=("id",)),
        Field("subject"),
        Field("status", "code", required=True, allowed=("open", "pending", "closed")),
        Field("priority", "code"),
        Field("category"),
        Field("channel", "code"),
        Field("vertical", "code"),
        Field("email"),
        Field("user_id"),
        Field("assignee"),
        Field("created_at", "time", required=True),
        Field("first_reply_at", "time"),
        Field("closed_at", "time"),
        Field("rating", "integer", minimum=1, maximum=5),
        Field("payload", "json"),
    ),
    keys=(
        Key("email_key", "email", "email"),
        Key("user_key", "user_id", "user_id"),
    ),
)

PRODUCT_USAGE = Contract(
    kind="product_usage",
    stream="product_usage",
    identity="version",
    identity_columns=(
        "source",
        "account_id",
        "user_id",
        "feature",
        "used_on",
    ),
    fields=(
        Field("source", "code", default="product"),
        Field("account_id"),
        Field("user_id", required=True),
        Field("feature", required=True),
        Field("used_on", "date", required=True, names=("date",)),
        Field("uses", "integer", required=True, minimum=0),
        Field("active_minutes", "integer", minimum=0),
    ),
    keys=(Key("user_key", "user_id", "user_id"),),
)

SOCIAL_POSTS = Contract(
    kind="social_posts",
    stream="social_posts",
    identity="version",
    identity_columns=(
        "platform",
        "page_id",
        "post_id",
        "report_on",
    ),
    fields=(
        Field("platform", "code", required=True),
        Field("page_id", required=True),
        Field("post_id"),
        Field("title"),
        Field("url"),
        Field("report_on", "date", required=True, names=("date",)),
        Field("published_at", "time"),
        Field("impressions", "integer", minimum=0),
        Field("clicks", "integer", minimum=0),
        Field("reactions", "integer"),
        Field("comments", "integer"),
        Field("shares", "integer"),
        Field("followers_gained", "integer"),
        Field("payload", "json"),
    ),
)

TENDER_NOTICES = Contract(
    kind="tender_notices",
    stream="tender_notices",
    identity="version",
    identity_columns=(
        "source",
        "notice_id",
    ),
    fields=(
        Field("source", "code", required=True),
        Field("notice_id", required=True, names=("id",)),
        Field("notice_type"),
        Field("title"),
        Field("buyer_name"),
        Field("buyer_siren"),
        Field("departement_code"),
        Field("procedure"),
        Field("descriptors"),
        Field("url"),
        Field("published_on", "date", required=True),
        Field("deadline_at", "time", future=True),
        Field("payload", "json"),
    ),
)

SALES_ACTIVITIES = Contract(
    kind="sales_activities",
    stream="sales_activities",
    identity="version",
    identity_columns=(
        "source",
        "owner_email",
        "activity_type",
        "profile_url",
        "occurred_at",
    ),
    fields=(
        Field("source", "code", default="sales_navigator"),
        Field(
            "activity_type",
            "code",
            required=True,
            allowed=(
                "inmail_sent",
                "inmail_replied",
                "connection_sent",
                "connected",
                "profile_viewed",
                "lead_saved",
            ),
        ),
        Field("owner_email"),
        Field("profile_url", required=True),
        Field("contact_name"),
        Field("job_title"),
        Field("organisation"),
        Field("email"),
        Field("vertical", "code"),
        Field("occurred_at", "time", required=True),
    ),
    keys=(Key("email_key", "email", "email"),),
)

CRM_OWNERS = Contract(
    kind="crm_owners",
    stream="crm_owners",
    identity="version",
    identity_columns=("crm_id",),
    fields=(
        Field("crm_id", required=True, names=("id",)),
        Field("email"),
        Field("first_name", names=("firstName",)),
        Field("last_name", names=("lastName",)),
        Field("user_id", names=("userId",)),
        Field("team"),
        Field("archived", "boolean", default=False),
        Field("created_at", "time", names=("createdAt",)),
        Field("payload", "json"),
    ),
    keys=(Key("email_key", "email", "email"),),
)

CRM_STAGES = Contract(
    kind="crm_stages",
    stream="crm_stages",
    identity="version",
    identity_columns=(
        "object_type",
        "pipeline_id",
        "stage_id",
    ),
    fields=(
        Field("object_type", "code", required=True),
        Field("pipeline_id", required=True),
        Field("pipeline_name"),
        Field("stage_id", required=True),
        Field("stage_name"),
        Field("position", "integer"),
        Field("probability", "float", minimum=0, maximum=1),
        Field("is_closed", "boolean"),
        Field("archived", "boolean", default=False),
        Field("payload", "json"),
    ),
)

CRM_LISTS = Contract(
    kind="crm_lists",
    stream="crm_lists",
    identity="version",
    identity_columns=("list_id",),
    fields=(
        Field("list_id", required=True, names=("listId",)),
        Field("name"),
        Field("object_type_id", names=("objectTypeId",)),
        Field("processing_type", "code", names=("processingType",)),
        Field("size", "integer", minimum=0),
        Field("created_at", "time", names=("createdAt",)),
        Field("archived", "boolean", default=False),
        Field("payload", "json"),
    ),
)

CRM_LIST_MEMBERS = Contract(
    kind="crm_list_members",
    stream="crm_list_members",
    identity="version",
    identity_columns=(
        "list_id",
        "crm_id",
    ),
    fields=(
        Field("list_id", required=True),
        Field("crm_id", required=True, names=("recordId",)),
        Field("is_member", "boolean", default=True),
        Field("set_hash"),
        Field("joined_at", "time", names=("membershipTimestamp",)),
    ),
)

CRM_ASSOCIATIONS = Contract(
    kind="crm_associations",
    stream="crm_associations",
    identity="version",
    identity_columns=(
        "from_type",
        "from_id",
        "to_type",
        "to_id",
    ),
    fields=(
        Field("from_type", "code", required=True),
        Field("from_id", required=True),
        Field("to_type", "code", required=True),
        Field("to_id", required=True),
        Field("labels"),
        Field("is_associated", "boolean", default=True),
        Field("set_hash"),
    ),
)

CRM_PROPERTY_HISTORY = Contract(
    kind="crm_property_history",
    stream="crm_property_history",
    identity="version",
    identity_columns=("object_type", "crm_id", "property", "changed_at", "value"),
    fields=(
        Field("object_type", "code", required=True),
        Field("crm_id", required=True),
        Field("property", required=True),
        Field("value"),
        Field("source_type", "code"),
        Field("source_id"),
        Field("changed_at", "time", required=True),
    ),
)

COLLECTOR_REQUESTS = Contract(
    kind="collector_requests",
    stream="collector_requests",
    identity="version",
    identity_columns=("segment_id", "up_to_ms"),
    fields=(
        Field("segment_id", required=True),
        Field("collected_kind", "code", required=True),
        Field("up_to_ms", "float", required=True, minimum=0),
        Field("requests", "integer", required=True, minimum=0),
        Field("occurred_at", "time", required=True),
    ),
)

HTTP_LATENCIES = Contract(
    kind="http_latencies",
    stream="http_latencies",
    identity="version",
    identity_columns=("worker_id", "period", "family", "outcome", "from_ms"),
    fields=(
        Field("worker_id", required=True),
        Field("period", "integer", required=True, minimum=1),
        Field("family", "code", required=True),
        Field("outcome", "code", required=True, allowed=("answered", "refused", "failed")),
        Field("from_ms", "float", required=True, minimum=0),
        Field("below_ms", "float", minimum=0),
        Field("requests", "integer", required=True, minimum=0),
        Field("occurred_at", "time", required=True),
    ),
)
