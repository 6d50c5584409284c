"""Customers' values from orders and contracts, by hand and beside the library."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from models_ml.value.bg_nbd import BgNbd
from models_ml.value.estimates import HORIZON_WEEKS, customer_values
from models_ml.value.fitting import fit
from models_ml.value.gamma_gamma import GammaGamma
from models_ml.value.histories import histories, summed
from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.models_ml.value.worlds import START, purchases
from workspace import warehouse

Row = dict[str, Any]
TODAY = worlds.AS_OF.date()
DAYS, MARTS = "int_purchase_days", ("customer_values", "customer_value_fits")


@pytest.fixture
def house(golden: Lakehouse, tmp_path: Path) -> Lakehouse:
    return golden.copied(tmp_path)


def order(name: str, contact: str | None, days_back: int, revenue: Any, **more: Any) -> Row:
    return {
        "order_id": name,
        "contact_id": contact,
        "vertical": "medical",
        "ordered_on": TODAY - timedelta(days=days_back),
        "revenue": revenue,
        "revenue_base": revenue,
        **more,
    }


def built(house: Lakehouse, orders: list[Row], people: list[Row] = [], **tables: list[Row]) -> None:  # noqa: B006
    house.put("marts.fct_orders", orders)
    house.put("intermediate.int_contacts", people)
    for name, rows in tables.items():
        house.put(f"intermediate.{name}", rows)
    house.run(DAYS, "int_contract_values")
    with duckdb.connect(str(house.path)) as connection:
        for name, table in customer_values(connection).items():
            warehouse.store(connection, name, table)
    house.build(*MARTS, tests="cautious")


def test_who_the_customer_is_and_what_a_day_is_worth(house: Lakehouse) -> None:
    orders = [
        order("1", "anna", 9, 10),
        order("2", "anna", 9, 5),
        order("3", "bert", 8, 7),
        order("4", "carl", 8, 3),
        order("5", "dora", 8, 3, revenue_base=None),
        order("6", None, 8, 99),
        order("7", "erik", 8, 4),
        order("8", "fred", 8, 4, vertical=None),
    ]
    people = [
        {"contact_id": "anna", "account_id": "clinic"},
        {"contact_id": "bert", "account_id": "clinic"},
        {"contact_id": "erik", "account_id": None},
        {"contact_id": "fred", "account_id": "clinic"},
    ]
    objecting = [{"contact_id": name} for name in ("erik", "bert")]
    built(house, orders, people, int_profiling_objections=objecting)
    rows = house.rows(
        "select vertical, customer_type, customer_id, orders, cast(value_base as double) "
        "from intermediate.int_purchase_days order by all"
    )
    assert rows == [
        ("medical", "account", "clinic", 1, 7.0),  # of an organisation, whoever ordered
        ("medical", "account", "clinic", 2, 15.0),
        ("medical", "contact", "carl", 1, 3.0),
        ("medical", "contact", "dora", 1, None),  # a rate is missing
        ("unassigned", "contact", "fred", 1, 4.0),
    ]


def test_what_cannot_be_fitted_says_why(house: Lakehouse) -> None:
    built(house, [order("1", "anna", 9, 10), order("2", "anna", 3, 20), order("3", "anna", 0, 9)])
    assert house.rows("select vertical, refusal, value_refusal from marts.customer_value_fits") == [
        ("medical", "1 customers, 100 are needed", "1 customers, 100 are needed")
    ]
    found = house.rows(
        "select orders, repeat_purchases, mean_value, expected_purchases, order_value_12m, currency"
        " from marts.customer_values where customer_id = 'anna'"
    )
    # The order of the running day is counted and not learnt from.
    assert found == [(3, 1, 20.0, None, None, "EUR")]


def test_estimates_are_those_of_the_library(house: Lakehouse) -> None:
    weeks = 60
    drawn = purchases(300, weeks, BgNbd(0.8, 4.0, 0.9, 2.5), GammaGamma(6.0, 4.0, 15.0))
    moved = drawn.with_columns(pl.col("ordered_on") + (TODAY - START - timedelta(weeks=weeks)))
    orders = [
        {**order(str(n), row["customer_id"], 0, row["value"]), "ordered_on": row["ordered_on"]}
        for n, row in enumerate(moved.to_dicts())
    ]
    built(house, orders)
    # fct_orders holds amounts to the cent and finer.
    stored = house.rows(
        "select customer_id, ordered_on, cast(value_base as double) "
        "from intermediate.int_purchase_days"
    )
    days = pl.DataFrame(stored, schema=drawn.schema, orient="row")
    fitted, customers = fit(days, TODAY), summed(days, TODAY)
    assert fitted.orders is not None and fitted.value is not None
    wanted = dict(
        zip(
            customers["customer_id"],
            fitted.orders.expected(histories(customers), HORIZON_WEEKS),
            strict=True,
        )
    )
    found = house.rows(
        "select customer_id, expected_purchases, expected_purchase_value, order_value_12m, "
        "gross_margin from marts.customer_values as values "
        "join staging.stg_marketing__verticals as verticals using (vertical) "
        "where expected_purchases is not null"
    )
    assert len(found) == len(wanted) == 300
    for customer, expected, worth, value, margin in found:
        assert expected == pytest.approx(wanted[customer], rel=1e-4)
        assert value == pytest.approx(expected * worth * margin)
    ((deviation, naive),) = house.rows(
        "select holdout_deviation, holdout_naive_deviation from marts.customer_value_fits"
    )
    assert abs(deviation) < abs(naive)


def test_contracts_are_worth_what_churn_leaves_of_them(house: Lakehouse) -> None:
    """Of the last month that is over: the running one has lost only part of what it will."""
    this_month = TODAY.replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    contracts = [
        {"deal_id": "1", "customer_id": "clinic", "mrr_base": 100, "starts_on": TODAY},
        {"deal_id": "2", "customer_id": "clinic", "mrr_base": 50, "starts_on": START},
        {"deal_id": "3", "customer_id": "gone", "starts_on": START, "ends_on": TODAY},
        {"deal_id": "4", "customer_id": "later", "starts_on": TODAY + timedelta(days=1)},
        {"deal_id": "5", "customer_id": "abroad", "starts_on": START},
        {"deal_id": "6", "customer_id": "town", "mrr_base": 10, "starts_on": START},
    ]
    for row in contracts:
        row["vertical"] = "public" if row["customer_id"] == "town" else "medical"
    house.put("marts.dim_accounts", [{"account_id": "clinic"}])
    house.put(
        "marts.unit_economics",
        [
            {
                "vertical": "medical",
                "month": month,
                "metric_window": "trailing_12m",
                "gross_margin": 0.8,
                "logo_churn_for_ltv": churn,
            }
            for month, churn in ((START, 0.5), (last_month, 0.01), (this_month, 0.9))
        ],
    )
    built(house, [], int_contracts=contracts)
    rows = house.rows(
        "select customer_id, customer_type, contracts, cast(mrr_base as double), "
        "contract_value_12m, contract_lifetime_value from marts.customer_values order by all"
    )
    year = 150 * 0.8 * sum(0.99**month for month in range(12))
    assert rows == [
        ("abroad", "contact", 1, None, None, None),
        ("clinic", "account", 2, 150.0, pytest.approx(year), pytest.approx(150 * 0.8 * 60)),
        ("town", "contact", 1, 10.0, None, None),  # nothing is known of its churn
    ]
