"""All audiences of a destination: what a sync would do, and doing it.

Nothing is sent but for an audience that is live, with the destination's variables set, and in a
demo workspace only where these lead to stand-ins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from reverse_etl.audiences import crm, people, registry
from reverse_etl.audiences import sync as syncing
from reverse_etl.audiences.model import Paused
from reverse_etl.audiences.normalise import PLAIN
from reverse_etl.audiences.registry import CONTACTS, Desk
from reverse_etl.audiences.sync import PAUSED, Report, Request
from workspace import clock
from workspace.definitions import Definitions
from workspace.ledger import Ledger
from workspace.ledger.audiences import Place

HUBSPOT = "hubspot"


@dataclass(frozen=True)
class Order:
    """``may_send`` is whether anybody at all may be asked, ``accept`` the audiences whose large
    change somebody lets through."""

    may_send: bool
    accept: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Room:
    """What a sync works with: ``connection`` is `people.desk`, ``at`` the moment it looks from,
    ``now`` the time for the record."""

    connection: duckdb.DuckDBPyConnection
    ledger: Ledger
    definitions: Definitions
    desk: Desk
    order: Order
    at: datetime
    now: Callable[[], datetime] = clock.now


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


def run_destination(room: Room, destination: str) -> Iterator[Report]:
    """A report of each audience of a destination, as it is done; each is recorded in the ledger."""
    for key in keys_of(room.definitions, destination):
        started = room.now()
        report = _one(room, key, destination)
        syncing.record(room.ledger, report, room.at, started, room.now())
        yield report


def run_crm(room: Room) -> crm.Done:
    """Tasks, tickets and changes of contacts; see `crm`."""
    settings = room.definitions.audiences.crm
    sends = room.order.may_send and settings.live and not room.desk.missing(HUBSPOT)
    hub = crm.open_hub(room.desk) if sends else None
    return crm.deliver(room.connection, room.ledger, settings, hub, room.at)


def why_only_planned(room: Room, key: str, destination: str) -> str | None:
    """None where an audience is to be sent."""
    if not room.order.may_send:
        return "dry run"
    audiences = room.definitions.audiences
    if not (audiences.crm.live if key == CONTACTS else audiences.audiences[key].live):
        return "not live (audiences.yml)"
    missing = room.desk.missing(destination)
    return f"not set: {', '.join(missing)}" if missing else None


def _one(room: Room, key: str, destination: str) -> Report:
    request = request_of(room, key, destination)
    why = why_only_planned(room, key, destination)
    if why is not None:
        report = syncing.compare(room.connection, room.ledger, request)
        told = f"{why}; {report.reason}" if report.reason else why
        return replace(report, status=syncing.PLANNED, reason=told)
    try:
        properties = list(room.definitions.audiences.crm.properties)
        opened = room.desk.open(key, destination, properties)
    except Paused as fault:
        report = syncing.compare(room.connection, room.ledger, request)
        return replace(report, status=PAUSED, reason=str(fault))
    return syncing.sync(room.connection, room.ledger, request, opened, room.at)


def request_of(room: Room, key: str, destination: str) -> Request:
    """An audience's members and who of them may be sent, as tables of the desk."""
    audiences, consent = room.definitions.audiences, room.definitions.consent
    members, allowed = f"members_{key}", f"allowed_{key}"
    place, breaker = Place(destination, key), audiences.breaker_of(key)
    accept = key in room.order.accept
    if key == CONTACTS:
        own = audiences.crm
        channel = consent.purposes[own.purpose].channels[0]
        people.allow(room.connection, allowed, own.purpose, channel)
        people.gather_contacts(room.connection, members, own.properties, own.creates)
        return Request(place, members, allowed, PLAIN, ["email"], breaker, accept=accept)
    audience = audiences.audiences[key]
    people.allow(room.connection, allowed, audience.purpose, audiences.channel_of(key, consent))
    is_fresh = people.gather_segment(room.connection, members, key, audience.segment)
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
