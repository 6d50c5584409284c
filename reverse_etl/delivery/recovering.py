"""Messages of which nobody knows whether they were sent: found, asked about, and left alone.

They are never sent again blindly: only by a provider that recognises a message it has had. Else a
webhook or a look-up says what became of them, or nobody does.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from reverse_etl.delivery.protocol import Kind, Provider
from workspace.ledger import Ledger, outbox, outstanding
from workspace.ledger.lease import Lease
from workspace.ledger.outstanding import Unknown

#: What a provider does not know after this, it will not know: look-ups lag behind.
LOOK_UP_AFTER = timedelta(minutes=2)
#: Webhooks come for a day after what they are about, and may be late.
GIVE_UP_AFTER = timedelta(hours=72)
#: Look-ups of one pass: each is a request.
_MOST_LOOK_UPS = 500


def recover(
    ledger: Ledger, lease: Lease, providers: Mapping[str, Provider], at: datetime
) -> Counter[str]:
    """What a sender that died had begun: ``again`` with a provider that recognises it, else
    ``unknown``."""
    found: Counter[str] = Counter()
    with ledger.writing() as connection:
        lease.check(connection)
        orphans = outstanding.orphans(connection, lease.epoch)
        outbox.park(connection, dict.fromkeys((i for i, _, _ in orphans), "sender_died"), at)
        again = [
            ident for ident, name, first in orphans if _recognises(providers.get(name), first, at)
        ]
        outbox.again(connection, again, at)
    found["again"] = len(again)
    found["unknown"] = len(orphans) - len(again)
    return found


def _recognises(provider: Provider | None, first: datetime | None, at: datetime) -> bool:
    window = provider.capabilities.idempotent_for if provider else None
    return window is not None and first is not None and at < first + window


async def reconcile(
    ledger: Ledger, lease: Lease, providers: Mapping[str, Provider], at: datetime
) -> Counter[str]:
    """Ask about unknown messages: those that a provider knows are ``accepted``, what is too old to
    be heard of is ``given_up``; counts of both, of ``unknown`` and of ``asked``."""
    with ledger.reading() as connection:
        waiting = outstanding.unknown(connection)
    found: Counter[str] = Counter()
    proofs: dict[str, str | None] = {}
    askable = _askable(waiting, providers, at)
    asked: set[str] = set()
    # Each time others, so that nobody is left out where there are many.
    for one in random.sample(askable, min(len(askable), _MOST_LOOK_UPS)):
        assert one.provider is not None
        try:
            outcome = await providers[one.provider].look_up(one.message_id, one.since)
        except OSError:
            found["unasked"] += 1
            continue
        found["asked"] += 1
        asked.add(one.message_id)
        if outcome is not None and outcome.kind is Kind.ACCEPTED:
            proofs[one.message_id] = outcome.provider_message_id
    unasked = {one.message_id for one in askable} - asked
    old = [
        one.message_id
        for one in waiting
        if one.message_id not in proofs
        and one.message_id not in unasked
        and at - one.since >= GIVE_UP_AFTER
    ]
    with ledger.writing() as connection:
        lease.check(connection)
        found["accepted"] = outbox.prove(connection, proofs, outbox.LOOK_UP, at)
        found["given_up"] = outbox.give_up(connection, old, "never_heard_of", at)
    found["unknown"] = len(waiting) - found["accepted"] - found["given_up"]
    return found


def _askable(
    waiting: list[Unknown], providers: Mapping[str, Provider], at: datetime
) -> list[Unknown]:
    return [
        one
        for one in waiting
        if one.provider in providers
        and providers[one.provider].capabilities.looks_up
        and at - one.since >= LOOK_UP_AFTER
    ]
