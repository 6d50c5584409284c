"""The sender: claims what is due, sends it through every provider at once, settles the answers.

One thread does the ledger's work, one event loop the sending. A provider that is slow, broken or
busy holds back its own messages and nobody else's. When the sender is killed, what it had claimed
is found by the next one (`recover`).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from reverse_etl.delivery import verdict
from reverse_etl.delivery.breaker import Breaker
from reverse_etl.delivery.claiming import Claims, Held
from reverse_etl.delivery.protocol import Kind, Outcome, Provider
from reverse_etl.delivery.suppressing import suppress
from workspace.definitions.providers import ProviderSettings
from workspace.ledger import CHUNK_ROWS, outbox, outstanding
from workspace.ledger import providers as provider_pauses
from workspace.limiter import Limiter

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

#: How often what came back from providers is looked at.
TAIL_SECONDS = 30.0
#: A pass of the ledger waits so long for more answers to settle together.
GATHER_SECONDS = 0.02
#: Of a provider with a rate so much is claimed ahead.
AHEAD_SECONDS = 2.0
#: What would wait longer for a busy provider goes back.
_SHORT_SECONDS = 2.0
_FAILURES = frozenset({Kind.UNREACHABLE, Kind.AMBIGUOUS})


@dataclass
class Lane:
    """One provider at work: what waits for it, and how much is underway."""

    provider: Provider
    settings: ProviderSettings
    breaker: Breaker
    limiter: Limiter
    waiting: deque[Held] = field(default_factory=deque)
    requests: int = 0
    claimed: int = 0  # messages that are not settled
    quiet_until: float = 0.0
    is_denied: bool = False

    @property
    def batch(self) -> int:
        most = self.provider.capabilities.batch
        rate = self.limiter.per_second * AHEAD_SECONDS
        return min(self.settings.batch or most, most, max(1, int(min(rate, most))))

    @property
    def most(self) -> int:
        """Messages it has at most: a quarter more than are on their way, and no more than leave in
        a moment. Of what waits here nobody knows, after a kill, that it never left."""
        size = self.settings.in_flight * self.batch
        size += max(self.batch, size // 4)
        rate = self.limiter.per_second * AHEAD_SECONDS
        return size if rate >= size else max(self.batch, int(rate))

    @property
    def room(self) -> int:
        """Messages it takes besides those it has."""
        return self.most - self.claimed


@dataclass
class Report:
    """What a sender did: attempts by what they ended in (`Kind`), messages by the gate that closed
    since they were queued, providers that refused their key with the code, messages claimed."""

    outcomes: Counter[str] = field(default_factory=Counter)
    gates: Counter[str] = field(default_factory=Counter)
    denied: dict[str, str] = field(default_factory=dict)
    claimed: int = 0


class Sender:
    """Sends what is due until nothing is, or until told to stop.

    ``clock`` gives the present (naive UTC); ``tail`` brings back what providers reported and is
    called in the ledger's thread. ``fingerprints`` are of each provider's secrets.
    """

    def __init__(
        self,
        claims: Claims,
        settings: Mapping[str, ProviderSettings],
        clock: Callable[[], datetime],
        tail: Callable[[], object] | None = None,
        fingerprints: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> None:
        self.claims, self._clock, self._tail = claims, clock, tail
        self._told: set[str] = set()
        self._fingerprints = fingerprints or {}
        self._left = limit
        self.report = Report()
        self.lanes = {
            name: Lane(
                provider,
                settings.get(name, ProviderSettings()),
                Breaker(time.monotonic),
                _limiter(provider, settings.get(name, ProviderSettings())),
            )
            for name, provider in claims.providers.items()
        }
        self._ended: list[tuple[Held, Outcome]] = []
        self._wake = asyncio.Event()
        self._stopping = self._is_resting = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls = itertools.count(1)
        self._thread = ThreadPoolExecutor(1, "ledger")

    def stop(self) -> None:
        """Claim nothing more; what is underway is ended."""
        self._stopping = True
        self._wake.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    async def run(self, patience: timedelta = timedelta(0), seconds: float = math.inf) -> Report:
        """Send until nothing is due within ``patience``, or for so many seconds.

        Raises :class:`~workspace.ledger.lease.Fenced` when another took the lease; what is
        underway then is the other's to find out.
        """
        try:
            await self._in_thread(self._resume_providers)
            tailed = -TAIL_SECONDS
            began = moved = time.monotonic()
            while True:
                self._is_resting = time.monotonic() - began >= seconds
                if self._tail is not None and time.monotonic() - tailed >= TAIL_SECONDS:
                    await self._in_thread(self._tail)
                    tailed = time.monotonic()
                asked = await self._turn()
                if self._ended or asked:
                    moved = time.monotonic()
                    continue
                idle = timedelta(seconds=time.monotonic() - moved)
                if not self._underway and (
                    self._stopping or self._is_resting or await self._is_over(patience, idle)
                ):
                    return self.report
                await self._sleep()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    @property
    def _underway(self) -> bool:
        return any(lane.claimed for lane in self.lanes.values())

    async def _turn(self) -> bool:
        """Settle what ended, claim what is due; whether there may be more to claim."""
        ended, self._ended = self._ended[:CHUNK_ROWS], self._ended[CHUNK_ROWS:]
        if ended:
            await self._in_thread(lambda: self._settle(ended))
            for held, _ in ended:
                self.lanes[held.provider].claimed -= 1
        wanted, open_ones = self._wanted()
        if not wanted:
            return False
        taken = await self._in_thread(lambda: self.claims.take(wanted, open_ones, self._clock()))
        self.report.gates.update(taken.gates)
        self.report.claimed += len(taken.held)
        if self._left is not None:
            self._left -= len(taken.held)
        for held in taken.held:
            lane = self.lanes[held.provider]
            lane.claimed += 1
            lane.waiting.append(held)
        for lane in self.lanes.values():
            self._pump(lane)
        return bool(taken.held) or taken.asked >= min(max(wanted.values()), CHUNK_ROWS)

    def _wanted(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many messages of each channel there is room for, and the providers that are open
        with the room of each."""
        if self._stopping or self._is_resting or (self._left is not None and self._left <= 0):
            return {}, {}
        moment = time.monotonic()
        open_ones = {
            name: min(1, lane.room) if lane.breaker.wants_probe else lane.room
            for name, lane in self.lanes.items()
            if not (lane.is_denied or lane.breaker.is_open or moment < lane.quiet_until)
        }
        wanted: dict[str, int] = {}
        for channel, places in self.claims.routes.lanes.items():
            names = [place.provider for place in places]
            size = min(sum(max(0, open_ones.get(name, 0)) for name in names), CHUNK_ROWS)
            largest = max(self.lanes[name].most for name in names)
            # Few at a time would be a transaction each.
            few = size < min(largest // 5, CHUNK_ROWS)
            if self._left is not None:
                size = min(size, self._left)
            elif few and any(self.lanes[name].claimed for name in names):
                continue
            if size > 0:
                wanted[channel] = size
        return wanted, open_ones

    # ---- sending ---------------------------------------------------------------------------------

    def _pump(self, lane: Lane) -> None:
        """Start as many requests of a lane as it may have underway."""
        while lane.waiting and lane.requests < lane.settings.in_flight:
            if lane.is_denied or lane.breaker.is_open:
                # Nothing of these has left: others may take them.
                code = "denied" if lane.is_denied else "breaker"
                self._ended += [(h, Outcome(Kind.UNREACHABLE, code)) for h in lane.waiting]
                lane.waiting.clear()
                self._wake.set()
                return
            quiet = lane.quiet_until - time.monotonic()
            if quiet > _SHORT_SECONDS:
                self._release(lane, quiet)
                return
            if lane.breaker.wants_probe:
                lane.breaker.probe()
            some = [lane.waiting.popleft() for _ in range(min(lane.batch, len(lane.waiting)))]
            lane.requests += 1
            task = asyncio.get_running_loop().create_task(self._send(lane, some))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _release(self, lane: Lane, seconds: float) -> None:
        """What waits for a busy provider is pending again, as it was."""
        self._ended += [
            (held, Outcome(Kind.RELEASED, retry_after=seconds)) for held in lane.waiting
        ]
        lane.waiting.clear()
        self._wake.set()

    async def _send(self, lane: Lane, some: list[Held]) -> None:
        try:
            wait = max(lane.limiter.acquire(len(some)), lane.quiet_until - time.monotonic())
            if wait > 2 * AHEAD_SECONDS:
                lane.requests -= 1
                lane.waiting.extend(some)
                lane.breaker.unprobed()
                return self._release(lane, wait)
            if wait > 0:
                await asyncio.sleep(wait)
            began = time.monotonic()
            try:
                outcomes = await lane.provider.send([held.item for held in some])
            finally:
                call = f"{self.claims.lease.epoch}-{next(self._calls)}"
                took_ms = round((time.monotonic() - began) * 1000)
                for held in some:
                    held.call, held.answer_ms = call, took_ms
            if len(outcomes) != len(some):
                raise RuntimeError(f"{lane.provider.name} answered for {len(outcomes)} messages")
        except asyncio.CancelledError:
            raise
        except Exception as error:  # a fault of ours, after the message may have left
            _log.exception("%s failed", lane.provider.name)
            outcomes = [Outcome(Kind.AMBIGUOUS, type(error).__name__)] * len(some)
        self._learn(lane, outcomes)
        lane.requests -= 1
        self._ended += zip(some, outcomes, strict=True)
        self._pump(lane)
        self._wake.set()

    def _learn(self, lane: Lane, outcomes: list[Outcome]) -> None:
        """What a request says about its provider as a whole."""
        kinds = {outcome.kind for outcome in outcomes}
        if kinds <= _FAILURES:
            lane.breaker.failed()
        else:
            lane.breaker.succeeded()
        for outcome in outcomes:
            if outcome.kind is Kind.DENIED:
                lane.is_denied = True
                self.report.denied[lane.provider.name] = outcome.code
            elif outcome.kind in (Kind.THROTTLED, Kind.EXHAUSTED) and not outcome.is_own:
                wait = outcome.retry_after
                if wait is None:
                    wait = verdict.QUOTA_WAIT if outcome.kind is Kind.EXHAUSTED else 1.0
                until = time.monotonic() + min(wait, verdict.LONGEST_WAIT)
                lane.quiet_until = max(lane.quiet_until, until)

    # ---- the ledger's thread ---------------------------------------------------------------------

    def _settle(self, ended: list[tuple[Held, Outcome]]) -> None:
        at = self._clock()
        settled = [
            verdict.settle(
                held.due,
                held.attempt,
                held.provider,
                outcome,
                self.claims.routes,
                self.lanes[held.provider].provider.capabilities.idempotent_for,
                held.first_at,
                at,
            )._replace(call=held.call, answer_ms=held.answer_ms)
            for held, outcome in ended
        ]
        self.report.outcomes.update(
            outcome.kind.value for _, outcome in ended if outcome.kind is not Kind.RELEASED
        )
        with self.claims.ledger.writing() as connection:
            self.claims.lease.check(connection)
            outbox.settle(connection, settled)
            suppress(connection, ended, at)
            # Told once: somebody may resume it meanwhile.
            for name in self.report.denied.keys() - self._told:
                code = self.report.denied[name]
                provider_pauses.pause(connection, name, code, self._fingerprints.get(name, ""), at)
                self._told.add(name)

    def _resume_providers(self) -> None:
        """Providers that refused their key stay paused while the key is the same."""
        with self.claims.ledger.writing() as connection:
            for name, lane in self.lanes.items():
                lane.is_denied = provider_pauses.stands(
                    connection, name, self._fingerprints.get(name, "")
                )

    async def _is_over(self, patience: timedelta, idle: timedelta) -> bool:
        """Whether nothing is due soon, or nothing of what is due can go: no provider is open for
        it."""
        if idle >= patience or (self._left is not None and self._left <= 0):
            return True
        until = self._clock() + patience

        def soon() -> bool:
            with self.claims.ledger.reading() as connection:
                when = outstanding.next_due(connection, self.claims.only)
            return when is not None and when <= until

        return not await self._in_thread(soon)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def rest(self, seconds: float) -> None:
        """Do nothing for a while, or until told to stop."""
        self._wake.clear()
        if not self._stopping:
            await _until(self._wake.wait(), seconds)

    async def _sleep(self) -> None:
        self._wake.clear()
        await _until(self._wake.wait(), 0.5)
        await asyncio.sleep(GATHER_SECONDS)


async def _until(waiting: Awaitable[object], seconds: float) -> None:
    try:
        await asyncio.wait_for(waiting, seconds)  # type: ignore[arg-type]
    except TimeoutError:
        return


def _limiter(provider: Provider, settings: ProviderSettings) -> Limiter:
    """The slower of what the settings and the vendor say."""
    rates = [
        rate for rate in (settings.per_second, provider.capabilities.per_second) if rate is not None
    ]
    if not rates:
        return Limiter.unlimited()
    batch = provider.capabilities.batch
    return Limiter(min(rates), burst=max(1, min(batch, int(min(rates)))), sleep=lambda _: None)
