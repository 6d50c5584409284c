"""The lake's streams: their names, pyarrow schemas, clocks and keys.

A stream is append-only. Writers commit tables of exactly this schema
(:func:`workspace.lake.Lake.commit`), and a run exposes each one to dbt as the view
``lake.<stream>`` cut at its ``as_of`` (``docs/adr/001-two-clocks.md``).
What belongs here: shapes only. How a file becomes rows is `ingestion/contracts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TEXT = pa.string()
INT = pa.int64()
BOOL = pa.bool_()
FLOAT = pa.float64()
DATE = pa.date32()
TIME = pa.timestamp("us")  # always UTC
MONEY = pa.decimal128(18, 4)
RATE = pa.decimal128(18, 8)
BYTES = pa.binary()

#: Where a row came from; on every stream that is loaded from landed bytes.
LINEAGE = [("landed_at", TIME), ("landing_file", TEXT), ("landing_line", INT)]


@dataclass(frozen=True)
class Stream:
    """One append-only stream.

    ``key`` names the columns that identify a version of a thing; ``occurred`` the column of
    the first clock, where the row is something that happened and not the state of something.
    """

    name: str
    area: str
    schema: pa.Schema
    key: tuple[str, ...]
    description: str
    occurred: str | None = None

    @property
    def path(self) -> str:
        return f"{self.area}/{self.name}"


def _stream(
    area: str,
    name: str,
    key: str,
    columns: list[tuple[str, pa.DataType]],
    description: str,
    *,
    occurred: str | None = None,
    lineage: bool = True,
) -> Stream:
    fields = columns + [("known_at", TIME)] + (LINEAGE if lineage else [])
    return Stream(name, area, pa.schema(fields), tuple(key.split()), description, occurred)


_ALL = [
    _stream(
        "events",
        "events",
        "message_id",
        [
            ("message_id", TEXT),
            ("message_hash", INT),
            ("type", TEXT),
            ("event", TEXT),
            ("name", TEXT),
            ("user_id", TEXT),
            ("user_key", TEXT),
            ("anonymous_id", TEXT),
            ("anonymous_key", TEXT),
            ("group_id", TEXT),
            ("previous_id", TEXT),
            ("occurred_at", TIME),
            ("sent_at", TIME),
            ("page_url", TEXT),
            ("page_path", TEXT),
            ("page_host", TEXT),
            ("page_referrer", TEXT),
            ("page_title", TEXT),
            ("utm_source", TEXT),
            ("utm_medium", TEXT),
            ("utm_campaign", TEXT),
            ("utm_term", TEXT),
            ("utm_content", TEXT),
            ("user_agent", TEXT),
            ("ip", TEXT),
            ("locale", TEXT),
            ("order_id", TEXT),
            ("revenue", MONEY),
            ("currency", TEXT),
            ("properties", TEXT),
            ("traits", TEXT),
            ("context", TEXT),
        ],
        "Segment messages: one row per message_id.",
        occurred="occurred_at",
    ),
    _stream(
        "crm",
        "crm_contacts",
        "crm_id known_at",
        [
            ("crm_id", TEXT),
            ("contact_key", TEXT),
            ("created_at", TIME),
            ("archived", BOOL),
            ("email", TEXT),
            ("email_key", TEXT),
            ("phone", TEXT),
            ("phone_key", TEXT),
            ("first_name", TEXT),
            ("last_name", TEXT),
            ("job_title", TEXT),
            ("role", TEXT),
            ("lifecycle_stage", TEXT),
            ("user_id", TEXT),
            ("user_key", TEXT),
            ("company_crm_id", TEXT),
            ("owner_id", TEXT),
            ("vertical", TEXT),
            ("country", TEXT),
            ("city", TEXT),
            ("language", TEXT),
            ("lead_source", TEXT),
            ("properties", TEXT),
            ("associations", TEXT),
        ],
        "CRM contacts: one row per contact and modification.",
    ),
    _stream(
        "crm",
        "crm_companies",
        "crm_id known_at",
        [
            ("crm_id", TEXT),
            ("company_key", TEXT),
            ("created_at", TIME),
            ("archived", BOOL),
            ("name", TEXT),
            ("domain", TEXT),
            ("vertical", TEXT),
            ("account_type", TEXT),
            ("siren", TEXT),
            ("insee_code", TEXT),
            ("population", INT),
            ("employees", INT),
            ("country", TEXT),
            ("city", TEXT),
            ("postal_code", TEXT),
            ("owner_id", TEXT),
            ("lifecycle_stage", TEXT),
            ("properties", TEXT),
            ("associations", TEXT),
        ],
        "CRM companies: one row per company and modification.",
    ),
    _stream(
        "crm",
        "crm_deals",
        "crm_id known_at",
        [
            ("crm_id", TEXT),
            ("created_at", TIME),
            ("archived", BOOL),
            ("name", TEXT),
            ("pipeline", TEXT),
            ("stage", TEXT),
            ("deal_type", TEXT),
            ("amount", MONEY),
            ("mrr", MONEY),
            ("currency", TEXT),
            ("closed_at", TIME),
            ("contract_start_on", DATE),
            ("contract_end_on", DATE),
            ("owner_id", TEXT),
            ("company_crm_id", TEXT),
            ("contact_crm_id", TEXT),
            ("properties", TEXT),
            ("associations", TEXT),
        ],
        "CRM deals: one row per deal and modification.",
    ),
    _stream(
        "ads",
        "ad_spend",
        "platform account_id campaign_id spend_on known_at",
        [
            ("platform", TEXT),
            ("account_id", TEXT),
            ("campaign_id", TEXT),
            ("campaign_name", TEXT),
            ("vertical", TEXT),
            ("spend_on", DATE),
            ("spend", MONEY),
            ("currency", TEXT),
            ("impressions", INT),
            ("clicks", INT),
            ("platform_conversions", FLOAT),
        ],
        "Ad platform reports: one row per platform, account, campaign, day and restatement.",
    ),
    _stream(
        "finance",
        "costs",
        "vertical cost_month line scenario known_at",
        [
            ("vertical", TEXT),
            ("cost_month", DATE),
            ("line", TEXT),
            ("scenario", TEXT),
            ("cost_class", TEXT),
            ("channel", TEXT),
            ("amount", MONEY),
            ("currency", TEXT),
        ],
        "Cost lines: one row per vertical, month, line, scenario (actual, budget) and restatement.",
    ),
    _stream(
        "finance",
        "fx_rates",
        "base_currency currency rate_on known_at",
        [("base_currency", TEXT), ("currency", TEXT), ("rate_on", DATE), ("rate", RATE)],
        "Exchange rates: units of base_currency for one unit of currency on a day.",
    ),
    _stream(
        "feedback",
        "surveys",
        "response_id known_at",
        [
            ("response_id", TEXT),
            ("survey", TEXT),
            ("question_type", TEXT),
            ("vertical", TEXT),
            ("email", TEXT),
            ("email_key", TEXT),
            ("user_id", TEXT),
            ("user_key", TEXT),
            ("score", INT),
            ("comment", TEXT),
            ("occurred_at", TIME),
        ],
        "Survey answers: one row per response.",
        occurred="occurred_at",
    ),
    _stream(
        "content",
        "content_items",
        "content_id known_at",
        [
            ("content_id", TEXT),
            ("title", TEXT),
            ("content_type", TEXT),
            ("vertical", TEXT),
            ("language", TEXT),
            ("topic", TEXT),
            ("persona", TEXT),
            ("stage", TEXT),
            ("channel", TEXT),
            ("url", TEXT),
            ("status", TEXT),
            ("published_at", TIME),
        ],
        "Content library: one row per item and modification.",
    ),
    _stream(
        "programmes",
        "attendees",
        "event_key email_key known_at",
        [
            ("event_key", TEXT),
            ("event_name", TEXT),
            ("event_type", TEXT),
            ("vertical", TEXT),
            ("starts_on", DATE),
            ("ends_on", DATE),
            ("city", TEXT),
            ("email", TEXT),
            ("email_key", TEXT),
            ("first_name", TEXT),
            ("last_name", TEXT),
            ("organisation", TEXT),
            ("job_title", TEXT),
            ("status", TEXT),
        ],
        "Congress, salon and webinar calendar and lists: one row per event and attendee "
        "(no address: the calendar entry itself).",
    ),
    _stream(
        "delivery",
        "delivery_events",
        "provider provider_event_id",
        [
            ("provider", TEXT),
            ("provider_event_id", TEXT),
            ("event_type", TEXT),
            ("channel", TEXT),
            ("provider_message_id", TEXT),
            ("outbox_id", TEXT),
            ("recipient", TEXT),
            ("email_key", TEXT),
            ("phone_key", TEXT),
            ("bounce_type", TEXT),
            ("reason", TEXT),
            ("url", TEXT),
            ("user_agent", TEXT),
            ("ip", TEXT),
            ("is_machine", BOOL),
            ("occurred_at", TIME),
            ("payload", TEXT),
        ],
        "Providers' webhooks in one vocabulary: one row per provider and event.",
        occurred="occurred_at",
    ),
    _stream(
        "privacy",
        "imported_contacts",
        "external_id known_at",
        [
            ("external_id", TEXT),
            ("external_key", TEXT),
            ("email", TEXT),
            ("email_key", TEXT),
            ("phone", TEXT),
            ("phone_key", TEXT),
            ("first_name", TEXT),
            ("last_name", TEXT),
            ("organisation", TEXT),
            ("job_title", TEXT),
            ("vertical", TEXT),
            ("country", TEXT),
            ("language", TEXT),
            ("created_at", TIME),
        ],
        "Contacts moved in from an old tool: one row per contact and modification.",
    ),
    _stream(
        "privacy",
        "suppressions",
        "identifier_key channel reason known_at",
        [
            ("identifier_type", TEXT),
            ("identifier", TEXT),
            ("identifier_key", TEXT),
            ("channel", TEXT),
            ("reason", TEXT),
            ("suppressed_at", TIME),
        ],
        "Suppressions moved in from an old tool: one row per address or phone, channel and reason.",
    ),
    _stream(
        "privacy",
        "consents",
        "identifier_key purpose channel decided_at known_at",
        [
            ("identifier_type", TEXT),
            ("identifier", TEXT),
            ("identifier_key", TEXT),
            ("purpose", TEXT),
            ("channel", TEXT),
            ("status", TEXT),
            ("legal_basis", TEXT),
            ("source", TEXT),
            ("text_version", TEXT),
            ("decided_at", TIME),
        ],
        "Consent decisions moved in from an old tool: one row per decision.",
    ),
    _stream(
        "reference",
        "organisations",
        "level code known_at",
        [
            ("level", TEXT),
            ("code", TEXT),
            ("name", TEXT),
            ("siren", TEXT),
            ("departement_code", TEXT),
            ("region_code", TEXT),
            ("population", INT),
        ],
        "Public organisations of reference: communes, EPCI, départements and régions.",
    ),
    _stream(
        "system",
        "rejected_rows",
        "landing_file landing_line",
        [
            ("kind", TEXT),
            ("verdict", TEXT),  # bad | quarantined
            ("reason", TEXT),
            ("field", TEXT),
            ("detail", TEXT),
            ("original", BYTES),
            ("original_size", INT),
        ],
        "Rows that did not fit: one row per landed row, with its original bytes and the reason.",
    ),
    _stream(
        "system",
        "parameters",
        "definition collection key known_at",
        [
            ("definition", TEXT),
            ("definition_hash", TEXT),
            ("collection", TEXT),
            ("key", TEXT),
            ("position", INT),
            ("value", TEXT),
        ],
        "What marketing/*.yml said, as rows: one row per definition version, collection and key; "
        "value is JSON.",
        lineage=False,
    ),
]

STREAMS: dict[str, Stream] = {s.name: s for s in _ALL}
