"""Senders that are killed at any moment, against a stand-in that misbehaves, and what must hold.

`Rounds` runs them; `check` names the invariants of the outbox as the specification does, I1 to I10.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from reverse_etl.delivery import recovering, returning
from reverse_etl.delivery.claiming import Claims
from reverse_etl.delivery.providers import make
from reverse_etl.delivery.routing import Routes
from reverse_etl.delivery.sender import Sender
from reverse_etl.delivery.transport import Transport
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk, Fate, Trouble
from tests.reverse_etl.delivery.outboxes import NOW, fill, rows, rules, states
from workspace.definitions.providers import Place, ProviderSettings
from workspace.lake import Lake
from workspace.ledger import lease, open_ledger, schema
from workspace.ledger.lease import Fenced, NotHere
from workspace.locks import RunInProgress
from workspace.streams import STREAMS

#: Of a thousand requests.
SHARES = {
    Trouble.THROTTLED: 20,
    Trouble.ERROR: 30,
    Trouble.RESET: 30,
    Trouble.HANG: 10,
    Trouble.EMPTY: 5,
    Trouble.PERMANENT: 10,
}
TERMINAL = ("blocked", "accepted", "failed")


class Troubles:
    """An endless queue of troubles, most of which are none."""

    def __init__(self, seed: int) -> None:
        self.draw, self.is_calm = random.Random(seed), False

    def __bool__(self) -> bool:
        return not self.is_calm

    def popleft(self) -> Trouble | None:
        place = self.draw.randrange(1000)
        for trouble, share in SHARES.items():
            if place < share:
                return trouble
            place -= share
        return None


def work(
    url: str,
    folder: Path,
    provider: str,
    channel: str,
    environment: dict[str, str],
    at: datetime,
    per_second: float | None,
    take: bool,
) -> None:
    """One sender, in a process of its own."""
    ledger = open_ledger(url)
    try:
        with lease.holding(ledger, folder, folder.parent / "witness", "killed", at, take) as held:
            transport = Transport(lambda: at, answer_seconds=0.3)
            providers = {provider: make(provider, environment, {}, transport)}
            recovering.recover(ledger, held, providers, at)
            settings = {provider: ProviderSettings(in_flight=4, per_second=per_second, batch=10)}
            claims = Claims(
                ledger,
                held,
                rules(),
                Routes({channel: [Place(provider=provider, weight=1)]}),
                providers,
            )

            async def main() -> None:
                try:
                    await _run(Sender(claims, settings, lambda: at))
                    await recovering.reconcile(ledger, held, providers, at)
                finally:
                    await transport.close()

            asyncio.run(main())
    except (RunInProgress, Fenced, NotHere):
        return
    finally:
        ledger.close()


async def _run(sender: Sender) -> None:
    try:
        await sender.run()
    finally:
        sender.close()


@dataclass
class Rounds:
    """``standin`` is the module of the provider's stand-in."""

    folder: Path
    url: str
    provider: str
    channel: str
    standin: ModuleType
    seed: int
    desk: Desk = field(init=False)
    kills: int = 0
    suppressed: set[str] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)
    at: datetime = NOW

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.troubles = Troubles(self.seed)
        self.desk = Desk(fate=lambda _: Fate.DELIVERED, clock=lambda: self.at)
        self.desk.troubles = self.troubles  # type: ignore[assignment]
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload([__name__])
        self.workspace = self.folder / "a workspace"
        self.workspace.mkdir(exist_ok=True)
        self.ledger = open_ledger(self.url)

    def run(self, messages: int, kills: int, per_second: float = 250) -> None:
        """Queue messages, kill senders while they are sent, and let a last one finish."""
        fill(self.ledger, messages, channel=self.channel)
        with serving(self.standin.app(self.desk)) as address:
            environment = self.standin.environment(address)
            while self.kills < kills:
                self._round(environment, per_second)
            self.troubles.is_calm = True
            for _ in range(12):  # I10
                self.at += timedelta(minutes=10)
                process = self._start(environment, None, False)
                process.join(900)
                assert process.exitcode == 0
                if not {"pending", "sending"} & states(self.ledger).keys():
                    break
        self._look()
        self.messages = messages

    def _round(self, environment: dict[str, str], per_second: float) -> None:
        self.at += timedelta(seconds=self.draw.choice((0, 1, 40)))
        process = self._start(environment, per_second, False)
        second = None
        if self.draw.random() < 0.2:  # two operators at once, one of whom may insist
            insists = self.draw.random() < 0.5
            second = self._start(environment, per_second, insists)
        if self.draw.random() < 0.3:
            self._suppress()
        process.join(self.draw.uniform(0.02, 0.25))
        for one in filter(None, (process, second)):
            one.kill()
            one.join()
            self.kills += 1
        self._look()

    def _start(self, environment: dict[str, str], per_second: float | None, take: bool) -> Any:
        arguments = (self.url, self.workspace, self.provider, self.channel, environment)
        process = self.processes.Process(target=work, args=(*arguments, self.at, per_second, take))
        process.start()
        return process

    def _suppress(self) -> None:
        """Somebody whose message has not left does not want it any more."""
        table = schema.messages
        with self.ledger.writing() as connection:
            query = sa.select(table.c.message_id, table.c.destination_key).where(
                table.c.state == "pending", table.c.attempts == 0
            )
            waiting = [
                row
                for row in connection.execute(query.order_by(table.c.message_id).limit(200))
                if row.message_id not in self.suppressed
            ]
            if not waiting:
                return
            ident, key = self.draw.choice(waiting)
            connection.execute(
                schema.suppressions.insert().values(
                    identifier_key=key,
                    channel=self.channel,
                    reason="unsubscribed",
                    source="test",
                    suppressed_at=self.at,
                )
            )
            self.suppressed.add(ident)

    def _look(self) -> None:
        """I9: what has ended stays as it is."""
        found = {row["message_id"]: row["state"] for row in rows(self.ledger)}
        for ident, state in self.ended.items():
            assert found[ident] == state, f"{ident} was {state} and is {found[ident]}"
        self.ended = {i: state for i, state in found.items() if state in TERMINAL}

    # ---- what must hold --------------------------------------------------------------------------

    def check(self) -> Counter[str]:
        """Raises ``AssertionError``; how many messages ended in each state."""
        messages = rows(self.ledger)
        attempts = rows(self.ledger, schema.message_attempts)
        taken = Counter(one.outbox_id for one in self.desk.taken)
        assert max(taken.values()) == 1, "I1: a message was taken twice"
        counted = Counter(row["state"] for row in messages)
        assert counted.total() == self.messages, "I2: a message is gone"
        assert not {"pending", "sending"} & counted.keys(), "I10: not drained"
        for row in messages:
            if row["state"] == "accepted":
                assert taken[row["message_id"]] == 1, "I3: accepted and never taken"
            elif taken[row["message_id"]]:
                assert row["state"] in ("unknown", "failed_unknown"), "I3: taken and not told"
        assert not self.suppressed & taken.keys(), "I4: sent to somebody who had left"
        self._check_attempts(attempts)
        self._check_webhooks()
        return counted

    def _check_attempts(self, attempts: list[dict[str, Any]]) -> None:
        by_message = defaultdict(list)
        for row in attempts:
            by_message[row["message_id"]].append(row)
        for its in by_message.values():
            numbers = [row["attempt"] for row in its]
            epochs = [row["lease_epoch"] for row in its]
            assert numbers == list(range(1, len(its) + 1)), "I5: attempts are not in order"
            assert epochs == sorted(epochs), "I5: an old lease wrote after a newer one"
            assert len({row["request_hash"] for row in its}) == 1, "I6: other bytes"

    def _check_webhooks(self) -> None:
        """I7 and I8: events prove what was taken; again and shuffled they change nothing."""
        lake = Lake(self.workspace / "lake")
        events = self._events()
        _commit(lake, "one", events)
        found = returning.take(self.ledger, lake, self.at)
        assert found.events == len(events)
        after = [rows(self.ledger), rows(self.ledger, schema.suppressions)]
        taken = {one.outbox_id for one in self.desk.taken}
        assert not [
            row for row in after[0] if row["state"] == "unknown" and row["message_id"] in taken
        ], "I7: taken, reported, and still unknown"
        for batch in ("two", "three"):
            self.draw.shuffle(events)
            _commit(lake, batch, events)
            returning.take(self.ledger, lake, self.at + timedelta(hours=1))
            again = [rows(self.ledger), rows(self.ledger, schema.suppressions)]
            assert again == after, "I8: the same events changed something"

    def _events(self) -> list[dict[str, Any]]:
        return [
            {
                "provider": self.provider,
                "provider_event_id": f"{one.outbox_id} {name}",
                "event_type": name,
                "channel": self.channel,
                "provider_message_id": one.provider_message_id,
                "outbox_id": one.outbox_id,
                "known_at": self.at,
                "occurred_at": self.at,
            }
            for one in self.desk.taken
            for name in ("delivered", "processed")
        ]

    def close(self) -> None:
        self.ledger.close()


def _commit(lake: Lake, batch: str, events: list[dict[str, Any]]) -> None:
    wanted = STREAMS[returning.STREAM].schema
    lake.commit(returning.STREAM, batch, pa.Table.from_pylist(events, schema=wanted))
