"""The sending lease: one sender a ledger, and none on a copy or a restored backup until told.

A sender holds an operating-system lock (an advisory lock on Postgres) and an epoch, which every
one of its transactions checks: a sender that was stopped and wakes up after another took the
lease cannot write. The witness (`workspace.witness`) outside the workspace says whether this
ledger is the one that sent last, and at the place where it did.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from workspace import restored
from workspace.ledger import Ledger, audit, outbox, schema
from workspace.ledger.audit import Entry
from workspace.locks import RunInProgress, run_lock
from workspace.witness import Claimed, State, Witness

LANE = "outbox"
LOCK = "sender.lock"
_TABLE = schema.sending_lease
_SENDING = 7_201_986  # Postgres advisory lock: any fixed number


class NotHere(RuntimeError):
    """This workspace may not send; the message says why and what to do."""


class Fenced(RuntimeError):
    """Another sender has taken the lease: nothing more may be written."""


@dataclass
class Lease:
    """Held by one sender. ``claimed``: what had left before a restored ledger was taken over."""

    epoch: int
    claims: int
    witness: Witness
    state: State
    claimed: Claimed | None = field(default=None, repr=False)
    parked: int = 0

    def check(self, connection: sa.Connection) -> None:
        """In each transaction of its sender, first. Raises :class:`Fenced`."""
        query = sa.select(_TABLE.c.epoch).where(_TABLE.c.lane == LANE)
        if connection.dialect.name == "postgresql":
            query = query.with_for_update()
        if connection.execute(query).scalar() != self.epoch:
            raise Fenced("another sender has taken the lease")

    def count(self, connection: sa.Connection) -> None:
        """In a transaction that claims."""
        connection.execute(
            sa.update(_TABLE).where(_TABLE.c.lane == LANE).values(claims=self.claims + 1)
        )

    def note(self, dedup_keys: Iterable[str]) -> None:
        """After that transaction and before anything leaves. A kill in between leaves a ledger that
        is ahead of its witness, which is no reason to refuse."""
        self.claims += 1
        self.witness.note(dedup_keys)
        self.state = State(self.epoch, self.claims, self.state.place, self.state.marks)
        self.witness.write(self.state)


@contextmanager
def holding(
    ledger: Ledger,
    root: Path,
    witnesses: Path,
    holder: str,
    at: datetime,
    take: bool = False,
    actor: str = audit.PIPELINE,
    reason: str | None = None,
) -> Iterator[Lease]:
    """Hold the lease for the block. ``root`` is the workspace, ``witnesses`` the folder of
    witnesses; ``take``: an operator, ``actor``, says for some ``reason`` that this is the place to
    send from, and stands in the audit chain for it.

    Raises :class:`NotHere`, and :class:`~workspace.locks.RunInProgress` where another sender runs.
    """
    refuse_restored(root)
    with ExitStack() as stack:
        try:
            stack.enter_context(run_lock(root / LOCK, 0.0, holder))
            if ledger.engine.dialect.name == "postgresql":
                stack.enter_context(_advisory_lock(ledger))
        except RunInProgress as error:
            # One that hangs keeps its lock; the epoch keeps it from writing.
            if not take:
                who = str(error).partition("(")[2].partition(")")[0] or "on another machine"
                raise RunInProgress(f"another sender is at work here ({who})") from None
        taken_by = Entry(at, actor, "lease.take", f"lease:{LANE}", reason=reason or None)
        yield _acquire(ledger, root, witnesses, holder, at, taken_by if take else None)


def refuse_restored(root: Path) -> None:
    """Raises :class:`NotHere` for a workspace whose erasures are not replayed yet."""
    try:
        restored.check(root)
    except restored.NotReplayed as error:
        raise NotHere(str(error)) from None


@contextmanager
def _advisory_lock(ledger: Ledger) -> Iterator[None]:
    with ledger.engine.connect() as connection:
        query = sa.text(f"select pg_try_advisory_lock({_SENDING})")
        if not connection.execute(query).scalar():
            raise RunInProgress("another sender holds this ledger")
        connection.commit()
        try:
            yield
        finally:
            connection.execute(sa.text(f"select pg_advisory_unlock({_SENDING})"))


def workspace_id_of(connection: sa.Connection) -> str | None:
    """What this ledger and its copies are called in the witness folder; None until it is named."""
    query = sa.select(_TABLE.c.workspace_id).where(_TABLE.c.lane == LANE)
    found: str | None = connection.execute(query).scalar()
    return found


def workspace_id(ledger: Ledger, at: datetime) -> str:
    """:func:`workspace_id_of`; a ledger that never sent is named."""
    with ledger.writing() as connection:
        found = workspace_id_of(connection)
        if found is None:
            found = uuid.uuid4().hex
            row = {"workspace_id": found, "epoch": 0, "claims": 0, "holder": "", "taken_at": at}
            connection.execute(_TABLE.insert().values(lane=LANE, **row))
    return found


def _acquire(
    ledger: Ledger,
    root: Path,
    witnesses: Path,
    holder: str,
    at: datetime,
    taken_by: Entry | None,
) -> Lease:
    place, marks = str(root), marks_of(root)
    with ledger.writing() as connection:
        row = connection.execute(sa.select(_TABLE).where(_TABLE.c.lane == LANE)).mappings().first()
        workspace_id = row["workspace_id"] if row else uuid.uuid4().hex
        witness = Witness.of(witnesses, workspace_id)
        try:
            known = witness.read()
        except ValueError as error:
            raise NotHere(f"{error}; without it nothing is sent") from None
        epoch, claims = before = (row["epoch"], row["claims"]) if row else (0, 0)
        went_back = known is not None and (known.epoch > epoch or known.claims > claims)
        # Without a claim nothing has left: the first sender may have died over its witness.
        is_lost = known is None and claims > 0
        moved = known is not None and not went_back and _is_elsewhere(known, place, marks)
        if taken_by is None:
            _refuse(known, went_back, is_lost, moved, witnesses)
        is_restored = (row is not None and row["is_restored"]) or went_back or is_lost
        epoch = max(epoch, known.epoch if known else 0) + 1
        claims = max(claims, known.claims if known else 0)
        values = {
            "workspace_id": workspace_id,
            "epoch": epoch,
            "claims": claims,
            "is_restored": is_restored,
            "holder": holder[:200],
            "taken_at": at,
        }
        if row:
            connection.execute(sa.update(_TABLE).where(_TABLE.c.lane == LANE).values(**values))
        else:
            connection.execute(_TABLE.insert().values(lane=LANE, **values))
        parked = _park_all(connection, at) if went_back or is_lost else 0
        _bury_again(connection, witness, at)
        if taken_by is not None:
            stood, stands = audit.digest(before), audit.digest((epoch, claims))
            audit.append(connection, replace(taken_by, before=stood, after=stands))
    state = State(epoch, claims, place, marks)
    witness.write(state)
    return Lease(epoch, claims, witness, state, witness.claimed() if is_restored else None, parked)


def _refuse(
    known: State | None, went_back: bool, is_lost: bool, moved: bool, witnesses: Path
) -> None:
    """Raises :class:`NotHere` for a ledger that is not where or what it was when it last sent."""
    told = "; `marketing send --take-lease` sends from here all the same"
    parks = ", after parking what was not yet sent as unknown"
    if is_lost:
        raise NotHere(
            f"this workspace has sent before, and its witness is not in {witnesses} (set "
            f"MARKETING_WITNESS to where it is){told}{parks}"
        )
    if went_back:
        raise NotHere(
            "this ledger is older than what was sent from it: a backup, or a copy while the "
            f"original went on{told}{parks}"
        )
    if moved and known is not None:
        raise NotHere(
            f"this workspace last sent from {known.place}: a copy must not send beside it{told}, "
            "and no longer from there"
        )


def _park_all(connection: sa.Connection, at: datetime) -> int:
    """Whatever was planned before may have been sent in the time that this ledger lost."""
    ids = connection.execute(
        sa.select(schema.messages.c.message_id).where(
            schema.messages.c.state.in_(("pending", "sending")),
        )
    ).scalars()
    return outbox.park(connection, dict.fromkeys(ids, "restored"), at)


def bury_again(ledger: Ledger, witnesses: Path, at: datetime) -> bool:
    """Bury in a restored ledger whoever its witness knows as erased; False where the ledger has
    one by its own word and none is there. A ledger that nothing was sent from or erased in has
    none."""
    with ledger.writing() as connection:
        row = connection.execute(sa.select(_TABLE).where(_TABLE.c.lane == LANE)).mappings().first()
        if row is None:
            return True
        witness = Witness.of(witnesses, row["workspace_id"])
        if not witness.folder.exists():
            return False
        _bury_again(connection, witness, at)
        return True


def has_claimed(ledger: Ledger) -> bool:
    """Whether anything was ever claimed to be sent from it."""
    with ledger.reading() as connection:
        claims = connection.execute(
            sa.select(_TABLE.c.claims).where(_TABLE.c.lane == LANE)
        ).scalar()
    return bool(claims)


def buried(ledger: Ledger) -> frozenset[str]:
    """The keyed hashes of erased people, as the ledger knows them."""
    with ledger.reading() as connection:
        return frozenset(
            connection.execute(sa.select(schema.tombstones.c.identifier_key)).scalars()
        )


def _bury_again(connection: sa.Connection, witness: Witness, at: datetime) -> None:
    """Who was erased stays erased, whatever an older ledger says."""
    table = schema.tombstones
    known = set(connection.execute(sa.select(table.c.identifier_key)).scalars())
    missing = sorted(witness.buried() - known)
    if missing:
        connection.execute(
            table.insert(),
            [{"identifier_key": key, "request_id": "witness", "erased_at": at} for key in missing],
        )


def _is_elsewhere(known: State, place: str, marks: str) -> bool:
    """A device's number may change when it is mounted again; then path and inode are the same."""
    inode_then, inode = known.marks.partition(":")[2], marks.partition(":")[2]
    return inode_then != inode or (known.marks != marks and known.place != place)


def marks_of(root: Path) -> str:
    """What tells a folder from its copy: a move within a file system keeps both."""
    found = os.stat(root)
    return f"{found.st_dev}:{found.st_ino}"


def witness_of(connection: sa.Connection, witnesses: Path, at: datetime) -> Witness:
    """The witness of a ledger, within a write transaction; one that never sent gets its id here."""
    query = sa.select(_TABLE.c.workspace_id).where(_TABLE.c.lane == LANE)
    workspace_id = connection.execute(query).scalar()
    if workspace_id is None:
        workspace_id = uuid.uuid4().hex
        connection.execute(
            _TABLE.insert().values(
                lane=LANE, workspace_id=workspace_id, epoch=0, holder="", taken_at=at
            )
        )
    return Witness.of(witnesses, workspace_id)


def known_witness(connection: sa.Connection, witnesses: Path) -> Witness | None:
    """The witness of a ledger, None of one that never had any."""
    query = sa.select(_TABLE.c.workspace_id).where(_TABLE.c.lane == LANE)
    workspace_id = connection.execute(query).scalar()
    return None if workspace_id is None else Witness.of(witnesses, workspace_id)


@contextmanager
def no_sender(ledger: Ledger, root: Path, wait_seconds: float = 60.0) -> Iterator[None]:
    """Nobody sends from this ledger during the block.

    Raises :class:`~workspace.locks.RunInProgress` where a sender goes on for longer.
    """
    with ExitStack() as stack:
        stack.enter_context(run_lock(root / LOCK, wait_seconds, "erase"))
        if ledger.engine.dialect.name == "postgresql":
            stack.enter_context(_advisory_lock(ledger))
        yield
