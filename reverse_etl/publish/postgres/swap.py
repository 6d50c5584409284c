"""Taking tables from the schema they were loaded into to the one that people read.

Three things keep a reader from ever seeing less than a version:

- Every table that gives way is locked before any does, so whoever has read one of them in a
  transaction reads the others as they were, and whoever comes later reads all of the next version.
- Tables are moved when no transaction is left whose snapshot is older than their rows: to such a
  transaction they would look empty.
- The locks are asked for in one statement that ends before the server looks for deadlocks, and
  asked for again: a long reader holds up nobody but the publish.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors

from reverse_etl.publish.catalogue import OPEN
from reverse_etl.publish.postgres.rights import NEXT, grants, placed
from reverse_etl.publish.views import quoted

__all__ = ["NEXT", "Busy", "Refused", "Swap", "check", "perform", "taking_turns"]

#: First and longest wait for all locks at once, in milliseconds. A reader of several tables and the
#: publish may wait for one another; the publish gives way.
_LOCK_MILLISECONDS = (60, 500)
#: Seconds between two looks at others.
_PAUSE = 0.05
#: Longest pause between two attempts: behind each, new readers wait.
_LONGEST_PAUSE = 5.0


class Refused(RuntimeError):
    """What stands in the way in the database, by name."""


class Busy(RuntimeError):
    """Other sessions did not let go in time."""


@dataclass(frozen=True)
class Swap:
    """``incoming`` are in :data:`NEXT`; ``outgoing`` leave :data:`OPEN`, with or without a
    successor. ``returning`` are the rights of incoming tables that were absent for a time."""

    incoming: Set[str]
    outgoing: Set[str]
    returning: Sequence[tuple[Any, ...]] = ()


def check(connection: psycopg.Connection[Any], outgoing: Iterable[str]) -> None:
    """Raises :class:`Refused` where something of somebody's hangs on tables that would be dropped,
    which would be lost with them."""
    found = connection.execute(_HANGING, {"schema": OPEN, "tables": list(outgoing)}).fetchall()
    if found:
        listed = "; ".join(f"{what} on {OPEN}.{table}" for table, what in found)
        raise Refused(
            f"a publish replaces tables, and these would go with them: {listed}. Drop them, or "
            "make them marts of your own (docs/add-a-mart.md)"
        )


def perform(connection: psycopg.Connection[Any], swap: Swap, patience: float) -> None:
    """Swap in one transaction. ``connection`` is in autocommit mode; what is in :data:`NEXT` is
    committed. Raises :class:`Busy` after ``patience`` seconds, and :class:`Refused`."""
    until = time.monotonic() + patience
    _outwait(connection, until)
    pause = _PAUSE
    wait, longest = _LOCK_MILLISECONDS[0], _longest_wait(connection)
    while not _swapped(connection, swap, min(wait, longest)):
        left = until - time.monotonic()
        if left < 0:
            raise Busy(f"readers held tables for {patience:.0f} s: {_readers(connection)}")
        time.sleep(min(pause, left))
        pause, wait = min(2 * pause, _LONGEST_PAUSE), 2 * wait


def _outwait(connection: psycopg.Connection[Any], until: float) -> None:
    """Wait for the transactions that have a snapshot at the moment."""
    waiting = set(_snapshots(connection))
    while waiting:
        if time.monotonic() > until:
            pids = ", ".join(str(pid) for pid, _ in sorted(waiting))
            raise Busy(f"transactions older than what was loaded are still open: processes {pids}")
        time.sleep(_PAUSE)
        waiting &= set(_snapshots(connection))


def _snapshots(connection: psycopg.Connection[Any]) -> Iterator[tuple[int, str]]:
    yield from connection.execute(_SNAPSHOTS).fetchall()


def _readers(connection: psycopg.Connection[Any]) -> str:
    found = connection.execute(_HOLDING, [OPEN]).fetchall()
    return "processes " + ", ".join(str(pid) for (pid,) in found) if found else "none is left"


def _swapped(connection: psycopg.Connection[Any], swap: Swap, milliseconds: int) -> bool:
    try:
        with connection.transaction():
            connection.execute(f"set local statement_timeout = {milliseconds}")
            if swap.outgoing:
                listed = ", ".join(placed(OPEN, table) for table in sorted(swap.outgoing))
                connection.execute(f"lock table {listed} in access exclusive mode")
            # Nothing waits from here on, so the time is not limited any more.
            connection.execute("set local statement_timeout = 0")
            connection.execute("; ".join(_statements(connection, swap)))
    except (errors.QueryCanceled, errors.LockNotAvailable, errors.DeadlockDetected):
        return False
    except errors.DependentObjectsStillExist:
        check(connection, swap.outgoing)
        raise
    return True


def _longest_wait(connection: psycopg.Connection[Any]) -> int:
    """Shorter than it takes until the server looks for deadlocks, as it might end the reader."""
    row = connection.execute(
        "select setting::int from pg_settings where name = 'deadlock_timeout'"
    ).fetchone()
    longest = _LOCK_MILLISECONDS[1]
    return max(1, min(longest, row[0] // 2 if row else longest))


def _statements(connection: psycopg.Connection[Any], swap: Swap) -> Iterator[str]:
    """One round trip's worth, as readers wait meanwhile."""
    yield "set local lock_timeout = '10s'"
    yield from grants(connection, swap.incoming, swap.outgoing, swap.returning)
    if swap.outgoing:
        listed = ", ".join(placed(OPEN, table) for table in sorted(swap.outgoing))
        yield f"drop table {listed} restrict"
    for table in sorted(swap.incoming):
        yield f"alter table {placed(NEXT, table)} set schema {quoted(OPEN)}"


def taking_turns(connection: psycopg.Connection[Any], seconds: float) -> bool:
    """Whether this session may publish: one at a time in a database, until it ends."""
    until = time.monotonic() + seconds
    while not (mine := _is_locked(connection)) and time.monotonic() < until:
        time.sleep(_PAUSE)
    return mine


def _is_locked(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(
        "select pg_try_advisory_lock(hashtextextended('marketing publish', 0))"
    ).fetchone()
    return bool(row and row[0])


#: Sessions of this database that have a snapshot, and the transaction it belongs to.
_SNAPSHOTS = """
select activity.pid, virtualtransaction
from pg_stat_activity as activity
join pg_locks as held on held.pid = activity.pid and held.locktype = 'virtualxid' and held.granted
where datname = current_database() and activity.pid <> pg_backend_pid()
    and backend_xmin is not null and usesysid is not null
"""

_HOLDING = """
select distinct pid
from pg_locks
join pg_class on pg_class.oid = relation
where locktype = 'relation' and relnamespace = to_regnamespace(%s) and pid <> pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())
"""

_HANGING = """
with tables as (
    select oid, relname from pg_class
    where relnamespace = to_regnamespace(%(schema)s) and relname = any(%(tables)s)
)
select distinct relname::text, case
    when pg_depend.classid = 'pg_rewrite'::regclass then (
        select 'view ' || ev_class::regclass from pg_rewrite where pg_rewrite.oid = pg_depend.objid)
    else pg_describe_object(pg_depend.classid, pg_depend.objid, pg_depend.objsubid) end
from tables
join pg_depend on refclassid = 'pg_class'::regclass and refobjid = tables.oid and deptype = 'n'
union
select relname::text, 'policy ' || quote_ident(polname)
from tables join pg_policy on polrelid = tables.oid
union
select relname::text, 'row level security'
from tables join pg_class using (oid, relname) where relrowsecurity
union
select relname::text, pg_describe_object(pg_depend.classid, pg_depend.objid, pg_depend.objsubid)
from tables
join pg_class using (oid, relname)
join pg_type as rows on rows.oid = reltype
join pg_depend on refclassid = 'pg_type'::regclass and refobjid in (rows.oid, rows.typarray)
    and deptype = 'n'
union
select relname::text, 'publication ' || quote_ident(pubname)
from tables
join pg_publication_rel on prrelid = tables.oid
join pg_publication on pg_publication.oid = prpubid
order by 1, 2
"""
