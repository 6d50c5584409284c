"""The table ``series_alerts`` of a run's warehouse, computed again in each run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from models_ml.anomalies.alerts import Alert, Series, alerts, sentence
from models_ml.anomalies.settings import WEEK, Settings

TABLE = "series_alerts"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("scope", "subject", "metric", "vertical")),
        ("measured_on", pa.date32()),
        ("direction", pa.string()),
        *((name, pa.float64()) for name in ("value", "expected", "volume", "z", "p_value", "q")),
        ("is_share", pa.bool_()),
        ("is_latest", pa.bool_()),
        ("is_level_shift", pa.bool_()),
        ("lasts_days", pa.int64()),
        ("sentence", pa.string()),
    ]
)
#: How metrics are called in sentences, where it is not their name with spaces.
WORDS = {"ad_clicks": "clicks", "ad_spend": "spend", "ad_click_rate": "click rate",
         "ad_conversion_rate": "conversion rate", "mails": "mails sent",
         "engaged_sessions": "share of engaged sessions"}  # fmt: skip


def settings_of(connection: duckdb.DuckDBPyConnection) -> Settings:
    """The warehouse's; the defaults where it was built without any."""
    names = [name for name in Settings.__dataclass_fields__ if name != "seasons"]
    row = connection.execute(
        f"select {', '.join(names)} from staging.stg_marketing__anomaly_settings"
    ).fetchone()
    seasons: dict[str, frozenset[int]] = {}
    for vertical, month in connection.execute(
        "select vertical, season_month from staging.stg_marketing__anomaly_seasons"
    ).fetchall():
        seasons[vertical] = seasons.get(vertical, frozenset()) | {month}
    return Settings(**dict(zip(names, row or (), strict=False)), seasons=seasons)


def series_alerts(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Rows of :data:`SCHEMA`: the days on which a series begins to lie off. The run's own day is
    not over and not judged."""
    settings = settings_of(connection)
    found = connection.execute("select as_of_on from staging.stg_system__run_context").fetchone()
    assert found is not None  # it has one row
    last_on = found[0] - timedelta(days=1)
    told = alerts(list(_series(connection, last_on, settings)), last_on, settings)
    return pa.Table.from_pylist([_row(alert) for alert in told], schema=SCHEMA)


def _series(
    connection: duckdb.DuckDBPyConnection, last_on: date, settings: Settings
) -> Iterator[Series]:
    """Each series as far back as is looked. Short ones, of which nothing can be said, are left
    out, and so are those in which nothing ever had the volume."""
    since = last_on - timedelta(days=settings.learnt_days + 2 * settings.report_days)
    rows = connection.execute(
        """
        select series.* exclude (series_source), sources.complete_until_on
        from intermediate.int_daily_series as series
        join intermediate.int_series_sources as sources using (series_source)
        where measured_on between $1 and $2
        qualify max(greatest(value, coalesce(trials, 0)))
            over (partition by scope, subject, metric) >= $3
        order by scope, subject, metric, measured_on
        """,
        [since, last_on, settings.least_volume],
    ).pl()
    shortest = timedelta(days=settings.least_weeks * WEEK)
    for name, days in rows.group_by("scope", "subject", "metric", maintain_order=True):
        first_on, vertical, until = days.select("measured_on", "vertical", "complete_until_on").row(
            0
        )
        if first_on + shortest > last_on:
            continue
        yield Series(
            name=tuple(str(part) for part in name),
            vertical=vertical,
            first_on=first_on,
            values=_daily(days, "value", first_on),
            trials=None if days["trials"].null_count() else _daily(days, "trials", first_on),
            complete_until=until,
        )


def _daily(days: pl.DataFrame, column: str, first_on: date) -> np.ndarray:
    """A value a day from the first one on; 0 where there is no row."""
    places = (days["measured_on"] - first_on).dt.total_days().to_numpy()
    values = np.zeros(int(places[-1]) + 1)
    values[places] = days[column].fill_null(0.0).to_numpy()
    return values


def _row(alert: Alert) -> dict[str, object]:
    scope, subject, metric = alert.series.name
    return {
        "scope": scope,
        "subject": subject,
        "metric": metric,
        "vertical": alert.series.vertical,
        "measured_on": alert.day,
        "direction": alert.direction,
        "value": alert.value,
        "expected": alert.expected,
        "volume": alert.volume,
        "z": alert.z,
        "p_value": alert.p,
        "q": alert.q,
        "is_share": alert.series.trials is not None,
        "is_latest": alert.is_latest,
        "is_level_shift": alert.is_level_shift,
        "lasts_days": alert.lasts_days,
        "sentence": sentence(alert, WORDS),
    }


def latest(rows: pa.Table) -> list[str]:
    """What rows of :data:`SCHEMA` say of the last day that is told of, the least likely first."""
    said = sorted((row["p_value"], row["sentence"]) for row in rows.to_pylist() if row["is_latest"])
    return [text for _, text in said]
