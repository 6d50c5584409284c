"""Launches in steps: what may go now, what waits for the step before, and what stops them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from reverse_etl.gates.known import BOUNCED
from workspace.definitions import Definitions
from workspace.definitions.campaigns import Ramp
from workspace.ledger import schema
from workspace.ledger.outbox import MESSAGES
from workspace.ledger.outstanding import Due

_SUPPRESSIONS, _PAUSES = schema.suppressions, schema.pauses
#: Of fewer messages no share is told.
LEAST = 20
_LOOK_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Held:
    """``until``: messages that wait, and when to look again; ``stopped``: campaigns that bounce or
    annoy too much, and by how much."""

    until: Mapping[str, datetime]
    stopped: Mapping[str, str]


def ramps_of(definitions: Definitions) -> dict[str, Ramp]:
    """The campaigns that are launched in steps."""
    campaigns = definitions.campaigns.campaigns
    return {key: its.ramp for key, its in campaigns.items() if its.ramp is not None}


def held(
    connection: sa.Connection, messages: Sequence[Due], ramps: Mapping[str, Ramp], at: datetime
) -> Held:
    """Those of some due messages that a ramp holds back."""
    later = [
        message
        for message in messages
        if message.source_kind == "campaign"
        and message.source_key in ramps
        and (message.ramp_step or 1) > 1
    ]
    until: dict[str, datetime] = {}
    stopped: dict[str, str] = {}
    known: dict[tuple[str, str, int], datetime | None] = {}
    for message in later:
        campaign, step = message.source_key, message.ramp_step or 1
        place = (campaign, message.occurrence, step)
        if place not in known:
            ramp = ramps[campaign]
            known[place] = _opens(connection, *place, ramp, at)
            too_much = _too_much(connection, campaign, message.occurrence, ramp)
            if too_much:
                stopped[campaign] = too_much
        opens = known[place]
        if opens is not None:
            until[message.message_id] = opens
        elif campaign in stopped:
            until[message.message_id] = at + _LOOK_AGAIN
    return Held(until, stopped)


def _opens(
    connection: sa.Connection, campaign: str, occurrence: str, step: int, ramp: Ramp, at: datetime
) -> datetime | None:
    """When to look again whether a step may go; None where it may."""
    before = sa.and_(*_of(campaign, occurrence), MESSAGES.c.ramp_step < step)
    underway = sa.select(sa.func.count()).where(
        before, sa.or_(MESSAGES.c.state == "pending", MESSAGES.c.state == "sending")
    )
    if connection.execute(underway).scalar():
        return at + _LOOK_AGAIN
    last = connection.execute(sa.select(sa.func.max(MESSAGES.c.sent_at)).where(before)).scalar()
    if last is None:
        return None
    opens: datetime = last + timedelta(seconds=ramp.wait.seconds)
    return opens if opens > at else None


def _too_much(connection: sa.Connection, campaign: str, occurrence: str, ramp: Ramp) -> str | None:
    """Why a campaign has to stop; None where it has not."""
    resumed = connection.execute(
        sa.select(sa.func.max(_PAUSES.c.at)).where(
            _PAUSES.c.scope == "campaign",
            _PAUSES.c.source_key == campaign,
            _PAUSES.c.event == "resume",
        )
    ).scalar()
    sent = connection.execute(
        sa.select(sa.func.count()).where(*_of(campaign, occurrence), MESSAGES.c.state == "accepted")
    ).scalar()
    if not sent or sent < LEAST:
        return None
    query = (
        sa.select(_SUPPRESSIONS.c.reason, sa.func.count(sa.distinct(MESSAGES.c.message_id)))
        .join(
            MESSAGES,
            sa.and_(
                MESSAGES.c.destination_key == _SUPPRESSIONS.c.identifier_key,
                MESSAGES.c.channel == _SUPPRESSIONS.c.channel,
                _SUPPRESSIONS.c.suppressed_at >= MESSAGES.c.sent_at,
            ),
        )
        .where(
            *_of(campaign, occurrence),
            MESSAGES.c.state == "accepted",
            _SUPPRESSIONS.c.reason.in_(BOUNCED),
            # Who resumed the campaign had seen what there was.
            *([] if resumed is None else [_SUPPRESSIONS.c.suppressed_at > resumed]),
        )
        .group_by(_SUPPRESSIONS.c.reason)
    )
    found = {reason: count for reason, count in connection.execute(query)}
    limits = {"hard_bounce": ramp.max_bounces, "complaint": ramp.max_complaints}
    for reason, limit in limits.items():
        share = found.get(reason, 0) / sent
        if share > limit:
            return f"{reason}: {share:.1%} of {sent:,} sent, more than {limit:.1%}"
    return None


def _of(campaign: str, occurrence: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        MESSAGES.c.source_kind == "campaign",
        MESSAGES.c.source_key == campaign,
        MESSAGES.c.occurrence == occurrence,
        MESSAGES.c.is_test.is_(False),
    )
