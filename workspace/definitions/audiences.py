"""`audiences.yml`: which segment goes to which destination, and what the CRM is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, model_validator

from workspace.definitions.consent import Consent
from workspace.definitions.reading import Key, Row, Strict, nearest

DESTINATIONS = ("hubspot", "google_data_manager", "meta", "linkedin", "webhook", "file")
IDENTIFIERS = ("email", "phone")
#: What the CRM can be told of a contact. `reverse_etl.audiences.people` reads each.
CRM_PROPERTIES = (
    "lead_score",
    "lead_band",
    "engagement_score",
    "persona",
    "buyer_stage",
    "segments",
    "last_campaign",
)
ALL = "all"
Text = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[StrictInt | StrictFloat, Field(gt=0, le=1)]


class Breaker(Strict):
    """A sync that would add, change and remove more than ``share`` of the members that a
    destination holds is held, once it holds ``from_members``."""

    share: Share = 0.3
    from_members: Annotated[StrictInt, Field(ge=1)] = 100


class Audience(Strict):
    """``list_id`` is the audience's id at the destination; the purpose's consent is asked for
    ``channel``, which may be left out where the purpose has but one."""

    name: Text
    segment: Key
    destination: Literal[DESTINATIONS]  # type: ignore[valid-type]
    purpose: Key
    channel: Key | None = None
    list_id: Text | None = None
    identifiers: Annotated[list[Literal[IDENTIFIERS]], Field(min_length=1)]  # type: ignore[valid-type]
    live: StrictBool = False
    breaker: Breaker | None = None
    hashed: StrictBool = True


class Task(Strict):
    """A task in the CRM for a lead that comes into a band of this route (scoring.yml)."""

    title: Text
    due_days: Annotated[StrictInt, Field(ge=0, le=365)] = 1
    priority: Literal["HIGH", "MEDIUM", "LOW"] = "MEDIUM"
    owner: Text | None = None
    verticals: list[Key] | None = None


class Crm(Strict):
    """``creates`` are the segments whose contacts are made in the CRM when it does not know them;
    of all others only contacts that it knows are written. ``queues`` gives the CRM's owner ids
    for the queues that journeys name."""

    live: StrictBool = False
    purpose: Key = "profiling"
    properties: list[Literal[CRM_PROPERTIES]] = []  # type: ignore[valid-type]
    creates: list[Key] = []
    tasks: dict[Key, Task] = {}
    queues: dict[Key, Text] = {}
    actions: StrictBool = True
    ticket_pipeline: Text = "0"
    ticket_stage: Text = "1"
    breaker: Breaker | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Crm:
        if len(set(self.properties)) < len(self.properties):
            raise ValueError("a property is given twice")
        return self


class Audiences(Strict):
    breaker: Breaker = Breaker()
    crm: Crm = Crm()
    audiences: dict[Key, Audience] = {}

    def breaker_of(self, key: str) -> Breaker:
        own = self.audiences[key].breaker if key in self.audiences else self.crm.breaker
        return own or self.breaker

    def faults(
        self, segments: Mapping[str, object], verticals: Mapping[str, object], consent: Consent
    ) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What the file alone cannot tell: where it is, and what is wrong."""
        for key, audience in self.audiences.items():
            place = ("audiences", key)
            if audience.segment not in segments:
                near = nearest(audience.segment, segments)
                yield (*place, "segment"), f"no segment {audience.segment!r}{near}"
            yield from _faults_of_purpose(place, audience.purpose, audience.channel, consent)
        yield from _faults_of_purpose(("crm",), self.crm.purpose, None, consent)
        for position, segment in enumerate(self.crm.creates):
            if segment not in segments:
                near = nearest(segment, segments)
                yield ("crm", "creates", position), f"no segment {segment!r}{near}"
        for route, task in self.crm.tasks.items():
            for vertical in task.verticals or ():
                if vertical not in verticals:
                    near = nearest(vertical, verticals)
                    yield (
                        ("crm", "tasks", route, "verticals"),
                        f"no vertical {vertical!r} in verticals.yml{near}",
                    )

    def channel_of(self, key: str, consent: Consent) -> str:
        """The channel whose consent an audience asks for."""
        audience = self.audiences[key]
        return audience.channel or consent.purposes[audience.purpose].channels[0]

    def rows(self) -> Iterator[Row]:
        for position, (key, audience) in enumerate(self.audiences.items(), 1):
            value = {
                "audience": key,
                "name": audience.name,
                "segment": audience.segment,
                "destination": audience.destination,
                "purpose": audience.purpose,
                "is_live": audience.live,
            }
            yield Row("audience_syncs", key, position, value)


def _faults_of_purpose(
    place: tuple[str | int, ...], purpose: str, channel: str | None, consent: Consent
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    known = consent.purposes.get(purpose)
    if known is None:
        yield (*place, "purpose"), f"no purpose {purpose!r} in consent.yml"
        return
    if channel is not None and channel not in known.channels:
        yield (*place, "channel"), f"{purpose} has no channel {channel!r}"
    if channel is None and len(known.channels) > 1:
        named = ", ".join(known.channels)
        yield (*place, "purpose"), f"{purpose} has several channels; name one: channel: {named}"
