"""Leads and how deep each goes: exact entries per year and stage, true effects of channels.

Stage times are made backwards from the deepest stage, so that each stage's entries in each year
equal the plan exactly, spread over months by season. Leads (their path of earlier touches, their
account) are then matched to these schedules within each lead month by weighted sampling without
replacement: a lead's weight is the product of its channels' true effects and its account's fit.

- units: unit, vertical, depth (0 lead ... 5 paid), t0..t5 (times; NEVER), skips_optional,
  lead_month, account, path_channels (count), offline, mailed, weight.
- touches: unit, channel (index), time, is_last, online.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.draws import Ints, allocate, choose, gumbel_order, ragged, rank_in_group, stream
from sandbox.world.names import MEDICAL_TYPES
from sandbox.world.plan import (
    CHANNEL_EFFECT,
    CHANNEL_MIX,
    CHANNELS,
    FIT,
    FUNNELS,
    HOLDOUT,
    VERTICALS,
    Funnel,
)

N_STAGES = 6
#: Months of each plan year; year 3 is the half year after the fixed end.
YEARS = {1: (0, 12), 2: (12, 12), 3: (24, 6)}
#: Channels whose touch happens away from the website.
OFFLINE = {"events", "partner"}
#: From the start of the lead's last session to the contact in the CRM.
CRM_DELAY = 20 * cal.MINUTE


@dataclass
class Leads:
    """The two tables of this module; see its docstring."""

    units: pl.DataFrame
    touches: pl.DataFrame


def schedule(seed: int, vertical: str) -> tuple[Ints, Ints, np.ndarray]:
    """Stage times (units x 6), depths and who skips the optional stage, for one vertical."""
    funnel = FUNNELS[vertical]
    rng = stream(seed, f"schedule {vertical}")
    times = np.zeros((0, N_STAGES), dtype=np.int64)
    depths = np.zeros(0, dtype=np.int64)
    skips = np.zeros(0, dtype=bool)
    for stage in range(N_STAGES - 1, -1, -1):
        for year, (first, months) in YEARS.items():
            quota = funnel.entries[year][stage]
            if funnel.optional == funnel.stages[stage]:
                quota += funnel.skipped[year - 1]
            weights = cal.season_weights(vertical, first, months)
            have = np.bincount(
                (cal.month_of(times[:, stage]) - first).clip(-1, months) + 1, minlength=months + 2
            )[1 : months + 1]
            need = quota - int(have.sum())
            gaps = np.maximum(allocate(quota, weights) - have, 0)
            new = np.repeat(np.arange(first, first + months), allocate(max(need, 0), gaps))
            block = np.full((len(new), N_STAGES), cal.NEVER, dtype=np.int64)
            block[:, stage] = cal.in_month(rng, new, working=stage > 0)
            times = np.vstack([times, block])
            depths = np.r_[depths, np.full(len(new), stage)]
        if stage == N_STAGES - 1:
            skips = np.zeros(len(times), dtype=bool)
        skips = np.r_[skips, np.zeros(len(times) - len(skips), dtype=bool)]
        if funnel.optional == funnel.stages[stage]:
            skips = _skips(rng, funnel, times[:, stage], depths)
        if stage:
            times[:, stage - 1] = cal.before(rng, times[:, stage], funnel.gap_days[stage], 0.45)
    early = cal.in_month(rng, rng.integers(-6, 0, funnel.before_start), working=False)
    block = np.full((len(early), N_STAGES), cal.NEVER, dtype=np.int64)
    block[:, 0] = early
    times = np.vstack([times, block])
    depths = np.r_[depths, np.zeros(len(early), dtype=np.int64)]
    skips = np.r_[skips, np.zeros(len(early), dtype=bool)]
    if skips.any():
        times[skips, funnel.stages.index(funnel.optional or "")] = cal.NEVER
    return times, depths, skips


def _skips(rng: np.random.Generator, funnel: Funnel, at: Ints, depths: Ints) -> np.ndarray:
    """Paying units that never entered the optional stage, an exact number a year."""
    chosen = np.zeros(len(at), dtype=bool)
    for year, (first, months) in YEARS.items():
        month = cal.month_of(at)
        possible = np.flatnonzero(
            (depths == N_STAGES - 1) & (month >= first) & (month < first + months)
        )
        chosen[rng.permutation(possible)[: funnel.skipped[year - 1]]] = True
    return chosen


def leads(seed: int, accounts: pl.DataFrame) -> Leads:
    """All leads of both verticals that exist before the fixed end."""
    units, touches = [], []
    first_unit = 0
    for vertical in VERTICALS:
        unit, touch = _vertical_leads(seed, vertical, accounts, first_unit)
        first_unit += unit.height
        units.append(unit)
        touches.append(touch)
    return Leads(pl.concat(units), pl.concat(touches))


def _vertical_leads(
    seed: int, vertical: str, accounts: pl.DataFrame, first_unit: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = stream(seed, f"leads {vertical}")
    times, depths, skips = schedule(seed, vertical)
    exists = times[:, 0] < cal.END
    times, depths, skips = times[exists], depths[exists], skips[exists]
    # Deepest first within each month, in a random order among equals.
    shuffle = rng.permutation(len(times))
    times, depths, skips = times[shuffle], depths[shuffle], skips[shuffle]
    n = len(times)
    months = cal.month_of(times[:, 0])

    chosen = _lead_accounts(rng, vertical, accounts, n)
    mix = CHANNEL_MIX[vertical]
    weights = np.array([mix.get(c, 0.0) for c in CHANNELS])
    length = (1 + rng.poisson(1.3, n)).clip(1, 6)
    lead, position = ragged(length)
    channel = choose(rng, weights, len(lead))
    # November: congresses and the Salon des Maires take over many last touches.
    busy = np.isin(cal.CALENDAR_MONTH[12 + months[lead]], [10, 11, 12])
    is_last = position == length[lead] - 1
    moved = busy & is_last & (rng.random(len(lead)) < 0.25)
    channel[moved] = CHANNELS.index("events")

    effect = np.log([CHANNEL_EFFECT[vertical][c] for c in CHANNELS])
    exposed = np.zeros((n, len(CHANNELS)), dtype=bool)
    exposed[lead, channel] = True
    mailed = rng.random(n) >= HOLDOUT
    exposed[:, CHANNELS.index("email")] = mailed
    fit = accounts["account_type"].gather(chosen).replace_strict(FIT, return_dtype=pl.Float64)
    log_weight = exposed @ effect + np.log(fit.to_numpy())

    by_score = rank_in_group(months, log_weight + rng.gumbel(size=n))
    by_depth = rank_in_group(months, depths + rng.random(n) * 0.5)
    # The r-th best lead of a month takes the month's r-th deepest schedule.
    lead_order = np.lexsort((by_score, months))
    slot_order = np.lexsort((by_depth, months))
    slot_of_lead = np.empty(n, dtype=np.int64)
    slot_of_lead[lead_order] = slot_order
    times, depths, skips = times[slot_of_lead], depths[slot_of_lead], skips[slot_of_lead]

    offline_index = [CHANNELS.index(c) for c in sorted(OFFLINE)]
    last_channel = np.empty(n, dtype=np.int64)
    last_channel[lead[is_last]] = channel[is_last]
    offline = np.isin(last_channel, offline_index)
    times[:, 0] = cal.into_slot(rng, times[:, 0])
    touched_at = times[:, 0].copy()
    times[:, 0] += CRM_DELAY
    units = pl.DataFrame(
        {
            "unit": np.arange(first_unit, first_unit + n),
            "vertical": pl.repeat(vertical, n, eager=True),
            "depth": depths,
            **{f"t{k}": times[:, k] for k in range(N_STAGES)},
            "skips_optional": skips,
            "lead_month": cal.month_of(times[:, 0]),
            "account": chosen,
            "last_channel": last_channel,
            "offline": offline,
            "mailed": mailed,
            "weight": np.exp(log_weight),
        }
    )
    gap = (position - (length[lead] - 1)) * cal.DAY * rng.integers(2, 16, len(lead))
    when = np.where(is_last, touched_at[lead], cal.into_slot(rng, touched_at[lead] + gap))
    touches = pl.DataFrame(
        {
            "unit": first_unit + lead,
            "channel": channel,
            "time": when,
            "is_last": is_last,
            "online": ~np.isin(channel, offline_index),
        }
    )
    return units, touches


def _lead_accounts(rng: np.random.Generator, vertical: str, accounts: pl.DataFrame, n: int) -> Ints:
    """n different accounts: the CRM keeps one lead per account, colleagues join it later."""
    own = accounts.filter(pl.col("vertical") == vertical)
    weight = own["lead_weight"].to_numpy()
    if vertical == "medical":
        share = {k: v[2] / v[0] for k, v in MEDICAL_TYPES.items()}
        weight = own["account_type"].replace_strict(share, return_dtype=pl.Float64).to_numpy()
    order = gumbel_order(rng, np.log(weight))[:n]
    return own["account"].cast(pl.Int64).to_numpy()[rng.permutation(order)]
