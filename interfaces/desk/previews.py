"""Messages as a contact would get them, in a frame of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from interfaces.desk.office import PATH, Answer, Ask, Office, Refusal
from reverse_etl.content import lint
from reverse_etl.content import preview as previewing
from reverse_etl.content.library import Library, Refused
from reverse_etl.content.looking import NoSuchContact, look
from reverse_etl.content.people import Person, published_person
from reverse_etl.content.preview import Preview
from reverse_etl.content.values import Primitive
from reverse_etl.publish import NothingPublished
from workspace.definitions import Definitions
from workspace.definitions.journey_nodes import Send
from workspace.definitions.reading import read
from workspace.definitions.templates import load_rules
from workspace.definitions.times import given_text
from workspace.definitions.verticals import Verticals


def messages(
    office: Office,
    ask: Ask,
    found: Definitions,
    library: Library,
    kind: str,
    key: str,
    templates: Iterable[str],
) -> list[dict[str, Any]]:
    """Every message that templates make for a campaign or journey, with made-up people."""
    occasion, channels = _occasion(found, kind, key), _channels(found, kind, key)
    listed = []
    for template in templates:
        findings = _findings(office, library, template)
        for channel, language in sorted(library.entries[template].parts):
            if channel not in channels:
                continue
            made = previewing.preview(library, template, channel, language, None, occasion)
            what = {"template": template, "channel": channel, "language": language}
            listed.append(
                _told(office, ask, made, {**what, "kind": kind, "key": key})
                | {
                    "findings": findings,
                    "is_draft": not library.entries[template].template.approved,
                }
            )
            findings = []  # once a template
    return listed


def _channels(found: Definitions, kind: str, key: str) -> set[str]:
    """What a campaign or journey sends over, and the pages that its messages lead to."""
    if kind == "campaign":
        return {found.campaigns.campaigns[key].channel or "", "landing"}
    nodes = found.journeys.journeys[key].nodes.values()
    return {"landing", *(node.channel for node in nodes if isinstance(node, Send))}


def _told(
    office: Office, ask: Ask, made: Preview | Refused, what: dict[str, str]
) -> dict[str, Any]:
    """A message as a page shows it: its lines, its text and the address of its frame."""
    told = {**what, "refused": "", "lines": [], "text": "", "frame": "", "made_up": ""}
    if isinstance(made, Refused):
        return told | {"refused": f"{made.reason}: {made.detail}"}
    content = made.message.content
    frame = ""
    if made.message.html is not None:
        frame = f"{PATH}/frame/{office.keys.frame(ask.session, json.dumps(what).encode())}"
    return told | {
        "language": made.message.language,
        "lines": [[name, one] for name, one in content.items() if name not in ("html", "text")],
        "text": made.message.text or "",
        "frame": frame,
        "made_up": ", ".join(made.sample),
    }


def _occasion(found: Definitions, kind: str, key: str) -> dict[str, Primitive]:
    """What a campaign or journey says of the occasion, by source."""
    of = {"campaign": found.campaigns.campaigns, "journey": found.journeys.journeys}.get(kind, {})
    values = json.loads(given_text(of[key].values) or "{}") if key in of else {}
    return {f"event.{name}": value for name, value in values.items()}


def _findings(office: Office, library: Library, template: str) -> list[dict[str, str]]:
    folder = office.settings.definitions
    verticals = read(folder / "verticals.yml", Verticals).verticals
    hosts = {host for vertical in verticals.values() for host in vertical.hosts}
    return [
        {
            "severity": one.severity,
            "where": f"{one.path.relative_to(folder) if one.path.is_absolute() else one.path}"
            f":{one.line}",
            "text": one.text,
        }
        for one in lint.lint(library, load_rules(folder), hosts, {template})
    ]


# ---- pages ---------------------------------------------------------------------------------------


def asked(office: Office, ask: Ask) -> Answer:
    """GET /preview"""
    return _page(office, ask, {})


def shown(office: Office, ask: Ask) -> Answer:
    """POST /preview: of a contact, on record in the audit chain; of nobody without one."""
    given = {
        name: ask.text(name) for name in ("template", "channel", "language", "contact", "source")
    }
    with office.library() as library:
        template = given["template"]
        if template not in library.entries:
            raise Refusal(422, "Choose a template.")
        entry = library.entries[template].template
        channel = given["channel"] or entry.channels[0]
        person = None
        if given["contact"]:
            try:
                person = look(office.settings, given["contact"], template, ask.said())
            except (NoSuchContact, NothingPublished) as error:
                raise Refusal(404, f"{error}.") from None
        kind, _, key = given["source"].partition(":")
        what = {
            **{"template": template, "channel": channel, "language": given["language"]},
            **{"kind": kind, "key": key, "contact": person.contact_id if person else ""},
        }
        made = _made(office, library, what, person)
        told = _told(office, ask, made, what)
        told |= {"findings": _findings(office, library, template), "is_draft": not entry.approved}
    return _page(office, ask, given, told, person)


def frame(office: Office, ask: Ask) -> Answer:
    """GET /frame/TOKEN: the message alone, for the session that was shown the page."""
    body = office.keys.of_frame(ask.session, "/".join(ask.rest))
    if body is None:
        raise Refusal(404, "There is no such message.")
    what = json.loads(body)
    person = None
    if what.get("contact"):  # whoever looks is on record by the page around it
        person = published_person(office.settings.paths, what["contact"])
    with office.library() as library:
        made = _made(office, library, what, person)
        if isinstance(made, Refused) or made.message.html is None:
            raise Refusal(404, "The message is not there any more. Load the page again.")
        html = previewing.standing_alone(library, office.settings.definitions, made.message.html)
    return Answer(200, html.encode(), is_frame=True)


def _made(
    office: Office, library: Library, what: dict[str, str], person: Person | None
) -> Preview | Refused:
    occasion = _occasion(office.definitions(), what["kind"], what["key"])
    return previewing.preview(
        library, what["template"], what["channel"], what["language"] or None, person, occasion
    )


def _page(
    office: Office,
    ask: Ask,
    given: dict[str, str],
    message: dict[str, Any] | None = None,
    person: Person | None = None,
) -> Answer:
    with office.library() as library:
        parts = [part for entry in library.entries.values() for part in entry.parts]
        templates = [
            {"key": entry.key, "vertical": entry.template.vertical}
            for entry in library.entries.values()
        ]
    chosen = {name: "" for name in ("template", "channel", "language", "source")} | given
    return office.page(
        ask,
        "preview.html",
        "Preview",
        templates=sorted(templates, key=lambda one: (one["vertical"], one["key"])),
        channels=sorted({channel for channel, _ in parts}),
        languages=sorted({language for _, language in parts}),
        sources=_sources(office.definitions()),
        chosen={name: chosen[name] for name in ("template", "channel", "language", "source")},
        message=message,
        contact=person.contact_id if person else "",
    )


def _sources(found: Definitions) -> list[str]:
    """The campaigns and journeys that say something of the occasion."""
    listed = [f"campaign:{key}" for key, one in found.campaigns.campaigns.items() if one.values]
    for key, one in found.journeys.journeys.items():
        if one.values and any(isinstance(node, Send) for node in one.nodes.values()):
            listed.append(f"journey:{key}")
    return sorted(listed)
