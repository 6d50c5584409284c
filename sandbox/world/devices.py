"""Devices: which anonymous id, program and address each person browses with.

People are numbered: first those with a CRM contact, then visitors who never leave an address,
then bots. `first[p]` and `count[p]` give a person's devices; `shared` maps a device to the one it
really is (a reception desk used by two people of one account).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox.world.draws import Ints, hexes, ragged, stream

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
BROWSERS = [
    f"{WINDOWS} {CHROME} Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.6 Safari/605.1.15",
    f"{IPHONE} {WEBKIT} Version/17.6 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 14; K) {CHROME} Mobile Safari/537.36",
]
BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    f"Mozilla/5.0 (X11; Linux x86_64) {CHROME.replace('Chrome', 'HeadlessChrome')} Safari/537.36",
    # One that hides: a plain browser at an inhuman pace from a data centre.
    BROWSERS[0],
]
MAIL_PROGRAMS = [
    f"{WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Outlook/16.0",
    f"{IPHONE} {WEBKIT} Mobile/15E148",
    "Mozilla/5.0",  # prefetching proxy
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SecureGateway/4.2 LinkScanner",
]
PREFETCH_PROGRAM, GATEWAY_PROGRAM = 2, 3
#: All programs in one table: browsers, bots, mail programs.
AGENTS = BROWSERS + BOTS + MAIL_PROGRAMS
MAIL_AGENT = len(BROWSERS) + len(BOTS)
LOCALES = ["fr-FR", "fr-FR", "fr-FR", "en-GB", "de-DE"]

N_BOTS = 48


@dataclass
class Devices:
    """See the module's docstring; arrays indexed by device unless said."""

    first: Ints  # by person
    count: Ints  # by person
    owner: Ints
    agent: Ints
    shared: Ints
    anonymous_id: pl.Series
    ip: pl.Series
    first_bot: int  # person number of the first bot


def devices(seed: int, people: pl.DataFrame, visitors: int) -> Devices:
    """Devices of all people, visitors and bots."""
    rng = stream(seed, "devices")
    n_people = people.height
    count = 1 + (rng.random(n_people) < 0.42) + (rng.random(n_people) < 0.15)
    count = np.r_[count, np.ones(visitors + N_BOTS, dtype=np.int64)].astype(np.int64)
    owner, _ = ragged(count)
    n = len(owner)
    first = np.cumsum(count) - count
    agent = rng.integers(0, len(BROWSERS), n)
    first_bot = n_people + visitors
    bot = owner >= first_bot
    agent[bot] = len(BROWSERS) + (owner[bot] - first_bot) % len(BOTS)
    shared = np.arange(n)
    for one, other in shared_pairs(seed, people):
        shared[first[other]] = first[one]
    # Documentation address ranges only; bots sit in one of them.
    block = np.where(bot, 2, rng.integers(0, 2, n))
    octet = rng.integers(1, 255, n)
    prefix = pl.Series(["192.0.2.", "198.51.100.", "203.0.113."]).gather(block)
    return Devices(
        first=first,
        count=count,
        owner=owner,
        agent=agent,
        shared=shared,
        anonymous_id=hexes(rng, n, 24),
        ip=prefix + pl.Series(octet).cast(pl.String),
        first_bot=first_bot,
    )


def shared_pairs(seed: int, people: pl.DataFrame) -> list[tuple[int, int]]:
    """Forty pairs of people (lead, colleague) of one account who share a device."""
    rng = stream(seed, "shared devices")
    leads = people.filter(pl.col("kind") == "lead").select("account", lead="person")
    pairs = (
        people.filter(pl.col("kind") == "stakeholder")
        .select("account", "person")
        .unique("account", keep="first", maintain_order=True)
        .join(leads, on="account", maintain_order="left")
        .select("lead", "person")
        .rows()
    )
    chosen = rng.permutation(len(pairs))[:40]
    return [pairs[i] for i in sorted(chosen.tolist())]
