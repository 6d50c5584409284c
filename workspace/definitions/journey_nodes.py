"""Nodes of journeys: waits, conditions, splits, actions and exits, and where each leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    StrictFloat,
    StrictInt,
    Tag,
    model_validator,
)

from workspace.buckets import ranges
from workspace.definitions.journey_triggers import form_of
from workspace.definitions.reading import Key, Strict
from workspace.definitions.segments import Condition, Happening, Location, Name, Text
from workspace.definitions.times import CHANNELS, WEEKDAYS, Clock, Duration, SendTimeChoice


class For(Duration):
    """Wait a span."""


class Until(Strict):
    """Wait until the clock shows a time where the contact lives, on one of the days."""

    until: Clock
    weekdays: Annotated[list[Literal[WEEKDAYS]], Field(min_length=1)] | None = None  # type: ignore[valid-type]

    @property
    def minute(self) -> int:
        return int(self.until[:2]) * 60 + int(self.until[3:])

    @property
    def days(self) -> int:
        """Bit n is set for ISO weekday n + 1."""
        return sum(1 << WEEKDAYS.index(day) for day in set(self.weekdays or WEEKDAYS))


class UntilEvent(Happening):
    """Wait until somebody does something, for so long at most."""

    timeout: Duration


_WAITS: dict[str, type[Strict]] = {
    "until": Until,
    "event": UntilEvent,
    "touch": UntilEvent,
    **dict.fromkeys(("minutes", "hours", "days", "weeks"), For),
}
Waiting = Annotated[
    Annotated[For, Tag("<For>")]
    | Annotated[Until, Tag("<Until>")]
    | Annotated[UntilEvent, Tag("<UntilEvent>")],
    Discriminator(
        lambda given: form_of(_WAITS, given),
        custom_error_type="wait",
        custom_error_message="a wait is a mapping with minutes, hours, days or weeks; with until; "
        "or with event and timeout",
    ),
]


class Wait(Strict):
    wait: Waiting
    next: Key
    on_timeout: Key | None = None

    @model_validator(mode="after")
    def _timeout(self) -> Wait:
        if self.on_timeout is not None and not isinstance(self.wait, UntilEvent):
            raise ValueError("on_timeout goes with a wait for an event")
        return self


class Ask(Strict):
    """Go on at ``then`` where the condition is true at the tick, else at ``else``."""

    condition: Condition
    then: Key
    else_: Key = Field(alias="else")


class Branch(Strict):
    share: Annotated[StrictInt | StrictFloat, Field(gt=0, le=100)]  # percent
    next: Key


class Split(Strict):
    """Send parts of the people different ways, the same person always the same way.

    ``salt`` decides who goes where; by default it is the journey's and the node's own.
    """

    split: Annotated[dict[Key, Branch], Field(min_length=2, max_length=20)]
    salt: Name | None = None
    experiment: Key | None = None

    @model_validator(mode="after")
    def _whole(self) -> Split:
        ranges({name: branch.share for name, branch in self.split.items()})
        return self


class Action(Strict):
    next: Key


class Send(Action):
    """With ``on_failure`` the person waits at the node until the message is queued or refused."""

    action: Literal["send"]
    on_failure: Key | None = None
    channel: Literal[CHANNELS]  # type: ignore[valid-type]
    template: Key
    purpose: Key | None = None
    message_class: Annotated[Key | None, Field(alias="class")] = None
    priority: Annotated[StrictInt, Field(ge=1, le=1000)] | None = None
    expected_value: Annotated[StrictInt | StrictFloat, Field(ge=0, le=1e9)] = 0
    not_after: Duration = Duration(days=3)
    on_capped: Literal["wait", "skip"] = "wait"
    send_time: SendTimeChoice | None = None


class Tagging(Action):
    action: Literal["add_tag", "remove_tag"]
    tag: Key


class UpdateCrm(Action):
    action: Literal["update_crm"]
    properties: Annotated[dict[Key, Text | StrictInt | StrictFloat | bool], Field(min_length=1)]


class CreateInCrm(Action):
    action: Literal["create_task", "create_ticket"]
    title: Text
    queue: Name | None = None
    due: Duration | None = None


class Webhook(Action):
    """``endpoint`` is a key of providers.yml, where the address and its secret are named."""

    action: Literal["webhook"]
    endpoint: Key


class AddToAudience(Action):
    action: Literal["add_to_audience"]
    audience: Key


class Exit(Strict):
    exit: Literal["completed", "criteria"]


_ACTIONS: dict[str, type[Strict]] = {
    "send": Send,
    "add_tag": Tagging,
    "remove_tag": Tagging,
    "update_crm": UpdateCrm,
    "create_task": CreateInCrm,
    "create_ticket": CreateInCrm,
    "webhook": Webhook,
    "add_to_audience": AddToAudience,
}
_NODES: dict[str, type[Strict]] = {"wait": Wait, "condition": Ask, "split": Split, "exit": Exit}


def _node_tag(given: Any) -> str | None:
    if isinstance(given, dict) and "action" in given:
        model = _ACTIONS.get(str(given["action"]))
        return f"<{model.__name__}>" if model else None
    return form_of(_NODES, given)


Node = Annotated[
    Annotated[Wait, Tag("<Wait>")]
    | Annotated[Ask, Tag("<Ask>")]
    | Annotated[Split, Tag("<Split>")]
    | Annotated[Exit, Tag("<Exit>")]
    | Annotated[Send, Tag("<Send>")]
    | Annotated[Tagging, Tag("<Tagging>")]
    | Annotated[UpdateCrm, Tag("<UpdateCrm>")]
    | Annotated[CreateInCrm, Tag("<CreateInCrm>")]
    | Annotated[Webhook, Tag("<Webhook>")]
    | Annotated[AddToAudience, Tag("<AddToAudience>")],
    Discriminator(
        _node_tag,
        custom_error_type="node",
        custom_error_message=f"a node has one of {', '.join(_NODES)}, or action: one of "
        f"{', '.join(_ACTIONS)}",
    ),
]


def edges(node: Any) -> dict[str, str]:
    """Outcome -> the node that follows."""
    if isinstance(node, Wait):
        if isinstance(node.wait, UntilEvent):
            return {"event": node.next, "timed_out": node.on_timeout or node.next}
        return {"waited": node.next}
    if isinstance(node, Ask):
        return {"then": node.then, "else": node.else_}
    if isinstance(node, Split):
        return {name: branch.next for name, branch in node.split.items()}
    if isinstance(node, Exit):
        return {}
    if getattr(node, "on_failure", None) is not None:
        return {"done": node.next, "failed": node.on_failure}
    return {"requested": node.next}


def kind_of(node: Any) -> str:
    """wait, condition, split, action or exit."""
    kinds = {Wait: "wait", Ask: "condition", Split: "split", Exit: "exit"}
    return kinds.get(type(node), "action")


def way_of(node: Any) -> tuple[str, str | None]:
    """How a node works, and what it is about: the event, the template, the tag and so on."""
    if isinstance(node, Wait):
        if isinstance(node.wait, UntilEvent):
            return "event", node.wait.name
        return ("until", node.wait.until) if isinstance(node.wait, Until) else ("for", None)
    if isinstance(node, Split | Ask | Exit):
        return kind_of(node), node.exit if isinstance(node, Exit) else None
    subjects = ("template", "tag", "title", "endpoint", "audience")
    found = next((getattr(node, name) for name in subjects if hasattr(node, name)), None)
    return node.action, found


def stops_time(node: Any) -> bool:
    """Whether nobody passes it twice at one moment; `until` alone may be met at once."""
    return isinstance(node, Wait) and not isinstance(node.wait, Until)


def named_edges(node: Any) -> Iterator[tuple[Location, str]]:
    """Field and node of each edge, as the file says them."""
    if isinstance(node, Split):
        for name, branch in node.split.items():
            yield ("split", name, "next"), branch.next
        return
    for field in ("next", "then", "else", "on_timeout", "on_failure"):
        to = getattr(node, "else_" if field == "else" else field, None)
        if to is not None:
            yield (field,), to


def branches_of(split: Split) -> list[tuple[str, int, int, str]]:
    """Of each branch its name, its buckets [from, to) and the node that follows."""
    taken = ranges({name: branch.share for name, branch in split.split.items()})
    return [(name, *taken[name], branch.next) for name, branch in split.split.items()]
