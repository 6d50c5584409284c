"""What becomes of a message after a provider's answer: the ladder, the fallback, or the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from reverse_etl.delivery.protocol import PERMANENT, Kind, Outcome
from reverse_etl.delivery.routing import Routes
from workspace.ledger.outbox import Settled
from workspace.ledger.outstanding import Due

#: Waits between attempts with one provider, in seconds.
LADDER = (1.0, 5.0, 30.0, 300.0)
#: A provider may ask for any wait; it is asked again after this at the latest.
LONGEST_WAIT = 3_600.0
#: So long a wait for a quota of hours, where the provider does not say.
QUOTA_WAIT = 600.0
#: After these another provider may be asked: not a byte of the message was taken.
_ELSEWHERE = frozenset({Kind.UNREACHABLE, Kind.DENIED, Kind.SENDER})


def settle(
    message: Due,
    attempt: int,
    provider: str,
    outcome: Outcome,
    routes: Routes,
    idempotent_for: timedelta | None,
    first_at: datetime,
    at: datetime,
    draw: Callable[[], float] = random.random,
) -> Settled:
    """The end of an attempt.

    ``first_at`` is when the first attempt of the message with this provider began;
    ``idempotent_for`` how long the provider recognises it (None: never).
    """

    def end(state: str, **more: object) -> Settled:
        given = {"provider": provider, "provider_message_id": outcome.provider_message_id, **more}
        return Settled(
            message.message_id, attempt, state, outcome.kind.value, outcome.code, at=at, **given
        )  # type: ignore[arg-type]

    def retry(seconds: float, rung: int, is_pinned: bool) -> Settled:
        later = at + timedelta(seconds=seconds)
        return end("pending", due_at=later, rung=rung, is_pinned=is_pinned)

    if outcome.kind is Kind.ACCEPTED:
        return end("accepted")
    if outcome.kind is Kind.RELEASED:  # as it was; on record as what the provider had said
        seconds = min(outcome.retry_after or 0.0, LONGEST_WAIT)
        found = retry(seconds, message.rung, message.is_pinned)
        return found._replace(result=Kind.THROTTLED.value, code=outcome.kind.value)
    if outcome.kind in PERMANENT:
        # What is refused now may have been taken before.
        return end("unknown" if message.is_pinned else "failed", reason=_reason(outcome))
    wait = _jittered(LADDER[min(message.rung, len(LADDER) - 1)], draw)
    if outcome.retry_after is not None:
        wait = max(wait, min(outcome.retry_after, LONGEST_WAIT) * (1 + 0.1 * draw()))
    if outcome.kind is Kind.AMBIGUOUS:
        if idempotent_for is None or at + timedelta(seconds=wait) >= first_at + idempotent_for:
            return end("unknown", reason=f"{outcome.kind.value}: {outcome.code}"[:64])
        return retry(wait, message.rung + 1, is_pinned=True)
    # From here on the provider has not taken this attempt. Only an earlier one may still be there.
    if message.is_pinned:
        return retry(wait, message.rung + 1, is_pinned=True)
    # One that is put off for its recipient's sake stays where it is known.
    is_exhausted = message.rung + 1 >= len(LADDER) and not outcome.is_own
    if outcome.kind in _ELSEWHERE or (outcome.kind is Kind.THROTTLED and is_exhausted):
        other = routes.after(message.channel, message.message_id, provider)
        if other is not None:
            return end("pending", due_at=at, provider=other, rung=0)
    if outcome.kind is Kind.SENDER:  # somebody has to prove it is ours
        wait = max(wait, LADDER[-1])
    if outcome.kind is Kind.EXHAUSTED and outcome.retry_after is None:
        wait = max(wait, QUOTA_WAIT)
    if is_exhausted:  # all were asked: the order begins anew
        return end("pending", due_at=at + timedelta(seconds=wait), provider=None, rung=0)
    return retry(wait, message.rung + 1, is_pinned=False)


def _reason(outcome: Outcome) -> str:
    reason = outcome.reason or outcome.code
    return f"{outcome.kind.value}: {reason}"[:64] if reason else outcome.kind.value


def _jittered(seconds: float, draw: Callable[[], float]) -> float:
    """Up to a fifth more, so that what failed together does not come back together."""
    return seconds * (1 + 0.2 * draw())
