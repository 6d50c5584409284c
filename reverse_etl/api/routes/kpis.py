"""Figures against the plan: ``kpi_monthly``."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Asking, Listing, Page, Paging
from reverse_etl.api.fields import Day, Key, Row, told


class Kpi(Row):
    """A figure of one business, month and window."""

    vertical: str = told(
        "Vertical, company (all of them), or unassigned (facts without a vertical)"
    )
    month: date = told("First day of the month, reporting time zone")
    metric: str = told("Metric of kpi_metrics")
    metric_name: str | None = told("Its name")
    metric_window: str = told("month, ytd or trailing_12m")
    window_months: int | None = told("Months in the window that the data cover (count)")
    value: float | None = told("The value in unit; empty where status is not measured")
    numerator: float | None = told(
        "What was divided, or the sum itself; of a percentile, the count of values up to it"
    )
    denominator: float | None = told(
        "What it was divided by; of a percentile, the count of all values"
    )
    value_low: float | None = told("Lower end of the 95 % interval, where there is one")
    value_high: float | None = told("Upper end of the 95 % interval")
    unit: str | None = told(
        "count, ratio (0.05 is 5 %), money, months, minutes, milliseconds, points or times"
    )
    currency: str | None = told("ISO 4217 currency of money")
    status: str = told(
        "measured; undefined (nothing to divide by, too few answers, a missing rate); "
        "not_yet_measured (no source so far)"
    )
    target_id: str | None = told("The target it is compared with")
    target_value: float | None = told("Its value, money in the base currency")
    direction: str | None = told("Which values are good: at_least, at_most, above or below")
    target_status: str | None = told(
        "met, missed, no_target, or open (month or plan year still running, window not full, "
        "or no value)"
    )
    plan_year: int | None = told("Plan year; empty before the plan")
    is_complete: bool | None = told("The whole month lies before as_of")


class KpiQuery(Paging):
    vertical: Key | None = Field(None, description="A vertical, or company for all of them")
    metric: Key | None = Field(None, description="Key of the metric")
    window: Literal["month", "ytd", "trailing_12m"] | None = Field(
        None, description="Window that ends with the month"
    )
    from_on: Day | None = Field(None, alias="from", description="Months from this day on")
    to_on: Day | None = Field(None, alias="to", description="Months before this day")


_KPIS = Listing(
    Kpi,
    "kpis",
    {"metric": str, "vertical": str, "metric_window": str, "month": date},
    {
        "vertical": "vertical = $vertical",
        "metric": "metric = $metric",
        "window": "metric_window = $window",
        "from_on": "month >= $from_on",
        "to_on": "month < $to_on",
    },
    ("kpis",),
)

router = APIRouter(tags=["KPIs"], dependencies=[Depends(needs(Right.AGGREGATES))])


@router.get("/kpis", response_model=Page[Kpi])
def kpis(asked: Asking, query: Annotated[KpiQuery, Query()]) -> Response:
    """Figures against their targets, by metric, business, window and month. Money and all other
    values are numbers, as the mart has them."""
    return asked.page(_KPIS, query, **query.filters())
