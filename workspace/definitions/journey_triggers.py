"""Triggers of journeys: what takes somebody in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    StrictInt,
    Tag,
)

from workspace.definitions.reading import Key, Strict
from workspace.definitions.segments import Condition, Happening, Name


class EventTrigger(Happening):
    """Somebody did something: an event by its name, or a touch by its type."""


class SegmentTrigger(Strict):
    """A contact came into a segment; with ``existing``, also whoever is in it at the launch.

    Those whom a segment's first evaluation found have not come in.
    """

    segment: Key
    existing: bool = False


class FormTrigger(Strict):
    """A form was sent in, by its id or name."""

    form: Name


class DateTrigger(Strict):
    """A date of the contact or its account comes, plus ``days`` (less, where negative)."""

    date: Name
    days: Annotated[StrictInt, Field(ge=-730, le=730)] = 0


class ConditionTrigger(Strict):
    """A condition becomes true, having been false: a score that rises above a limit."""

    becomes: Condition


class ManualTrigger(Strict):
    """Nobody, but those whom `marketing journeys enroll` names."""

    manual: Literal[True]


#: What a trigger says -> its model.
TRIGGER_KINDS: dict[str, type[Strict]] = {
    "event": EventTrigger,
    "touch": EventTrigger,
    "segment": SegmentTrigger,
    "form": FormTrigger,
    "date": DateTrigger,
    "becomes": ConditionTrigger,
    "manual": ManualTrigger,
}


def form_of(kinds: dict[str, type[Strict]], given: Any) -> str | None:
    """The tag of the model that something given is of, by the names it has."""
    if isinstance(given, Strict):
        return f"<{type(given).__name__}>"
    if not isinstance(given, dict):
        return None
    return next((f"<{model.__name__}>" for name, model in kinds.items() if name in given), None)


Trigger = Annotated[
    Annotated[EventTrigger, Tag("<EventTrigger>")]
    | Annotated[SegmentTrigger, Tag("<SegmentTrigger>")]
    | Annotated[FormTrigger, Tag("<FormTrigger>")]
    | Annotated[DateTrigger, Tag("<DateTrigger>")]
    | Annotated[ConditionTrigger, Tag("<ConditionTrigger>")]
    | Annotated[ManualTrigger, Tag("<ManualTrigger>")],
    Discriminator(
        lambda given: form_of(TRIGGER_KINDS, given),
        custom_error_type="trigger",
        custom_error_message=f"a trigger is a mapping with one of {', '.join(TRIGGER_KINDS)}",
    ),
]
