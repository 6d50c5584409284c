"""Marketing and product mail: deliveries, reactions of people and of machines.

The universal hold-out never gets any. A delivery may bounce; then a prefetching mail program
opens it by itself, a security gateway opens it and follows its links within seconds, and the
person may open, click (which starts a visit), unsubscribe or complain. Unsubscribed and bounced
people get nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.channels import Source
from sandbox.world.devices import GATEWAY_PROGRAM, MAIL_AGENT, PREFETCH_PROGRAM, Devices
from sandbox.world.draws import Ints, stream
from sandbox.world.events import GATEWAY, HUMAN, PREFETCH, TEMPLATE, Fragments, rows
from sandbox.world.plan import VERTICALS
from sandbox.world.web import LINK, Audience, Sources, pick_device, sessions

NEWSLETTER_SHARE = 0.22
INVITATION_SHARE = 0.25
NURTURE_DAYS = [2, 7, 16]
OPEN, CLICK, UNSUBSCRIBE, COMPLAIN, BOUNCE = 0.30, 0.16, 0.0035, 0.0003, 0.008
LINKS = ["hero", "article", "footer"]


@dataclass
class MailState:
    """Per person: whether mail may still go, and the truth of how they react."""

    blocked_at: Ints  # unsubscribe, complaint or bounce; NEVER
    optout_at: Ints  # unsubscribes and complaints only: what the CRM shows
    bounced_at: Ints
    complained_at: Ints
    prefetch: np.ndarray
    gateway: np.ndarray
    affinity: np.ndarray
    sends: int = 0


def mail_state(people: pl.DataFrame) -> MailState:
    """Nobody blocked yet."""
    n = people.height
    return MailState(
        *[np.full(n, cal.NEVER) for _ in range(4)],
        prefetch=people["prefetch"].to_numpy(),
        gateway=people["gateway"].to_numpy(),
        affinity=people["affinity"].to_numpy(),
    )


@dataclass
class Mailing:
    """One mailing in one month and who it goes to, when."""

    key: str
    vertical: int
    person: Ints
    time: Ints


def mailings(
    rng: np.random.Generator, month: int, audience: Audience, customers: Ints, activity: float
) -> list[Mailing]:
    """Newsletters and tips, invitations, nurture steps by the lead's age, customer mail."""
    first, end = cal.month_first(month), cal.month_first(month + 1)
    label = cal.month_label(month)
    n = audience.n_people
    known = (audience.created[:n] < first) & audience.mailed
    found = []
    for v, name in enumerate(VERTICALS):
        own = np.flatnonzero(known & (audience.vertical[:n] == v))
        share = min(1.0, NEWSLETTER_SHARE * activity)
        for part in range(max(1, round(NEWSLETTER_SHARE * activity))):
            to = own[rng.random(len(own)) < share]
            day = cal.in_month(rng, np.array([month])) // cal.DAY * cal.DAY
            found.append(
                Mailing(
                    f"{name[:3]}-newsletter-{label}" + (f"-{part + 1}" if part else ""),
                    v,
                    to,
                    day[0] + 8 * cal.HOUR + rng.integers(0, 40 * cal.MINUTE, len(to)),
                )
            )
        if cal.CALENDAR_MONTH[12 + month] in (10, 5):
            event = ("sofcot", "salon-des-maires")[v]
            to = own[rng.random(len(own)) < INVITATION_SHARE]
            time = first + 13 * cal.DAY + 9 * cal.HOUR + rng.integers(0, cal.HOUR, len(to))
            found.append(Mailing(f"{name[:3]}-invitation-{event}-{label}", v, to, time))
        lead = audience.lead_at[:n]
        for step, days in enumerate(NURTURE_DAYS, 1):
            when = lead // cal.DAY * cal.DAY + days * cal.DAY + 9 * cal.HOUR
            mine = (lead < cal.END) & (when >= first) & (when < end)
            to = np.flatnonzero(mine & audience.mailed & (audience.vertical[:n] == v))
            time = when[to] + rng.integers(0, 2 * cal.HOUR, len(to))
            found.append(Mailing(f"{name[:3]}-nurture-{step}", v, to, time))
        users = customers[audience.vertical[customers] == v]
        users = users[audience.mailed[users] & (audience.created[users] < first)]
        time = first + 5 * cal.DAY + 9 * cal.HOUR + rng.integers(0, cal.HOUR, len(users))
        found.append(Mailing(f"{name[:3]}-product-{label}", v, users, time))
    return [m for m in found if len(m.person)]


def mail_rows(
    seed: int,
    month: int,
    sent: list[Mailing],
    state: MailState,
    devices: Devices,
    known: Sources,
    fragments: Fragments,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The month's mail events, and the visits that human clicks start."""
    rng = stream(seed, "mail", month)
    parts, visits = [], []
    for mailing in sorted(sent, key=lambda m: (int(m.time.min()), m.key)):
        allowed = state.blocked_at[mailing.person] > mailing.time
        person, time = mailing.person[allowed], mailing.time[allowed]
        one, clicked = _one(rng, mailing.key, person, time, state, fragments)
        parts += one
        source = known.add(
            Source(VERTICALS[mailing.vertical], "email", "mail", "email", mailing.key)
        )
        visits.append(_visits(rng, clicked, source, mailing.vertical, devices))
    end = cal.month_first(month + 1)
    visit = pl.concat(visits).filter(pl.col("time") < min(end, cal.END - cal.HOUR))
    return pl.concat(parts).filter(pl.col("time") < cal.END), visit


def _one(
    rng: np.random.Generator,
    key: str,
    person: Ints,
    time: Ints,
    state: MailState,
    fragments: Fragments,
) -> tuple[list[pl.DataFrame], tuple[Ints, Ints]]:
    """Events of one mailing, and who clicked when."""
    n = len(person)
    send = state.sends + np.arange(n)
    state.sends += n
    plain = fragments.add(f'"mailing_id":"{key}"')
    links = np.array([fragments.add(f'"mailing_id":"{key}","link":"{x}"') for x in LINKS])
    bounced = rng.random(n) < BOUNCE
    parts = [_event("Email Bounced", time + 3_000, person, send, plain, bounced)]
    state.bounced_at[person[bounced]] = time[bounced]
    state.blocked_at[person[bounced]] = time[bounced]
    got = ~bounced
    delivered = time + rng.integers(800, 5_000, n)
    parts.append(_event("Email Delivered", delivered, person, send, plain, got))

    machine = got & state.prefetch[person] & (rng.random(n) < 0.85)
    moment = delivered + rng.integers(20_000, 40 * cal.MINUTE, n)
    parts.append(
        _event(
            "Email Opened",
            moment,
            person,
            send,
            plain,
            machine,
            PREFETCH,
            MAIL_AGENT + PREFETCH_PROGRAM,
        )
    )
    scanned = got & state.gateway[person] & (rng.random(n) < 0.9)
    moment = delivered + rng.integers(300, 3_000, n)
    scanner = MAIL_AGENT + GATEWAY_PROGRAM
    parts.append(_event("Email Opened", moment, person, send, plain, scanned, GATEWAY, scanner))
    for i, link in enumerate(links):
        parts.append(
            _event(
                "Email Clicked",
                moment + 150 * (i + 1),
                person,
                send,
                link,
                scanned,
                GATEWAY,
                scanner,
            )
        )

    like = state.affinity[person]
    opens = got & (rng.random(n) < 1 - np.exp(-OPEN * like))
    read = cal.into_slot(
        rng, delivered + rng.exponential(9 * cal.HOUR, n).astype(np.int64) + cal.SLOT
    )
    program = MAIL_AGENT + (person % 2)
    parts.append(_event("Email Opened", read, person, send, plain, opens, HUMAN, program))
    clicks = opens & (rng.random(n) < CLICK * np.minimum(like, 2.5))
    link = links[rng.integers(0, len(LINKS), n)]
    parts.append(_event("Email Clicked", read + 25_000, person, send, link, clicks, HUMAN, program))
    leaves = got & (rng.random(n) < UNSUBSCRIBE / np.maximum(like, 0.3))
    parts.append(
        _event("Email Unsubscribed", read + 60_000, person, send, plain, leaves, HUMAN, program)
    )
    angry = got & ~leaves & (rng.random(n) < COMPLAIN)
    parts.append(
        _event("Email Complained", read + 70_000, person, send, plain, angry, HUMAN, program)
    )
    state.complained_at[person[angry]] = read[angry]
    for gone in (leaves, angry):
        state.blocked_at[person[gone]] = read[gone]
        state.optout_at[person[gone]] = read[gone] + cal.MINUTE
    return parts, (person[clicks], read[clicks])


def _event(
    name: str,
    time: Ints,
    person: Ints,
    send: Ints,
    detail: Ints | int,
    mask: np.ndarray,
    actor: int = HUMAN,
    agent: Ints | int = -1,
) -> pl.DataFrame:
    """Rows of one mail event for the people in the mask."""

    def pick(x: Ints | int) -> Ints | int:
        return x[mask] if isinstance(x, np.ndarray) else int(x)

    return rows(
        time[mask],
        person[mask],
        TEMPLATE[name],
        detail=pick(detail),
        send=send[mask],
        agent=pick(agent),
        actor=actor,
    )


def _visits(
    rng: np.random.Generator,
    clicked: tuple[Ints, Ints],
    source: int,
    vertical: int,
    devices: Devices,
) -> pl.DataFrame:
    """The visit after each human click; every second one is recognised by its link's token."""
    person, read = clicked
    n = len(person)
    return sessions(
        person=person,
        device=pick_device(rng, devices, person),
        time=read + 27_000,
        source=source,
        intent=0.3,
        pages=(1 + rng.poisson(0.9, n)).clip(1, 5),
        form=np.where(rng.random(n) < 0.5, LINK, 0),
        vertical=vertical,
    )
