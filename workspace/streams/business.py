"""Money, programmes and reference data."""

from __future__ import annotations

from workspace.streams.shapes import DATE, INT, MONEY, RATE, TEXT, Stream, stream

STREAMS: list[Stream] = [
    stream(
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
    stream(
        "finance",
        "fx_rates",
        "base_currency currency rate_on known_at",
        [("base_currency", TEXT), ("currency", TEXT), ("rate_on", DATE), ("rate", RATE)],
        "Exchange rates: units of base_currency for one unit of currency on a day.",
    ),
    stream(
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
    stream(
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
]
