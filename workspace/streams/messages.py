"""Intended messages and what became of them."""

from __future__ import annotations

from workspace.streams.shapes import BOOL, FLOAT, INT, TEXT, TIME, Stream, stream

#: What the consent that a message rests on was, when the gates let it pass.
PROOF = (
    ("consent_decided_at", TIME),
    ("consent_legal_basis", TEXT),
    ("consent_text_hash", TEXT),
    ("consent_policy_version", TEXT),  # hash of consent.yml in force then
)

STREAMS: list[Stream] = [
    stream(
        "messages",
        "message_intents",
        "intent_id",
        [
            ("intent_id", TEXT),
            ("source_kind", TEXT),  # campaign | journey | consent
            ("source_key", TEXT),
            ("source_version", TEXT),
            ("step", TEXT),
            ("occurrence", TEXT),
            ("contact_id", TEXT),
            ("account_id", TEXT),
            ("vertical", TEXT),
            ("channel", TEXT),
            ("template", TEXT),
            ("purpose", TEXT),
            ("message_class", TEXT),
            ("priority", INT),
            ("expected_value", FLOAT),
            ("scheduled_at", TIME),
            ("not_after", TIME),
            ("on_capped", TEXT),  # wait | skip
            ("send_time", TEXT),  # best | planned; NULL: what caps.yml says
            ("approval", TEXT),
            ("experiment", TEXT),
            ("variant", TEXT),
            ("occasion", TEXT),  # event:ID or touch:ID, whose values it is filled with
            ("given", TEXT),  # JSON: values that its campaign or journey gives
        ],
        "Messages that a campaign or journey intends: one row per message.",
        decided=True,
    ),
    stream(
        "messages",
        "message_decisions",
        "intent_id sequence",
        [
            ("intent_id", TEXT),
            ("decision", TEXT),  # queued | deferred | blocked
            ("gate", TEXT),
            ("detail", TEXT),
            ("deferred_until", TIME),
            ("winner_intent_id", TEXT),
            ("value_lost", FLOAT),
            ("consent_evidence_id", TEXT),
            *PROOF,
            ("scheduled_at", TIME),
            ("sequence", INT),
        ],
        "What the gates decided about intended messages: one row per message and change of its "
        "decision; the last one is in force.",
        decided=True,
    ),
    stream(
        "messages",
        "message_states",
        "message_id sequence",
        [
            ("message_id", TEXT),
            ("contact_id", TEXT),
            ("destination_key", TEXT),
            ("source_kind", TEXT),
            ("source_key", TEXT),
            ("step", TEXT),
            ("occurrence", TEXT),
            ("channel", TEXT),
            ("message_class", TEXT),
            ("purpose", TEXT),
            ("template", TEXT),
            ("template_version", TEXT),
            ("consent_evidence_id", TEXT),
            *PROOF,
            ("provider", TEXT),
            ("state", TEXT),
            ("reason", TEXT),
            ("attempts", INT),
            ("planned_at", TIME),
            ("scheduled_at", TIME),
            ("not_after", TIME),
            ("sent_at", TIME),
            ("updated_at", TIME),
            ("sequence", INT),
        ],
        "The ledger's outbox: one row per queued message and state that an export found it in.",
        decided=True,
    ),
    stream(
        "messages",
        "message_attempts",
        "attempt_id sequence",
        [
            ("attempt_id", INT),
            ("message_id", TEXT),
            ("attempt", INT),
            ("channel", TEXT),
            ("destination_key", TEXT),
            ("provider", TEXT),
            ("lease_epoch", INT),
            ("request_hash", TEXT),
            ("started_at", TIME),
            ("finished_at", TIME),
            ("result", TEXT),
            ("provider_code", TEXT),
            ("provider_message_id", TEXT),
            ("call", TEXT),  # attempts of one request share it
            ("answer_ms", INT),
            ("is_test", BOOL),
            ("sequence", INT),
        ],
        "The ledger's attempts to send: one row per attempt and result that an export found.",
        lineage=False,
    ),
]
