"""Runs, models and the definitions they used."""

from __future__ import annotations

from workspace.streams.shapes import BYTES, FLOAT, INT, TEXT, TIME, Stream, stream

STREAMS: list[Stream] = [
    stream(
        "system",
        "collector_requests",
        "segment_id up_to_ms known_at",
        [
            ("segment_id", TEXT),
            ("collected_kind", TEXT),
            ("up_to_ms", FLOAT),
            ("requests", INT),
            ("occurred_at", TIME),
        ],
        "How long the collector took to acknowledge: one row per sealed segment and bucket of "
        "milliseconds.",
        occurred="occurred_at",
    ),
    stream(
        "system",
        "http_latencies",
        "worker_id period family outcome from_ms known_at",
        [
            ("worker_id", TEXT),
            ("period", INT),
            ("family", TEXT),  # read_api | scores
            ("outcome", TEXT),  # answered | refused | failed
            ("from_ms", FLOAT),
            ("below_ms", FLOAT),
            ("requests", INT),
            ("occurred_at", TIME),
        ],
        "How long HTTP answers took: one row per worker of the server, period, family of routes, "
        "outcome and bucket of milliseconds.",
        occurred="occurred_at",
        lineage=True,
        decided=True,
    ),
    stream(
        "system",
        "scheduled_ticks",
        "schedule scheduled_at sequence",
        [
            ("schedule", TEXT),
            ("scheduled_at", TIME),
            ("next_at", TIME),
            ("tick", TEXT),  # launched | skipped | failed | started | missed
            ("run_id", TEXT),
            ("run_status", TEXT),
            ("began_at", TIME),
            ("ended_at", TIME),
            ("sequence", INT),
        ],
        "What became of the times at which schedules were due: one row per schedule, time and "
        "export that found it changed.",
        decided=True,
    ),
    stream(
        "models",
        "attribution_effects",
        "as_of snapshot_id vertical goal model path replicate channel",
        [
            ("as_of", TIME),
            ("snapshot_id", TEXT),
            ("vertical", TEXT),
            ("goal", TEXT),
            ("model", TEXT),
            ("path", TEXT),
            ("replicate", INT),
            ("channel", TEXT),
            ("value", FLOAT),
        ],
        "What data-driven attribution found: one row per run's as_of, vertical, goal, model, path, "
        "replicate (0: all paths) and channel, with its removal effect or share of the path; "
        "snapshot_id names the input and what the fit was made with.",
        decided=True,
    ),
    stream(
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
    stream(
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
