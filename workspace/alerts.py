"""Alerts: which faults of a run are worth telling, what an alert says, and what was told to whom.

A schedule repeats the same fault every few minutes. It is told when it appears, once a day while
it stays, and once when it is gone: to each channel by itself, so that one that is down neither
holds the others back nor makes them repeat anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

#: An hour less than a day: a nightly run does not end at the same second every night.
AGAIN_SECONDS = 23 * 3600.0
#: What no run has looked at for so long is forgotten: its asset may be gone.
FORGET_SECONDS = 30 * 86400.0
#: Runs are written when they end, but not always in that order.
OVERLAP_SECONDS = 60.0

State = Literal["appeared", "stays", "gone"]
_STATES: tuple[State, ...] = ("appeared", "stays", "gone")


class AlertError(Exception):
    """An alert that could not be sent. Never holds an address or a secret."""


class Kind(StrEnum):
    """What an alert is about. ``check`` is every other check, ``run`` a step or a whole run."""

    ANOMALY = "anomaly"
    STALE_SEGMENT = "stale_segment"
    MISSED_FRESHNESS = "missed_freshness"
    FAILED_DELIVERIES = "failed_deliveries"
    CONSENT = "consent"
    DRIFT = "drift"
    BROKEN_PLAN = "broken_plan"
    CHECK = "check"
    RUN = "run"


@dataclass(frozen=True)
class Seen:
    """What a run says of one thing: a check of an asset, a step, or (without these) the run."""

    ok: bool
    text: str
    severity: str = "ERROR"
    asset: str | None = None
    check: str | None = None
    step: str | None = None

    @property
    def key(self) -> str:
        return ":".join(filter(None, (self.asset, self.check, self.step))) or "run"


class News(NamedTuple):
    """What of a run is to be told; ``since`` is when it appeared, in seconds since 1970."""

    seen: Seen
    state: State
    since: float


@dataclass(frozen=True)
class Fault:
    """One line of an alert. ``since`` is ISO 8601 in UTC, ``link`` the page that shows more."""

    kind: Kind
    asset: str | None
    check: str | None
    step: str | None
    severity: str
    state: State
    since: str
    text: str
    link: str

    @property
    def what(self) -> str:
        return " ".join(filter(None, (self.asset, self.check, self.step))) or "the run"

    @property
    def rank(self) -> tuple[int, bool]:
        """Small for what is to be read first."""
        return _STATES.index(self.state), self.severity != "ERROR"

    def __str__(self) -> str:
        text = f": {self.text}" if self.text else ""
        kind = self.kind.replace("_", " ")
        return (
            f"{self.state}: {kind}: {self.what} ({self.severity}, since {self.since}){text}"
            f" {self.link}"
        )


@dataclass(frozen=True)
class Alert:
    """What one run brings to tell. ``ident`` is the same however often it is sent."""

    ident: str
    environment: str
    workspace: str
    run_id: str
    job: str
    ended_at: str
    status: str
    faults: tuple[Fault, ...]

    @property
    def document(self) -> dict[str, Any]:
        """As it is sent to a webhook."""
        return {**vars(self), "faults": [vars(fault) for fault in self.faults]}

    def __str__(self) -> str:
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        return f"run {self.run_id} ({self.job}):\n{lines}"


class Known(NamedTuple):
    """A fault that stands: when it appeared, was told last (None: not yet) and was seen last."""

    since: float
    told: float | None
    seen: float


@dataclass
class Memory:
    """What one channel was told. Times are seconds since 1970.

    ``since`` is when the last run that was looked at ended, ``runs`` the runs that ended within
    :data:`OVERLAP_SECONDS` of it; ``faults`` is what stands; ``attempts`` counts how often sending
    has failed since it worked last.
    """

    since: float
    runs: dict[str, float] = field(default_factory=dict)
    faults: dict[str, Known] = field(default_factory=dict)
    attempts: int = 0

    @classmethod
    def of(cls, raw: Any) -> Memory:
        """Of what :attr:`plain` gave. Raises ``ValueError``, ``TypeError``, ``KeyError`` or
        ``AttributeError`` for anything else."""
        return cls(
            float(raw["since"]),
            {str(run): float(ended) for run, ended in raw["runs"].items()},
            {
                str(key): Known(float(since), None if told is None else float(told), float(seen))
                for key, (since, told, seen) in raw["faults"].items()
            },
            int(raw["attempts"]),
        )

    @property
    def plain(self) -> dict[str, Any]:
        return dict(vars(self))

    @property
    def looks_from(self) -> float:
        return self.since - OVERLAP_SECONDS

    def knows(self, run_id: str, ended: float) -> bool:
        """Whether a run was looked at. One that ended long before the last is not asked about."""
        return run_id in self.runs or ended < self.looks_from

    def news(self, seen: Iterable[Seen], at: float) -> list[News]:
        """What of a run that ended at ``at`` is to be told."""
        told = []
        for one in seen:
            before = self.faults.get(one.key)
            if state := _state(one.ok, before, at):
                told.append(News(one, state, before.since if before else at))
        return told

    def pass_by(self, run_id: str, ended: float, seen: Iterable[Seen], is_told: bool) -> None:
        """A run is done with. What could not be told stays to be told by the next that sees it."""
        for one in seen:
            before = self.faults.pop(one.key, None)
            state = _state(one.ok, before, ended)
            if not one.ok:
                told = ended if state and is_told else before.told if before else None
                self.faults[one.key] = Known(before.since if before else ended, told, ended)
            elif before is not None and state and not is_told:
                self.faults[one.key] = before
        self.faults = {k: v for k, v in self.faults.items() if ended - v.seen < FORGET_SECONDS}
        self.since = max(self.since, ended)
        known = {**self.runs, run_id: ended}
        self.runs = {run: end for run, end in known.items() if end >= self.looks_from}


def _state(ok: bool, before: Known | None, at: float) -> State | None:
    if ok:
        return "gone" if before is not None and before.told is not None else None
    if before is None or before.told is None:
        return "appeared"
    return "stays" if at - before.told >= AGAIN_SECONDS else None


def read_memories(cursor: str | None) -> dict[str, Memory]:
    """What each channel was told, by its name; none where nobody can read the cursor."""
    try:
        return {str(name): Memory.of(raw) for name, raw in json.loads(cursor or "").items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def memories_text(memories: Mapping[str, Memory]) -> str:
    """For a sensor's cursor."""
    plain = {name: memory.plain for name, memory in memories.items()}
    return json.dumps(plain, separators=(",", ":"))
