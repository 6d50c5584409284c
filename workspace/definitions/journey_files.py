"""Reading `journeys/*.yml`, and what is wrong with a journey besides its form."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from workspace.definitions.consent import Consent
from workspace.definitions.journeys import (
    DateTrigger,
    Journey,
    Journeys,
    SegmentTrigger,
    Send,
)
from workspace.definitions.reading import DefinitionError, nearest, read
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segment_files import happening_faults, leaf_faults
from workspace.definitions.segments import DEEPEST, Location, leaves_of


def load_journeys(
    folder: Path,
    fields: Fields,
    segments: Collection[str],
    verticals: Collection[str],
    consent: Consent,
) -> Journeys:
    """Read ``journeys/*.yml`` of a definitions folder. Raises :class:`DefinitionError`."""
    found: dict[str, Journey] = {}
    faults: list[str] = []
    for path in sorted((folder / "journeys").glob("*.y*ml")):
        key = path.stem
        if not (key.isascii() and key.replace("_", "a").isalnum() and key.islower()):
            faults.append(
                f"{path}:1: the name of the file is the journey's key: lower case letters, digits "
                "and _"
            )
        try:
            found[key] = read(
                path,
                Journey,
                lambda journey: faults_of(journey, fields, segments, verticals, consent),
            )
        except DefinitionError as error:
            faults += error.faults
    if faults:
        raise DefinitionError(faults)
    return Journeys(journeys=found)


def faults_of(
    journey: Journey,
    fields: Fields,
    segments: Collection[str],
    verticals: Collection[str],
    consent: Consent,
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
    yield from _sending_faults(journey, consent)


def _sending_faults(journey: Journey, consent: Consent) -> Iterator[tuple[Location, str]]:
    """Purposes exist and may be written for on the channel."""
    if journey.purpose not in consent.purposes:
        yield (
            ("purpose",),
            f"no purpose {journey.purpose!r}{nearest(journey.purpose, consent.purposes)}",
        )
        return
    for key, node in journey.nodes.items():
        if not isinstance(node, Send):
            continue
        purpose = node.purpose or journey.purpose
        if purpose not in consent.purposes:
            near = nearest(purpose, consent.purposes)
            yield ("nodes", key, "purpose"), f"no purpose {purpose!r} in consent.yml{near}"
        elif node.channel not in consent.purposes[purpose].channels:
            yield (
                ("nodes", key, "channel"),
                f"{purpose} is not for {node.channel} (consent.yml); give the node a purpose",
            )
