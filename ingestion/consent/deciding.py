"""Consent events from what somebody asked for on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingestion.consent.standing import REFUSED, Event, covers
from workspace.clock import iso
from workspace.definitions.consent import Consent, text_hash
from workspace.ledger.consent import ALL, ConsentEvent
from workspace.tokens import Token

PROFILING = "profiling"
ACTOR = "recipient"
_MOST_CHOICES = 100


class Unreadable(ValueError):
    """A form that none of the pages made."""


@dataclass(frozen=True)
class Shown:
    """What was shown: its version, language and wording."""

    version: str
    language: str
    wording: str


def left(token: Token, at: datetime, shown: Shown | None) -> ConsentEvent:
    """Somebody left all marketing on the message's channel: by the button in a mail program, which
    shows nothing of ours, or by that of the page."""
    mechanism = "one_click" if shown is None else "unsubscribe_page"
    return _refusal(token, ALL, token.channel, "one_click", mechanism, at, shown)


def nothing_more(token: Token, at: datetime, shown: Shown) -> ConsentEvent:
    """Somebody wants no marketing at all."""
    return _refusal(token, ALL, ALL, "preference_page", "preference_page", at, shown)


def objected(token: Token, at: datetime, shown: Shown) -> ConsentEvent:
    """Somebody objects to profiling."""
    made = _refusal(token, PROFILING, ALL, "preference_page", "preference_page", at, shown)
    return ConsentEvent(**{**vars(made), "state": "objection"})


def _refusal(
    token: Token,
    purpose: str,
    channel: str,
    source_class: str,
    mechanism: str,
    at: datetime,
    shown: Shown | None,
) -> ConsentEvent:
    return ConsentEvent(
        identifier_type=token.identifier_type,
        identifier_key=token.identifier_key,
        purpose=purpose,
        channel=channel,
        brand="",
        state="withdrawn",
        source_class=source_class,
        source=f"pages:{token.vertical}",
        mechanism=mechanism,
        actor=ACTOR,
        evidence=f"message:{token.reference}",
        occurred_at=at,
        known_at=at,
        **_proof(shown),
    )


def _proof(shown: Shown | None) -> dict[str, str]:
    if shown is None:
        return {}
    return {
        "text_version": shown.version,
        "text_hash": text_hash(shown.wording),
        "language": shown.language,
    }


def changes(
    policy: Consent, token: Token, form: Mapping[str, Sequence[str]], language: str, at: datetime
) -> list[ConsentEvent]:
    """What somebody changed on the preference page: boxes that are not as they were shown.

    What was not touched is not said again: a page that stood open takes back no refusal made since.
    Raises :class:`Unreadable`.
    """
    shown, on = form.get("shown", ()), set(form.get("on", ()))
    if len(shown) > _MOST_CHOICES:
        raise Unreadable
    found = []
    for line in shown:
        purpose, channel, before, version = _choice(policy, line)
        is_on = f"{purpose}/{channel}" in on
        if is_on == (before == "on"):
            continue
        text = policy.purposes[purpose].text(channel, version or None)
        seen = Shown(text.version, language, text.wording(language)) if text else None
        if is_on:
            if seen is None or not may_grant(token, channel):
                raise Unreadable
            found.append(granted(policy, token, purpose, channel, at, seen))
        else:
            page = "preference_page"
            found.append(_refusal(token, purpose, channel, page, page, at, seen))
    return found


def may_grant(token: Token, channel: str) -> bool:
    """A link proves who reads its own channel; elsewhere it may only refuse."""
    return channel in (token.channel, "ads", ALL)


def _choice(policy: Consent, line: str) -> tuple[str, str, str, str]:
    parts = line.split("/")
    if len(parts) != 4:
        raise Unreadable
    purpose, channel, before, version = parts
    given = policy.purposes.get(purpose)
    if given is None or channel not in given.channels or before not in ("on", "off"):
        raise Unreadable
    return purpose, channel, before, version


def granted(
    policy: Consent, token: Token, purpose: str, channel: str, at: datetime, shown: Shown
) -> ConsentEvent:
    """A box that was ticked: granted, or pending where it must be confirmed."""
    given = policy.purposes[purpose]
    return ConsentEvent(
        identifier_type=token.identifier_type,
        identifier_key=token.identifier_key,
        purpose=purpose,
        channel=channel,
        brand=token.brand,
        state="pending" if given.double_opt_in else "granted",
        source_class="preference_page",
        source=f"pages:{token.vertical}",
        mechanism="preference_page",
        legal_basis=basis(policy, purpose),
        actor=ACTOR,
        evidence=f"message:{token.reference}",
        occurred_at=at,
        known_at=at,
        **_proof(shown),
    )


def basis(policy: Consent, purpose: str) -> str:
    """What a ticked box is: consent, where the purpose may rest on it."""
    bases = policy.purposes[purpose].legal_bases
    return "consent" if "consent" in bases else bases[0]


# ---- confirming ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A request for consent as its link says it. ``outcome``: open, confirmed, expired, withdrawn
    (after it was made) or unknown (the policy has no such purpose or text any more)."""

    outcome: str
    shown: Shown | None = None


def request_of(
    policy: Consent, token: Token, events: Sequence[Event], language: str, at: datetime
) -> Request:
    """How a request stands. A refusal since then comes first, also after it was confirmed."""
    purpose = policy.purposes.get(token.purpose)
    text = purpose.text(token.channel, token.text_version or None) if purpose else None
    if purpose is None or text is None or token.channel not in purpose.channels:
        return Request("unknown")
    shown = Shown(text.version, language, text.wording(language))
    about = [e for e in events if covers(policy, e, token.purpose, token.channel)]
    last = about[-1] if about else None
    if last is not None and last["state"] in REFUSED and last["occurred_at"] >= token.at:
        return Request("withdrawn", shown)
    if any(e["mechanism"] == "double_opt_in" and _reference(token) in _of(e) for e in about):
        return Request("confirmed", shown)
    if at >= token.at + timedelta(days=policy.double_opt_in.valid_days):
        return Request("expired", shown)
    return Request("open", shown)


def confirmed(policy: Consent, token: Token, at: datetime, shown: Shown) -> ConsentEvent:
    """The grant that a request becomes."""
    return ConsentEvent(
        identifier_type=token.identifier_type,
        identifier_key=token.identifier_key,
        purpose=token.purpose,
        channel=token.channel,
        brand=token.brand,
        state="granted",
        source_class="form",
        source=f"pages:{token.vertical}",
        mechanism="double_opt_in",
        legal_basis=basis(policy, token.purpose),
        actor=ACTOR,
        evidence=f"{_reference(token)} requested:{iso(token.at)} confirmed:{iso(at)}",
        occurred_at=at,
        known_at=at,
        **_proof(shown),
    )


def _reference(token: Token) -> str:
    return f"request:{token.reference}"


def _of(event: Mapping[str, Any]) -> list[str]:
    return (event["evidence"] or "").split(" ")
