"""Who is in which variant of an experiment, and what each look at it found."""

from __future__ import annotations

from workspace.streams.shapes import BOOL, FLOAT, INT, TEXT, TIME, Stream, stream

STREAMS: list[Stream] = [
    stream(
        "experiments",
        "experiment_assignments",
        "experiment salt contact_id",
        [
            ("experiment", TEXT),
            ("salt", TEXT),  # another salt draws anew, and is measured by itself
            ("contact_id", TEXT),
            ("variant", TEXT),
            ("shares", TEXT),  # variant -> percent as JSON, as they were; empty where unknown
            ("assigned_at", TIME),
        ],
        "Who is in which variant of an experiment: one row per experiment, salt and contact, from "
        "the first message intended for it.",
        decided=True,
    ),
    stream(
        "experiments",
        "experiment_looks",
        "experiment variant sequence",
        [
            ("experiment", TEXT),
            ("salt", TEXT),
            ("variant", TEXT),
            ("control", TEXT),
            ("method", TEXT),  # always_valid | fixed_horizon
            ("design", TEXT),  # a hash of what is tested and how: looks of another say nothing
            ("assigned", INT),
            ("exposed", INT),
            ("measured", INT),
            ("converted", INT),
            ("revenue", FLOAT),
            ("unsubscribed", INT),
            ("complained", INT),
            ("rate", FLOAT),
            ("effect", FLOAT),
            ("effect_low", FLOAT),
            ("effect_high", FLOAT),
            ("incremental_conversions", FLOAT),
            ("incremental_conversions_low", FLOAT),
            ("incremental_conversions_high", FLOAT),
            ("incremental_revenue", FLOAT),
            ("incremental_revenue_low", FLOAT),
            ("incremental_revenue_high", FLOAT),
            ("p_value", FLOAT),
            ("likelihood_ratio", FLOAT),
            ("p_always_valid", FLOAT),
            ("p_decisive", FLOAT),
            ("p_adjusted", FLOAT),
            ("p_srm", FLOAT),
            ("needed_per_arm", INT),
            ("decision", TEXT),  # control | better | worse | no_decision
            ("is_winner", BOOL),
            ("reasons", TEXT),
            ("as_of", TIME),
            ("snapshot_id", TEXT),
            ("sequence", INT),
        ],
        "What a run found when it looked at an experiment: one row per experiment, variant and "
        "look.",
        decided=True,
    ),
]
