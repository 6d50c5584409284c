"""Reading `campaigns/*.yml`, and what is wrong with a campaign besides its form."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workspace.definitions.campaigns import Campaign, Campaigns
from workspace.definitions.caps import Caps
from workspace.definitions.consent import Consent
from workspace.definitions.journey_files import missing_values, sending_faults, value_faults
from workspace.definitions.journeys import Journey
from workspace.definitions.reading import DefinitionError, nearest, read_folder
from workspace.definitions.segments import Location
from workspace.definitions.templates import Template


@dataclass(frozen=True)
class Known:
    """What a campaign may name."""

    segments: Collection[str]
    verticals: Collection[str]
    consent: Consent
    caps: Caps
    templates: Mapping[str, Template]
    journeys: Mapping[str, Journey]


def load_campaigns(folder: Path, known: Known) -> Campaigns:
    """Read ``campaigns/*.yml`` of a definitions folder. Raises :class:`DefinitionError`."""
    found, faults = read_folder(
        folder / "campaigns", Campaign, "campaign", lambda campaign: faults_of(campaign, known)
    )
    owners: dict[str, str] = {}
    for key, campaign in found.items():
        if campaign.journey is None:
            continue
        other = owners.setdefault(campaign.journey, key)
        if other != key:
            faults.append(
                f"{folder / 'campaigns' / key}.yml:1: journey: {campaign.journey} is what campaign "
                f"{other} does; a journey is one campaign's"
            )
    if faults:
        raise DefinitionError(faults)
    return Campaigns(campaigns=found)


def faults_of(campaign: Campaign, known: Known) -> Iterator[tuple[Location, str]]:
    """Every fault of a campaign and where in its file it is."""
    if campaign.vertical is not None and campaign.vertical not in known.verticals:
        near = nearest(campaign.vertical, known.verticals)
        yield ("vertical",), f"no vertical {campaign.vertical!r} in verticals.yml{near}"
    for at, segment in campaign.segments():
        if segment not in known.segments:
            yield at, f"no segment {segment!r}{nearest(segment, known.segments)}"
    if campaign.journey is not None:
        if campaign.journey not in known.journeys:
            near = nearest(campaign.journey, known.journeys)
            yield ("journey",), f"no journey {campaign.journey!r}{near}"
        return
    assert campaign.schedule is not None
    begins_on, deadline = campaign.schedule.begins_on, campaign.objective.deadline
    if begins_on is not None and deadline < begins_on:
        yield ("objective", "deadline"), f"{deadline} is before it goes out ({begins_on})"
    if campaign.message_class not in known.caps.classes:
        near = nearest(campaign.message_class, known.caps.classes)
        yield ("class",), f"no class {campaign.message_class!r} in caps.yml{near}"
    assert campaign.channel is not None and campaign.template is not None
    yield from sending_faults(
        (), campaign.purpose, campaign.channel, campaign.template, known.consent, known.templates
    )
    yield from missing_values(("values",), campaign.template, campaign.values, known.templates)
    yield from value_faults(("values",), campaign.template, campaign.values, known.templates)
