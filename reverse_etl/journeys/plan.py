"""Versions of journeys as tables that the tick joins: nodes by number, edges, what is asked.

Happenings and conditions are numbered over all versions, so that one that recurs is looked up
once. Node numbers are of one plan only; the log names nodes by journey, version and key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from reverse_etl.segments.asked import happening_key
from workspace.buckets import BUCKETS
from workspace.definitions.journey_nodes import (
    Ask,
    Exit,
    For,
    Send,
    Split,
    Until,
    UntilEvent,
    Wait,
    branches_of,
    edges,
)
from workspace.definitions.journey_triggers import ConditionTrigger, EventTrigger
from workspace.definitions.journeys import LAUNCH_WINDOW, Cooldown, Journey, MoveTo
from workspace.definitions.segments import Happening

NODES = pa.schema(
    [
        ("nid", pa.int32()),
        ("vid", pa.int32()),
        ("journey", pa.string()),
        ("version", pa.int64()),
        ("node", pa.string()),
        ("kind", pa.string()),
        ("how", pa.string()),
        ("seconds", pa.int64()),
        ("minute", pa.int32()),
        ("days", pa.int32()),
        ("ahead", pa.list_(pa.int32())),
        ("number", pa.int32()),
        ("salt", pa.string()),
        ("outcome", pa.int16()),
        ("next", pa.int32()),
        ("other", pa.int32()),
        ("has_circles", pa.bool_()),
        ("is_send", pa.bool_()),
    ]
)
BRANCHES = pa.schema(
    [
        ("nid", pa.int32()),
        ("outcome", pa.int16()),
        ("from_bucket", pa.int32()),
        ("to_bucket", pa.int32()),
        ("next", pa.int32()),
    ]
)
VERSIONS = pa.schema(
    [
        ("vid", pa.int32()),
        ("jid", pa.int32()),
        ("journey", pa.string()),
        ("version", pa.int64()),
        ("is_open", pa.bool_()),
        ("is_newest", pa.bool_()),
        ("from_bucket", pa.int32()),
        ("to_bucket", pa.int32()),
        ("first", pa.int32()),
        ("since", pa.timestamp("us")),
        ("where_number", pa.int32()),
        ("exit_number", pa.int32()),
        ("watch_number", pa.int32()),
        ("goal_number", pa.int32()),
        ("trigger_number", pa.int32()),
        ("expires_seconds", pa.int64()),
        ("reentry", pa.string()),
        ("cooldown_seconds", pa.int64()),
        ("purpose", pa.string()),
        ("edit", pa.string()),
        ("edit_version", pa.int64()),
        ("edit_next", pa.int32()),
    ]
)
#: What a step may say besides the branches of splits; their places are their numbers.
OUTCOMES = (
    "entered",
    "waited",
    "event",
    "timed_out",
    "then",
    "else",
    "requested",
    "done",
    "failed",
    "completed",
    "criteria",
    "erased",
    "superseded",
    "edited",
    "goal",
    "unsubscribed",
    "expired",
    "moved",
)


@dataclass(frozen=True)
class Version:
    """A version that somebody may be in. ``is_open`` ones take entries from ``since`` on.

    ``in_force`` is the journey's newest active version, whose `on_edit` says what becomes of
    those in older ones.
    """

    key: str
    journey: Journey
    since: datetime
    is_open: bool = True
    in_force: Journey | None = None


@dataclass
class Plan:
    """The tables, and what is asked of the facts by number."""

    nodes: pa.Table
    branches: pa.Table
    versions: pa.Table
    happenings: dict[int, Happening]
    conditions: dict[int, Any]
    journeys: dict[str, int]
    outcomes: list[str]

    @property
    def is_empty(self) -> bool:
        return self.versions.num_rows == 0

    @property
    def hows(self) -> set[str]:
        """The ways of passing a node that occur."""
        return set(self.nodes.column("how").to_pylist())

    @property
    def has_moves(self) -> bool:
        """Whether an edit takes people to a node of another version."""
        return "move" in self.versions.column("edit").to_pylist()

    @property
    def has_shares(self) -> bool:
        """Whether several versions of a journey take people in."""
        buckets = zip(
            self.versions.column("from_bucket").to_pylist(),
            self.versions.column("to_bucket").to_pylist(),
            self.versions.column("is_open").to_pylist(),
            strict=True,
        )
        return any(is_open and end - start < BUCKETS for start, end, is_open in buckets)

    @property
    def followed(self) -> set[int]:
        """The happenings that somebody in a journey waits for or ends by."""
        nodes = zip(
            self.nodes.column("how").to_pylist(),
            self.nodes.column("number").to_pylist(),
            strict=True,
        )
        return {number for how, number in nodes if how == "event"} | self.asked("goal_number")

    def asked(self, column: str) -> set[int]:
        """The numbers in a column of the versions (``exit_number``) or nodes (``number``)."""
        table = self.versions if column in VERSIONS.names else self.nodes
        return {number for number in table.column(column).to_pylist() if number is not None}


@dataclass
class _Numbers:
    happenings: dict[str, tuple[int, Happening]] = field(default_factory=dict)
    conditions: dict[str, tuple[int, Any]] = field(default_factory=dict)
    outcomes: dict[str, int] = field(
        default_factory=lambda: {name: number for number, name in enumerate(OUTCOMES)}
    )

    def outcome(self, name: str) -> int:
        return self.outcomes.setdefault(name, len(self.outcomes))

    def happening(self, given: Happening | None) -> int | None:
        if given is None:
            return None
        plain = Happening(event=given.event, touch=given.touch, where=given.where)
        key = happening_key(plain)
        return self.happenings.setdefault(key, (len(self.happenings) + 1, plain))[0]

    def condition(self, given: Any) -> int | None:
        if given is None:
            return None
        key = given.model_dump_json(by_alias=True, exclude_defaults=True)
        return self.conditions.setdefault(key, (len(self.conditions) + 1, given))[0]


def plan(versions: Iterable[Version]) -> Plan:
    """Number the nodes of these versions and what they ask."""
    given = list(versions)
    numbers = _Numbers()
    nids: dict[tuple[str, int, str], int] = {}
    jids: dict[str, int] = {}
    for version in given:
        jids.setdefault(version.key, len(jids))
        for node in version.journey.nodes:
            nids[version.key, version.journey.version, node] = len(nids)
    nodes: list[dict[str, Any]] = []
    branches: list[dict[str, Any]] = []
    for vid, version in enumerate(given):
        journey = version.journey

        def to(node: str | None, version: Version = version) -> int | None:
            return None if node is None else nids[version.key, version.journey.version, node]

        for key, node in journey.nodes.items():
            row = _node(node, numbers)
            following = edges(node)
            row |= {
                "nid": to(key),
                "vid": vid,
                "journey": version.key,
                "version": journey.version,
                "node": key,
                "has_circles": journey.has_circles,
                "is_send": isinstance(node, Send),
            }
            if isinstance(node, Split):
                row["salt"] = node.salt or f"{version.key}.{key}"
                branches += [
                    {
                        "nid": row["nid"],
                        "outcome": numbers.outcome(label),
                        "from_bucket": start,
                        "to_bucket": end,
                        "next": to(after),
                    }
                    for label, start, end, after in branches_of(node)
                ]
            elif following:
                ways = list(following.values())
                row |= {"next": to(ways[0]), "other": to(ways[-1])}
            nodes.append(row)
    return Plan(
        pa.Table.from_pylist(nodes, schema=NODES),
        pa.Table.from_pylist(branches, schema=BRANCHES),
        pa.Table.from_pylist(list(_versions(given, nids, jids, numbers)), schema=VERSIONS),
        {number: happening for number, happening in numbers.happenings.values()},
        {number: condition for number, condition in numbers.conditions.values()},
        jids,
        list(numbers.outcomes),
    )


def _node(node: Any, numbers: _Numbers) -> dict[str, Any]:
    if isinstance(node, Exit):
        return {"kind": "exit", "how": "exit", "outcome": numbers.outcome(node.exit)}
    if isinstance(node, Ask):
        number = numbers.condition(node.condition)
        return {"kind": "condition", "how": "condition", "number": number}
    if isinstance(node, Split):
        return {"kind": "split", "how": "split"}
    if isinstance(node, Wait):
        wait = node.wait
        if isinstance(wait, For):
            waited = numbers.outcome("waited")
            return {"kind": "wait", "how": "for", "seconds": wait.seconds, "outcome": waited}
        if isinstance(wait, Until):
            until = {"minute": wait.minute, "days": wait.days, "ahead": _ahead(wait.days)}
            return {"kind": "wait", "how": "until", **until, "outcome": numbers.outcome("waited")}
        assert isinstance(wait, UntilEvent)
        number = numbers.happening(wait)
        return {"kind": "wait", "how": "event", "number": number, "seconds": wait.timeout.seconds}
    if getattr(node, "on_failure", None) is not None:
        return {"kind": "action", "how": "hold"}
    return {"kind": "action", "how": "pass", "outcome": numbers.outcome("requested")}


def _ahead(days: int) -> list[int]:
    """From each day of the week, Monday first: in how many days the next allowed one is."""
    allowed = [bool(days >> day & 1) for day in range(7)]
    return [next(n for n in range(1, 8) if allowed[(day + n) % 7]) for day in range(7)]


def _versions(
    given: list[Version],
    nids: Mapping[tuple[str, int, str], int],
    jids: Mapping[str, int],
    numbers: _Numbers,
) -> Iterable[dict[str, Any]]:
    shares = _shares(given)
    for vid, version in enumerate(given):
        journey, newest = version.journey, version.in_force or version.journey
        edit, move = "stay", None
        if newest.version != journey.version and not version.is_open:
            rule = newest.on_edit
            edit = "move" if isinstance(rule, MoveTo) else rule
            if isinstance(rule, MoveTo):
                move = nids[version.key, newest.version, rule.move_to]
        start, end = shares.get((version.key, journey.version), (0, 0))
        trigger, reentry = journey.trigger, journey.reentry
        watched = trigger.becomes if isinstance(trigger, ConditionTrigger) else None
        yield {
            "vid": vid,
            "jid": jids[version.key],
            "journey": version.key,
            "version": journey.version,
            "is_open": version.is_open,
            "is_newest": newest.version == journey.version,
            "from_bucket": start,
            "to_bucket": end,
            "first": nids[version.key, journey.version, journey.first],
            "since": version.since - LAUNCH_WINDOW,
            "where_number": numbers.condition(journey.where),
            "exit_number": numbers.condition(journey.exit_when),
            "watch_number": numbers.condition(watched),
            "goal_number": numbers.happening(journey.goal),
            "trigger_number": numbers.happening(trigger)
            if isinstance(trigger, EventTrigger) and version.is_open and newest == journey
            else None,
            "expires_seconds": journey.expires_after and journey.expires_after.seconds,
            "reentry": "cooldown" if isinstance(reentry, Cooldown) else reentry,
            "cooldown_seconds": round(reentry.after_days * 86_400)
            if isinstance(reentry, Cooldown)
            else None,
            "purpose": journey.purpose,
            "edit": edit,
            "edit_version": newest.version,
            "edit_next": move,
        }


def _shares(given: list[Version]) -> dict[tuple[str, int], tuple[int, int]]:
    """Which buckets of the people who come in each open version takes."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for version in given:
        if not version.is_open:
            continue
        newest = version.in_force or version.journey
        if newest.version != version.journey.version:
            assert newest.beside is not None
            found[version.key, version.journey.version] = (0, round(newest.beside.share * 100))
        else:
            beside = newest.beside
            start = 0 if beside is None else round(beside.share * 100)
            found[version.key, version.journey.version] = (start, BUCKETS)
    return found
