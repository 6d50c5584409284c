"""Product use, support and feedback."""

from __future__ import annotations

from workspace.streams.shapes import DATE, INT, TEXT, TIME, Stream, stream

STREAMS: list[Stream] = [
    stream(
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
    stream(
        "support",
        "support_tickets",
        "source ticket_id known_at",
        [
            ("source", TEXT),
            ("ticket_id", TEXT),
            ("subject", TEXT),
            ("status", TEXT),
            ("priority", TEXT),
            ("category", TEXT),
            ("channel", TEXT),
            ("vertical", TEXT),
            ("email", TEXT),
            ("email_key", TEXT),
            ("user_id", TEXT),
            ("user_key", TEXT),
            ("assignee", TEXT),
            ("created_at", TIME),
            ("first_reply_at", TIME),
            ("closed_at", TIME),
            ("rating", INT),
            ("payload", TEXT),
        ],
        "Support conversations: one row per tool, ticket and modification.",
    ),
    stream(
        "product",
        "product_usage",
        "source account_id user_id feature used_on known_at",
        [
            ("source", TEXT),
            ("account_id", TEXT),
            ("user_id", TEXT),
            ("user_key", TEXT),
            ("feature", TEXT),
            ("used_on", DATE),
            ("uses", INT),
            ("active_minutes", INT),
        ],
        "Use of the product: one row per source, account, user, feature, day and restatement.",
    ),
]
