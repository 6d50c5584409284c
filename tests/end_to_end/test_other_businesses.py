"""Businesses that are not the demo's."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox import cdnow
from tests.end_to_end import inputs
from tests.end_to_end.runner import (
    END,
    ask,
    ingest,
    open_workspace,
    run,
)
from workspace.paths import PROJECT


def test_a_shop_with_nothing_but_orders(tmp_path: Path, shared_data: Path) -> None:
    """CDNOW's real purchases and no other source: right to the cent, and every mart builds."""
    orders = tmp_path / "orders.ndjson"
    cdnow.convert(shared_data / "cdnow" / "CDNOW_master.txt", orders)
    opened = open_workspace(tmp_path / "w")
    ingest(opened, "events", orders)
    run(opened)
    assert ask(
        opened, "select count(*), count(distinct contact_id), sum(revenue) from marts.fct_orders"
    ) == [(69_659, 23_570, Decimal("2500315.63"))]
    assert ask(opened, "select count(*) from marts.dim_contacts") == [(23_570,)]
    published = {name for (name,) in ask(opened, "select view_name from duckdb_views()")}
    for name in ("dim_accounts", "fct_deals", "fct_ad_spend_daily", "mrr_movements"):
        assert name in published and ask(opened, f"select count(*) from marts.{name}") == [(0,)]
    # How often they come again is known, and what for is not: the dollars have no rate.
    assert ask(
        opened,
        "select customers, repeaters, r between 0.05 and 1, value_refusal "
        "from marts.customer_value_fits",
    ) == [(23_570, 11_516, True, "0 customers with a known value, 30 are needed")]
    assert ask(
        opened,
        "select count(*), count(expected_purchases), count(order_value_12m) "
        "from marts.customer_values",
    ) == [(23_570, 23_570, 0)]
    # Dollars without a rate to the base currency are a finding, and not a sum of zero.
    assert ask(opened, "select count(revenue_base) from marts.fct_orders") == [(0,)]
    assert ask(
        opened,
        "select count(*) > 0 from marts.plan_findings where rule = 'missing_currency_rate'",
    ) == [(True,)]


def test_a_third_vertical_by_yaml_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop whose customers are people and whose sales are orders."""
    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    with open(folder / "verticals.yml", "a", encoding="utf-8") as handle:
        handle.write(
            """
  shop:
    name: Online shop
    market: b2c
    customer_unit: contact
    hosts: [shop.example]
    funnel:
      - {stage: lead, name: Sign-up, metric: leads, from: {object: event, event: Signed Up}}
      - stage: paid
        name: First order
        metric: new_customers
        from: {object: event, event: Order Completed}
"""
        )
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    opened = open_workspace(tmp_path / "w", END)
    rows = []
    for n in range(10):
        common = {
            "type": "track",
            "userId": f"buyer-{n}",
            "timestamp": "2025-04-02T10:00:00Z",
            "receivedAt": "2025-04-02T10:00:01Z",
            "context": {"page": {"url": "https://shop.example/x", "path": "/x"}},
        }
        rows.append({**common, "messageId": f"s{n}", "event": "Signed Up", "properties": {}})
        if n < 4:
            order = {"order_id": f"o{n}", "revenue": 19.99, "currency": "EUR"}
            rows.append(
                {**common, "messageId": f"o{n}", "event": "Order Completed", "properties": order}
            )
    ingest(opened, "events", inputs.ndjson(tmp_path / "shop.ndjson", rows))
    run(opened)
    found = dict(
        ask(
            opened,
            """
            select metric, value from marts.kpi_monthly
            where vertical = 'shop' and month = date '2025-04-01' and metric_window = 'month'
                and metric in ('leads', 'new_customers')
            """,
        )
    )
    assert found == {"leads": 10, "new_customers": 4}
    stages = ask(
        opened,
        """
        select stage, entries from marts.funnel_stages
        where vertical = 'shop' and month = date '2025-04-01' order by stage
        """,
    )
    assert stages == [("lead", 10), ("paid", 4)]
    assert ask(opened, "select sum(revenue_base) from marts.fct_orders")[0][0] * 100 == 7996
