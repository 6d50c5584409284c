"""Taking messages out of the outbox: their bytes, the gates once more, and the claim.

A message leaves only after the transaction that claimed it is committed and the witness knows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from reverse_etl.delivery import envelope, ramps
from reverse_etl.delivery.protocol import Item, Provider, Unsupported
from reverse_etl.delivery.recheck import Rules, holds, recheck
from reverse_etl.delivery.routing import Routes
from workspace.definitions.campaigns import Ramp
from workspace.ledger import CHUNK_ROWS, Ledger, outbox, outstanding, pauses
from workspace.ledger.lease import Lease
from workspace.ledger.outbox import Claim
from workspace.ledger.outstanding import Due

#: What waits for a person (a pause, an approval) is looked at again after this.
LOOK_AGAIN = timedelta(minutes=1)
#: So long before a provider forgets a message it is no longer sent again.
MARGIN = timedelta(minutes=1)


@dataclass(slots=True, eq=False)
class Held:
    """A claimed message: its attempt with a provider, and when the first one there began. ``call``
    and ``answer_ms`` are of the request that it was part of."""

    due: Due
    provider: str
    item: Item
    attempt: int
    first_at: datetime
    call: str | None = None
    answer_ms: int | None = None


@dataclass
class Taken:
    """What a claim found: ``held`` ones leave now; of the others how many each gate holds back or
    ended. ``asked``: messages that were due."""

    held: list[Held] = field(default_factory=list)
    gates: Counter[str] = field(default_factory=Counter)
    asked: int = 0


@dataclass
class _Prepared:
    """``ready`` messages have their bytes; ``ends`` are, by reason, those that cannot be sent;
    ``waiting`` ones are another's, which has no room; ``later`` ones only closed providers take."""

    ready: list[Held] = field(default_factory=list)
    ends: dict[str, list[str]] = field(
        default_factory=lambda: {
            reason: [] for reason in ("restored", "bytes_changed", "window_over", "unsupported")
        }
    )
    waiting: dict[str, str] = field(default_factory=dict)
    later: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Claims:
    """Claims messages for the providers of one sender."""

    ledger: Ledger
    lease: Lease
    rules: Rules
    routes: Routes
    providers: Mapping[str, Provider]
    only: Collection[str] | None = None
    ramps: Mapping[str, Ramp] = field(default_factory=dict)

    def take(
        self,
        wanted: Mapping[str, int],
        open_ones: Mapping[str, int],
        at: datetime,
    ) -> Taken:
        """Claim up to ``wanted`` messages a channel, for providers that are open: no more of each
        than ``open_ones`` says there is room for. What is another's waits for it.

        Raises :class:`~workspace.ledger.lease.Fenced`.
        """
        found = Taken()
        with self.ledger.reading() as connection:
            everything, held_back = holds(connection)
            if everything:
                return found
            rows = [
                row
                for channel, limit in wanted.items()
                for row in outstanding.due(
                    connection,
                    channel,
                    at,
                    min(limit, CHUNK_ROWS),
                    open_ones,
                    self.only,
                    held_back if self.only is None else (),
                    [name for name, room in open_ones.items() if room <= 0],
                )
            ]
            again = [row.message_id for row in rows if row.attempts]
            before = outstanding.attempted(connection, again)
        found.asked = len(rows)
        if not rows:
            return found
        prepared = self._prepare(rows, open_ones, before, at)
        ready = prepared.ready
        with self.ledger.writing() as connection:
            self.lease.check(connection)
            ramped = ramps.held(connection, [held.due for held in ready], self.ramps, at)
            asked = [h.due for h in ready if h.due.message_id not in ramped.until]
            verdicts = recheck(connection, asked, self.rules, at)
            leaving = {row.message_id for row in verdicts.open}
            leave = [held for held in ready if held.due.message_id in leaving]
            found.gates.update(verdicts.gates)
            found.gates.update(gate for gate, ids in prepared.ends.items() for _ in ids)
            found.gates.update({"ramp": len(ramped.until)} if ramped.until else {})
            self._block(connection, ready, verdicts.blocked, at)
            outbox.postpone(connection, {**verdicts.held, **ramped.until})
            outbox.postpone(connection, dict.fromkeys(verdicts.waiting, at + LOOK_AGAIN))
            outbox.postpone(connection, dict.fromkeys(prepared.later, at + LOOK_AGAIN))
            outbox.assign(connection, prepared.waiting)
            self._end(connection, prepared.ends, at)
            claims = [_claim(held) for held in leave]
            started = outbox.start(connection, claims, self.lease.epoch, at)
            found.held = [held for held in leave if held.due.message_id in started]
            if found.held:
                self.lease.count(connection)
        if found.held:
            self.lease.note(h.due.dedup_key for h in found.held if not h.due.attempts)
        for campaign, why in ramped.stopped.items():
            with suppress(pauses.Stopped):
                pauses.record(self.ledger, "campaign", campaign, "pause", "ramp", at, why)
        return found

    def _block(
        self, connection: sa.Connection, ready: list[Held], blocked: dict[str, str], at: datetime
    ) -> None:
        """What may have left before is not called blocked."""
        pinned = {held.due.message_id for held in ready if held.due.is_pinned}
        outbox.block(connection, {i: g for i, g in blocked.items() if i not in pinned}, at)
        outbox.park(connection, {i: gate for i, gate in blocked.items() if i in pinned}, at)

    def _prepare(
        self,
        rows: list[Due],
        open_ones: Mapping[str, int],
        before: Mapping[tuple[str, str], outstanding.Attempted],
        at: datetime,
    ) -> _Prepared:
        found = _Prepared()
        rooms = dict(open_ones)
        sent_before = self._sent_before(rows)
        for row in rows:
            if row.message_id in sent_before:
                found.ends["restored"].append(row.message_id)
                continue
            provider = self.routes.choose(
                row.channel, row.message_id, open_ones, row.provider, row.is_pinned
            )
            if provider is None:
                continue
            if rooms[provider] <= 0:
                found.waiting[row.message_id] = provider
                continue
            known = before.get((row.message_id, provider))
            if row.is_pinned and not self._recognises(provider, known, at):
                found.ends["window_over"].append(row.message_id)
                continue
            item = self._item(row, provider, open_ones)
            if item is None:
                self._unsupported(found, row, open_ones)
                continue
            provider, message = item
            known = before.get((row.message_id, provider))
            if known and row.is_pinned and known.request_hash != _hash(message.body):
                found.ends["bytes_changed"].append(row.message_id)
                continue
            first_at = known.first_at if known else at
            rooms[provider] -= 1
            found.ready.append(Held(row, provider, message, row.attempts + 1, first_at))
        return found

    def _recognises(self, provider: str, known: outstanding.Attempted | None, at: datetime) -> bool:
        """Whether a provider still knows a message that it may have had."""
        window = self.providers[provider].capabilities.idempotent_for
        return window is not None and known is not None and at + MARGIN < known.first_at + window

    def _unsupported(self, found: _Prepared, row: Due, open_ones: Collection[str]) -> None:
        """A message that no open provider can send waits for one that can, if there is any."""
        if row.is_pinned:
            found.ends["bytes_changed"].append(row.message_id)
            return
        order = self.routes.order(row.channel, row.message_id)
        closed = (n for n in order if n not in open_ones and n in self.providers)
        if any(self._made(row, name) is not None for name in closed):
            found.later.append(row.message_id)
        else:
            found.ends["unsupported"].append(row.message_id)

    def _item(self, row: Due, provider: str, open_ones: Collection[str]) -> tuple[str, Item] | None:
        """A message as its provider takes it, or the next one that does."""
        found = self._made(row, provider)
        if found is not None or row.is_pinned:
            return found
        for name in self.routes.order(row.channel, row.message_id):
            if name in open_ones and name != provider:
                found = self._made(row, name)
                if found is not None:
                    return found
        return None

    def _made(self, row: Due, provider: str) -> tuple[str, Item] | None:
        its = self.providers[provider]
        try:
            message = envelope.open_for(row, its.capabilities)
            return provider, Item(message, its.item(message))
        except (Unsupported, ValueError, LookupError):
            return None

    def _sent_before(self, rows: list[Due]) -> set[str]:
        """Messages that left in a time that a restored ledger does not remember."""
        claimed = self.lease.claimed
        new = [row for row in rows if not row.attempts] if claimed is not None else []
        if claimed is None or not new:
            return set()
        known = claimed.among([row.dedup_key for row in new])
        return {row.message_id for row, is_known in zip(new, known, strict=True) if is_known}

    def _end(self, connection: sa.Connection, ends: Mapping[str, list[str]], at: datetime) -> None:
        for reason in ("restored", "bytes_changed", "window_over"):
            outbox.park(connection, dict.fromkeys(ends[reason], reason), at)
        outbox.fail(connection, dict.fromkeys(ends["unsupported"], "unsupported"), at)


def _claim(held: Held) -> Claim:
    return Claim(held.due.message_id, held.attempt, held.provider, _hash(held.item.body))


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
