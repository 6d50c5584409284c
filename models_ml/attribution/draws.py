"""Credit as it had been, had other units been drawn.

Of rule models the credit of a conversion stays and its unit's weight changes. Data-driven models
are fitted anew to each replicate's paths, and each conversion's revenue is shared by that fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from models_ml.attribution import bootstrap, markov, shapley
from models_ml.attribution.effects import Settings
from models_ml.attribution.paths import Codes, Floats, Ints, Paths, Walks, coded, numbers

RELATION = "intermediate.int_attribution_unit_credits"
PREFIX = "credit_"
#: Replicates whose weights are held at once.
WIDTH = 50
#: Numbers (rows by replicates) that are shared anew at once.
NUMBERS = 4_000_000


@dataclass(frozen=True)
class Credits:
    """A row a conversion, channel and campaign, sorted by unit and conversion.

    ``cells`` names what replicates are summed by: vertical, month, channel and campaign. Places
    (vertical and goal) and channels are coded alike. Money is in the base currency.
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
    #: Touches of the row's conversion and channel, whatever the campaign.
    of_channel: Floats = field(init=False)

    def __post_init__(self) -> None:
        pairs = self.conversion * len(self.channels.names) + self.channels.codes
        _, place = np.unique(pairs, return_inverse=True)
        object.__setattr__(self, "of_channel", np.bincount(place, self.touches)[place])

    def matrix(self, model: str) -> csr_array:
        """Credit by cell and unit."""
        shape = (len(self.cells.names), len(self.units))
        return csr_array((self.by_model[model], (self.cells.codes, self.unit)), shape)


def read(connection: duckdb.DuckDBPyConnection) -> Credits:
    """The credit that conversions of known worth have, in one order whatever the warehouse's."""
    rows = connection.execute(
        f"select * from {RELATION} "
        "order by unit_number, conversion_id, vertical, goal, channel, campaign_id"
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
    kept = {m: credits.matrix(m) for m in credits.by_model if m not in ("markov", "shapley")}
    for first, last in bootstrap.blocks(settings.replicates, WIDTH):
        columns = slice(first - 1, last)
        weights = bootstrap.weights(credits.units, first, last)
        for model, matrix in kept.items():
            found[model][:, columns] = matrix @ weights
        fits = _fits(credits, walks, settings, first, last)
        for rows in _by_conversion(credits, last - first + 1):
            weight = weights[credits.unit[rows]]
            cells, row = credits.cells.codes[rows], np.arange(len(weight))
            sums = csr_array((np.ones(len(weight)), (cells, row)), (shape[0], len(weight)))
            for model in ("markov", "shapley"):
                if model in found:
                    share = fits.credit(model, rows)
                    share *= weight
                    found[model][:, columns] += sums @ share
    return found


@dataclass(frozen=True)
class _Fits:
    """What one block of replicates was fitted to, looked up by rows of credits.

    ``removal`` has a row a place and channel, ``shares`` one a place, set and channel; the last row
    of each is 0. ``share_of`` holds each credit row's place in ``shares``.
    """

    credits: Credits
    removal: Floats
    shares: Floats
    share_of: Ints

    def credit(self, model: str, rows: slice) -> Floats:
        """Credit of rows, which hold whole conversions; what cannot be shared stays as credited."""
        own = self.credits
        stays = own.by_model[model][rows, None]
        conversion = own.conversion[rows]
        if model == "markov":
            key = own.places.codes[rows] * len(own.channels.names) + own.channels.codes[rows]
            part = own.touches[rows, None] * self.removal[key]
        else:
            within = own.touches[rows] / own.of_channel[rows]
            part = within[:, None] * self.shares[self.share_of[rows]]
        begins = np.flatnonzero(np.diff(conversion, prepend=-1))
        whole = np.add.reduceat(part, begins, axis=0) if len(begins) else part
        whole = np.repeat(whole, np.diff([*begins, len(conversion)]), axis=0)
        part *= own.revenue[rows, None]
        return np.divide(
            part, whole, out=np.broadcast_to(stays, part.shape).copy(), where=whole > 0
        )


def _fits(credits: Credits, walks: list[Walks], settings: Settings, first: int, last: int) -> _Fits:
    width, channels = last - first + 1, len(credits.channels.names)
    channel_of = {name: n for n, (name,) in enumerate(credits.channels.names)}
    place_of = {name: n for n, name in enumerate(credits.places.names)}
    removal = np.zeros((len(place_of) * channels + 1, width))
    shares: list[Floats] = []
    share_of = np.full(len(credits.unit), -1)
    begins = 0
    for walk in walks:
        place = place_of.get((walk.paths.vertical, walk.paths.goal))
        if place is None:
            continue
        paths = walk.weighted(lambda units: bootstrap.weights(units, first, last))
        at = np.array([channel_of.get(name, -1) for name in paths.channels])
        effects, _ = markov.removal_effects(paths, settings.order)
        removal[place * channels + at[at >= 0]] = np.nan_to_num(effects[at >= 0])
        game = shapley.shares(paths, *settings.game)
        shares.append(game.shares.reshape(-1, width))
        own = np.flatnonzero(credits.places.codes == place)
        share_of[own] = _rows_of_sets(credits, own, paths, at, game.sets, begins)
        begins += len(shares[-1])
    shares.append(np.zeros((1, width)))
    return _Fits(credits, removal, np.concatenate(shares), share_of)


def _rows_of_sets(
    credits: Credits, rows: Ints, paths: Paths, at: Ints, sets: Ints, begins: int
) -> Ints:
    """Each row's place among the shares of all sets and channels; -1 where its set has none."""
    bit_of = np.full(len(credits.channels.names), -1)
    bit_of[at[at >= 0]] = np.flatnonzero(at >= 0)
    bit = bit_of[credits.channels.codes[rows]]
    _, conversion = np.unique(credits.conversion[rows], return_inverse=True)
    mask = np.zeros(conversion.max(initial=-1) + 1, np.int64)
    np.bitwise_or.at(mask, conversion, np.where(bit >= 0, np.int64(1) << np.maximum(bit, 0), 0))
    place = np.searchsorted(sets, mask[conversion])
    place[place == len(sets)] = 0
    known = (sets[place] == mask[conversion]) if len(sets) else np.zeros(len(rows), bool)
    return np.where(known & (bit >= 0), begins + place * len(paths.channels) + bit, -1)


def _by_conversion(credits: Credits, width: int) -> Iterator[slice]:
    """Slices of whole conversions, of so many rows that a replicate each stays small."""
    starts = np.flatnonzero(np.diff(credits.conversion, prepend=-1))
    size = max(1, NUMBERS // width)
    first = 0
    while first < len(credits.conversion):
        at = np.searchsorted(starts, first + size)
        last = starts[at] if at < len(starts) else len(credits.conversion)
        yield slice(first, int(last))
        first = int(last)
