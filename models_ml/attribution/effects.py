"""What the data-driven models found, as rows of the stream ``attribution_effects``.

- ``markov``: a channel's removal effect; the row without a channel holds the probability of
  conversion.
- ``shapley``: with a path (its channels in alphabetical order), the channel's share of its credit;
  without, its share of what the goal's conversions are worth. The row without a channel holds the
  share of all values that was below 0 and cut off.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from models_ml.attribution import markov, shapley
from models_ml.attribution.paths import SEPARATOR, Floats, Paths, read
from workspace.streams import STREAMS

STREAM = "attribution_effects"
#: Raised by whoever changes what a fit of the same paths and settings gives.
VERSION = 2
Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What the fit and its replicates are asked for, of ``attribution.yml``."""

    replicates: int
    level: float
    primary_model: str
    pooled_share: float
    order: int
    prior: float
    exact_channels: int
    permutations: int
    shapley_seed: int

    @property
    def game(self) -> tuple[float, int, int, int]:
        return self.prior, self.exact_channels, self.permutations, self.shapley_seed


def settings_of(connection: duckdb.DuckDBPyConnection) -> Settings | None:
    """The warehouse's; None where it was built without any."""
    row = connection.execute(
        "select replicates, level, primary_model, pooled_share, markov_order, shapley_prior, "
        "shapley_exact_channels, shapley_permutations, shapley_seed "
        "from staging.stg_marketing__attribution_settings"
    ).fetchone()
    return None if row is None else Settings(*row)


def fitted_with(connection: duckdb.DuckDBPyConnection) -> str:
    """Names what a fit follows from beside the facts: :data:`VERSION` and the models' settings."""
    settings = settings_of(connection)
    given = settings and (settings.order, *settings.game)
    return hashlib.sha256(f"{VERSION} {given}".encode()).hexdigest()[:8]


def effects(connection: duckdb.DuckDBPyConnection, as_of: datetime, snapshot_id: str) -> pa.Table:
    """Fit both models on the warehouse's paths, with its parameters. No row without paths."""
    settings = settings_of(connection)
    rows: list[Row] = []
    if settings is not None:
        for walks in read(connection):
            rows += _of_paths(walks.paths, settings)
    known = {"as_of": as_of, "snapshot_id": snapshot_id, "known_at": as_of, "replicate": 0}
    schema = STREAMS[STREAM].schema
    return pa.Table.from_pylist([{**row, **known} for row in rows], schema=schema)


def _of_paths(paths: Paths, settings: Settings) -> list[Row]:
    rows: list[Row] = []

    def add(model: str, values: Floats, names: tuple[str, ...], path: str = "") -> None:
        """A value a name; what is undefined is left out."""
        for name, value in zip(names, values[:, 0], strict=True):
            if np.isfinite(value):
                place = {"vertical": paths.vertical, "goal": paths.goal, "model": model}
                rows.append({**place, "path": path, "channel": name, "value": float(value)})

    found, probability = markov.removal_effects(paths, settings.order)
    add("markov", found, paths.channels)
    add("markov", probability[None, :], ("",))
    shares = shapley.shares(paths, *settings.game)
    add("shapley", _credited(paths, shares), paths.channels)
    add("shapley", shares.clipped[None, :], ("",))
    for mask, share in zip(shares.sets, shares.shares, strict=True):
        own = np.flatnonzero(mask >> np.arange(len(paths.channels)) & 1)
        names = tuple(paths.channels[n] for n in own)
        add("shapley", share[own], names, SEPARATOR.join(names))
    return rows


def _credited(paths: Paths, found: shapley.Shares) -> Floats:
    """Each channel's share of the revenue of all conversions (channels, replicates)."""
    place = {mask: n for n, mask in enumerate(found.sets)}
    of_path = np.array([place.get(mask, -1) for mask in paths.sets])
    revenue = np.zeros((len(found.sets), paths.revenue.shape[1]))
    np.add.at(revenue, of_path[of_path >= 0], paths.revenue[of_path >= 0])
    credit = np.einsum("scr,sr->cr", found.shares, revenue)
    total = revenue.sum(axis=0)
    return np.divide(credit, total, out=np.full_like(credit, np.nan), where=total > 0)
