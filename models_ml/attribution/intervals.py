"""How far shares of credit vary when other units had been drawn, as rows of a table.

Rows of all conversions (``metric_window`` ``all``) are of channels and campaigns, of each model;
those of a month and window are of the primary model's channels, small ones as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from models_ml.attribution import bootstrap, draws, paths
from models_ml.attribution.draws import Credits
from models_ml.attribution.effects import Settings, settings_of
from models_ml.attribution.paths import Floats, Ints

TABLE = "attribution_intervals"
SCHEMA = pa.schema(
    [
        ("scope", pa.string()),
        ("month", pa.date32()),
        ("metric_window", pa.string()),
        ("model", pa.string()),
        ("level", pa.string()),
        ("name", pa.string()),
        ("share", pa.float64()),
        ("share_low", pa.float64()),
        ("share_high", pa.float64()),
        ("place", pa.int64()),
        ("rank_stability", pa.float64()),
        ("replicates", pa.int64()),
    ]
)
COMPANY, ALL, POOLED = "company", "all", "pooled"
LEVELS = {"channel": 2, "campaign": 3}  # their place in the names of cells
#: Month and window -> the months in it.
Windows = dict[tuple[date, str], list[date]]
Cells = Sequence[int]


def intervals(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Shares, their intervals and how stable their places are. No row without credit."""
    settings = settings_of(connection)
    credits = draws.read(connection)
    if settings is None or not len(credits.unit):
        return SCHEMA.empty_table()
    drawn = draws.drawn(credits, paths.read(connection), settings)
    return of_draws(credits, drawn, settings, _windows(connection))


def of_draws(
    credits: Credits, drawn: dict[str, Floats], settings: Settings, windows: Windows
) -> pa.Table:
    """The rows, of credit by cell and replicate."""
    tables = [SCHEMA.empty_table()]
    for scope, cells in _scopes(credits).items():
        for model, replicates in drawn.items():
            summed = _Summed(credits.matrix(model), replicates, settings.level)
            for level, at in LEVELS.items():
                names = [credits.cells.names[n][at] for n in cells]
                given = (scope, None, ALL, model, level)
                tables.append(_table(given, summed.measured(names, cells)))
            if model == settings.primary_model:
                for (month, window), names, chosen in _pooled(
                    credits, summed, cells, settings, windows
                ):
                    given = (scope, month, window, model, "channel")
                    tables.append(_table(given, summed.measured(names, chosen)))
    return pa.concat_tables(tables)


def _windows(connection: duckdb.DuckDBPyConnection) -> Windows:
    found: Windows = {}
    for month, window, member in connection.execute(
        "select month, metric_window, window_month "
        "from intermediate.int_reporting_windows order by all"
    ).fetchall():
        found.setdefault((month, window), []).append(member)
    return found


def _scopes(credits: Credits) -> dict[str, list[int]]:
    """Each vertical's cells, and everybody's."""
    found: dict[str, list[int]] = {COMPANY: list(range(len(credits.cells.names)))}
    for n, (vertical, *_) in enumerate(credits.cells.names):
        found.setdefault(vertical, []).append(n)
    return found


def _pooled(
    credits: Credits, summed: _Summed, cells: Cells, settings: Settings, windows: Windows
) -> Iterator[tuple[tuple[date, str], list[str], list[int]]]:
    """The cells of each month and window, and their channels' names."""
    months: dict[date, list[int]] = {}
    for n in cells:
        months.setdefault(credits.cells.names[n][1], []).append(n)
    for key, members in windows.items():
        chosen = [n for month in members for n in months.get(month, ())]
        channels = [credits.cells.names[n][2] for n in chosen]
        by_channel = dict.fromkeys(channels, 0.0)
        for channel, n in zip(channels, chosen, strict=True):
            by_channel[channel] += summed.credit[n]
        least = settings.pooled_share * sum(by_channel.values())
        yield key, [c if by_channel[c] >= least else POOLED for c in channels], chosen


class _Summed:
    """One model's credit by cell: as credited, by unit and by replicate."""

    def __init__(self, matrix: csr_array, replicates: Floats, level: float) -> None:
        self.matrix, self.replicates, self.level = matrix, replicates, level
        self.credit = np.asarray(matrix.sum(axis=1)).ravel()

    def measured(self, names: Iterable[str], cells: Cells) -> dict[str, Any] | None:
        """Of the cells' names: shares, intervals, places. None where nothing is credited."""
        known, place = np.unique(np.array(list(names), object), return_inverse=True)
        groups = csr_array((np.ones(len(cells)), (place, cells)), (len(known), len(self.credit)))
        credit, drawn = groups @ self.credit, groups @ self.replicates
        totals = drawn.sum(axis=0)
        drawn = drawn[:, totals > 0] / totals[totals > 0]
        if credit.sum() <= 0 or not drawn.shape[1]:
            return None
        shares = credit / credit.sum()
        degrees = bootstrap.freedom(groups @ self.matrix)
        low, high = bootstrap.interval(shares, drawn, degrees, self.level)
        ranks = _places(shares[:, None])
        return {
            "name": known,
            "share": shares,
            "share_low": low,
            "share_high": high,
            "place": ranks[:, 0],
            "rank_stability": (_places(drawn) == ranks).mean(axis=1),
            "replicates": np.full(len(known), drawn.shape[1]),
        }


def _places(shares: Floats) -> Ints:
    """Each row's place in its column, 1 the highest; equal ones share the better place."""
    order = np.sort(-shares, axis=0)
    columns = zip(order.T, -shares.T, strict=True)
    return np.stack([np.searchsorted(column, own) for column, own in columns], axis=1) + 1


def _table(given: tuple[Any, ...], found: dict[str, Any] | None) -> pa.Table:
    if found is None:
        return SCHEMA.empty_table()
    count = len(found["name"])
    same = {name: [value] * count for name, value in zip(SCHEMA.names, given, strict=False)}
    return pa.Table.from_pydict({**same, **found}, schema=SCHEMA)
