"""Fits on drawn worlds and on CDNOW, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models_ml.value import bg_nbd, fitting, gamma_gamma
from models_ml.value.bg_nbd import BgNbd
from models_ml.value.estimates import ESTIMATE_SCHEMA, FIT_SCHEMA, estimates, fit_row
from models_ml.value.gamma_gamma import GammaGamma
from models_ml.value.histories import PURCHASES, histories, summed
from tests.models_ml.value.worlds import START, purchases

TRUE, WORTH = BgNbd(0.8, 4.0, 0.9, 2.5), GammaGamma(6.0, 4.0, 15.0)


@pytest.fixture(scope="module")
def drawn() -> pl.DataFrame:
    return purchases(4000, 80, TRUE, WORTH)


def test_a_history_by_hand() -> None:
    rows = pl.DataFrame(
        [
            ("a", date(2024, 1, 1), 50.0),
            ("a", date(2024, 1, 15), 10.0),
            ("a", date(2024, 1, 22), 30.0),
            ("a", date(2024, 1, 29), 70.0),  # not watched any more
            ("b", date(2024, 1, 8), 5.0),
            ("c", date(2024, 1, 1), 9.0),
            ("c", date(2024, 1, 28), 0.0),  # worth nothing: a purchase without a value
        ],
        schema=PURCHASES,
        orient="row",
    )
    found = {row["customer_id"]: row for row in summed(rows, date(2024, 1, 29)).to_dicts()}
    a, b, c = found["a"], found["b"], found["c"]
    assert (a["repeats"], a["recency_weeks"], a["age_weeks"]) == (2, 3, pytest.approx(27 / 7))
    assert (a["repeat_value"], a["valued_repeats"]) == (20, 2)
    assert (b["repeats"], b["recency_weeks"], b["repeat_value"]) == (0, 0, None)
    assert (c["repeats"], c["valued_repeats"], c["repeat_value"]) == (1, 0, None)


def test_a_drawn_world_is_found_again(drawn: pl.DataFrame) -> None:
    found = fitting.fit(drawn, START + timedelta(weeks=80))
    assert found.orders is not None and found.value is not None and found.forecast is not None
    # Whoever leaves and whoever hardly orders look alike: the means are what the data tell.
    rate = found.orders.r / found.orders.alpha
    leaves = found.orders.a / (found.orders.a + found.orders.b)
    assert rate == pytest.approx(0.2, rel=0.15) and leaves == pytest.approx(0.9 / 3.4, rel=0.15)
    assert found.value.mean == pytest.approx(WORTH.mean, rel=0.05)
    assert abs(found.correlation or 0) < 0.1
    forecast = found.forecast
    assert forecast.expected == pytest.approx(forecast.actual, rel=0.1)
    assert forecast.error < forecast.naive_error
    assert abs(forecast.naive - forecast.actual) > 4 * abs(forecast.expected - forecast.actual)


def test_order_and_repetition_change_nothing(drawn: pl.DataFrame) -> None:
    end = START + timedelta(weeks=80)
    once = fitting.fit(drawn, end)
    again = fitting.fit(drawn.sample(fraction=1, shuffle=True, seed=5), end)
    assert again.orders is not None and once.orders is not None
    assert again.orders.alpha == pytest.approx(once.orders.alpha, rel=1e-6)


def test_rows_of_the_warehouse(drawn: pl.DataFrame) -> None:
    end = START + timedelta(weeks=80)
    found = fitting.fit(drawn, end)
    table = pl.from_arrow(estimates("medical", drawn, end, found))
    assert isinstance(table, pl.DataFrame) and table.height == drawn["customer_id"].n_unique()
    assert table["expected_purchases"].null_count() == 0
    assert table["alive_probability"].is_between(0, 1).all()
    assert set(fit_row(found)) | {"vertical"} == set(FIT_SCHEMA.names)


def only(count: int, repeats: int) -> pl.DataFrame:
    """Customers of one day, the first of whom come again."""
    rows = [(f"c{n}", START, 10.0) for n in range(count)]
    rows += [(f"c{n}", START + timedelta(days=14 + n % 60), 20.0 + n) for n in range(repeats)]
    return pl.DataFrame(rows, schema=PURCHASES, orient="row")


@pytest.mark.parametrize(
    ("count", "repeats", "says"),
    [
        (0, 0, "0 customers, 100 are needed"),
        (10, 10, "10 customers, 100 are needed"),
        (200, 0, "0 customers came again, 30 are needed"),
    ],
)
def test_too_little_is_refused(count: int, repeats: int, says: str) -> None:
    rows, end = only(count, repeats), START + timedelta(days=100)
    found = fitting.fit(rows, end)
    assert found.orders is None and found.forecast is None and found.refusal == says
    table = estimates("public", rows, end, found)
    assert table.schema == ESTIMATE_SCHEMA and table.num_rows == count
    assert table["expected_purchases"].null_count == count


def test_purchases_without_a_value_still_tell_how_many() -> None:
    rows = purchases(400, 60, TRUE, WORTH).with_columns(value=pl.lit(None, pl.Float64))
    found = fitting.fit(rows, START + timedelta(weeks=60))
    assert found.orders is not None and found.value is None
    assert found.value_refusal == "0 customers with a known value, 30 are needed"


def cdnow(folder: Path) -> pl.DataFrame:
    lines = (folder / "cdnow" / "CDNOW_sample.txt").read_text("ascii").splitlines()
    rows = [
        (cells[1], date.fromisoformat(cells[2]), float(cells[4]))
        for line in lines
        if (cells := line.split())
    ]
    bought = pl.DataFrame(rows, schema=PURCHASES, orient="row")
    return bought.group_by("customer_id", "ordered_on").agg(pl.col("value").sum())


def test_cdnow(shared_data: Path) -> None:
    """The sample of the papers: 2,357 customers, 39 weeks to learn from and 39 to foretell."""
    rows, half, end = cdnow(shared_data), date(1997, 10, 1), date(1998, 7, 1)
    customers = summed(rows, half)
    known = histories(customers)
    found = bg_nbd.fit(known)
    assert customers.height == 2357
    wanted = (0.243, 4.414, 0.793, 2.426)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx(wanted, rel=0.01)
    at = np.array([found.r, found.alpha, found.a, found.b])
    assert bg_nbd.likelihood(at, known)[0] * 2357 == pytest.approx(-9582.4, abs=0.1)
    counts, means = customers["valued_repeats"].to_numpy(), customers["repeat_value"].fill_null(0)
    worth = gamma_gamma.fit(counts, means.to_numpy())
    assert (worth.p, worth.q, worth.v) == pytest.approx((6.25, 3.74, 15.44), rel=0.01)
    forecast = fitting.held_out(rows, half, end)
    assert forecast is not None and forecast.actual == 1882
    assert abs(forecast.expected / forecast.actual - 1) < 0.13  # the naive rate: 0.56 too many
    assert forecast.naive / forecast.actual - 1 > 0.5
    assert forecast.error < 0.8 * forecast.naive_error
