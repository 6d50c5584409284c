"""A journey for one contact, step by step: slow, obvious, and written from the documentation.

Facts of one tick are plain Python; the log is a list of dicts with the columns of the stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reverse_etl.journeys.plan import Version
from workspace.buckets import bucket
from workspace.definitions.journey_nodes import (
    Ask,
    Exit,
    For,
    Send,
    Split,
    Until,
    UntilEvent,
    Wait,
    kind_of,
)
from workspace.definitions.journey_triggers import ConditionTrigger
from workspace.definitions.journeys import LAUNCH_WINDOW, TRIGGER_AGE, Cooldown, Journey, MoveTo

Log = list[dict[str, Any]]


@dataclass
class Facts:
    """What is known of one contact at a tick. Keys of events and truths are numbers of the plan."""

    exists: bool = True
    zone: str = "UTC"
    triggers: list[tuple[str, datetime, str]] = field(default_factory=list)
    events: dict[int, list[tuple[datetime, str]]] = field(default_factory=dict)
    truths: dict[int, tuple[bool, str]] = field(default_factory=dict)
    stops: dict[str, str] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], list[tuple[datetime, bool, str]]] = field(default_factory=dict)


@dataclass
class Numbers:
    """The plan's numbers for what a journey asks: by node, and goal, where, exit_when, trigger."""

    of: Mapping[tuple[str, int, str], int | None]


def tick(
    contact: str, versions: list[Version], numbers: Numbers, facts: Facts, log: Log, at: datetime
) -> Log:
    """The contact's new rows."""
    new: Log = []
    by = {(version.key, version.journey.version): version for version in versions}
    for key in sorted({version.key for version in versions}):
        mine = [row for row in log if row["journey"] == key and row["kind"] != "watch"]
        watches = [row for row in log if row["journey"] == key and row["kind"] == "watch"]
        of_journey = _Person(contact, key, by, numbers, facts, mine, at)
        new += of_journey.tick(watches)
    return new


class _Person:
    def __init__(
        self,
        contact: str,
        key: str,
        by: dict[tuple[str, int], Version],
        numbers: Numbers,
        facts: Facts,
        log: Log,
        at: datetime,
    ) -> None:
        self.contact, self.key, self.by = contact, key, by
        self.numbers, self.facts, self.log, self.at = numbers, facts, log, at
        self.new: Log = []

    def tick(self, watches: Log) -> Log:
        runs: dict[str, Log] = {}
        for row in sorted(self.log, key=lambda row: row["step_number"]):
            runs.setdefault(row["enrolment_id"], []).append(row)
        active = [rows for rows in runs.values() if rows[-1]["next_node"] is not None]
        active.sort(key=lambda rows: (rows[0]["left_at"], rows[0]["enrolment_id"]))
        walking = []
        for turn, rows in enumerate(active):
            last = rows[-1]
            going = self.leave(rows, last, turn)
            if going is not None:
                walking.append(going)
        entered = self.enter(list(runs.values()), watches)
        if entered is not None:
            walking.append(entered)
        for rows, journey, node, arrived in walking:
            self.walk(rows, journey, node, arrived)
        return self.new

    def number(self, journey: Journey, what: str) -> int | None:
        return self.numbers.of.get((self.key, journey.version, what))

    def is_true(self, number: int | None) -> bool:
        return self.facts.truths.get(number or 0, (False, ""))[0]

    def first_event(self, number: int | None, after: datetime) -> tuple[datetime, str] | None:
        found = [e for e in self.facts.events.get(number or 0, []) if after < e[0] < self.at]
        return min(found, default=None)

    def row(
        self, rows: Log, journey: Journey, node: str, kind: str, outcome: str, **rest: Any
    ) -> None:
        known = rows or [None]
        visits = sum(1 for row in rows if row["node"] == node)
        number = len(rows) + 1
        row = {
            "journey": self.key,
            "version": journey.version,
            "enrolment_id": rest.pop("enrolment_id", None) or known[0]["enrolment_id"],
            "contact_id": self.contact,
            "occurrence": rest.pop("occurrence", None) or known[0]["occurrence"],
            "step_number": number,
            "node": node,
            "visit": visits + 1,
            "kind": kind,
            "outcome": outcome,
            "next_node": None,
            "evidence": None,
            "known_at": self.at,
            **rest,
        }
        rows.append(row)
        self.new.append(row)

    def leave(self, rows: Log, last: dict[str, Any], turn: int) -> Any:
        version = self.by[self.key, last["version"]]
        journey, newest = version.journey, version.in_force or version.journey
        node, arrived, entered = last["next_node"], last["left_at"], rows[0]["left_at"]
        older = newest.version != journey.version and not version.is_open
        goal = self.first_event(self.number(journey, "goal"), entered)
        expires = journey.expires_after
        criteria = self.number(journey, "exit_when")
        outcome, evidence = None, None
        joined = [row["left_at"] for row in rows if row["outcome"] in ("entered", "moved")]
        if max(joined) >= self.at:
            return rows, journey, node, arrived
        if not self.facts.exists:
            outcome = "erased"
        elif turn > 0:
            outcome = "superseded"
        elif older and newest.on_edit == "exit":
            outcome = "edited"
        elif goal is not None:
            outcome, evidence = "goal", goal[1]
        elif journey.purpose in self.facts.stops:
            outcome, evidence = "unsubscribed", self.facts.stops[journey.purpose]
        elif self.is_true(criteria):
            outcome, evidence = "criteria", self.facts.truths[criteria or 0][1]
        elif expires is not None and entered + timedelta(seconds=expires.seconds) <= self.at:
            outcome = "expired"
        kind = kind_of(journey.nodes[node])
        given = {"arrived_at": arrived, "left_at": self.at, "evidence": evidence}
        if outcome is not None:
            self.row(rows, journey, node, kind, outcome, **given)
            return None
        if older and isinstance(newest.on_edit, MoveTo):
            to = newest.on_edit.move_to
            self.row(rows, newest, node, kind, "moved", **given, next_node=to)
            return rows, newest, to, self.at
        return rows, journey, node, arrived

    def enter(self, runs: list[Log], watches: Log) -> Any:
        if not self.facts.exists:
            return None
        share = bucket(f"versions:{self.key}", self.contact)
        newest = next(
            (v.in_force or v.journey) for (key, _), v in self.by.items() if key == self.key
        )
        open_ = [v for (key, _), v in self.by.items() if key == self.key and v.is_open]
        if not open_:
            return None
        beside = newest.beside
        wanted = newest.version
        if beside is not None and share < round(beside.share * 100):
            wanted = beside.version
        version = next((v for v in open_ if v.journey.version == wanted), None)
        if version is None:
            return None
        journey = version.journey
        where = self.number(journey, "where")
        if where is not None and not self.is_true(where):
            return None
        triggers = [(at, why) for key, at, why in self.facts.triggers if key == self.key]
        if isinstance(newest.trigger, ConditionTrigger):
            watched = self.numbers.of[self.key, newest.version, "becomes"]
            is_true = self.is_true(watched)
            mine = [row for row in watches if row["contact_id"] == self.contact]
            mine.sort(key=lambda row: row["step_number"])
            if is_true and not (mine and mine[-1]["outcome"] == "true") and watches:
                triggers.append((self.at, "became true"))
        for at, why in sorted(triggers):
            if not self.at - TRIGGER_AGE < at <= self.at or at <= version.since - LAUNCH_WINDOW:
                continue
            if runs:
                ended = [rows[-1]["left_at"] for rows in runs]
                if journey.reentry == "never" or any(rows[-1]["next_node"] for rows in runs):
                    continue
                if at <= max(ended):
                    continue
                if isinstance(journey.reentry, Cooldown):
                    last = max(rows[0]["left_at"] for rows in runs)
                    if at < last + timedelta(days=journey.reentry.after_days):
                        continue
            occurrence = 1 + max((rows[0]["occurrence"] for rows in runs), default=0)
            text = f"{self.key}|{self.contact}|{occurrence}"
            rows: Log = []
            self.row(
                rows,
                journey,
                "trigger",
                "trigger",
                "entered",
                enrolment_id=hashlib.md5(text.encode()).hexdigest(),
                occurrence=occurrence,
                arrived_at=at,
                left_at=self.at,
                next_node=journey.first,
                evidence=why,
            )
            return rows, journey, journey.first, self.at
        return None

    def walk(self, rows: Log, journey: Journey, key: str, arrived: datetime) -> None:
        while True:
            way = self.way(rows, journey, key, arrived)
            if way is None:
                return
            outcome, to, left, evidence = way
            self.row(
                rows,
                journey,
                key,
                kind_of(journey.nodes[key]),
                outcome,
                arrived_at=arrived,
                left_at=left,
                next_node=to,
                evidence=evidence,
            )
            if to is None:
                return
            key, arrived = to, left

    def way(self, rows: Log, journey: Journey, key: str, arrived: datetime) -> Any:
        node = journey.nodes[key]
        if isinstance(node, Exit):
            return node.exit, None, self.at, None
        if isinstance(node, Ask):
            number = self.number(journey, key)
            _, evidence = self.facts.truths.get(number or 0, (False, None))
            if self.is_true(number):
                return "then", node.then, self.at, evidence
            return "else", node.else_, self.at, evidence
        if isinstance(node, Split):
            place, end = bucket(node.salt or f"{self.key}.{key}", self.contact), 0.0
            for name, branch in node.split.items():
                end += branch.share * 100
                if place < round(end):
                    return name, branch.next, self.at, None
            raise AssertionError
        if isinstance(node, Wait):
            return self.wait(node, journey, key, arrived)
        if not (isinstance(node, Send) and node.on_failure):
            return "requested", node.next, self.at, None
        ended = [
            found
            for found in self.facts.outcomes.get((rows[0]["enrolment_id"], key), [])
            if arrived <= found[0] <= self.at
        ]
        if not ended:
            return None
        at, is_done, why = min(ended)
        return ("done", node.next, at, why) if is_done else ("failed", node.on_failure, at, why)

    def wait(self, node: Wait, journey: Journey, key: str, arrived: datetime) -> Any:
        wait = node.wait
        if isinstance(wait, For):
            due = arrived + timedelta(seconds=wait.seconds)
            return ("waited", node.next, due, None) if due <= self.at else None
        if isinstance(wait, Until):
            due = next_clock_time(arrived, wait, self.facts.zone)
            return ("waited", node.next, due, None) if due <= self.at else None
        assert isinstance(wait, UntilEvent)
        due = arrived + timedelta(seconds=wait.timeout.seconds)
        event = self.first_event(self.number(journey, key), arrived)
        if event is not None and event[0] <= due:
            return "event", node.next, event[0], event[1]
        return ("timed_out", node.on_timeout or node.next, due, None) if due <= self.at else None


def next_clock_time(at: datetime, wait: Until, zone: str) -> datetime:
    """The first moment from ``at`` on (naive UTC) when the clock shows the time."""
    place = ZoneInfo(zone)
    today = at.replace(tzinfo=UTC).astimezone(place).date()
    for ahead in range(9):
        day = today + timedelta(days=ahead)
        if not wait.days >> (day.isoweekday() - 1) & 1:
            continue
        clock = datetime.combine(day, time(wait.minute // 60, wait.minute % 60))
        moments = [
            clock.replace(tzinfo=place, fold=fold).astimezone(UTC).replace(tzinfo=None)
            for fold in (0, 1)
        ]
        shown = [
            m
            for m in moments
            if m.replace(tzinfo=UTC).astimezone(place).replace(tzinfo=None) == clock
        ]
        due = max(shown) if shown else moments[0]
        if due >= at:
            return due
    raise AssertionError
