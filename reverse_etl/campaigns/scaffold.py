"""A campaign to begin with: a file that is valid as it stands and says what may be changed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from workspace.definitions import DefinitionError, Definitions, load, nearest
from workspace.definitions.campaigns import BROADCAST, RECURRING, TRIGGERED
from workspace.definitions.reading import KEY
from workspace.definitions.templates import Template, load_templates

KINDS = (BROADCAST, RECURRING, TRIGGERED)


class CannotBegin(ValueError):
    """No file can be made like this; the message says what would help."""


def scaffold(
    loaded: Definitions,
    key: str,
    kind: str,
    vertical: str,
    today: date,
    segment: str | None = None,
    template: str | None = None,
    journey: str | None = None,
) -> Path:
    """Write ``campaigns/<key>.yml`` and return its path. Raises :class:`CannotBegin`.

    What is not given is the first of the vertical's; an existing file is never written over.
    """
    path = loaded.folder / "campaigns" / f"{key}.yml"
    if not KEY.fullmatch(key):
        raise CannotBegin(f"{key!r} is no key: lower case letters, digits and _")
    if path.exists():
        raise CannotBegin(f"{path} is there already")
    if kind not in KINDS:
        raise CannotBegin(f"--kind {kind!r}{nearest(kind, KINDS)}: one of {', '.join(KINDS)}")
    if vertical not in loaded.verticals.verticals:
        near = nearest(vertical, loaded.verticals.verticals)
        raise CannotBegin(f"no vertical {vertical!r} in verticals.yml{near}")
    head = _head(key, vertical, today)
    if kind == TRIGGERED:
        text = head + _of_journey(loaded, vertical, journey)
    else:
        text = head + _of_message(loaded, vertical, kind, today, segment, template)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    try:
        load(loaded.folder)
    except DefinitionError as error:
        path.unlink()
        raise CannotBegin(str(error)) from error
    return path


def _head(key: str, vertical: str, today: date) -> str:
    deadline = today + timedelta(days=90)
    return f"""\
name: {key.replace("_", " ").capitalize()}
description: What it is for, in a sentence.
vertical: {vertical}

# What it is to reach, by when: contacts, contact_share (0.05 is 5 %) or revenue, counted within so
# many days after a contact's first message was planned.
objective:
  metric: contacts
  reached_by: {{touch: demo_request}} # or {{event: NAME}}, {{goal: deal_won}}
  within_days: 30
  target: 10
  deadline: {deadline}

# So many of its audience get nothing, and tell by what they do all the same what it adds.
holdout: 0.1
# What it costs as a whole, in the base currency; leave it out where nobody knows.
cost: 0
"""


def _of_journey(loaded: Definitions, vertical: str, journey: str | None) -> str:
    taken = {campaign.journey for campaign in loaded.campaigns.campaigns.values()}
    free = [
        key
        for key, one in loaded.journeys.journeys.items()
        if one.vertical in (None, vertical) and key not in taken
    ]
    chosen = journey or next(iter(free), None)
    if chosen is None:
        raise CannotBegin(
            f"every journey of {vertical} is a campaign's already; write one in journeys/ first"
        )
    return f"\n# Who gets what when: marketing/journeys/{chosen}.yml\njourney: {chosen}\n"


def _of_message(
    loaded: Definitions,
    vertical: str,
    kind: str,
    today: date,
    segment: str | None,
    template: str | None,
) -> str:
    segments = [
        key for key, one in loaded.segments.segments.items() if one.vertical in (None, vertical)
    ]
    audience = segment or next(iter(segments), None)
    if audience is None:
        raise CannotBegin(f"there is no segment for {vertical}; write one in segments/ first")
    templates = load_templates(loaded.folder, loaded.verticals.verticals, loaded.consent)
    fitting = [key for key, one in templates.items() if _fits(one, vertical)]
    # One that says the same to everybody of its class is nearest to what is begun here.
    fitting.sort(
        key=lambda key: (bool(_needed(templates[key])), templates[key].class_ != "marketing")
    )
    chosen = template or next(iter(fitting), None)
    if chosen is None:
        raise CannotBegin(
            f"there is no template of {vertical} for email; begin one with: "
            "marketing templates draft"
        )
    if chosen not in templates:
        raise CannotBegin(f"no template {chosen!r}{nearest(chosen, templates)}")
    found = templates[chosen]
    channel = next(name for name in found.channels if name in ("email", "sms", "push"))
    message_class = found.class_ if found.class_ in loaded.caps.classes else "marketing"
    day = today + timedelta(days=7)
    schedule = (
        f'schedule: {{at: "{day} 09:00"}}'
        if kind == BROADCAST
        else 'schedule: {every: week, weekdays: [tuesday], time: "09:00"}'
    )
    return f"""
# Members of any of these segments, and of none of except.
audience: {{segments: [{audience}]}}
# Class of caps.yml (caps, lead bands, gates) and purpose of consent.yml.
class: {message_class}
purpose: {found.purpose or "marketing"}
channel: {channel}
template: {chosen}
{_values(found, day)}{schedule}
# Later than that, nobody gets it any more.
not_after: {{days: 2}}
# 1 to 1000: the higher comes first where a cap has no room for all.
priority: 100
# once: the campaign as it stands; each: every occurrence; none.
approval: once
"""


def _fits(template: Template, vertical: str) -> bool:
    return template.vertical == vertical and "email" in template.channels


def _needed(template: Template) -> list[tuple[str, str]]:
    return sorted(
        (field.from_.partition(".")[2], field.kind)
        for field in template.fields.values()
        if field.from_.startswith("event.") and field.fallback is None
    )


def _values(template: Template, day: date) -> str:
    """Lines for what the template takes from its occasion."""
    needed = _needed(template)
    if not needed:
        return ""
    made_up = {"date": str(day), "number": "0", "url": '"https://www.example.com/"'}
    lines = "".join(f"  {name}: {made_up.get(kind, 'to be written')}\n" for name, kind in needed)
    return f"# What the template takes from its occasion.\nvalues:\n{lines}"
