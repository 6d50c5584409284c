"""The outbox's state machine: every change of a message's state is here, and nowhere else.

    pending -> sending(attempt, lease) -> accepted
                                       -> pending      refused for the time being
                                       -> failed       refused for good
                                       -> unknown      the provider may have it
    pending -> blocked                                 a gate closed since it was queued
    unknown -> accepted                                a webhook or a look-up knows it
            -> pending                                 a provider that knows it when it comes again
            -> failed_unknown                          nobody can tell; it is not sent again

A change is made only from the state it may come from, so what is done twice or late changes
nothing. Times are naive UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from workspace.ledger import CHUNK_ROWS, Ledger, schema

MESSAGES, ATTEMPTS = schema.messages, schema.message_attempts
#: States in which a person has the message, may have it, or is about to.
AWAY = ("sending", "accepted", "unknown", "failed_unknown")
#: How a message was proven, in place of an answer's code.
PROVEN = WEBHOOK, LOOK_UP = ("webhook", "look-up")
#: No provider is counted on to recognise a message for longer.
LONGEST_PINNED = timedelta(days=3)
_Row, _By = TypeVar("_Row"), TypeVar("_By")
_KEYS_A_QUERY = 10_000  # SQLite takes 32,766 parameters


class Claim(NamedTuple):
    """A message about to leave: the number of its attempt, its provider, the hash of its bytes."""

    message_id: str
    attempt: int
    provider: str
    request_hash: str


class Settled(NamedTuple):
    """How an attempt ended and what becomes of its message.

    ``result`` and ``code`` go on the attempt's record. ``state``: accepted, pending, failed or
    unknown; of a pending one ``due_at``, ``provider`` (None: to be chosen anew), ``is_pinned`` and
    ``rung`` say how it goes on. ``call`` names the request that it was part of, ``answer_ms`` says
    how long the answer to that took; None where none was made.
    """

    message_id: str
    attempt: int
    state: str
    result: str
    code: str
    provider: str | None
    at: datetime
    provider_message_id: str | None = None
    reason: str | None = None
    due_at: datetime | None = None
    is_pinned: bool = False
    rung: int = 0
    call: str | None = None
    answer_ms: int | None = None


_END_ATTEMPT = (
    sa.update(ATTEMPTS)
    .where(
        ATTEMPTS.c.message_id == sa.bindparam("of"),
        ATTEMPTS.c.attempt == sa.bindparam("its_attempt"),
    )
    .values(
        # A webhook may have come before the answer; what it proved stands.
        finished_at=sa.func.coalesce(ATTEMPTS.c.finished_at, sa.bindparam("ended")),
        provider_code=sa.case(
            (
                sa.or_(
                    ATTEMPTS.c.result.is_(None),
                    sa.bindparam("its_result", type_=sa.String) == "accepted",
                ),
                sa.bindparam("its_code", type_=sa.String),
            ),
            else_=ATTEMPTS.c.provider_code,
        ),
        result=sa.func.coalesce(ATTEMPTS.c.result, sa.bindparam("its_result", type_=sa.String)),
        provider_message_id=sa.func.coalesce(
            sa.bindparam("its_id", type_=sa.String), ATTEMPTS.c.provider_message_id
        ),
        call=sa.bindparam("its_call"),
        answer_ms=sa.bindparam("took_ms"),
    )
)


def start(connection: sa.Connection, claims: Sequence[Claim], epoch: int, at: datetime) -> set[str]:
    """pending -> sending, with the record of the attempt. The ids of those that were still pending:
    another process may have ended some since they were read."""
    started: set[str] = set()
    for provider, its in _grouped(claims, lambda claim: claim.provider):
        statement = (
            sa.update(MESSAGES)
            .where(MESSAGES.c.state == "pending")
            .values(
                state="sending",
                provider=provider,
                attempts=MESSAGES.c.attempts + 1,
                lease_epoch=epoch,
                sent_at=at,
                updated_at=at,
                reason=None,
            )
            .returning(MESSAGES.c.message_id)
        )
        for some in chunks([claim.message_id for claim in its]):
            changed = connection.execute(statement.where(MESSAGES.c.message_id.in_(some)))
            started.update(changed.scalars())
    attempts = [
        {
            "message_id": claim.message_id,
            "attempt": claim.attempt,
            "provider": claim.provider,
            "lease_epoch": epoch,
            "request_hash": claim.request_hash,
            "started_at": at,
        }
        for claim in claims
        if claim.message_id in started
    ]
    if attempts:
        connection.execute(ATTEMPTS.insert(), attempts)
    return started


def settle(connection: sa.Connection, ends: Sequence[Settled]) -> None:
    """sending -> accepted, pending, failed or unknown. One that a webhook accepted meanwhile stays
    accepted; its attempt is recorded all the same."""
    for _, its in _grouped(ends, _alike):
        end = its[0]
        values = {} if end.due_at is None else {"due_at": end.due_at}
        _update(
            connection,
            [one.message_id for one in its],
            sa.and_(MESSAGES.c.state == "sending", MESSAGES.c.attempts == end.attempt),
            state=end.state,
            reason=_text(end.reason, 64),
            provider=end.provider,
            sent_at=end.at if end.state in AWAY else None,
            is_pinned=end.is_pinned,
            rung=end.rung,
            updated_at=end.at,
            **values,
        )
    if ends:
        connection.execute(
            _END_ATTEMPT,
            [
                {
                    "of": end.message_id,
                    "its_attempt": end.attempt,
                    "ended": end.at,
                    "its_result": end.result,
                    "its_code": _text(end.code, 64),
                    "its_id": _text(end.provider_message_id, 200),
                    "its_call": end.call,
                    "took_ms": end.answer_ms,
                }
                for end in ends
            ],
        )


def chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    """As many values as one query takes."""
    for begin in range(0, len(values), _KEYS_A_QUERY):
        yield values[begin : begin + _KEYS_A_QUERY]


def _text(said: str | None, most: int) -> str | None:
    """What a provider said, as every database takes it: a header's bytes may be no text."""
    clean = (said or "").encode("utf-8", "replace").decode().replace("\0", "?")
    return clean[:most] or None


def _alike(end: Settled) -> tuple[Any, ...]:
    """What messages have in common that end in the same way."""
    return (
        *(end.state, end.reason, end.provider, end.at, end.due_at, end.attempt),
        *(end.is_pinned, end.rung),
    )


def _grouped(rows: Iterable[_Row], by: Callable[[_Row], _By]) -> Iterable[tuple[_By, list[_Row]]]:
    groups: dict[_By, list[_Row]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row)
    return groups.items()


def _update(
    connection: sa.Connection,
    ids: Sequence[str],
    where: sa.ColumnElement[bool],
    **values: Any,
) -> int:
    """The same change of many messages; how many it changed."""
    statement = sa.update(MESSAGES).where(where).values(**values)
    return sum(
        connection.execute(statement.where(MESSAGES.c.message_id.in_(some))).rowcount
        for some in chunks(ids)
    )


def block(connection: sa.Connection, reasons: Mapping[str, str], at: datetime) -> None:
    """pending -> blocked, by the gate that closed."""
    _end(connection, ("pending",), "blocked", reasons, at)


def expire(ledger: Ledger, at: datetime) -> int:
    """Pending messages whose time is over: blocked, or unknown where a provider may have them.

    A sender finds them when it claims; those that no provider is open for are found here, and
    pinned ones that have waited for theirs longer than any recognises a message.
    """
    lost = sa.and_(MESSAGES.c.is_pinned.is_(True), MESSAGES.c.due_at <= at - LONGEST_PINNED)
    over = (MESSAGES.c.state == "pending", sa.or_(MESSAGES.c.not_after <= at, lost))
    some = sa.select(MESSAGES.c.message_id, MESSAGES.c.is_pinned).where(*over).limit(CHUNK_ROWS)
    ended = 0
    while True:
        with ledger.writing() as connection:
            rows = connection.execute(some).all()
            late = {ident: "not_after" for ident, is_pinned in rows if not is_pinned}
            block(connection, late, at)
            park(connection, dict.fromkeys({i for i, _ in rows} - late.keys(), "not_after"), at)
        ended += len(rows)
        if len(rows) < CHUNK_ROWS:
            return ended


def fail(connection: sa.Connection, reasons: Mapping[str, str], at: datetime) -> None:
    """pending -> failed: no provider can send it."""
    _end(connection, ("pending",), "failed", reasons, at)


def postpone(connection: sa.Connection, until: Mapping[str, datetime]) -> None:
    """A pending message that may not go out yet is due later."""
    if until:
        statement = (
            sa.update(MESSAGES)
            .where(MESSAGES.c.message_id == sa.bindparam("of"), MESSAGES.c.state == "pending")
            .values(due_at=sa.bindparam("later"))
        )
        connection.execute(
            statement, [{"of": ident, "later": when} for ident, when in until.items()]
        )


def assign(connection: sa.Connection, providers: Mapping[str, str]) -> None:
    """Say whose pending messages are: they wait for that provider, which has no room now."""
    for name, its in _grouped(providers.items(), lambda pair: pair[1]):
        ids = [ident for ident, _ in its]
        _update(connection, ids, MESSAGES.c.state == "pending", provider=name)


def park(connection: sa.Connection, reasons: Mapping[str, str], at: datetime) -> int:
    """pending or sending -> unknown: it may have been sent."""
    return _end(connection, ("pending", "sending"), "unknown", reasons, at)


def give_up(connection: sa.Connection, ids: Iterable[str], reason: str, at: datetime) -> int:
    """unknown -> failed_unknown."""
    return _end(connection, ("unknown",), "failed_unknown", dict.fromkeys(ids, reason), at)


def again(connection: sa.Connection, ids: Sequence[str], at: datetime) -> int:
    """unknown -> pending, with the provider that recognises it when it comes again."""
    values = {"state": "pending", "is_pinned": True, "due_at": at, "reason": None}
    return _update(connection, ids, MESSAGES.c.state == "unknown", **values, updated_at=at)


def prove(
    connection: sa.Connection, proofs: Mapping[str, str | None], how: str, at: datetime
) -> int:
    """unknown, sending, failed_unknown or pinned pending -> accepted: the provider speaks of it.

    ``proofs`` maps message ids to the provider's own id; ``how`` (webhook, look-up) goes on the
    last attempt's record where that had no end. How many messages changed.
    """
    if not proofs:
        return 0
    state = MESSAGES.c.state
    changed = _update(
        connection,
        list(proofs),
        sa.or_(
            # What a restored ledger parked may have left in the time that it lost.
            state.in_(("unknown", "failed_unknown")),
            state == "sending",
            sa.and_(state == "pending", MESSAGES.c.is_pinned.is_(True)),
        ),
        state="accepted",
        reason=None,
        sent_at=sa.func.coalesce(MESSAGES.c.sent_at, at),
        updated_at=at,
    )
    last = (
        sa.select(MESSAGES.c.attempts)
        .where(MESSAGES.c.message_id == sa.bindparam("of"))
        .scalar_subquery()
    )
    connection.execute(
        sa.update(ATTEMPTS)
        .where(
            ATTEMPTS.c.message_id == sa.bindparam("of"),
            ATTEMPTS.c.attempt == last,
            sa.or_(ATTEMPTS.c.result.is_(None), ATTEMPTS.c.result == "ambiguous"),
        )
        .values(
            finished_at=sa.func.coalesce(ATTEMPTS.c.finished_at, at),
            result="accepted",
            provider_code=how,
            provider_message_id=sa.func.coalesce(
                ATTEMPTS.c.provider_message_id, sa.bindparam("its_id", type_=sa.String)
            ),
        ),
        [{"of": ident, "its_id": found} for ident, found in proofs.items()],
    )
    return changed


def _end(
    connection: sa.Connection,
    before: Sequence[str],
    after: str,
    reasons: Mapping[str, str],
    at: datetime,
) -> int:
    """Messages in one of some states go to another, each with its reason."""
    values = {"state": after, "updated_at": at}
    return sum(
        _update(
            connection,
            [ident for ident, _ in its],
            MESSAGES.c.state.in_(before),
            **values,
            reason=reason,
        )
        for reason, its in _grouped(reasons.items(), lambda pair: pair[1])
    )
