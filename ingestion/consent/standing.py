"""What holds of somebody's consent: the published states, and what the ledger learnt since then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from workspace.definitions.consent import Consent
from workspace.ledger import Ledger, schema
from workspace.ledger.consent import ALL

GRANTED, PENDING = "granted", "pending"
REFUSED = ("withdrawn", "objection")
#: Every purpose and channel of the policy.
States = dict[tuple[str, str], "State"]
Event = Mapping[str, Any]

_SHOWN = ("expired", "unproven", "suppressed", *REFUSED)


@dataclass(frozen=True)
class Published:
    """What the last run published about an identifier: rows of ``consent_states`` of whoever has
    it, and the run's ``as_of`` (naive UTC)."""

    rows: Sequence[Mapping[str, Any]]
    as_of: datetime


#: Asked with the identifier's key; None where nothing is published. It may block.
Ask = Callable[[str], Published | None]


@dataclass(frozen=True)
class State:
    """``is_held``: a provider's or the CRM's refusal stands beside it, which no page lifts."""

    state: str = ""
    is_held: bool = False

    @property
    def is_on(self) -> bool:
        return self.state in (GRANTED, PENDING)


def events_of(ledger: Ledger, key: str) -> list[Event]:
    """The consent events of an identifier, in the order in which they were recorded."""
    table = schema.consent_events
    query = sa.select(table).where(table.c.identifier_key == key).order_by(table.c.consent_event_id)
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def standing(policy: Consent, published: Published | None, events: Sequence[Event]) -> States:
    """The state of every purpose and channel, the newest statement of ``events`` last."""
    states = {
        (key, channel): State()
        for key, purpose in policy.purposes.items()
        for channel in purpose.channels
    }
    for row in published.rows if published else ():
        place = (row["purpose"], row["channel"])
        if place in states:
            states[place] = _more_restrictive(states[place], _published(row))
    for event in events:
        if published and event["occurred_at"] < published.as_of >= event["known_at"]:
            continue
        for place, before in states.items():
            if covers(policy, event, *place):
                is_undone = before.is_held and event["state"] in (GRANTED, PENDING)
                state = before.state if is_undone else event["state"]
                states[place] = State(state, before.is_held)
    return states


def covers(policy: Consent, event: Event, purpose: str, channel: str) -> bool:
    """Whether a statement is about a purpose and channel of the policy, as the fold takes it
    (`docs/adr/008-consent-evidence.md`)."""
    refuses = event["state"] in REFUSED
    if event["channel"] != channel and not (refuses and ALL in (event["channel"], channel)):
        return False
    if event["purpose"] != ALL:
        return bool(event["purpose"] == purpose)
    given = policy.purposes[purpose]
    if event["state"] != "objection":
        return given.marketing
    ends = given.ends_on_objection
    return given.marketing if ends is None else ends


def _published(row: Mapping[str, Any]) -> State:
    held = any(row[f"{name}_state"] in _SHOWN for name in ("provider", "crm"))
    return State(row["state"], held)


def _more_restrictive(one: State, other: State) -> State:
    """Of two people who share an address: what is sent to one of them can be ended."""
    state = one if one.is_on or not other.is_on else other
    return State(state.state, one.is_held or other.is_held)
