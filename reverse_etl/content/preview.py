"""A message as it would be, for one contact or for nobody in particular."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from reverse_etl.content.assets import FOLDER
from reverse_etl.content.library import Library, Refused, Rendered, Request
from reverse_etl.content.people import Person
from reverse_etl.content.values import Primitive

#: What a preview says of nobody in particular.
_SAMPLES: dict[str, str] = {
    "contact.first_name": "Camille",
    "contact.last_name": "Durand",
    "contact.organisation": "Clinique des Tilleuls",
    "contact.city": "Lyon",
    "account.name": "Commune de Saint-Exemple",
    "account.city": "Saint-Exemple",
}
_BY_KIND = {
    "text": "exemple",
    "number": "1234",
    "date": "2026-11-17",
    "url": "https://preview.invalid/link",
}
_MESSAGE: dict[str, str] = {
    "message.unsubscribe_url": "https://preview.invalid/unsubscribe",
    "message.preferences_url": "https://preview.invalid/preferences",
    "message.view_url": "https://preview.invalid/view",
    "message.confirm_url": "https://preview.invalid/confirm",
    "message.sent_on": "2026-11-17",
}

#: Nothing runs, nothing is loaded but pictures in the page itself.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-src 'self'"


@dataclass(frozen=True)
class Preview:
    """A rendered message, with the channel and language asked for."""

    message: Rendered
    sample: tuple[str, ...]  # sources that a made-up value stands for


def samples(library: Library, template: str) -> dict[str, Primitive]:
    """A made-up value for each source of a template that one is needed for."""
    kinds = {
        need.source: need.kind
        for part in library.entries[template].parts.values()
        for need in part.needs
        if not need.is_constant
    }
    return {
        source: {**_SAMPLES, **_MESSAGE}.get(source, _BY_KIND[kind])
        for source, kind in kinds.items()
    }


def preview(
    library: Library,
    template: str,
    channel: str,
    language: str | None = None,
    person: Person | None = None,
    occasion: Mapping[str, Primitive] | None = None,
) -> Preview | Refused:
    """Render a template, drafts, too. What neither the contact's own values nor ``occasion``, by
    source, say of the occasion (``event.…``) and of the message is made up; without a ``person``,
    everything else is."""
    made_up = samples(library, template) if template in library.entries else {}
    given: dict[str, Primitive] = dict(made_up)
    if person is not None:
        of_occasion = ("event.", "message.")
        given = {s: value for s, value in made_up.items() if s.startswith(of_occasion)}
        given |= person.values
    known = {source: value for source, value in (occasion or {}).items() if source in made_up}
    given |= known
    request = Request(
        template,
        channel,
        language or (person.language if person else None),
        given,
        person.segments if person else frozenset(),
    )
    (answer,) = library.render([request], drafts=True)
    if isinstance(answer, Refused):
        return answer
    own = person.values if person else {}
    return Preview(answer, tuple(sorted(set(made_up) - set(own) - set(known))))


def standing_alone(library: Library, folder: Path, html: str) -> str:
    """The HTML of a message with its assets in the page itself, so that it needs no network."""
    for name, asset in library.assets.items():
        if asset.published_name in html and asset.media_type.startswith("image/"):
            data = base64.b64encode((folder / FOLDER / name).read_bytes()).decode()
            for sender in library.senders.values():
                address = f"{sender.assets_url.rstrip('/')}/{asset.published_name}"
                html = html.replace(address, f"data:{asset.media_type};base64,{data}")
    return html


def page(library: Library, folder: Path, found: Preview) -> str:
    """A page that shows a message: its lines, its text, and its HTML in a frame where nothing runs.

    Assets stand in the page itself, so that it needs no network.
    """
    message = found.message
    html = message.html
    if html is not None:
        html = standing_alone(library, folder, html)
    rows = [
        ("template", f"{message.template} ({message.template_version})"),
        ("channel, language", f"{message.channel}, {message.language}"),
        *((name, text) for name, text in message.content.items() if name not in ("html", "text")),
    ]
    if message.segments is not None:
        rows.append(("segments", str(message.segments)))
    if found.sample:
        rows.append(("made up", ", ".join(found.sample)))
    head = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows)
    body = ""
    if html is not None:
        body += f'<iframe sandbox="" title="HTML" srcdoc="{escape(html, quote=True)}"></iframe>'
    if message.text is not None:
        body += f"<pre>{escape(message.text)}</pre>"
    return (
        f'<!doctype html><html lang="{escape(message.language)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(message.template)}</title><style>"
        "body{font:15px sans-serif;margin:1.5rem;max-width:60rem}th{text-align:left;"
        "padding-right:1rem;vertical-align:top}"
        "iframe{width:100%;height:46rem;border:1px solid #ccc;margin:1rem 0}"
        "pre{white-space:pre-wrap;border:1px solid #ccc;padding:1rem}"
        f"</style></head><body><table>{head}</table>{body}</body></html>\n"
    )
