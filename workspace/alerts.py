"""Alerts: which faults of a run are worth telling, and telling them to a webhook.

A schedule repeats the same fault every few minutes. It is told when it appears, once a day while
it stays, and once when it is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from workspace.http_guard import Forbidden, Guard

TIMEOUT_SECONDS = 10.0
#: An hour less than a day: a nightly run does not end at the same second every night.
AGAIN_SECONDS = 23 * 3600.0
#: What no run has looked at for so long is forgotten: its asset may be gone.
FORGET_SECONDS = 30 * 86400.0
#: Runs are written when they end, but not always in that order.
OVERLAP_SECONDS = 60.0
_GUARD = Guard(ports=None, here=True, private=True)

State = Literal["appeared", "stays", "gone"]


class AlertError(Exception):
    """An alert that could not be sent. Never holds the address, which may be a secret."""


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


@dataclass(frozen=True)
class Fault:
    """One line of an alert."""

    asset: str | None
    check: str | None
    step: str | None
    severity: str
    state: State
    text: str

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.asset, self.check, self.step))) or "the run"
        return f"{self.state}: {what} ({self.severity}): {self.text}"


@dataclass
class Memory:
    """What was told, kept in a sensor's cursor. Times are seconds since 1970.

    ``since`` is when the last run that was looked at ended, ``runs`` the runs that ended within
    :data:`OVERLAP_SECONDS` of it; ``faults`` maps what is amiss to when it was told and seen
    last; ``attempts`` counts the posts that failed for the run whose turn it is.
    """

    since: float
    runs: dict[str, float] = field(default_factory=dict)
    faults: dict[str, tuple[float, float]] = field(default_factory=dict)
    attempts: int = 0

    @classmethod
    def read(cls, cursor: str | None) -> Memory | None:
        """None where there is no cursor, or one that nobody can read."""
        try:
            raw = json.loads(cursor or "")
            return cls(
                float(raw["since"]),
                {str(run): float(ended) for run, ended in raw["runs"].items()},
                {str(key): (float(t), float(s)) for key, (t, s) in raw["faults"].items()},
                int(raw["attempts"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def looks_from(self) -> float:
        return self.since - OVERLAP_SECONDS

    def knows(self, run_id: str, ended: float) -> bool:
        """Whether a run was looked at. One that ended long before the last is not asked about."""
        return run_id in self.runs or ended < self.looks_from

    def news(self, seen: Iterable[Seen], at: float) -> tuple[list[Fault], dict[str, Any]]:
        """What of a run that ended at ``at`` is to be told, and the ``faults`` once it is."""
        told, faults = [], dict(self.faults)
        for one in seen:
            before = faults.pop(one.key, None)
            state: State | None = None
            if one.ok:
                state = "gone" if before else None
            elif before is None:
                state = "appeared"
            elif at - before[0] >= AGAIN_SECONDS:
                state = "stays"
            if not one.ok:
                faults[one.key] = (at if state or before is None else before[0], at)
            if state:
                told.append(Fault(one.asset, one.check, one.step, one.severity, state, one.text))
        return told, {k: v for k, v in faults.items() if at - v[1] < FORGET_SECONDS}

    def pass_by(self, run_id: str, ended: float, faults: dict[str, Any]) -> None:
        """A run is done with."""
        self.since = max(self.since, ended)
        known = {**self.runs, run_id: ended}
        self.runs = {run: end for run, end in known.items() if end >= self.looks_from}
        self.faults, self.attempts = faults, 0


def send(url: str, document: Mapping[str, Any]) -> None:
    """POST a document as JSON to ``https``, or to this machine by ``http``.

    The address is the operator's, so it may be in a private network. Follows no redirect, uses no
    proxy and reads no answer but its status. Raises :class:`AlertError`.
    """
    try:
        answer = _GUARD.request(
            "POST",
            url,
            {"Content-Type": "application/json"},
            json.dumps(document).encode(),
            seconds=TIMEOUT_SECONDS,
        )
    except Forbidden as error:
        raise AlertError(str(error)) from None
    except OSError as error:
        raise AlertError(f"no answer ({error})") from None
    if not 200 <= answer.status < 300:
        raise AlertError(f"answered {answer.status}")
