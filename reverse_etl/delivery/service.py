"""One delivery from end to end: take the lease, find what a dead sender left, take in what came
back, send what is due, ask about what is unknown.

Who calls it says what the present is and what the environment holds.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import current_thread, main_thread
from urllib.parse import urlsplit

from reverse_etl.delivery import recovering, returning
from reverse_etl.delivery.claiming import Claims
from reverse_etl.delivery.protocol import Provider
from reverse_etl.delivery.providers import NotConfigured, load, make
from reverse_etl.delivery.ramps import ramps_of
from reverse_etl.delivery.recheck import Rules
from reverse_etl.delivery.routing import Routes
from reverse_etl.delivery.sender import Report, Sender
from reverse_etl.delivery.transport import Transport, run
from workspace.definitions import Definitions
from workspace.definitions.providers import CHANNELS, ProviderSettings
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import Ledger, attempts, audit, lease, messages, outbox

#: Providers that send nothing to anybody.
LOCAL = ("console", "memory", "file")
#: A sender that ends by itself waits so long for what is tried again.
PATIENCE = timedelta(seconds=10)
#: One that stays asks about what is unknown, and exports, at least so often; and looks for what
#: came due so long after it found nothing.
FOLLOWING_SECONDS, REST_SECONDS = 300.0, 5.0


@dataclass(frozen=True)
class Desk:
    """What a delivery needs. ``environment`` has the variables of `variables`; ``land`` brings
    webhooks that have landed into the lake; ``stand_ins``: only addresses on this machine are
    asked, and count as live. ``actor`` and ``reason`` go on record where a lease is taken."""

    ledger: Ledger
    lake: Lake
    root: Path
    witnesses: Path
    definitions: Definitions
    keyring: Keyring
    environment: Mapping[str, str]
    clock: Callable[[], datetime]
    land: Callable[[], object] | None = None
    is_demo: bool = False
    stand_ins: bool = False
    actor: str = audit.PIPELINE
    reason: str | None = None

    def tail(self) -> returning.Returned:
        if self.land is not None:
            self.land()
        return returning.take(self.ledger, self.lake, self.clock())

    def export(self) -> None:
        messages.export(self.ledger, self.lake)
        attempts.export(self.ledger, self.lake)

    def fingerprint(self, name: str) -> str:
        """Of a provider's secrets, address and options: changes when one of them does."""
        module = load(name)
        names = (*module.SECRETS, *module.VARIABLES)
        found = [f"{one}={self.environment.get(one, '')}" for one in names]
        settings = self.definitions.providers.providers.get(name, ProviderSettings())
        found += [f"{one}={value}" for one, value in sorted(settings.options.items())]
        return self.keyring.signature("\0".join(["provider", name, *found]))


@dataclass(frozen=True)
class Delivered:
    """What a delivery did. ``idle``: providers of a lane that were not asked, and why."""

    report: Report
    recovered: Counter[str] = field(default_factory=Counter)
    reconciled: Counter[str] = field(default_factory=Counter)
    idle: Mapping[str, str] = field(default_factory=dict)
    parked: int = 0
    is_rehearsal: bool = False


def variables() -> list[str]:
    """The names of all variables that some provider reads."""
    return sorted({n for name in CHANNELS for n in (*load(name).SECRETS, *load(name).VARIABLES)})


def idle(desk: Desk) -> dict[str, str]:
    """Providers that stand in a lane and may not be asked: why."""
    found: dict[str, str] = {}
    named = {place.provider for lane in desk.definitions.providers.lanes.values() for place in lane}
    for name in sorted(named):
        module = load(name)
        missing = [n for n in module.SECRETS if not desk.environment.get(n)]
        if name in LOCAL and (desk.is_demo or desk.definitions.providers.settings(name).live):
            continue
        if desk.is_demo and not (desk.stand_ins and _is_on_this_machine(desk, name)):
            found[name] = "a demo workspace asks stand-ins only"
        elif not (desk.definitions.providers.settings(name).live or desk.stand_ins):
            found[name] = "not live in providers.yml"
        elif missing:
            found[name] = f"{', '.join(missing)} not set"
    return found


def _is_on_this_machine(desk: Desk, name: str) -> bool:
    urls = [
        value
        for variable in (*load(name).VARIABLES, *load(name).SECRETS)
        if variable.endswith("_URL") and (value := desk.environment.get(variable))
    ]
    hosts = {urlsplit(url).hostname for url in urls}
    return bool(urls) and hosts <= {"127.0.0.1", "localhost", "::1"}


def deliver(
    desk: Desk,
    *,
    take_lease: bool = False,
    is_rehearsal: bool = False,
    only: Collection[str] | None = None,
    limit: int | None = None,
    patience: timedelta | None = PATIENCE,
) -> Delivered:
    """Send what is due; with ``is_rehearsal`` only say what would be.

    ``only``: these messages, and no others. ``patience``: None for a sender that stays.
    Raises :class:`~workspace.ledger.lease.NotHere`, `Fenced`,
    :class:`~workspace.locks.RunInProgress`.
    """
    lease.refuse_restored(desk.root)
    why = idle(desk)
    if not is_rehearsal:
        outbox.expire(desk.ledger, desk.clock())
    transport = Transport(desk.clock)
    providers = _usable(desk, transport, why)
    if is_rehearsal or not providers:
        from reverse_etl.delivery.rehearsing import rehearse

        return Delivered(rehearse(desk, only, limit), idle=why, is_rehearsal=True)
    with _holding(desk, take_lease) as held:
        recovered = recovering.recover(desk.ledger, held, providers, desk.clock())
        claims = _claims(desk, held, providers, only)
        report, reconciled = run(_run(desk, held, claims, providers, transport, limit, patience))
        desk.export()
    return Delivered(report, recovered, reconciled, why, held.parked)


def _usable(desk: Desk, transport: Transport, why: dict[str, str]) -> dict[str, Provider]:
    """The providers of the lanes that may be asked; ``why`` says it of those that may not."""
    found: dict[str, Provider] = {}
    lanes = desk.definitions.providers.lanes.values()
    for name in dict.fromkeys(place.provider for lane in lanes for place in lane):
        if name not in why:
            options = desk.definitions.providers.settings(name).options
            try:
                found[name] = make(name, desk.environment, options, transport)
            except (NotConfigured, ValueError) as error:
                why[name] = str(error)
    return found


def _holding(desk: Desk, take_lease: bool) -> AbstractContextManager[lease.Lease]:
    who = f"{socket.gethostname()} pid {os.getpid()}"
    return lease.holding(
        desk.ledger,
        desk.root,
        desk.witnesses,
        who,
        desk.clock(),
        take_lease,
        desk.actor,
        desk.reason,
    )


def _claims(
    desk: Desk,
    held: lease.Lease,
    providers: Mapping[str, Provider],
    only: Collection[str] | None,
) -> Claims:
    rules = Rules(desk.definitions.caps, desk.definitions.verticals.reporting.time_zone)
    routes = Routes.of(desk.definitions.providers, providers)
    return Claims(desk.ledger, held, rules, routes, providers, only, ramps_of(desk.definitions))


async def _run(
    desk: Desk,
    held: lease.Lease,
    claims: Claims,
    providers: Mapping[str, Provider],
    transport: Transport,
    limit: int | None,
    patience: timedelta | None,
) -> tuple[Report, Counter[str]]:
    fingerprints = {name: desk.fingerprint(name) for name in providers}
    stays = patience is None
    sender = Sender(
        claims,
        desk.definitions.providers.providers,
        desk.clock,
        desk.tail,
        fingerprints,
        limit,
    )
    reconciled: Counter[str] = Counter()
    try:
        with _stopped_by_signals(sender.stop):
            while True:
                await sender.run(patience or PATIENCE, FOLLOWING_SECONDS if stays else math.inf)
                reconciled = await recovering.reconcile(desk.ledger, held, providers, desk.clock())
                if not stays or sender.is_stopping:
                    break
                outbox.expire(desk.ledger, desk.clock())
                desk.export()
                await sender.rest(REST_SECONDS)
    finally:
        for provider in providers.values():
            await provider.close()
        await transport.close()
        sender.close()
    return sender.report, reconciled


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT end what is underway and claim nothing more."""
    if current_thread() is not main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    for one in before:
        loop.add_signal_handler(one, stop)
    try:
        yield
    finally:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler)


def settle_unknown(desk: Desk, take_lease: bool = False) -> Counter[str]:
    """Take in what came back and ask about what is unknown, without sending anything."""
    transport = Transport(desk.clock)
    providers = _usable(desk, transport, idle(desk))

    async def ask(held: lease.Lease) -> Counter[str]:
        try:
            return await recovering.reconcile(desk.ledger, held, providers, desk.clock())
        finally:
            for provider in providers.values():
                await provider.close()
            await transport.close()

    with _holding(desk, take_lease) as held:
        recovering.recover(desk.ledger, held, providers, desk.clock())
        returned = desk.tail()
        found = run(ask(held))
        found["proven_by_webhook"] = returned.proven
        desk.export()
    return found
