"""Credit as it had been, had other units been drawn.

Of rule models the credit of a conversion stays and its unit's weight changes. Data-driven models
are fitted anew to each replicate's paths, and each conversion's revenue is shared by that fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from models_ml.attribution import bootstrap, markov, shapley
from models_ml.attribution.effects import Settings
from models_ml.attribution.paths import Codes, Floats, Ints, Paths, Walks, coded, numbers

RELATION = "intermediate.int_attribution_unit_credits"
PREFIX = "credit_"
REFITTED = ("markov", "shapley")
#: Replicates whose weights are held at once.
WIDTH = 50
#: Rows of credits that are shared anew at once.
ROWS = 65_536


@dataclass(frozen=True)
class Mixes:
    """What conversions of a place hold of each channel, each such mix once.

    ``touches`` (mixes, channels) counts. A pair is a mix and one of its channels; ``of_row`` is
    each credit row's pair, and ``part`` the row's part of that channel's touches.
    """

    place: Ints
    touches: Ints
    mix: Ints
    channel: Ints
    of_row: Ints
    part: Floats


@dataclass(frozen=True)
class Credits:
    """A row a conversion, channel and campaign, sorted by unit and conversion.

    ``cells`` names what replicates are summed by: vertical, month, channel and campaign; ``places``
    are verticals and goals. Money is in the base currency.
    """

    cells: Codes
    places: Codes
    channels: Codes
    conversion: Ints
    unit: Ints
    units: bootstrap.Numbers
    touches: Floats
    revenue: Floats
    by_model: dict[str, Floats]

    def matrix(self, model: str) -> csr_array:
        """Credit by cell and unit."""
        shape = (len(self.cells.names), len(self.units))
        return csr_array((self.by_model[model], (self.cells.codes, self.unit)), shape)

    @cached_property
    def mixes(self) -> Mixes:
        width, channel = len(self.channels.names), self.channels.codes
        count = self.conversion.max(initial=-1) + 1
        place = np.zeros(count, np.int64)
        place[self.conversion] = self.places.codes
        cell = self.conversion * width + channel
        held = np.bincount(cell, self.touches, count * width).astype(np.int64)
        every = np.column_stack([place, held.reshape(count, width)])
        mixes, mix = np.unique(every, axis=0, return_inverse=True)
        pairs, of_row = np.unique(mix[self.conversion] * width + channel, return_inverse=True)
        return Mixes(
            place=mixes[:, 0],
            touches=mixes[:, 1:],
            mix=pairs // width,
            channel=pairs % width,
            of_row=of_row,
            part=self.touches / held[cell],
        )


def read(connection: duckdb.DuckDBPyConnection) -> Credits:
    """The credit that conversions of known worth have, in one order whatever the warehouse's."""
    rows = connection.execute(
        f"select * from {RELATION} order by unit_number, conversion_id, channel, campaign_id"
    ).to_arrow_table()
    return from_table(rows)


def from_table(rows: pa.Table) -> Credits:
    units, unit = np.unique(numbers(rows, "unit_number").view(np.uint64), return_inverse=True)
    names = [name for name in rows.column_names if name.startswith(PREFIX)]
    return Credits(
        cells=coded(rows, "vertical", "month", "channel", "campaign_id"),
        places=coded(rows, "vertical", "goal"),
        channels=coded(rows, "channel"),
        conversion=coded(rows, "conversion_id").codes,
        unit=unit,
        units=units,
        touches=numbers(rows, "touches").astype(float),
        revenue=numbers(rows, "revenue"),
        by_model={name.removeprefix(PREFIX): numbers(rows, name) for name in names},
    )


def drawn(credits: Credits, walks: list[Walks], settings: Settings) -> dict[str, Floats]:
    """Each model's credit by cell and replicate: (cells, replicates)."""
    shape = (len(credits.cells.names), settings.replicates)
    found = {model: np.zeros(shape) for model in credits.by_model}
    kept = {model: credits.matrix(model) for model in found if model not in REFITTED}
    for first, last in bootstrap.blocks(settings.replicates, WIDTH):
        columns = slice(first - 1, last)
        weights = bootstrap.weights(credits.units, first, last)
        for model, matrix in kept.items():
            found[model][:, columns] = matrix @ weights
        if len(kept) == len(found):
            continue
        again = _again(walks, first, last)
        for model, shares in refitted(credits, again, settings).items():
            if model in found:
                found[model][:, columns] = credited(credits, shares, weights)
    return found


def _again(walks: list[Walks], first: int, last: int) -> Iterator[Paths]:
    for walk in walks:
        yield walk.weighted(lambda units: bootstrap.weights(units, first, last))


def credited(credits: Credits, shares: Floats, weights: Floats) -> Floats:
    """Revenue by cell and replicate, of shares (pairs, replicates) and weights of units."""
    mixes = credits.mixes
    cells = len(credits.cells.names)
    worth = credits.revenue * mixes.part
    found = np.zeros((cells, weights.shape[1]))
    for first in range(0, len(worth), ROWS):
        rows = slice(first, first + ROWS)
        part = shares[mixes.of_row[rows]]
        part *= weights[credits.unit[rows]]
        place = (credits.cells.codes[rows], np.arange(len(part)))
        found += csr_array((worth[rows], place), (cells, len(part))) @ part
    return found


def refitted(credits: Credits, all_paths: Iterable[Paths], settings: Settings) -> dict[str, Floats]:
    """Each data-driven model's shares of the pairs of mixes: (pairs, replicates).

    ``all_paths`` are those of each place, with the same replicates. Where a fit says nothing of a
    mix its touches share alike.
    """
    mixes = credits.mixes
    channel_of = {name: n for n, (name,) in enumerate(credits.channels.names)}
    place_of = {name: n for n, name in enumerate(credits.places.names)}
    linear = (mixes.touches / mixes.touches.sum(axis=1, keepdims=True))[mixes.mix, mixes.channel]
    found: dict[str, Floats] = {}
    for paths in all_paths:
        if not found:
            wide = np.repeat(linear[:, None], paths.conversions.shape[1], axis=1)
            found = {model: wide.copy() for model in REFITTED}
        place = place_of.get((paths.vertical, paths.goal), -1)
        own = np.flatnonzero(mixes.place[mixes.mix] == place)
        # The paths' channels by the credits' codes; what is in no path is last.
        at = np.full(len(channel_of), len(paths.channels))
        for n, name in enumerate(paths.channels):
            if name in channel_of:
                at[channel_of[name]] = n
        effects, _ = markov.removal_effects(paths, settings.order)
        effects = np.concatenate([np.nan_to_num(effects), np.zeros((1, effects.shape[1]))])[at]
        whole = (mixes.touches @ effects)[mixes.mix[own]]
        part = mixes.touches[mixes.mix[own], mixes.channel[own], None] * effects[mixes.channel[own]]
        found["markov"][own] = np.divide(part, whole, out=found["markov"][own], where=whole > 0)
        game = shapley.shares(paths, *settings.game)
        if len(game.sets):
            bits = np.append(np.int64(1) << np.arange(len(paths.channels)), 0)[at]
            sets = ((mixes.touches > 0) @ bits)[mixes.mix[own]]
            row = np.minimum(np.searchsorted(game.sets, sets), len(game.sets) - 1)
            told = (game.sets[row] == sets) & (at[mixes.channel[own]] < len(paths.channels))
            found["shapley"][own[told]] = game.shares[row[told], at[mixes.channel[own[told]]]]
    return found
