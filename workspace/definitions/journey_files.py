"""Reading `journeys/*.yml`, and what is wrong with a journey besides its form."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from workspace.definitions.consent import Consent
from workspace.definitions.journey_nodes import Send
from workspace.definitions.journey_triggers import DateTrigger, SegmentTrigger
from workspace.definitions.journeys import Journey, Journeys, occasion_of
from workspace.definitions.reading import DefinitionError, nearest, read_folder
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segment_files import happening_faults, leaf_faults
from workspace.definitions.segments import DEEPEST, Location, leaves_of
from workspace.definitions.templates import Template


def load_journeys(
    folder: Path,
    fields: Fields,
    segments: Collection[str],
    verticals: Collection[str],
    consent: Consent,
    templates: Mapping[str, Template],
) -> Journeys:
    """Read ``journeys/*.yml`` of a definitions folder. Raises :class:`DefinitionError`."""
    found, faults = read_folder(
        folder / "journeys",
        Journey,
        "journey",
        lambda journey: faults_of(journey, fields, segments, verticals, consent, templates),
    )
    if faults:
        raise DefinitionError(faults)
    return Journeys(journeys=found)


def faults_of(
    journey: Journey,
    fields: Fields,
    segments: Collection[str],
    verticals: Collection[str],
    consent: Consent,
    templates: Mapping[str, Template],
) -> Iterator[tuple[Location, str]]:
    """Every fault of a journey and where in its file it is."""
    yield from journey.faults()
    if journey.vertical is not None and journey.vertical not in verticals:
        near = nearest(journey.vertical, verticals)
        yield ("vertical",), f"no vertical {journey.vertical!r} in verticals.yml{near}"
    trigger = journey.trigger
    if isinstance(trigger, SegmentTrigger) and trigger.segment not in segments:
        near = nearest(trigger.segment, segments)
        yield ("trigger", "segment"), f"no segment {trigger.segment!r}{near}"
    if isinstance(trigger, DateTrigger):
        kind = fields.of("contact").get(trigger.date)
        if kind is None:
            near = nearest(trigger.date, fields.of("contact"))
            yield ("trigger", "date"), f"no field {trigger.date!r}{near}"
        elif kind not in ("date", "time"):
            yield ("trigger", "date"), f"{trigger.date} is a {kind}, not a date"
    for at, happening in journey.happenings():
        for place, fault in happening_faults(happening, fields):
            yield (*at, *place), fault
    for at, condition in journey.conditions():
        try:
            for place, unit, _, leaf in list(leaves_of(condition, at, "contact", False)):
                for inside, fault in leaf_faults(leaf, unit, fields, set(segments)):
                    yield (*place, *inside), fault
        except RecursionError:
            yield at, f"conditions are nested deeper than {DEEPEST}"
    for key, node in journey.nodes.items():
        if isinstance(node, Send):
            purpose = node.purpose or journey.purpose
            at = ("nodes", key)
            yield from sending_faults(at, purpose, node.channel, node.template, consent, templates)
            yield from value_faults(("values",), node.template, journey.values, templates)
            if occasion_of(journey) is None:
                yield from missing_values(("values",), node.template, journey.values, templates)


def sending_faults(
    at: Location,
    purpose: str,
    channel: str,
    template: str,
    consent: Consent,
    templates: Mapping[str, Template],
) -> Iterator[tuple[Location, str]]:
    """The purpose and the template exist, and are for the channel."""
    if purpose not in consent.purposes:
        near = nearest(purpose, consent.purposes)
        yield (*at, "purpose"), f"no purpose {purpose!r} in consent.yml{near}"
    elif channel not in consent.purposes[purpose].channels:
        yield (
            (*at, "channel"),
            f"{purpose} is not for {channel} (consent.yml); another purpose may be",
        )
    if template not in templates:
        yield (*at, "template"), f"no template {template!r}{nearest(template, templates)}"
    elif channel not in templates[template].channels:
        yield (*at, "template"), f"{template} is not for {channel} (its template.yml)"


def missing_values(
    at: Location, template: str, given: Collection[str], templates: Mapping[str, Template]
) -> Iterator[tuple[Location, str]]:
    """What a template takes from its occasion, has no fallback for, and nobody gives."""
    fields = templates[template].fields.values() if template in templates else ()
    for source in sorted({field.from_ for field in fields if field.fallback is None}):
        kind, _, name = source.partition(".")
        if kind == "event" and name not in given:
            yield at, f"give {name}: template {template} needs it"


def value_faults(
    at: Location, template: str, given: Mapping[str, Any], templates: Mapping[str, Template]
) -> Iterator[tuple[Location, str]]:
    """Constants that are of another kind than the template's field."""
    fields = templates[template].fields.values() if template in templates else ()
    for field in fields:
        kind, _, name = field.from_.partition(".")
        if kind == "event" and name in given and not _is_of(field.kind, given[name]):
            yield (*at, name), f"{given[name]!r} is no {field.kind}, as template {template} wants"


def _is_of(kind: str, value: Any) -> bool:
    if kind == "date":
        try:
            return isinstance(value, date) or bool(date.fromisoformat(str(value)))
        except ValueError:
            return False
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "url":
        return isinstance(value, str) and value.startswith("https://")
    return isinstance(value, str)
