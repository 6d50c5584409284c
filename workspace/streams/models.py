"""Trained models: their versions, who promoted which, what they say of whom, how well they do."""

from __future__ import annotations

from workspace.streams.shapes import FLOAT, INT, TEXT, TIME, Stream, stream

STREAMS: list[Stream] = [
    stream(
        "models",
        "ml_model_versions",
        "model version",
        [
            ("model", TEXT),
            ("version", TEXT),
            ("subject_type", TEXT),  # account | contact
            ("horizon_days", INT),
            ("parameters", TEXT),  # JSON
            ("features", TEXT),  # JSON
            ("windows", TEXT),  # rows, outcomes and times of each, as JSON
            ("findings", TEXT),  # what training found in the data, as JSON
            ("code_version", TEXT),
            ("as_of", TIME),
            ("snapshot_id", TEXT),
        ],
        "Versions of models: one row per model and trained version; its files are in the registry "
        "(lake/models/registry).",
        decided=True,
    ),
    stream(
        "models",
        "ml_promotions",
        "model sequence",
        [
            ("model", TEXT),
            ("version", TEXT),  # the one the decision is about
            ("decision", TEXT),  # promoted | kept | rolled_back
            ("champion", TEXT),  # in force from here on
            ("reason", TEXT),
            ("metric", TEXT),
            ("difference", FLOAT),  # challenger less champion, on the same rows
            ("low", FLOAT),
            ("high", FLOAT),
            ("decided_by", TEXT),
            ("as_of", TIME),
            ("sequence", INT),
        ],
        "Which version scores: one row per decision to promote a version, to keep the one before "
        "or to go back to an earlier one, with its reason.",
        decided=True,
    ),
    stream(
        "models",
        "predictions",
        "model subject_type subject_id sequence",
        [
            ("model", TEXT),
            ("version", TEXT),
            ("subject_type", TEXT),  # account | contact
            ("subject_id", TEXT),
            ("probability", FLOAT),  # empty: no longer scored
            ("score", FLOAT),
            ("contributions", TEXT),  # JSON
            ("features_at", TIME),
            ("as_of", TIME),
            ("snapshot_id", TEXT),
            ("sequence", INT),
        ],
        "What models say: one row per model, subject and scoring that found another score for it "
        "than the one before.",
        decided=True,
    ),
    stream(
        "models",
        "model_metrics",
        "model version metric_window slice metric sequence",
        [
            ("model", TEXT),
            ("version", TEXT),
            ("metric_window", TEXT),  # training | validation | test | scoring
            ("slice", TEXT),  # all, or what of: vertical=…, decile=…, feature=…, window=…
            ("metric", TEXT),
            ("value", FLOAT),
            ("low", FLOAT),
            ("high", FLOAT),
            ("baseline_age", FLOAT),  # ranked by days since the last activity
            ("baseline_constant", FLOAT),
            ("rows", INT),
            ("detail", TEXT),
            ("as_of", TIME),
            ("snapshot_id", TEXT),
            ("sequence", INT),
        ],
        "How well models do: one row per version, window, slice, metric and time it was measured, "
        "with its interval and two baselines; and how far what is scored drifted from what was "
        "learnt.",
        decided=True,
    ),
]
