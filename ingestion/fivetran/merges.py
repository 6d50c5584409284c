"""Objects merged into others, folded until every one names the object that is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

_NEVER = datetime.min


@dataclass(frozen=True)
class Merge:
    """``merged`` went into ``survivor``; ``at`` is when that was known."""

    merged: str
    survivor: str
    at: datetime | None = None


@dataclass(frozen=True)
class Merges:
    """``into`` has the last survivor of every object merged away; ``circles`` are objects said
    to be merged into one another, of which the smallest id was kept."""

    into: dict[str, str]
    at: dict[str, datetime]
    circles: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def absorbed(self) -> dict[str, list[str]]:
        """What each survivor holds, at any distance."""
        found: dict[str, list[str]] = {}
        for merged in sorted(self.into, key=_order):
            found.setdefault(self.into[merged], []).append(merged)
        return found

    def of(self, crm_id: str) -> str:
        return self.into.get(crm_id, crm_id)


def fold(merges: Iterable[Merge]) -> Merges:
    """Follow each merge to its end. Of several survivors of one object the last known counts."""
    step: dict[str, str] = {}
    at: dict[str, datetime] = {}
    for merge in sorted(merges, key=lambda m: (m.at or _NEVER, _order(m.survivor))):
        if merge.merged != merge.survivor:
            step[merge.merged] = merge.survivor
            at[merge.merged] = max(merge.at or _NEVER, at.get(merge.merged, _NEVER))
    ends: dict[str, str] = {}
    circles = []
    for start in sorted(step, key=_order):
        path, seen, here = [], {}, start
        while here in step and here not in ends and here not in seen:
            seen[here] = len(path)
            path.append(here)
            here = step[here]
        if here in seen:
            circle = path[seen[here] :]
            circles.append(tuple(sorted(circle, key=_order)))
            here = min(circle, key=_order)
        end = ends.get(here, here)
        ends.update(dict.fromkeys(path, end))
    into = {merged: end for merged, end in ends.items() if merged != end}
    known = {merged: time for merged, time in at.items() if merged in into and time > _NEVER}
    return Merges(into, known, tuple(circles))


def _order(crm_id: str) -> tuple[int, str]:
    """Ids are numbers: the shorter is the smaller."""
    return len(crm_id), crm_id
