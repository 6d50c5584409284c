"""The month loop: everything people and machines do, written as one event file a month."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world import content, mail, planted, product, programmes, truth, web
from sandbox.world.devices import Devices, devices, shared_pairs
from sandbox.world.draws import Ints, stream
from sandbox.world.events import IDENTIFY, Fragments, Renderer
from sandbox.world.plan import VERTICALS
from sandbox.world.transit import OnTheWay, travel, write_month
from sandbox.world.writer import Files

if TYPE_CHECKING:
    from sandbox.world.generate import World


def audience_of(world: World, strangers: int) -> web.Audience:
    """People, visitors and bots as arrays."""
    people, n = world.people, world.people.height
    number = (
        people["vertical"]
        .replace_strict(VERTICALS, range(len(VERTICALS)), return_dtype=pl.Int64)
        .to_numpy()
    )
    lead = people["lead_at"].fill_null(cal.NEVER).to_numpy()
    last = (
        world.units.select(
            pl.max_horizontal(
                *[pl.when(pl.col(f"t{k}") < cal.NEVER).then(pl.col(f"t{k}")) for k in range(6)]
            )
        )
        .to_series()
        .to_numpy()
    )
    until = np.zeros(n, dtype=np.int64)
    depth = np.zeros(n, dtype=np.int64)
    units = len(last)
    until[:units] = last + 20 * cal.DAY
    depth[:units] = world.units["depth"].to_numpy()
    rest = np.full(strangers, cal.NEVER)
    return web.Audience(
        vertical=np.r_[number, np.arange(strangers) % len(VERTICALS)],
        created=np.r_[people["created"].to_numpy(), rest],
        lead_at=np.r_[lead, rest],
        active_until=np.r_[until, np.zeros(strangers, dtype=np.int64)],
        depth=np.r_[depth, np.zeros(strangers, dtype=np.int64)],
        mailed=people["mailed"].to_numpy(),
        n_people=n,
    )


def write_events(
    files: Files,
    known_dir: Path,
    world: World,
    library: pl.DataFrame,
    lists: pl.DataFrame,
    use: product.Use,
    fragments: Fragments,
    suffix: str,
) -> tuple[mail.MailState, list[tuple[str, str, str, str]]]:
    """Write every month; return the mail state at the end and the planted event rows."""
    seed, people = world.seed, world.people
    own_devices = devices(seed, people, world.size.visitors)
    pages = content.pages(library)
    site = web.Site(pages, fragments)
    sources = web.Sources()
    audience = audience_of(world, len(own_devices.first) - people.height)
    paths = web.lead_sessions(seed, world.touches, world.units, own_devices, sources)
    occasional = pl.concat(
        [
            product.trials(seed, world.units, own_devices, fragments),
            product.milestones(seed, world.deals, fragments),
            programmes.webinar_rows(lists, fragments),
        ]
    )
    state = mail.mail_state(people)
    renderer = Renderer(own_devices, people, pages, fragments)
    identified = np.full(len(own_devices.owner), cal.NEVER)
    shared = own_devices.shared != np.arange(len(own_devices.owner))
    shared[own_devices.shared[shared]] = True
    notes, faults = OnTheWay(), []
    used = np.zeros(len(own_devices.owner), dtype=bool)
    carried = occasional.head(0)
    n_sessions = 0
    for month in range(cal.N_MONTHS):
        rng = stream(seed, "activity", month)
        end = cal.month_first(month + 1)
        customers = _customers(use, month)
        sent = mail.mailings(
            stream(seed, "mailings", month), month, audience, customers, world.size.activity
        )
        mails, visits = mail.mail_rows(seed, month, sent, state, own_devices, sources, fragments)
        visit = pl.concat(
            [
                programmes.month_slice(paths, month),
                web.ongoing(rng, month, audience, own_devices, sources, world.size.activity),
                web.strangers(rng, month, audience, own_devices, sources),
                web.bot_sessions(rng, month, own_devices, sources),
                visits,
            ]
        )
        visit = web.one_per_slot(visit, own_devices)
        web_rows = web.session_rows(rng, visit, site, n_sessions)
        web_rows = _known(web_rows, own_devices, identified, shared)
        _note_sessions(notes, web_rows, visit, n_sessions, own_devices, sources)
        n_sessions += visit.height
        used[own_devices.shared[web_rows["device"].to_numpy()]] = True
        table = pl.concat(
            [
                carried,
                web_rows,
                mails,
                product.usage(seed, month, use, fragments),
                programmes.month_slice(occasional, month),
            ]
        )
        carried = table.filter(pl.col("time") >= end)
        table = travel(stream(seed, "travel", month), table.filter(pl.col("time") < end), notes)
        renderer.set_sources([(x.query, x.referrer, x.campaign) for x in sources.all])
        lines, marks = planted.event_faults(seed, month)
        name = f"events/events-{cal.month_label(month)}{suffix}"
        faults += [(name, *m) for m in marks]
        write_month(files, name, table, renderer, lines)
    _write_truth(known_dir, world, own_devices, notes, identified, used)
    return state, faults


def _customers(use: product.Use, month: int) -> Ints:
    """People who use the product at the start of a month."""
    first = cal.month_first(month)
    live = use.spans.filter(pl.col("start") < first, pl.col("end") > first)["customer"].to_list()
    if not live:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.concatenate([use.users[c] for c in live]))


def _known(table: pl.DataFrame, own: Devices, identified: Ints, shared: np.ndarray) -> pl.DataFrame:
    """Rows after a device's first identify carry the user id, as the browser library does.

    People log out of shared devices, so only the identify and form rows there name them.
    """
    device = own.shared[table["device"].to_numpy()]
    time = table["time"].to_numpy()
    is_identify = table["template"].to_numpy() == IDENTIFY
    np.minimum.at(identified, device[is_identify], time[is_identify])
    after = (time > identified[device]) & ~shared[device]
    return table.with_columns(known=pl.Series(np.maximum(table["known"].to_numpy(), after)))


def _note_sessions(
    notes: OnTheWay,
    table: pl.DataFrame,
    visit: pl.DataFrame,
    first: int,
    own: Devices,
    sources: web.Sources,
) -> None:
    """The true sessions of a month: what a 30-minute gap per anonymous id finds."""
    span = table.group_by("session").agg(
        first=pl.col("time").min(), last=pl.col("time").max(), events=pl.len()
    )
    source = visit["source"].to_numpy()
    channel = pl.Series([s.channel for s in sources.all])
    campaign = pl.Series([s.utm_campaign for s in sources.all])
    table = pl.DataFrame(
        {
            "session": first + np.arange(visit.height),
            "person": visit["person"],
            "anonymous_id": own.anonymous_id.gather(own.shared[visit["device"].to_numpy()]),
            "channel": channel.gather(source),
            "campaign": campaign.gather(source),
            "is_bot": visit["form"] < 0,
        }
    )
    notes.add("sessions", table.join(span, on="session", maintain_order="left"))


def _write_truth(
    known_dir: Path,
    world: World,
    own: Devices,
    notes: OnTheWay,
    identified: Ints,
    used: np.ndarray,
) -> None:
    for name, parts in notes.tables.items():
        truth.save(known_dir, name, pl.concat(parts))
    seen = np.flatnonzero(used)
    anonymous = pl.DataFrame({"person": own.owner[seen], "value": own.anonymous_id.gather(seen)})
    pairs = shared_pairs(world.seed, world.people)
    both = pl.DataFrame(
        [(own.anonymous_id[int(own.first[a])], a, b) for a, b in pairs],
        schema=["anonymous_id", "person", "other_person"],
        orient="row",
    )
    truth.save(known_dir, "shared_devices", both)
    second = both.select(person="other_person", value="anonymous_id").filter(
        pl.col("value").is_in(anonymous["value"].implode())
    )
    everyone = pl.concat([anonymous, second])
    truth.save(known_dir, "identities", truth.identities(world.contacts, everyone))
    bots = anonymous.filter(pl.col("person") >= own.first_bot)
    truth.save(known_dir, "bots", bots.select(anonymous_id="value"))
    lonely = seen[(identified[seen] == cal.NEVER) & (own.owner[seen] < world.people.height)]
    truth.save(
        known_dir,
        "unidentified_devices",
        pl.DataFrame(
            {"person": own.owner[lonely], "anonymous_id": own.anonymous_id.gather(lonely)}
        ),
    )
