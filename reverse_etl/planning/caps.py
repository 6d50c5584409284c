"""What another ``caps.yml`` would have done with the messages of the last weeks, and does with
those that are pending: how many go, wait and end, by gate, class, source and cap; who loses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
from pydantic import ValidationError

from reverse_etl.content.library import Library
from reverse_etl.planning import replay
from workspace.definitions.caps import SETTINGS, Caps
from workspace.lake import Lake
from workspace.ledger import Ledger

SHOWN = 10
_BEFORE, _AFTER = "replay_before", "replay_after"


class NotRecorded(LookupError):
    """The last run did not record the whole of ``caps.yml``; the message says what helps."""


@dataclass(frozen=True)
class Counts:
    """Messages that are queued, that wait and that ended, before and after."""

    name: str
    queued_before: int
    queued_after: int
    waiting_before: int
    waiting_after: int
    blocked_before: int
    blocked_after: int


@dataclass(frozen=True)
class CapChange:
    """A cap. ``stopped`` messages it held back at some run, ``blocked`` ones ended by it, worth
    ``value_lost`` as far as anybody said."""

    cap: str
    limit_before: int | None
    limit_after: int | None
    stopped_before: int
    stopped_after: int
    blocked_before: int
    blocked_after: int
    value_lost_before: float
    value_lost_after: float

    @property
    def differs(self) -> bool:
        return (
            self.limit_before != self.limit_after
            or self.stopped_before != self.stopped_after
            or self.blocked_before != self.blocked_after
            or self.value_lost_before != self.value_lost_after
        )


@dataclass(frozen=True)
class Loser:
    """A contact that gets fewer messages; ``value_lost`` is the expected value of those."""

    contact_id: str
    queued_before: int
    queued_after: int
    value_lost: float


@dataclass(frozen=True)
class CapsPlan:
    """``people_*`` count contacts; ``held_out_*`` those of all contacts that belong to the
    universal hold-out. ``delayed`` messages go in both cases, later than before; ``value_*`` is the
    expected value of what no longer goes and of what goes in addition."""

    messages: int
    runs: int
    total: Counts | None = None
    delayed: int = 0
    value_lost: float = 0.0
    value_gained: float = 0.0
    people_losing: int = 0
    people_gaining: int = 0
    contacts: int = 0
    held_out_before: int = 0
    held_out_after: int = 0
    held_out_entering: int = 0
    held_out_leaving: int = 0
    gates: list[Counts] = field(default_factory=list)
    classes: list[Counts] = field(default_factory=list)
    sources: list[Counts] = field(default_factory=list)
    caps: list[CapChange] = field(default_factory=list)
    losers: list[Loser] = field(default_factory=list)


def in_force(connection: duckdb.DuckDBPyConnection) -> Caps:
    """The ``caps.yml`` of the last run. Raises :class:`NotRecorded`."""
    row = connection.execute(
        "select value from lake.parameters where collection = $1", [SETTINGS]
    ).fetchone()
    if row is None:
        raise NotRecorded("the last run recorded no caps.yml; 'marketing run' does")
    try:
        return Caps.model_validate_json(row[0])
    except ValidationError as error:
        raise NotRecorded(
            "caps.yml as the last run recorded it is of another version of the program; "
            "'marketing run' records it anew"
        ) from error


def plan(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    lake: Lake,
    before: Caps,
    after: Caps,
    as_of: datetime,
    time_zone: str,
    library: Library | None = None,
) -> CapsPlan:
    """Compare two versions over the messages of `replay.WINDOW` and those pending; ``library`` as
    for `replay.prepare`.

    ``connection`` sees the schema ``marts``; temporary tables ``replay_…``, ``known_…`` and
    ``gate_…`` of it are replaced. Nothing else is written.
    """
    messages = replay.prepare(connection, lake, as_of, library=library)
    runs = connection.execute("select count(*) from replay_runs").fetchone()
    for caps, answer in ((before, _BEFORE), (after, _AFTER)):
        replay.replay(connection, ledger, lake, caps, as_of, time_zone, answer)
    connection.execute(_COMPARED)
    return CapsPlan(
        messages,
        runs[0] if runs else 0,
        total=_counts(connection, "'all'")[0] if messages else None,
        gates=[row for row in _gates(connection) if _differs(row)],
        classes=_counts(connection, "message_class"),
        sources=_counts(connection, "source_kind || ' ' || source_key"),
        caps=_caps(connection, before, after),
        losers=_losers(connection),
        **_sums(connection),
        **_held_out(connection, before, after),
    )


_COMPARED = f"""
    create or replace temp table replay_compared as
    select
        intents.contact_id, intents.source_kind, intents.source_key, intents.message_class,
        coalesce(intents.expected_value, 0) as value,
        was.decision as decision_before, will.decision as decision_after,
        was.gate as gate_before, will.gate as gate_after,
        was.detail as detail_before, will.detail as detail_after,
        was.capped_by as capped_before, will.capped_by as capped_after,
        was.decision = 'queued' as goes_before, will.decision = 'queued' as goes_after,
        will.scheduled_at > was.scheduled_at as is_delayed
    from replay_intents as intents
    join {_BEFORE} as was on intents.intent_id = was.intent_id
    join {_AFTER} as will on intents.intent_id = will.intent_id
"""


def _differs(counts: Counts) -> bool:
    return (counts.queued_before, counts.waiting_before, counts.blocked_before) != (
        counts.queued_after,
        counts.waiting_after,
        counts.blocked_after,
    )


def _counts(connection: duckdb.DuckDBPyConnection, name: str) -> list[Counts]:
    columns = ", ".join(
        f"count(*) filter (where decision_{side} = '{decision}')"
        for decision in ("queued", "deferred", "blocked")
        for side in ("before", "after")
    )
    rows = connection.execute(
        f"select {name}, {columns} from replay_compared group by 1 order by count(*) desc, 1"
    ).fetchall()
    return [Counts(*row) for row in rows]


def _gates(connection: duckdb.DuckDBPyConnection) -> list[Counts]:
    """By the gate that a message ended or waits at; queued ones stand at none."""
    sides = " union all by name ".join(
        f"select gate_{side} as gate, decision_{side} as decision, '{side}' as side "
        f"from replay_compared where gate_{side} is not null"
        for side in ("before", "after")
    )
    columns = ", ".join(
        f"count(*) filter (where decision = '{decision}' and side = '{side}')"
        for decision in ("queued", "deferred", "blocked")
        for side in ("before", "after")
    )
    rows = connection.execute(f"select gate, {columns} from ({sides}) group by 1 order by 1")
    return [Counts(*row) for row in rows.fetchall()]


def _caps(connection: duckdb.DuckDBPyConnection, before: Caps, after: Caps) -> list[CapChange]:
    by_cap: dict[str, dict[str, tuple[int, int, float]]] = {}
    for side in ("before", "after"):
        ended = f"decision_{side} = 'blocked' and gate_{side} = 'cap'"
        by_cap[side] = {
            cap: (stopped, blocked, value)
            for cap, stopped, blocked, value in connection.execute(
                f"""
                select cap, sum(stopped)::bigint, sum(blocked)::bigint, sum(value) from (
                    select capped_{side} as cap, 1 as stopped, 0 as blocked, 0e0 as value
                    from replay_compared where capped_{side} is not null
                    union all
                    select detail_{side}, 0, 1, value from replay_compared where {ended}
                ) group by cap
                """
            ).fetchall()
        }
    limits = [{cap.id: cap.limit for cap in caps.caps} for caps in (before, after)]
    found = []
    for cap in dict.fromkeys([*limits[0], *limits[1]]):
        was, will = (by_cap[side].get(cap, (0, 0, 0.0)) for side in ("before", "after"))
        paired = [value for pair in zip(was, will, strict=True) for value in pair]
        found.append(CapChange(cap, limits[0].get(cap), limits[1].get(cap), *paired))
    return found


def _losers(connection: duckdb.DuckDBPyConnection) -> list[Loser]:
    rows = connection.execute(
        f"""
        select contact_id, count(*) filter (where goes_before) as queued_before,
            count(*) filter (where goes_after) as queued_after,
            coalesce(sum(value) filter (where goes_before and not goes_after), 0)
                - coalesce(sum(value) filter (where goes_after and not goes_before), 0) as lost
        from replay_compared group by contact_id having queued_after < queued_before
        order by lost desc, queued_before - queued_after desc, contact_id limit {SHOWN}
        """
    ).fetchall()
    return [Loser(*row) for row in rows]


def _sums(connection: duckdb.DuckDBPyConnection) -> Mapping[str, float]:
    row = connection.execute(
        """
        with people as (
            select contact_id, count(*) filter (where goes_after)
                - count(*) filter (where goes_before) as more
            from replay_compared group by contact_id
        )
        select
            count(*) filter (where is_delayed),
            coalesce(sum(value) filter (where goes_before and not goes_after), 0),
            coalesce(sum(value) filter (where goes_after and not goes_before), 0),
            (select count(*) from people where more < 0),
            (select count(*) from people where more > 0)
        from replay_compared
        """
    ).fetchone()
    assert row is not None
    names = ("delayed", "value_lost", "value_gained", "people_losing", "people_gaining")
    return dict(zip(names, row, strict=True))


def _held_out(
    connection: duckdb.DuckDBPyConnection, before: Caps, after: Caps
) -> Mapping[str, int]:
    was, will = (caps.holdout.condition("contact_id") for caps in (before, after))
    row = connection.execute(
        f"""
        select count(*), count(*) filter (where was), count(*) filter (where will),
            count(*) filter (where will and not was), count(*) filter (where was and not will)
        from (select {was} as was, {will} as will from marts.dim_contacts)
        """
    ).fetchone()
    assert row is not None
    names = ("before", "after", "entering", "leaving")
    return dict(zip(("contacts", *(f"held_out_{name}" for name in names)), row, strict=True))
