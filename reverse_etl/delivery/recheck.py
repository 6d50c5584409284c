"""The gates, asked again of the ledger in the transaction that claims a message.

The run that queued a message asked the warehouse; what has been recorded since then can hold the
message back and never lets one through. Answers are those of `workspace.definitions.caps.GATES`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from reverse_etl.gates.hours import LONGEST_QUIET, allowed_spans, next_allowed, rules_for
from reverse_etl.gates.known import BOUNCED, UNSUBSCRIBED
from workspace.definitions.caps import Cap, Caps
from workspace.ledger import approvals, consent, outbox, pauses, schema
from workspace.ledger.outbox import MESSAGES
from workspace.ledger.outstanding import Due

_WEEK = timedelta(days=7)
#: When messages of a channel, country, class and zone may go out next.
Calendar = dict[tuple[str, str | None, str, str], datetime | None]


@dataclass(frozen=True)
class Rules:
    """What does not change while a sender runs. ``time_zone`` is that of whoever has none."""

    caps: Caps
    time_zone: str

    def skips(self, message_class: str) -> Collection[str]:
        kind = self.caps.classes.get(message_class)
        return kind.skips if kind else ()


@dataclass
class Verdicts:
    """What became of the messages asked about: ``open`` may leave; ``blocked`` ones have a gate;
    ``held`` ones are due later; ``waiting`` ones wait for a person and are left alone."""

    open: list[Due] = field(default_factory=list)
    blocked: dict[str, str] = field(default_factory=dict)
    held: dict[str, datetime] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    #: Gate -> messages, of all that may not leave.
    gates: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def holds(connection: sa.Connection) -> tuple[bool, set[tuple[str, str]]]:
    """Whether everything is held back, and the sources (kind and key) that are."""
    standing = pauses.held_by(connection)
    return any(h.scope == pauses.ALL for h in standing), {
        (h.scope, h.source_key) for h in standing if h.scope != pauses.ALL
    }


def recheck(
    connection: sa.Connection,
    messages: Sequence[Due],
    rules: Rules,
    at: datetime,
    erased: Collection[str] = (),
) -> Verdicts:
    """Ask the gates about messages that are due at ``at``, in their order.

    ``erased``: keyed hashes of erased people that are known besides the ledger's tombstones.
    """
    found = Verdicts()
    everything, held = holds(connection)
    approved = {
        digest
        for digest, decision in approvals.standing_of(connection).items()
        if decision == approvals.APPROVED
    }
    keys = {m.message_id: _keys(m) for m in messages}
    stops = _Stops(connection, messages, keys, erased)
    counted = _Counted(connection, messages, rules, at)
    calendar: Calendar = {}
    for message in messages:
        gate = stops.gate(message, keys[message.message_id], rules)
        if gate is None and message.not_after is not None and at >= message.not_after:
            gate = "not_after"
        if gate is not None:
            found.blocked[message.message_id] = gate
        elif everything or (message.source_kind, message.source_key) in held:
            found.waiting.append(message.message_id)
            gate = "paused"
        elif message.approval is not None and message.approval not in approved:
            found.waiting.append(message.message_id)
            gate = "approval"
        else:
            gate = _time(found, message, rules, counted, calendar, at)
        if gate is None:
            found.open.append(message)
            counted.add(message, at)
        else:
            found.gates[gate] += 1
    return found


def _time(
    found: Verdicts,
    message: Due,
    rules: Rules,
    counted: _Counted,
    calendar: Calendar,
    at: datetime,
) -> str | None:
    """Hold a message until quiet hours end or a cap has room; the gate, None where it may go."""
    if message.is_test:
        return None
    gate, later = "quiet_hours", _after_quiet(message, rules, at, calendar)
    if later == at:
        gate, later = "cap", counted.room(message, at)
    if later == at:
        return None
    if later is None or (message.not_after is not None and later >= message.not_after):
        found.blocked[message.message_id] = gate
    else:
        found.held[message.message_id] = later
    return gate


def _keys(message: Due) -> set[str]:
    aliases = json.loads(message.aliases) if message.aliases else ()
    return {message.contact_id, message.destination_key, *aliases}


# ---- what stands against a person ----------------------------------------------------------------


class _Stops:
    """Tombstones, suppressions and refusals of the people of some messages."""

    def __init__(
        self,
        connection: sa.Connection,
        messages: Sequence[Due],
        keys: dict[str, set[str]],
        erased: Collection[str],
    ) -> None:
        wanted = set().union(*keys.values()) if keys else set()
        table = schema.tombstones
        self._erased = set(erased)
        self._erased.update(row[0] for row in _of(connection, [table.c.identifier_key], wanted))
        table = schema.suppressions
        self._suppressed: dict[str, list[tuple[str, str]]] = defaultdict(list)
        newest = connection.execute(sa.select(sa.func.max(table.c.suppression_id))).scalar()
        columns = [table.c.identifier_key, table.c.channel, table.c.reason]
        for key, channel, reason in _of(connection, columns, wanted, most=newest or 0):
            self._suppressed[key].append((channel, reason))
        self._refused = _refusals(connection, messages, wanted)
        self._is_empty = not (self._erased or self._suppressed or self._refused)

    def gate(self, message: Due, keys: set[str], rules: Rules) -> str | None:
        """The first gate that is closed, in the order of `GATES`."""
        if self._is_empty:
            return None
        if not self._erased.isdisjoint(keys):
            return "erased"
        skips = rules.skips(message.message_class)
        channels = (message.channel, consent.ALL)
        suppressed = {
            reason
            for key in keys & self._suppressed.keys()
            for channel, reason in self._suppressed[key]
            if channel in channels
        }
        if suppressed.intersection(BOUNCED):
            return "bounced"
        refused = {
            purpose
            for key in keys & self._refused.keys()
            for number, purpose, channel in self._refused[key]
            if number > message.consent_seen and channel in channels
        }
        # A request that was taken back is not asked about, though it needs no consent to be.
        asks = message.source_kind == consent.SOURCE_KIND
        if message.purpose in refused and (asks or "consent" not in skips):
            return "consent"
        left = consent.ALL in refused or bool(suppressed.intersection(UNSUBSCRIBED))
        if left and "unsubscribed" not in skips:
            return "unsubscribed"
        if suppressed.difference(UNSUBSCRIBED):
            return "suppressed"
        return None


def _refusals(
    connection: sa.Connection, messages: Sequence[Due], wanted: set[str]
) -> dict[str, list[tuple[int, str, str]]]:
    """Withdrawals and objections that came after the first of the decisions: number, purpose,
    channel, by key."""
    table = schema.consent_events
    since = min((m.consent_seen for m in messages), default=0)
    newest = connection.execute(sa.select(sa.func.max(table.c.consent_event_id))).scalar() or 0
    found: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    if newest <= since:
        return found
    columns = [table.c[n] for n in ("identifier_key", "consent_event_id", "purpose", "channel")]
    also = [table.c.consent_event_id > since, table.c.state.in_(("withdrawn", "objection"))]
    for key, *event in _of(connection, columns, wanted, also, newest - since):
        found[key].append(tuple(event))
    return found


def _of(
    connection: sa.Connection,
    columns: Sequence[sa.ColumnElement[Any]],
    keys: Collection[str],
    also: Sequence[sa.ColumnElement[bool]] = (),
    most: int | None = None,
) -> Iterable[sa.Row[Any]]:
    """Rows whose first column is one of the keys. Where there are at most ``most`` rows, and fewer
    than keys, all are read: that is quicker than to name the keys."""
    if most is not None and most < len(keys):
        for row in connection.execute(sa.select(*columns).where(*also)):
            if row[0] in keys:
                yield row
        return
    for some in outbox.chunks(sorted(keys)):
        yield from connection.execute(sa.select(*columns).where(columns[0].in_(some), *also))


# ---- when ----------------------------------------------------------------------------------------


def _after_quiet(message: Due, rules: Rules, at: datetime, calendar: Calendar) -> datetime | None:
    """``at``, or when quiet hours end; None where they never do."""
    which = rules_for(rules.caps, message.channel, message.country, message.message_class)
    if not which:
        return at
    zone = message.time_zone or rules.time_zone
    key = (message.channel, message.country, message.message_class, zone)
    if key not in calendar:
        holidays = rules.caps.holidays.get(message.country or "")
        calendar[key] = next_allowed(
            allowed_spans(which, holidays, zone, at, at + LONGEST_QUIET), at
        )
    return calendar[key]


class _Counted:
    """What counts against the caps: messages of the same people that left, or may have."""

    def __init__(
        self, connection: sa.Connection, messages: Sequence[Due], rules: Rules, at: datetime
    ) -> None:
        self._rules = rules
        self._limited = [cap for cap in rules.caps.caps if cap.limit is not None]
        self._sent: dict[str, list[tuple[str, str, datetime]]] = defaultdict(list)
        concerned = [m for m in messages if self._caps(m)]
        if not concerned:
            return
        since = at - timedelta(days=max(rules.caps.longest_days, 8))
        names = ("message_id", "message_class", "channel", "sent_at")
        for column in (MESSAGES.c.contact_id, MESSAGES.c.destination_key):
            keys = {getattr(m, column.name) for m in concerned}
            also = [
                MESSAGES.c.state.in_(outbox.AWAY),
                MESSAGES.c.sent_at > since,
                MESSAGES.c.is_test.is_(False),
            ]
            columns = [column, *(MESSAGES.c[n] for n in names)]
            for key, ident, *rest in _of(connection, columns, keys, also):
                self._sent[key].append((ident, *rest))

    def _caps(self, message: Due) -> list[Cap]:
        if message.is_test or "cap" in self._rules.skips(message.message_class):
            return []
        return [
            cap
            for cap in self._limited
            if message.message_class in cap.classes and message.channel in cap.channels
        ]

    def add(self, message: Due, at: datetime) -> None:
        if self._caps(message):
            row = (message.message_id, message.message_class, message.channel, at)
            self._sent[message.contact_id].append(row)
            self._sent[message.destination_key].append(row)

    def room(self, message: Due, at: datetime) -> datetime | None:
        """When every cap has room: ``at``, later, or never (None)."""
        latest = at
        for cap in self._caps(message):
            found = self._room(cap, message, at)
            if found is None:
                return None
            latest = max(latest, found)
        return latest

    def _room(self, cap: Cap, message: Due, at: datetime) -> datetime | None:
        assert cap.limit is not None
        if cap.limit == 0:
            return None
        zone = ZoneInfo(message.time_zone or self._rules.time_zone)
        begin = _monday(at, zone) if cap.days is None else at - timedelta(days=cap.days)
        times = {
            ident: when
            for key in (message.contact_id, message.destination_key)
            for ident, kind, channel, when in self._sent.get(key, ())
            if ident != message.message_id
            and kind in cap.classes
            and channel in cap.channels
            and (when >= begin if cap.days is None else when > begin)
        }
        if len(times) < cap.limit:
            return at
        if cap.days is None:
            return _monday(begin + _WEEK + timedelta(days=1), zone)
        leaving = sorted(times.values())[len(times) - cap.limit]
        return max(leaving + timedelta(days=cap.days), at + timedelta(seconds=1))


def _monday(at: datetime, zone: ZoneInfo) -> datetime:
    """When the local week of ``at`` began."""
    local = at.replace(tzinfo=UTC).astimezone(zone)
    first = (local - timedelta(days=local.weekday())).date()
    start = datetime(first.year, first.month, first.day, tzinfo=zone)
    return start.astimezone(UTC).replace(tzinfo=None)
