"""What the data-driven models found, as rows of the stream ``attribution_effects``.

- ``markov``: a channel's removal effect, for all paths (replicate 0) and each bootstrap replicate;
  the row without a channel holds the probability of conversion.
- ``shapley``: with a path (its channels in alphabetical order), the channel's share of its credit;
  without, its share of what the goal's conversions are worth, by replicate. The row without a
  channel holds the share of all values that was below 0 and cut off.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from models_ml.attribution import markov, shapley
from models_ml.attribution.paths import SEPARATOR, Floats, Paths, read
from workspace.streams import STREAMS

STREAM = "attribution_effects"
SETTINGS = "staging.stg_marketing__attribution_settings"
Row = dict[str, Any]


def effects(connection: duckdb.DuckDBPyConnection, as_of: datetime, snapshot_id: str) -> pa.Table:
    """Fit both models on the warehouse's paths, with its parameters. No row without paths."""
    settings = connection.execute(
        "select replicates, markov_order, shapley_prior, shapley_exact_channels, "
        f"shapley_permutations, shapley_seed from {SETTINGS}"
    ).fetchone()
    rows: list[Row] = []
    if settings is not None:
        replicates, order, *game = settings
        for first, paths in read(connection, replicates):
            rows += _of_paths(paths, first, order, tuple(game))
    known = {"as_of": as_of, "snapshot_id": snapshot_id, "known_at": as_of}
    schema = STREAMS[STREAM].schema
    return pa.Table.from_pylist([{**row, **known} for row in rows], schema=schema)


def _of_paths(paths: Paths, first: int, order: int, game: tuple[Any, ...]) -> list[Row]:
    """Rows of replicates from ``first`` on; those of sets of channels for all paths only."""
    rows: list[Row] = []
    place = {"vertical": paths.vertical, "goal": paths.goal}

    def add(model: str, values: Floats, names: tuple[str, ...], path: str = "") -> None:
        """``values`` has a row a name and a column a replicate; what is undefined is left out."""
        for name, row in zip(names, values, strict=True):
            rows.extend(
                {
                    **place,
                    "model": model,
                    "path": path,
                    "replicate": first + n,
                    "channel": name,
                    "value": float(value),
                }
                for n, value in enumerate(row)
                if np.isfinite(value)
            )

    found, probability = markov.removal_effects(paths, order)
    add("markov", found, paths.channels)
    shares = shapley.shares(paths, *game)
    add("shapley", _credited(paths, shares), paths.channels)
    if first == 0:
        add("markov", probability[None, :], ("",))
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
