"""One audience to its destination: asked what became of the last batches, compared, sent, settled.

A member is written down as due before its request goes out and as it ended after the answer, so a
kill leaves it due. What is taken back goes first. Rows that a destination refuses are found by
halving the request, so that one bad row costs its neighbours nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb

from reverse_etl.audiences import diff
from reverse_etl.audiences.model import (
    Destination,
    Fault,
    Item,
    Outcome,
    Paused,
    RowsRefused,
    Unavailable,
)
from reverse_etl.audiences.normalise import Normaliser
from workspace.definitions.audiences import Breaker
from workspace.ledger import Ledger, audit
from workspace.ledger import audiences as book
from workspace.ledger.audiences import ADD, CONFIRMED, DUE, FAILED, REMOVE, SENT, Marked, Place

#: So many requests in a row that bring nothing end a sync.
MOST_FAULTS = 2
#: So many rows of one request are refused one by one; the rest then waits for the next sync.
MOST_REFUSED = 200
#: Codes with which a destination says that it knows a batch no more.
_GONE = ("http_404", "http_410")
DONE, PLANNED, HELD, PAUSED = "done", "planned", "held", "paused"

Write = Callable[[Sequence[Item], str | None], dict[str, Outcome]]


@dataclass(frozen=True)
class Request:
    """An audience as it is to be: relations of ``members`` and ``allowed`` as `diff.compare` says.

    ``keeps``: the segment cannot be relied on just now.
    """

    place: Place
    members: str
    allowed: str
    normaliser: Normaliser
    identifiers: Sequence[str]
    breaker: Breaker
    list_id: str | None = None
    keeps: bool = False
    accept: bool = False


@dataclass(frozen=True)
class Report:
    """What a sync found and did: ``delivered`` and ``failed`` are members."""

    place: Place
    status: str
    reason: str | None
    counters: diff.Counters
    delivered: int = 0
    failed: int = 0


def compare(connection: duckdb.DuckDBPyConnection, ledger: Ledger, request: Request) -> Report:
    """What a sync would do. Asks nobody and writes nothing."""
    counters = diff.compare(
        connection,
        request.members,
        request.allowed,
        book.standing(ledger, request.place, request.list_id),
        request.normaliser,
        request.identifiers,
        request.keeps,
    )
    reason = None if request.accept else _too_much(counters, request.breaker)
    if request.keeps:
        reason = "the segment is stale: only withdrawals go"
    return Report(request.place, HELD if reason else PLANNED, reason, counters)


def sync(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    request: Request,
    destination: Destination,
    at: datetime,
) -> Report:
    """Do it. What a fault stops stays due, and the report says why."""
    run = _Run(connection, ledger, request, destination, at)
    run.poll()
    planned = compare(connection, ledger, request)
    is_held = planned.status == HELD
    if run.reason is None:
        run.push(refused_only=is_held)
    status = PAUSED if run.reason else HELD if is_held else DONE
    return replace(
        planned,
        status=status,
        reason=run.reason or planned.reason,
        delivered=len(run.delivered - run.failed),
        failed=len(run.failed),
    )


def record(
    ledger: Ledger,
    report: Report,
    as_of: datetime,
    started: datetime,
    ended: datetime,
    actor: str = audit.PIPELINE,
    reason: str | None = None,
) -> None:
    """Append the sync to the ledger's record; ``actor`` and ``reason`` are those of the order."""
    named = [report.place.destination, report.place.audience, started.isoformat(), report.status]
    row: dict[str, Any] = {
        "sync_id": hashlib.sha256("\0".join(named).encode()).hexdigest()[:32],
        "destination": report.place.destination,
        "audience": report.place.audience,
        "status": report.status,
        "reason": report.reason[:200] if report.reason else None,
        **report.counters.row(),
        "delivered": report.delivered,
        "failed": report.failed,
        "as_of": as_of,
        "started_at": started,
        "finished_at": ended,
    }
    book.record_run(ledger, row, actor, reason)


def _too_much(counters: diff.Counters, breaker: Breaker) -> str | None:
    """Why a person should look first. Withdrawals do not count: they always go."""
    if counters.standing < breaker.from_members:
        return None
    share = counters.touched / counters.standing
    if share <= breaker.share:
        return None
    return (
        f"{counters.touched:,} of {counters.standing:,} members would change "
        f"({share:.0%}, more than {breaker.share:.0%})"
    )


class _Run:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        ledger: Ledger,
        request: Request,
        destination: Destination,
        at: datetime,
    ) -> None:
        self._connection, self._ledger, self._request = connection, ledger, request
        self._destination, self._place, self._at = destination, request.place, at
        self._faults = 0
        self.reason: str | None = None
        self.delivered: set[str] = set()
        self.failed: set[str] = set()

    def poll(self) -> None:
        """Settle what the destination has worked off since.

        What it refuses to speak of, or knows no more, is due again; what it cannot be asked about
        waits for the next sync, and holds nothing up that is to be sent.
        """
        if not self._destination.capabilities.asynchronous:
            return
        faults = 0
        for batch, operation in book.outstanding(self._ledger, self._place):
            outcome = None
            try:
                outcome, faults = self._destination.poll(batch), 0
            except (Paused, RowsRefused, Unavailable) as fault:
                if fault.code == "credentials":
                    self.stop(fault)
                    return
                if isinstance(fault, RowsRefused) or fault.code in _GONE:
                    outcome = Outcome(DUE, fault.code)
                elif (faults := faults + 1) >= MOST_FAULTS:
                    return
            if outcome is None:
                continue
            if operation == REMOVE and outcome.is_partial:
                outcome = replace(outcome, state=FAILED)
            members = book.members_of_batch(self._ledger, self._place, batch, operation)
            outcomes = dict.fromkeys(members, replace(outcome, batch_id=batch))
            book.settle(self._ledger, self._place, operation, outcomes, self._at)

    def push(self, refused_only: bool) -> None:
        for rows in self._rows(diff.REMOVED, refused_only=refused_only):
            self._take_back(rows)
        if refused_only:
            return
        for rows in self._rows(diff.CHANGED):
            self._change(self._here(rows))
        for rows in self._rows(diff.ADDED):
            here = self._here(rows)
            self._mark(here)
            self._add(here)

    def stop(self, fault: Fault) -> None:
        self.reason = str(fault)[:200]

    def _rows(self, kind: str, refused_only: bool = False) -> Iterator[list[tuple[Any, ...]]]:
        """The members of a kind, a request's worth at a time, until something stops the sync."""
        size = self._destination.capabilities.batch_size
        for found in diff.changes(self._connection, kind, refused_only=refused_only):
            for start in range(0, len(found), size):
                if self.reason is not None:
                    return
                yield found[start : start + size]

    def _here(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Those that no other list holds. Who is in one leaves it first; who is about to leave one
        waits until that is confirmed."""
        elsewhere = self._elsewhere(row[0] for row in rows)
        moving = {key for key, one in elsewhere.items() if not one.is_leaving}
        if moving:
            self._take_back([row for row in rows if row[0] in moving])
            if self.reason is not None:
                return []
            elsewhere = self._elsewhere(row[0] for row in rows)
        return [row for row in rows if row[0] not in elsewhere]

    def _elsewhere(self, contact_ids: Iterable[str]) -> dict[str, book.Held]:
        known = book.held(self._ledger, self._place, list(contact_ids))
        here = self._request.list_id
        return {k: one for k, one in known.items() if one.everything and one.list_id != here}

    def _mark(self, rows: Sequence[tuple[Any, ...]]) -> None:
        version, list_id = self._request.normaliser.version, self._request.list_id
        marked = [Marked(row[0], row[4], row[2], version, list_id) for row in rows]
        book.mark(self._ledger, self._place, ADD, marked, self._at)

    def _add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """By the identifiers alone: what they had led to before may be somebody else."""
        items = [Item(row[0], json.loads(row[2]), json.loads(row[3])) for row in rows]
        self._settled(ADD, self._send(self._destination.add, items, self._request.list_id))

    def _change(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Identifiers that a member had are taken back before it gets those it has."""
        self._mark(rows)
        known = book.held(self._ledger, self._place, [row[0] for row in rows])
        former = {key: one.former for key, one in known.items() if one.former}
        items = self._leaving(former, [], self._request.list_id)
        gone = [key for key in former if key not in {item.contact_id for item in items}]
        outcomes = self._send(self._destination.remove, items, self._request.list_id)
        # What was only sent may yet fail: the last removal takes it along.
        gone += [key for key, one in outcomes.items() if one.state == CONFIRMED]
        book.forget_former(self._ledger, self._place, gone, self._at)
        lost = {key: one for key, one in outcomes.items() if one.state in (DUE, FAILED)}
        self._settled(ADD, lost)
        if self.reason is None:
            self._add([row for row in rows if row[0] not in lost])

    def _take_back(self, rows: Sequence[tuple[Any, ...]]) -> None:
        ids = [row[0] for row in rows]
        book.mark(self._ledger, self._place, REMOVE, [Marked(key) for key in ids], self._at)
        known = book.held(self._ledger, self._place, ids)
        outcomes = dict.fromkeys(ids, Outcome(CONFIRMED))
        for list_id in sorted({one.list_id for one in known.values()}, key=str):
            everything = {k: one.everything for k, one in known.items() if one.list_id == list_id}
            items = [
                replace(item, remote_id=known[item.contact_id].remote_id)
                for item in self._leaving(everything, ids, list_id)
            ]
            outcomes |= self._send(self._destination.remove, items, list_id)
        self._settled(REMOVE, outcomes)

    def _leaving(
        self,
        identifiers: Mapping[str, book.Identifiers],
        leaving: Sequence[str],
        list_id: str | None,
    ) -> list[Item]:
        """What to take back of a list, without what belongs to somebody who stays, or to the same
        contact in another audience of that list."""
        others: set[str] = set()
        if list_id is not None:
            others = book.kept_by_others(self._ledger, self._place, list_id, list(identifiers))
        if list_id == self._request.list_id:  # nobody stays in a list that was the audience's
            values = book.identifier_values(identifiers.values())
            others |= diff.taken_by_others(self._connection, sorted(values), leaving)
        return _items(
            {
                key: {k: [v for v in found if v not in others] for k, found in its.items()}
                for key, its in identifiers.items()
            }
        )

    def _send(self, write: Write, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        """How each item ended; one of which nothing is known stays due."""
        if not items:
            return {}
        try:
            found = self._halved(lambda some: write(some, list_id), items, [MOST_REFUSED])
            self._faults = 0
        except Paused as fault:
            self.stop(fault)
            found = {i.contact_id: Outcome(DUE, fault.code, fault.message) for i in items}
        except Unavailable as fault:
            self._faults += 1
            if self._faults >= MOST_FAULTS:
                self.stop(fault)
            found = {i.contact_id: Outcome(DUE, fault.code, fault.message) for i in items}
        return found

    def _halved(
        self,
        write: Callable[[Sequence[Item]], dict[str, Outcome]],
        items: Sequence[Item],
        left: list[int],
    ) -> dict[str, Outcome]:
        if left[0] <= 0:
            return {i.contact_id: Outcome(DUE, "many_refused") for i in items}
        try:
            return write(items)
        except RowsRefused as fault:
            if len(items) == 1:
                left[0] -= 1
                return {items[0].contact_id: Outcome(FAILED, fault.code, fault.message)}
        middle = len(items) // 2
        parts = (items[:middle], items[middle:])
        first, second = (self._halved(write, part, left) for part in parts)
        return first | second

    def _settled(self, operation: str, outcomes: Mapping[str, Outcome]) -> None:
        book.settle(self._ledger, self._place, operation, outcomes, self._at)
        for key, outcome in outcomes.items():
            (self.delivered if outcome.state in (SENT, CONFIRMED) else self.failed).add(key)


def _items(identifiers: Mapping[str, book.Identifiers]) -> list[Item]:
    """Of whoever has any."""
    return [
        Item(key, found)
        for key, its in identifiers.items()
        if (found := {kind: values for kind, values in its.items() if values})
    ]
