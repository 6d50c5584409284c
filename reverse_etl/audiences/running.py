"""All audiences of a destination: what a sync would do, and doing it.

Nothing is sent but for an audience that is live, with the destination's variables set, and in a
demo workspace only where these lead to stand-ins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from reverse_etl.audiences import crm, people, registry
from reverse_etl.audiences import sync as syncing
from reverse_etl.audiences.model import Paused
from reverse_etl.audiences.normalise import PLAIN
from reverse_etl.audiences.registry import CONTACTS, Desk
from reverse_etl.audiences.sync import PAUSED, PLANNED, Report, Request
from workspace import clock
from workspace.definitions import Definitions
from workspace.ledger import Ledger
from workspace.ledger.audiences import Place

HUBSPOT = "hubspot"


@dataclass(frozen=True)
class Order:
    """What to do: ``may_send`` is whether anybody at all may be asked, ``accept`` the audiences
    whose large change somebody lets through."""

    may_send: bool
    accept: frozenset[str] = frozenset()
    only: frozenset[str] | None = None


def keys_of(definitions: Definitions, destination: str) -> list[str]:
    """The audiences that go to a destination; of the CRM also what its contacts are told."""
    found = [
        key
        for key, audience in definitions.audiences.audiences.items()
        if audience.destination == destination
    ]
    if destination == HUBSPOT and definitions.audiences.crm.properties:
        found.append(CONTACTS)
    return found


def run_destination(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    definitions: Definitions,
    destination: str,
    desk: Desk,
    order: Order,
    at: datetime,
    now: Callable[[], datetime] = clock.now,
) -> Iterator[Report]:
    """A report of each audience of a destination, as it is done; each is recorded in the ledger.

    ``connection`` is `people.desk`.
    """
    for key in keys_of(definitions, destination):
        if order.only is not None and key not in order.only:
            continue
        started = now()
        report = _one(connection, ledger, definitions, key, destination, desk, order, at)
        syncing.record(ledger, report, at, started, now())
        yield report


def may_send(definitions: Definitions, key: str, destination: str, desk: Desk) -> str | None:
    """Why an audience is only planned; None when it is to be sent."""
    audiences = definitions.audiences
    live = audiences.crm.live if key == CONTACTS else audiences.audiences[key].live
    if not live:
        return "not live (audiences.yml)"
    missing = desk.missing(destination)
    return f"not set: {', '.join(missing)}" if missing else None


def _one(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    definitions: Definitions,
    key: str,
    destination: str,
    desk: Desk,
    order: Order,
    at: datetime,
) -> Report:
    request = request_of(connection, definitions, key, destination, key in order.accept)
    why = may_send(definitions, key, destination, desk) if order.may_send else "dry run"
    if why is not None:
        report = syncing.compare(connection, ledger, request)
        return report if report.reason else replace(report, reason=why)
    try:
        opened = desk.open(key, destination, list(definitions.audiences.crm.properties))
    except Paused as fault:
        report = syncing.compare(connection, ledger, request)
        return replace(report, status=PAUSED, reason=str(fault))
    return syncing.sync(connection, ledger, request, opened, at)


def request_of(
    connection: duckdb.DuckDBPyConnection,
    definitions: Definitions,
    key: str,
    destination: str,
    accept: bool = False,
) -> Request:
    """An audience's members and who of them may be sent, as tables of the desk."""
    audiences = definitions.audiences
    members, allowed = f"members_{key}", f"allowed_{key}"
    place = Place(destination, key)
    breaker = audiences.breaker_of(key)
    if key == CONTACTS:
        own = audiences.crm
        channel = definitions.consent.purposes[own.purpose].channels[0]
        people.allow(connection, allowed, own.purpose, channel)
        people.gather_contacts(connection, members, own.properties, own.creates)
        return Request(place, members, allowed, PLAIN, ["email"], breaker, accept=accept)
    audience = audiences.audiences[key]
    channel = audiences.channel_of(key, definitions.consent)
    people.allow(connection, allowed, audience.purpose, channel)
    is_fresh = people.gather_segment(connection, members, key, audience.segment)
    return Request(
        place,
        members,
        allowed,
        registry.normaliser_of(audience),
        audience.identifiers,
        breaker,
        audience.list_id,
        keeps=not is_fresh,
        accept=accept,
    )


def run_crm(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    definitions: Definitions,
    desk: Desk,
    order: Order,
    at: datetime,
) -> crm.Done:
    """Tasks, tickets and changes of contacts; see `crm`."""
    sends = order.may_send and definitions.audiences.crm.live and not desk.missing(HUBSPOT)
    hub = crm.open_hub(desk) if sends else None
    return crm.deliver(connection, ledger, definitions.audiences.crm, hub, at)


def faults(destinations: Sequence[str]) -> list[str]:
    """Destinations that there are not."""
    return [name for name in destinations if name not in registry.CAPABILITIES]


__all__ = ["PLANNED", "Order", "faults", "keys_of", "request_of", "run_crm", "run_destination"]
