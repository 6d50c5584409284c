"""What a pseudonymous pack does with a column.

Numbers, times and truth values stay. Of texts and whatever else there is, only what is named here
stays or gets a key of the pack; all others are left out, a mart's of your own among them, unless
the column's ``meta.pack`` in its YAML says ``keep`` or ``key``.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from reverse_etl.publish.catalogue import Relation

Treatment = Literal["kept", "keyed", "left_out"]


class Column(NamedTuple):
    """A column of a mart, what becomes of it, and why where it is left out."""

    name: str
    data_type: str
    treatment: Treatment
    reason: str | None = None


_PLAIN = re.compile(
    r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|REAL|BOOLEAN|DATE|TIME|INTERVAL|"
    r"DECIMAL\(\d+,\d+\)|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?)",
    re.IGNORECASE,
)

#: Ids of people, of organisations and of what they did; the same id has one key in all tables.
_KEYED = frozenset(
    """
    account_id action_id activity_id anonymous_key audience_member_id call_id consent_evidence_id
    contact_id contact_key conversion_id crm_id customer_id deal_id deciding_evidence_id email_id
    email_key enrolment_id evidence_id evidence_key external_key from_id granting_evidence_id
    group_key identifier_key intent_id log_id meeting_id member_id message_id object_id occurrence
    order_id outbox_id owner_id phone_key product_account_id provider_event_id provider_message_id
    recipient_key remote_id send_id session_id source_id stronger_key subject_id submission_id
    ticket_id to_id touch_id unit_id user_key visitor_key weaker_key winner_intent_id
    """.split()  # noqa: SIM905
)

#: Words of closed vocabularies, and keys of what the business itself defines.
_KEPT = frozenset(
    """
    about account_evidence account_type action activity_type actor_class actor_rule ad_group_id
    ad_id approval asset audience audience_name authority band band_change baseline_kind
    bounce_type brand budget_status buyer_stage calendar calendar_id calendar_status campaign
    campaign_id campaign_kind campaign_name campaign_source campaign_status cap category
    chain_denominator channel channel_group channel_rule channels classes click_id_name
    condition_json contact_source contact_stage content_hash content_id content_type cost_class
    counted_in country covers crm_state crm_status currency day_kind deal_type deciding_authority
    decision default_language definition definition_hash delivery_state denominator
    denominator_aggregate departement_code destination direction effect_decision ended_by
    entered_by_definition entry_kind estimate_unit event event_key event_name event_type
    evidence_type expected_unit experiment experiment_name failure_code family feature field
    figure finding finding_id form_id form_name from_channel from_stage from_type gate gate_text
    goal granting_authority group_kind highest_model hop hour_choice identified_by identifier_type
    import_state journey journey_name journey_type kind language languages last_failure_code
    last_non_direct_channel lead_band left_by_definition legal_basis level lifecycle_stage line
    list_id locale lowest_model mailing_id mart match_verdict matched_by mechanism media_type
    medium member_type message_class message_type method metric metric_kind metric_name
    metric_window missing_roles model next_node next_stage next_step node normaliser_version
    notice_type numerator numerator_aggregate object_type object_type_id objective_kind
    objective_metric objective_name operation optional_sources order_currency origin_mart
    other_segment outcome own_state page_id parameters part partner_id partner_type period persona
    persona_name pipeline pipeline_id pipeline_name platform platform_campaign_id policy_version
    post_id previous_band priority procedure processing_type profile programme_key proof_channel
    proof_purpose property property_id provider provider_code provider_state published_name
    purpose reading_a reading_b reason_1 reason_2 reasons reference_level region_code request_hash
    required_sources role route rule rule_group rule_id run_id scenario scope score_band segment
    segment_name shares snapshot_id source source_class source_key source_kind source_type
    source_version stage stage_id stage_name standing state state_then status step stream
    stronger_type surface sync_id target_id target_status template template_name template_version
    text_hash text_version to_channel to_stage to_type topic touch_type traffic_medium
    trigger_kind unit utm_medium variant verdict vertical verticals way weaker_type
    """.split()  # noqa: SIM905
)

#: The same names elsewhere, where they mean something else: ``mart.column``.
_ELSEWHERE: dict[str, Treatment] = {
    "attribution_disagreement.name": "kept",
    "attribution_intervals.name": "kept",
    "crm_lists.name": "kept",
    "journey_actions.subject": "left_out",
    "target_accounts.segment": "left_out",
    "segment_conditions.path": "kept",
}


def columns_of(relation: Relation, described: list[tuple[str, str]]) -> list[Column]:
    """Each column of a mart (name and DuckDB's type) with what becomes of it."""
    return [Column(name, kind, *_treat(relation, name, kind)) for name, kind in described]


def _treat(relation: Relation, name: str, kind: str) -> tuple[Treatment, str | None]:
    told = relation.pack.get(name)
    if told == "leave_out":
        return "left_out", "by its meta.pack"
    if told in ("keep", "key"):
        return ("kept" if told == "keep" else "keyed"), None
    treatment = _ELSEWHERE.get(f"{relation.name}.{name}")
    if treatment is not None:
        return treatment, "may name somebody" if treatment == "left_out" else None
    if _PLAIN.fullmatch(kind):
        return "kept", None
    if kind == "VARCHAR" and name in _KEYED:
        return "keyed", None
    if kind == "VARCHAR" and name in _KEPT:
        return "kept", None
    return "left_out", "may name somebody"
