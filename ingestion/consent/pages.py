"""The pages as bytes: no script, nothing of a third party, nobody's name or address."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import minijinja

from ingestion.collector.envelope import Header
from ingestion.consent import deciding
from ingestion.consent.deciding import PROFILING, Shown
from ingestion.consent.standing import PENDING, State, States
from ingestion.consent.words import VERSION, words
from workspace.definitions.consent import Consent
from workspace.definitions.templates import Sender
from workspace.tokens import Token

_FOLDER = Path(__file__).parent / "templates"
_STYLE = (_FOLDER / "style.css").read_text().strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CHANNELS = ("email", "sms", "push", "all", "ads")

HEADERS: list[Header] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'".encode(),
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"accept-language"),
]


@cache
def _environment() -> minijinja.Environment:
    return minijinja.Environment(
        templates={path.name: path.read_text() for path in _FOLDER.glob("*.html")},
        undefined_behavior="strict",
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _drawn(template: str, language: str, sender: Sender | None, title: str, **more: Any) -> bytes:
    say = words(language)
    return (
        _environment()
        .render_template(
            template,
            language=language,
            languages=[(code, words(code)["language"]) for code in ("fr", "en")],
            style=minijinja.safe(_STYLE),
            title=title,
            say={**say, **more.pop("say", {})},
            name=sender.name if sender else "",
            organisation=sender.organisation if sender else "",
            postal_address=sender.postal_address if sender else "",
            reply_to=sender.reply_to if sender else "",
            **more,
        )
        .encode()
    )


def told(
    language: str,
    sender: Sender | None,
    what: str,
    text: str | None = None,
    *,
    is_done: bool = False,
    quoted: str = "",
    action: str = "",
    preferences: str = "",
    **values: object,
) -> bytes:
    """A page with a title and a text of `words` (``what`` and ``text``), a wording that is
    ``quoted``, the one button that does ``action``, and a link to the preferences."""
    name = sender.name if sender else ""
    say = words(language, name=name, **{"days": "", **values})
    return _drawn(
        "told.html",
        language,
        sender,
        say[f"{what}_title"],
        text=say[text or what],
        is_done=is_done,
        quoted=quoted,
        action=action,
        button=say[f"{what}_button"] if action else "",
        preferences=preferences,
    )


def unsubscribe_shown(language: str, sender: Sender | None, channel: str) -> Shown:
    """The sentence above the page's unsubscribe button."""
    say = words(language, name=sender.name if sender else "", days="")
    return Shown(VERSION, language, say[f"unsubscribe_{channel}"])


def shown(language: str, sender: Sender | None, what: str) -> Shown:
    """The sentence above another button of the preference page: ``nothing`` or ``object``."""
    say = words(language, name=sender.name if sender else "", days="")
    return Shown(VERSION, language, say[what])


def preferences(
    language: str,
    sender: Sender | None,
    policy: Consent,
    token: Token,
    states: States,
    told_text: str = "",
) -> bytes:
    """What holds of every purpose and channel, as boxes that may be changed."""
    say = words(language, name=sender.name if sender else "", days="")
    groups = []
    for channel in _CHANNELS:
        boxes = list(_boxes(language, policy, token, states, channel, say))
        if boxes:
            groups.append({"title": say[channel], "boxes": boxes})
    objection = [state for (key, _), state in states.items() if key == PROFILING]
    return _drawn(
        "preferences.html",
        language,
        sender,
        say["preferences_title"],
        told=told_text,
        groups=groups,
        has_profiling=PROFILING in policy.purposes,
        is_objected=any(state.state == "objection" for state in objection),
        say=say,
    )


def _boxes(
    language: str,
    policy: Consent,
    token: Token,
    states: States,
    channel: str,
    say: Mapping[str, str],
) -> Sequence[dict[str, Any]]:
    found = []
    for (key, its), state in states.items():
        text = policy.purposes[key].text(its)
        if its != channel or text is None:
            continue
        if not state.is_on and not deciding.may_grant(token, channel):
            continue
        found.append(
            {
                "id": f"{key}-{channel}",
                "value": f"{key}/{channel}",
                "shown": f"{key}/{channel}/{'on' if state.is_on else 'off'}/{text.version}",
                "is_on": state.is_on,
                "text": text.wording(language),
                "note": _note(state, say),
            }
        )
    return found


def _note(state: State, say: Mapping[str, str]) -> str:
    if state.state == PENDING:
        return say["to_confirm"]
    return say["held"] if state.is_held else ""
