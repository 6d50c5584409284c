"""Visits to the two websites, as sessions and then as rows.

Sessions come from the path before a lead, from a month's ongoing interest, from clicks in mails,
from visitors who never leave an address and from bots. A session is: person, device, time,
source, intent (0-1: how often a late page such as pricing is chosen), pages, form (0 none, 1 the
lead's form with identify, 2 identify by a link's token, 3 a demo request).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.channels import Source, sources
from sandbox.world.content import PAGE_KINDS
from sandbox.world.devices import N_BOTS, Devices
from sandbox.world.draws import Ints, choose, ragged, stream
from sandbox.world.events import BOT, HUMAN, IDENTIFY, TEMPLATE, Fragments, rows
from sandbox.world.plan import CHANNELS, VERTICALS

SESSION = ["person", "device", "time", "source", "intent", "pages", "form", "vertical"]
LEAD_FORM, LINK, DEMO_FORM = 1, 2, 3
#: Channels of visits by people already known or never known.
ONGOING = {
    "direct": 0.34,
    "organic_search": 0.30,
    "social": 0.10,
    "paid_search": 0.10,
    "paid_social": 0.06,
    "referral": 0.05,
    "press": 0.03,
    "webinar": 0.02,
}


def sessions(**columns: Ints | np.ndarray | int) -> pl.DataFrame:
    """Sessions; single numbers are repeated to the length of `person`."""
    n = len(columns["person"])  # type: ignore[arg-type]
    return pl.DataFrame(
        {
            c: np.ascontiguousarray(
                np.broadcast_to(
                    np.asarray(columns[c], dtype=np.float64 if c == "intent" else np.int64), n
                )
            )
            for c in SESSION
        }
    )


class Sources:
    """Numbers of sources; mailings are added as they are sent."""

    def __init__(self) -> None:
        self.all: list[Source] = sources()
        self._by: dict[tuple[int, int], list[int]] = {}
        for i, s in enumerate(self.all):
            key = (VERTICALS.index(s.vertical), CHANNELS.index(s.channel))
            self._by.setdefault(key, []).append(i)

    def add(self, source: Source) -> int:
        """The number of a further source."""
        self.all.append(source)
        return len(self.all) - 1

    def pick(self, rng: np.random.Generator, vertical: Ints, channel: Ints) -> Ints:
        """A source of each vertical and channel; direct where a channel has none."""
        direct = CHANNELS.index("direct")
        width = max(len(v) for v in self._by.values())
        table = np.zeros((len(VERTICALS), len(CHANNELS), width), dtype=np.int64)
        size = np.zeros((len(VERTICALS), len(CHANNELS)), dtype=np.int64)
        for v in range(len(VERTICALS)):
            for c in range(len(CHANNELS)):
                own = self._by.get((v, c)) or self._by[(v, direct)]
                table[v, c, : len(own)] = own
                size[v, c] = len(own)
        which = (rng.random(len(vertical)) * size[vertical, channel]).astype(np.int64)
        return table[vertical, channel, which]


@dataclass
class Audience:
    """People as arrays for the month loop, indexed by person (visitors and bots included)."""

    vertical: Ints
    created: Ints  # NEVER for visitors
    lead_at: Ints  # NEVER where never a lead
    active_until: Ints  # end of the funnel's interest
    depth: Ints
    mailed: np.ndarray
    n_people: int


def lead_sessions(
    seed: int, touches: pl.DataFrame, units: pl.DataFrame, devices: Devices, known: Sources
) -> pl.DataFrame:
    """Sessions of the paths before leads; the last one carries the form."""
    rng = stream(seed, "lead sessions")
    online = touches.filter(pl.col("online"), pl.col("time") >= cal.START)
    person = online["unit"].to_numpy()
    vertical = (
        units["vertical"]
        .replace_strict(VERTICALS, range(len(VERTICALS)), return_dtype=pl.Int64)
        .to_numpy()[person]
    )
    last = online["is_last"].to_numpy()
    return sessions(
        person=person,
        device=pick_device(rng, devices, person),
        time=online["time"].to_numpy(),
        source=known.pick(rng, vertical, online["channel"].to_numpy()),
        intent=np.where(last, 0.5, 0.2),
        pages=(1 + rng.poisson(1.3, len(person))).clip(1, 7),
        form=np.where(last, LEAD_FORM, 0),
        vertical=vertical,
    )


def pick_device(rng: np.random.Generator, devices: Devices, person: Ints) -> Ints:
    """One of each person's devices, the first more often."""
    u = rng.random(len(person)) ** 1.6
    return devices.first[person] + (u * devices.count[person]).astype(np.int64)


def ongoing(
    rng: np.random.Generator,
    month: int,
    audience: Audience,
    devices: Devices,
    known: Sources,
    activity: float,
) -> pl.DataFrame:
    """Visits of known contacts in one month, by their place in the funnel."""
    first, end = cal.month_first(month), cal.month_first(month + 1)
    in_funnel = (audience.lead_at < end) & (audience.active_until > first)
    rate = np.where(audience.created < end, 0.05 * activity, 0.0)
    rate = np.where(in_funnel, np.where(audience.depth >= 2, 0.95, 0.27), rate)
    rate = np.where(audience.created < end, rate, 0.0)[: audience.n_people]
    person = np.repeat(np.arange(audience.n_people), rng.poisson(rate))
    n = len(person)
    since = np.maximum(audience.created[person], first)
    moment = since + (rng.random(n) * (end - cal.DAY - since).clip(1)).astype(np.int64)
    time = cal.into_slot(rng, moment)
    keen = in_funnel[person] & (audience.depth[person] >= 2)
    vertical = audience.vertical[person]
    channel = choose(rng, [ONGOING.get(c, 0.0) for c in CHANNELS], n)
    table = sessions(
        person=person,
        device=pick_device(rng, devices, person),
        time=time,
        source=known.pick(rng, vertical, channel),
        intent=np.where(keen, 0.7, 0.2),
        pages=(1 + rng.poisson(np.where(keen, 1.9, 1.0))).clip(1, 8),
        form=np.where(keen & (rng.random(n) < 0.04), DEMO_FORM, 0),
        vertical=vertical,
    )
    return table.filter(pl.col("time") < end, pl.Series(time > audience.created[person]))


def strangers(
    rng: np.random.Generator, month: int, audience: Audience, devices: Devices, known: Sources
) -> pl.DataFrame:
    """Visits of people who never leave an address: most come once, each has a first month."""
    first, end = cal.month_first(month), cal.month_first(month + 1)
    everyone = np.arange(audience.n_people, devices.first_bot)
    own = everyone[(everyone * 7 + month) % cal.N_MONTHS == 0]
    back = everyone[((everyone * 7 + month - 1) % cal.N_MONTHS == 0) & (everyone % 4 == 0)]
    person = np.r_[own, back]
    n = len(person)
    time = cal.into_slot(rng, first + (rng.random(n) * (end - cal.DAY - first)).astype(np.int64))
    vertical = audience.vertical[person]
    channel = choose(rng, [ONGOING.get(c, 0.0) for c in CHANNELS], n)
    return sessions(
        person=person,
        device=pick_device(rng, devices, person),
        time=time,
        source=known.pick(rng, vertical, channel),
        intent=0.1,
        pages=(1 + rng.poisson(0.6, n)).clip(1, 6),
        form=0,
        vertical=vertical,
    )


def one_per_slot(table: pl.DataFrame, devices: Devices) -> pl.DataFrame:
    """At most one session per device and slot: the one with a form first."""
    return (
        table.with_columns(
            real=pl.Series(devices.shared[table["device"].to_numpy()]),
            slot=pl.Series(cal.slot_of(table["time"].to_numpy())),
            first=-pl.col("form"),
        )
        .sort("first", "time", "person", maintain_order=True)
        .unique(["real", "slot"], keep="first", maintain_order=True)
        .sort("time", "person")
        .drop("real", "slot", "first")
    )


class Site:
    """The pages of both sites as look-ups for choosing what a session sees."""

    def __init__(self, pages: pl.DataFrame, fragments: Fragments) -> None:
        self.kinds = list(PAGE_KINDS)
        weights = np.array([PAGE_KINDS[k][:2] for k in self.kinds])
        vertical = pages["vertical"].to_list()
        kind = pages["kind"].to_list()
        published = pages["published"].to_numpy()
        self.pages: dict[tuple[int, int], tuple[Ints, Ints]] = {}
        for v, name in enumerate(VERTICALS):
            for k, page_kind in enumerate(self.kinds):
                own = np.array(
                    [
                        i
                        for i in range(pages.height)
                        if vertical[i] == name and kind[i] == page_kind
                    ],
                    dtype=np.int64,
                )
                if len(own):
                    self.pages[v, k] = (own, published[own])
        has = np.array(
            [[(v, k) in self.pages for k in range(len(self.kinds))] for v in range(len(VERTICALS))]
        )
        self.weights = [
            [weights[:, late] * has[v] for late in (0, 1)] for v in range(len(VERTICALS))
        ]
        kind_of = [self.kinds.index(k) for k in kind]
        self.kind_of = np.array(kind_of, dtype=np.int64)
        events = [PAGE_KINDS[k][2] for k in self.kinds]
        self.event = np.array([TEMPLATE[e] if e else -1 for e in events])
        self.chance = np.array([PAGE_KINDS[k][3] for k in self.kinds])
        self.view_detail = np.array(
            [fragments.add(f'"path":"{p}"') for p in pages["path"].to_list()]
        )
        self.track_detail = np.array(
            [
                fragments.add(f'"content_id":"{c}"' if c else f'"page":"{p}"')
                for c, p in pages.select("content_id", "path").rows()
            ]
        )
        fixed = pages.filter(pl.col("kind") == "thanks")
        self.thanks = np.array([fixed.filter(vertical=v)["page"].item() for v in VERTICALS])
        self.demo = np.array(
            [pages.filter(vertical=v, kind="demo")["page"].item() for v in VERTICALS]
        )
        self.form_detail = np.array(
            [
                [
                    fragments.add(f'"form_id":"{v[:3]}-{form}"')
                    for form in ("none", "lead", "link", "demo")
                ]
                for v in VERTICALS
            ]
        )

    def choose(
        self, rng: np.random.Generator, vertical: Ints, late: np.ndarray, time: Ints
    ) -> Ints:
        """A page already published at each time."""
        n = len(vertical)
        picked = np.zeros(n, dtype=np.int64)
        u = rng.random(n)
        for v in range(len(VERTICALS)):
            for stage in (0, 1):
                mask = (vertical == v) & (late == stage)
                kind = choose(rng, self.weights[v][stage], int(mask.sum()))
                found = np.zeros(len(kind), dtype=np.int64)
                own_u, own_time = u[mask], time[mask]
                for k in np.unique(kind):
                    pages, published = self.pages[v, int(k)]
                    of = kind == k
                    there = np.searchsorted(published, own_time[of], side="right")
                    # Newer content is read more: the square root leans to the end of the list.
                    found[of] = pages[
                        (np.sqrt(own_u[of]) * np.maximum(there, 1))
                        .astype(np.int64)
                        .clip(0, len(pages) - 1)
                    ]
                    # Nothing of this kind yet: the home page.
                    none = np.flatnonzero(of)[there == 0]
                    found[none] = self.pages[v, self.kinds.index("home")][0][0]
                picked[mask] = found
        return picked


def session_rows(
    rng: np.random.Generator, table: pl.DataFrame, site: Site, first_session: int
) -> pl.DataFrame:
    """Page views, the events they cause, and forms, of sessions in their order."""
    count = table["pages"].to_numpy()
    of, position = ragged(count)
    vertical = table["vertical"].to_numpy()
    intent = table["intent"].to_numpy()
    start = table["time"].to_numpy()
    form = table["form"].to_numpy()
    bot = np.where(form < 0, BOT, HUMAN)
    pause = np.where(
        bot[of] == BOT, rng.integers(150, 900, len(of)), rng.integers(12_000, 110_000, len(of))
    )
    pause[position == 0] = 0
    elapsed = np.cumsum(pause)
    first_row = np.cumsum(count) - count
    time = start[of] + elapsed - elapsed[first_row][of]
    late = (rng.random(len(of)) < intent[of]).astype(np.int64)
    page = site.choose(rng, vertical[of], late, time)
    last_row = first_row + count - 1
    asks = form == DEMO_FORM
    page[last_row[asks]] = site.demo[vertical[asks]]
    source = np.where(position == 0, table["source"].to_numpy()[of], -1)
    person, device = table["person"].to_numpy(), table["device"].to_numpy()
    session = first_session + np.arange(table.height)
    shared = {"session": session[of], "device": device[of], "actor": bot[of], "known": 0}
    parts = [
        rows(
            time,
            person[of],
            TEMPLATE["page"],
            page=page,
            source=source,
            detail=site.view_detail[page],
            **shared,
        )
    ]
    kind = site.kind_of[page]
    acts = np.flatnonzero(
        (site.event[kind] >= 0) & (rng.random(len(of)) < site.chance[kind]) & (bot[of] == HUMAN)
    )
    parts.append(
        rows(
            time[acts] + rng.integers(2_000, 10_000, len(acts)),
            person[of][acts],
            site.event[kind[acts]],
            page=page[acts],
            detail=site.track_detail[page[acts]],
            session=session[of][acts],
            device=device[of][acts],
            known=0,
        )
    )
    end = time[last_row]
    for value, gap in ((LEAD_FORM, 40_000), (LINK, 1_000), (DEMO_FORM, 60_000)):
        who = np.flatnonzero(form == value)
        moment = (end if value != LINK else start)[who] + gap
        same = {"device": device[who], "session": session[who], "page": page[last_row[who]]}
        parts.append(rows(moment, person[who], IDENTIFY, **same))
        if value == LINK:
            continue
        name = "Form Submitted" if value == LEAD_FORM else "Demo Requested"
        detail = site.form_detail[vertical[who], value]
        parts.append(rows(moment + 400, person[who], TEMPLATE[name], detail=detail, **same))
        thanks = site.thanks[vertical[who]]
        parts.append(
            rows(
                moment + 2_500,
                person[who],
                TEMPLATE["page"],
                device=device[who],
                session=session[who],
                page=thanks,
                detail=site.view_detail[thanks],
            )
        )
    return pl.concat(parts)


def bot_sessions(
    rng: np.random.Generator, month: int, devices: Devices, known: Sources
) -> pl.DataFrame:
    """A few crawls per bot and month: many pages within seconds (form -1 marks a bot)."""
    person = devices.first_bot + np.repeat(np.arange(N_BOTS), rng.integers(0, 3, N_BOTS))
    n = len(person)
    first, end = cal.month_first(month), cal.month_first(month + 1)
    vertical = person % len(VERTICALS)
    direct = np.full(n, CHANNELS.index("direct"))
    return sessions(
        person=person,
        device=devices.first[person],
        time=cal.into_slot(rng, first + (rng.random(n) * (end - cal.DAY - first)).astype(np.int64)),
        source=known.pick(rng, vertical, direct),
        intent=0.5,
        pages=rng.integers(4, 9, n),
        form=-1,
        vertical=vertical,
    )
