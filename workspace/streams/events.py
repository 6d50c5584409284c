"""Events and what they say of people."""

from __future__ import annotations

from workspace.streams.shapes import INT, MONEY, TEXT, TIME, Stream, stream

STREAMS: list[Stream] = [
    stream(
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
            ("company_key", TEXT),
            ("previous_id", TEXT),
            ("previous_user_key", TEXT),
            ("previous_anonymous_key", TEXT),
            ("email_key", TEXT),
            ("phone_key", TEXT),
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
]
