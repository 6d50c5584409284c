"""All audiences of a destination: what a sync would do, and doing it.

Nothing is sent but for an audience that is live, with the destination's variables set, and in a
demo workspace only where these lead to stand-ins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from reverse_etl.audiences import crm, hubspot, people, registry
from reverse_etl.audiences import sync as syncing
from reverse_etl.audiences.model import Paused
from reverse_etl.audiences.normalise import PLAIN
from reverse_etl.audiences.registry import CONTACTS, Desk
from reverse_etl.audiences.sync import PAUSED, Report, Request
from workspace import clock
from workspace.definitions import Definitions
from workspace.definitions.audiences import ALL
from workspace.ledger import Ledger, audit
from workspace.ledger import audiences as book
from workspace.ledger.audiences import Place

HUBSPOT = "hubspot"


@dataclass(frozen=True)
class Order:
    """``may_send`` is whether anybody at all may be asked, ``accept`` the audiences whose large
    change somebody lets through; ``actor`` gave it, for some ``reason``."""

    may_send: bool
    accept: frozenset[str] = frozenset()
    actor: str = audit.PIPELINE
    reason: str | None = None


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


def left_behind(ledger: Ledger, definitions: Definitions, destination: str) -> dict[str, int]:
    """The audiences that a destination holds members of and that no longer go there: deleted,
    renamed, sent elsewhere. How many members of each."""
    known = set(keys_of(definitions, destination))
    return {k: n for k, n in book.places(ledger, destination).items() if k not in known}


def has_work(ledger: Ledger, definitions: Definitions, destination: str) -> bool:
    """Whether anything goes to a destination, or is still there."""
    return bool(keys_of(definitions, destination) or left_behind(ledger, definitions, destination))


def run_destination(room: Room, destination: str) -> Iterator[Report]:
    """A report of each audience of a destination, as it is done; each is recorded in the ledger.

    Whom an audience left behind is taken back last: a new name has its members by then.
    """
    for key in keys_of(room.definitions, destination):
        started, why = room.now(), why_only_planned(room, key, destination)
        yield _recorded(room, _one(room, request_of(room, key, destination), why), started)
    for key, count in left_behind(room.ledger, room.definitions, destination).items():
        started = room.now()
        yield _recorded(room, _emptied(room, Place(destination, key), count), started)


def _recorded(room: Room, report: Report, started: datetime) -> Report:
    order = room.order
    syncing.record(room.ledger, report, room.at, started, room.now(), order.actor, order.reason)
    return report


def run_crm(room: Room) -> crm.Done:
    """Tasks, tickets and changes of contacts; see `crm`."""
    settings = room.definitions.audiences.crm
    sends = room.order.may_send and settings.live and not room.desk.missing(HUBSPOT)
    hub = crm.open_hub(room.desk) if sends else None
    allowed = "allowed_crm_actions"
    # Without audiences.yml the purpose may not be one, and nobody has granted it.
    purpose = room.definitions.consent.purposes.get(settings.purpose)
    channel = purpose.channels[0] if purpose else ALL
    people.allow(room.connection, allowed, settings.purpose, channel)
    return crm.deliver(room.connection, room.ledger, settings, hub, room.at, allowed)


def why_only_planned(room: Room, key: str, destination: str) -> str | None:
    """None where an audience is to be sent."""
    if not room.order.may_send:
        return "dry run"
    audiences = room.definitions.audiences
    if not (audiences.crm.live if key == CONTACTS else audiences.audiences[key].live):
        return "not live (audiences.yml)"
    return _unset(room, destination)


def _unset(room: Room, destination: str) -> str | None:
    missing = room.desk.missing(destination)
    return f"not set: {', '.join(missing)}" if missing else None


def _planned(room: Room, request: Request, why: str) -> Report:
    """What would be done. It is held where somebody stands there who may not, and only what
    ``why`` says keeps them there."""
    report = syncing.compare(room.connection, room.ledger, request)
    told, counters = [why], report.counters
    if counters.refused:
        told.append(
            f"{counters.refused:,} of {counters.standing:,} members may not be there any more"
        )
    if report.reason:
        told.append(report.reason)
    is_owed = counters.refused and room.order.may_send
    status = syncing.HELD if is_owed else syncing.PLANNED
    return replace(report, status=status, reason="; ".join(told))


def _emptied(room: Room, place: Place, count: int) -> Report:
    """Everybody is taken back of an audience that audiences.yml does not send there."""
    members, allowed = "members_left_behind", "allowed_left_behind"
    people.empty_out(room.connection, members, allowed)
    breaker, accept = room.definitions.audiences.breaker, place.audience in room.order.accept
    request = Request(place, members, allowed, PLAIN, ["email"], breaker, accept=accept)
    why = _unset(room, place.destination) if room.order.may_send else "dry run"
    report = _one(room, request, why)
    told = "audiences.yml does not send it there any more"
    if report.status != syncing.DONE or report.failed:
        told = (
            f"{count:,} members stand at {place.audience}, which audiences.yml does not send there"
        )
    if count and why and room.order.may_send:
        report = replace(report, status=syncing.HELD)
    return replace(report, reason=f"{told}; {report.reason}" if report.reason else told)


def _one(room: Room, request: Request, why: str | None) -> Report:
    if why is not None:
        return _planned(room, request, why)
    place = request.place
    # Without properties to write, whatever may have been written is emptied.
    properties = list(room.definitions.audiences.crm.properties or hubspot.PROPERTIES)
    try:
        opened = room.desk.open(place.audience, place.destination, properties)
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
