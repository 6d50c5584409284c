"""`journeys/*.yml`: what happens to a person from a trigger to an exit, as a graph of nodes.

A node waits, asks a condition, splits, acts or exits. What each does at a tick stands in
`docs/journeys.md`; here is the form of a file, and what is wrong with one as a graph.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    StrictFloat,
    StrictInt,
    Tag,
    model_validator,
)

from workspace.definitions.reading import Key, Strict, nearest
from workspace.definitions.segments import Condition, Happening, Location, Name, Text
from workspace.definitions.times import CHANNELS, WEEKDAYS, Clock, Duration, Values

LARGEST = 10_000  # nodes
#: A trigger this old no longer enrols: what was known too late, or while no run was made.
TRIGGER_AGE = timedelta(days=7)
#: What happened so long before a journey's first tick is taken by it.
LAUNCH_WINDOW = timedelta(days=1)

# ---- triggers --------------------------------------------------------------------------------


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


def _tag(kinds: dict[str, type[Strict]], given: Any) -> str | None:
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
        lambda given: _tag(TRIGGER_KINDS, given),
        custom_error_type="trigger",
        custom_error_message=f"a trigger is a mapping with one of {', '.join(TRIGGER_KINDS)}",
    ),
]


# ---- nodes -----------------------------------------------------------------------------------


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
        lambda given: _tag(_WAITS, given),
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
        total = sum(branch.share for branch in self.split.values())
        if abs(total - 100) > 1e-9:
            raise ValueError(f"the shares sum to {total:g}, not to 100")
        if any(round(branch.share * 100, 6) % 1 for branch in self.split.values()):
            raise ValueError("shares have two decimals at most")
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
    return _tag(_NODES, given)


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


# ---- the journey -----------------------------------------------------------------------------


class Cooldown(Strict):
    after_days: Annotated[StrictInt | StrictFloat, Field(gt=0, le=36500)]


class MoveTo(Strict):
    move_to: Key


class Goal(Happening):
    """What the journey is for; who reaches it leaves."""


class Beside(Strict):
    """An earlier version that goes on taking a share of the entries, percent."""

    version: Annotated[StrictInt, Field(ge=1)]
    share: Annotated[StrictInt | StrictFloat, Field(gt=0, lt=100)]


_NAMING = ("name", "description", "owner", "version")


class Journey(Strict):
    """One version of a journey. The first of ``nodes`` is where it begins; ``values`` fill what its
    templates take from the occasion and the trigger does not say."""

    name: Name
    description: Text | None = None
    version: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    type: Literal["journey", "sequence"] = "journey"
    vertical: Key | None = None
    owner: Name | None = None
    starts_on: date | None = None
    trigger: Trigger
    where: Condition | None = None
    reentry: Literal["never", "after_exit"] | Cooldown = "never"
    goal: Goal | None = None
    exit_when: Condition | None = None
    expires_after: Duration | None = None
    purpose: Key = "marketing"
    message_class: Annotated[Key, Field(alias="class")] = "marketing"
    priority: Annotated[StrictInt, Field(ge=1, le=1000)] = 100
    on_edit: Literal["stay", "exit"] | MoveTo = "stay"
    beside: Beside | None = None
    needs_approval: bool = False
    values: Values = {}
    nodes: Annotated[dict[Key, Node], Field(min_length=1, max_length=LARGEST)]

    @property
    def first(self) -> str:
        return next(iter(self.nodes))

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The definition as the file has it, without what is left at its default."""
        return json.loads(self.model_dump_json(by_alias=True, exclude_defaults=True))

    @property
    def text(self) -> str:
        """Stored as JSON; the order of nodes is kept, since the first is the beginning."""
        return json.dumps(self.plain, ensure_ascii=False)

    @property
    def hash(self) -> str:
        """Changes with whatever decides what happens, and not with what it is called."""
        deciding = {name: value for name, value in self.plain.items() if name not in _NAMING}
        text = json.dumps(deciding, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def conditions(self) -> Iterator[tuple[Location, Any]]:
        """Each condition and where it stands."""
        if isinstance(self.trigger, ConditionTrigger):
            yield ("trigger", "becomes"), self.trigger.becomes
        for name, condition in (("where", self.where), ("exit_when", self.exit_when)):
            if condition is not None:
                yield (name,), condition
        for key, node in self.nodes.items():
            if isinstance(node, Ask):
                yield ("nodes", key, "condition"), node.condition

    def happenings(self) -> Iterator[tuple[Location, Happening]]:
        """Each thing somebody may do that the journey waits for."""
        if isinstance(self.trigger, Happening):
            yield ("trigger",), self.trigger
        if self.goal is not None:
            yield ("goal",), self.goal
        for key, node in self.nodes.items():
            if isinstance(node, Wait) and isinstance(node.wait, UntilEvent):
                yield ("nodes", key, "wait"), node.wait

    def faults(self) -> Iterator[tuple[Location, str]]:
        """What is wrong with the graph: edges to nowhere, dead ends, circles without a wait."""
        yield from self._edge_faults()
        move = self.on_edit.move_to if isinstance(self.on_edit, MoveTo) else None
        if move is not None and move not in self.nodes:
            yield ("on_edit", "move_to"), f"no node {move!r}{nearest(move, self.nodes)}"
        if self.beside is not None and self.beside.version >= self.version:
            yield ("beside", "version"), "goes on beside this version, so it is an earlier one"
        followers = {
            key: [to for to in edges(node).values() if to in self.nodes]
            for key, node in self.nodes.items()
        }
        reached = _reach({self.first}, followers)
        for key in self.nodes:
            if key not in reached and key != move:
                yield ("nodes", key), f"nothing leads to {key!r}"
        before: dict[str, list[str]] = {key: [] for key in self.nodes}
        for key, following in followers.items():
            for to in following:
                before[to].append(key)
        exits = {key for key, node in self.nodes.items() if isinstance(node, Exit)}
        ending = _reach(exits, before)
        for key in self.nodes:
            if key not in ending:
                yield ("nodes", key), f"no exit can be reached from {key!r}"
        held = {key for key, node in self.nodes.items() if stops_time(node)}
        passing = {key: [to for to in followers[key] if to not in held] for key in self.nodes}
        circle = _circle({key: passing[key] for key in self.nodes if key not in held})
        if circle:
            yield (
                ("nodes", circle[0]),
                "a circle without a wait for a span or an event: " + " -> ".join(circle),
            )

    def _edge_faults(self) -> Iterator[tuple[Location, str]]:
        for key, node in self.nodes.items():
            for field, to in _named_edges(node):
                if to not in self.nodes:
                    yield ("nodes", key, *field), f"no node {to!r}{nearest(to, self.nodes)}"

    @cached_property
    def has_circles(self) -> bool:
        """Whether somebody may come to a node again."""
        return bool(_circle({key: list(edges(node).values()) for key, node in self.nodes.items()}))


def occasion_of(journey: Journey) -> str | None:
    """What its messages can be filled with besides constants: the event or touch that began it."""
    if not isinstance(journey.trigger, EventTrigger):
        return None
    return "event" if journey.trigger.event is not None else "touch"


def _named_edges(node: Any) -> Iterator[tuple[Location, str]]:
    if isinstance(node, Split):
        for name, branch in node.split.items():
            yield ("split", name, "next"), branch.next
        return
    for field in ("next", "then", "else", "on_timeout", "on_failure"):
        to = getattr(node, "else_" if field == "else" else field, None)
        if to is not None:
            yield (field,), to


def _reach(start: set[str], followers: dict[str, list[str]]) -> set[str]:
    found, waiting = set(start), list(start)
    while waiting:
        for to in followers.get(waiting.pop(), ()):
            if to not in found:
                found.add(to)
                waiting.append(to)
    return found


def _circle(followers: dict[str, list[str]]) -> list[str]:
    """One circle, or nothing: each leads to the next, the last is the first again."""
    try:
        TopologicalSorter({key: following for key, following in followers.items()}).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


class Journeys(Strict):
    """All definitions, by key: the name of the file without its ending."""

    journeys: dict[Key, Journey] = {}


def branches_of(split: Split) -> list[tuple[str, int, int, str]]:
    """Of each branch its name, its buckets [from, to) and the node that follows."""
    found, start = [], 0.0
    for name, branch in split.split.items():
        end = start + branch.share * 100
        found.append((name, round(start), round(end), branch.next))
        start = end
    return found
