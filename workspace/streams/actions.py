"""What is to be done next with each contact, and the models that said so."""

from __future__ import annotations

from workspace.streams.shapes import BOOL, DATE, FLOAT, INT, TEXT, TIME, Stream, stream

STREAMS: list[Stream] = [
    stream(
        "models",
        "action_decisions",
        "sequence contact_id action",
        [
            ("round_on", DATE),  # first day of the round: one decision a contact
            ("decided_at", TIME),
            ("sequence", INT),  # the set of decisions; of a round the last one is in force
            ("contact_id", TEXT),
            ("vertical", TEXT),
            ("action", TEXT),  # nothing: the option that is always there
            ("is_taken", BOOL),
            ("is_best", BOOL),
            ("is_exploration", BOOL),
            ("is_automated", BOOL),  # segments could ask for it
            ("propensity", FLOAT),
            ("expected_gain", FLOAT),  # response_part - cost_part - stop_part, by amounts of then
            ("response_part", FLOAT),
            ("cost_part", FLOAT),
            ("stop_part", FLOAT),
            ("p_response", FLOAT),
            ("p_stop", FLOAT),
            ("basis", TEXT),  # model | rate | assumed | uplift
            ("contributions", TEXT),  # JSON: feature -> part of the log odds; of what was taken
        ],
        "What to do next with a contact: one row per set of decisions, contact and option it had, "
        "with the option's probability of being taken.",
        decided=True,
    ),
    stream(
        "models",
        "action_models",
        "sequence action",
        [
            ("decided_at", TIME),
            ("sequence", INT),
            ("action", TEXT),
            ("basis", TEXT),
            ("exposures", INT),
            ("exposures_with_features", INT),  # with a snapshot before: what a model learns from
            ("responses", INT),
            ("response_rate", FLOAT),
            ("stops", INT),
            ("stop_rate", FLOAT),
            ("auc", FLOAT),  # on exposures of contacts that the model had not seen
            ("auc_low", FLOAT),
            ("auc_high", FLOAT),
            ("treated_people", INT),
            ("control_people", INT),
            ("qini", FLOAT),
            ("qini_low", FLOAT),
            ("qini_high", FLOAT),
        ],
        "The models behind decisions: one row per set of decisions and action, with what the "
        "model rests on.",
        decided=True,
    ),
    stream(
        "models",
        "recommendation_logs",
        "round_on contact_id content_id",
        [
            ("round_on", DATE),
            ("recommended_at", TIME),
            ("contact_id", TEXT),
            ("content_id", TEXT),
            ("is_shown", BOOL),  # has the first place
            ("propensity", FLOAT),  # of the item in the first place, where it has it
            ("stage_fit", FLOAT),
            ("persona_fit", FLOAT),
            ("topic_fit", FLOAT),
            ("performance_fit", FLOAT),
            ("freshness", FLOAT),
            ("novelty", FLOAT),
        ],
        "What the first recommendation was chosen from: one row per round, contact of a sample and "
        "item it could have been, with the terms of its score.",
        decided=True,
    ),
]
