"""Segments that ask for the absence of a profile leave out who objects to being profiled.

A score, stage, band or persona that is missing meets no comparison, so whoever objects to profiling
is in no segment that asks for one. But ``not`` of it, and ``is_known: false``, would find exactly
these people: such conditions get the objection as a condition beside them.
"""

from __future__ import annotations

from typing import Any

from workspace.definitions.consent import Consent
from workspace.definitions.segment_fields import score_field
from workspace.definitions.segments import (
    All,
    Any_,
    Condition,
    ConsentLeaf,
    ContactsLeaf,
    FieldLeaf,
    ListLeaf,
    Not,
    ScoreLeaf,
    SegmentLeaf,
    Segments,
    leaves_of,
)

#: Fields of a contact that evaluate the person.
PROFILE = (
    *("contact.persona", "contact.buyer_stage", "contact.lead_band", "contact.engagement_score"),
    *("contact.lead_score", "contact.learned_lead_score", "contact.p_engage_7d"),
    *("contact.p_convert_90d", "contact.churn_score"),
)
#: Lists of contacts whose next action is chosen by what is known of them.
CHOSEN = "next_best_action:"


def unprofiled(segments: Segments, consent: Consent) -> Segments:
    """The segments as they are evaluated; the same ones where no purpose is ``profiling``."""
    refusals = [
        ConsentLeaf(consent=state, purpose=key, channel=channel)
        for key, purpose in consent.purposes.items()
        if purpose.profiling
        for channel in purpose.channels
        for state in ("withdrawn", "objection")
    ]
    if not refusals:
        return segments
    apart = Not(**{"not": Any_(any=refusals)})
    profiled = _profiled(segments)
    return Segments(
        segments={
            key: segment.model_copy(
                update={"where": _guarded(segment.where, segment.unit, apart, profiled)}
            )
            for key, segment in segments.segments.items()
        }
    )


def _profiled(segments: Segments) -> set[str]:
    """Segments of contacts that ask for a profile, by way of others as well."""
    found: set[str] = set()
    for key in segments.in_order():
        segment = segments.segments[key]
        if segment.unit == "contact" and any(
            unit == "contact" and _asks(leaf, found) for _, unit, _, leaf in segment.leaves()
        ):
            found.add(key)
    return found


def _asks(leaf: Any, profiled: set[str]) -> bool:
    if isinstance(leaf, ScoreLeaf):
        return score_field(leaf.score, "contact") in PROFILE
    if isinstance(leaf, SegmentLeaf):
        return leaf.segment in profiled
    if isinstance(leaf, ListLeaf):
        return leaf.list_.startswith(CHOSEN)
    return isinstance(leaf, FieldLeaf) and leaf.field in PROFILE


def _guarded(condition: Any, unit: str, apart: Not, profiled: set[str]) -> Condition:
    if unit == "account":
        return _inside(condition, apart, profiled)
    finds_missing = any(
        _asks(leaf, profiled) and (negated or getattr(leaf, "is_known", None) is False)
        for _, _, negated, leaf in leaves_of(condition, (), unit, False)
    )
    return All(all=[condition, apart]) if finds_missing else condition


def _inside(condition: Any, apart: Not, profiled: set[str]) -> Condition:
    """An account's condition, with what it asks of its contacts guarded."""
    if isinstance(condition, All):
        return All(all=[_inside(part, apart, profiled) for part in condition.all_])
    if isinstance(condition, Any_):
        return Any_(any=[_inside(part, apart, profiled) for part in condition.any_])
    if isinstance(condition, Not):
        return Not(**{"not": _inside(condition.not_, apart, profiled)})
    if isinstance(condition, ContactsLeaf):
        inner = _guarded(condition.contacts, "contact", apart, profiled)
        return condition.model_copy(update={"contacts": inner})
    return condition
