"""Pages as bytes: templates, headers, and how values are written. No script, no third party."""

from __future__ import annotations

import base64
import hashlib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import minijinja

_FOLDER = Path(__file__).parent / "templates"
_STYLE = (_FOLDER / "desk.css").read_text(encoding="utf-8").strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_SHARED = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-resource-policy": "same-origin",
}
HEADERS = {
    **_SHARED,
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
}
#: Of a message in a frame: nothing runs, and pictures stand in the page itself.
FRAME_HEADERS = {
    **_SHARED,
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
}


@cache
def _environment() -> minijinja.Environment:
    made = minijinja.Environment(
        templates={path.name: path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.html")},
        undefined_behavior="strict",
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.add_filter("count", lambda value: "–" if value is None else f"{value:,}")
    made.add_filter("amount", lambda value: "–" if value is None else f"{value:,.2f}")
    made.add_filter("words", lambda value: str(value).replace("_", " "))
    return made


def draw(template: str, **values: Any) -> bytes:
    """A page of a template of this folder."""
    values = {name: _shown(value) for name, value in values.items()}
    return _environment().render_template(template, style=minijinja.safe(_STYLE), **values).encode()


def _shown(value: Any) -> Any:
    """Times as people read them, in whatever holds them."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    return value
