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
    Field,
    StrictFloat,
    StrictInt,
)

from workspace.definitions.journey_nodes import (
    Ask,
    Exit,
    Node,
    UntilEvent,
    Wait,
    edges,
    named_edges,
    stops_time,
)
from workspace.definitions.journey_triggers import ConditionTrigger, EventTrigger, Trigger
from workspace.definitions.reading import Key, Strict, nearest
from workspace.definitions.segments import Condition, Happening, Location, Name, Text
from workspace.definitions.times import Duration, Values

LARGEST = 10_000  # nodes
#: A trigger this old no longer enrols: what was known too late, or while no run was made.
TRIGGER_AGE = timedelta(days=7)
#: What happened so long before a journey's first tick is taken by it.
LAUNCH_WINDOW = timedelta(days=1)


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
    templates take from the occasion and the trigger does not say. An ``automated`` one acts on what
    a model says, and takes nobody in unless ``models.yml`` switches automated actions on."""

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
    automated: bool = False
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
            for field, to in named_edges(node):
                if to not in self.nodes:
                    yield ("nodes", key, *field), f"no node {to!r}{nearest(to, self.nodes)}"

    @cached_property
    def has_circles(self) -> bool:
        """Whether somebody may come to a node again."""
        return bool(_circle({key: list(edges(node).values()) for key, node in self.nodes.items()}))


def switched(journeys: Journeys, automated: bool) -> Journeys:
    """The journeys that take people in: the automated ones only where these are switched on."""
    if automated:
        return journeys
    kept = {key: one for key, one in journeys.journeys.items() if not one.automated}
    return journeys.model_copy(update={"journeys": kept})


def occasion_of(journey: Journey) -> str | None:
    """What its messages can be filled with besides constants: the event or touch that began it."""
    if not isinstance(journey.trigger, EventTrigger):
        return None
    return "event" if journey.trigger.event is not None else "touch"


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
