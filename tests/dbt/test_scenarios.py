"""Small worlds with one thing each: nothing at all, orders only, a third vertical, edges."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse

MARTS = "select table_name from information_schema.tables where table_schema = 'marts'"


def test_an_empty_lake_builds_and_holds_nothing(empty: Lakehouse) -> None:
    for (mart,) in empty.rows(MARTS):
        if mart not in ("kpi_metrics", "dim_currencies"):  # what there is, and the base currency
            assert empty.one(f"select count(*) from marts.{mart}") == 0, mart


# -- orders only ---------------------------------------------------------------------------


def test_orders_alone_give_customers_orders_and_revenue(orders: Lakehouse) -> None:
    assert orders.one("select count(*) from marts.fct_events") == 6
    found = orders.rows(
        "select currency, count(*), sum(revenue), count(distinct contact_id) "
        "from marts.fct_orders group by 1 order by 1"
    )
    assert found == [("GBP", 1, Decimal("1.0000"), 1), ("USD", 4, Decimal("106.3200"), 2)]
    assert orders.rows(
        "select contact_id, orders, order_revenue, order_currency from marts.dim_contacts "
        "order by 1"
    ) == [
        ("key-ann", 2, Decimal("23.7700"), "USD"),
        ("key-bob", 1, Decimal("77.0000"), "USD"),
        ("key-cyd", 1, Decimal("1.0000"), "GBP"),
    ]


def test_a_missing_rate_is_undefined_and_a_finding(orders: Lakehouse) -> None:
    assert orders.kpi("order_revenue", "1997-01-01") == (17.32, "measured")
    assert orders.kpi("orders", "1997-06-01") == (1, "measured")
    assert orders.kpi("order_revenue", "1997-06-01") == (None, "undefined")
    assert orders.kpi("order_revenue", "1997-06-01", "trailing_12m") == (None, "undefined")
    finding = orders.rows(
        "select value_a, explanation from marts.plan_findings "
        "where finding_id like 'missing_currency_rate.company.orders%'"
    )
    assert finding == [(1.0, "Load fx_rates for GBP from 1997-06-10 to 1997-06-10")]


def test_months_without_facts_are_kept(orders: Lakehouse) -> None:
    assert orders.kpi("orders", "2020-05-01") == (0, "measured")
    first, last, days = orders.rows(
        "select min(date_on), max(date_on), count(*) from marts.dim_dates"
    )[0]
    assert (first, last) == (date(1997, 1, 1), date(2027, 9, 30))
    assert days == (last - first).days + 1


# -- a third vertical ----------------------------------------------------------------------


def test_a_b2c_vertical_needs_no_code(shop: Lakehouse) -> None:
    assert shop.kpi("leads", "2026-03-01", scope="shop") == (5, "measured")
    assert shop.kpi("new_customers", "2026-03-01", scope="shop") == (2, "measured")
    # 31 March 22:30 UTC is April in Paris.
    assert shop.kpi("new_customers", "2026-04-01", scope="shop") == (1, "measured")
    assert shop.kpi("order_revenue", "2026-04-01", scope="shop") == (60, "measured")
    assert shop.kpi("customers", "2026-04-01", scope="shop") == (3, "measured")
    assert shop.kpi("cac_marketing", "2026-03-01", scope="shop") == (15, "measured")
    assert shop.kpi("cac_marketing_b2c", "2026-03-01") == (15, "measured")
    assert shop.rows(
        "select stage, entries, imputed_entries, next_stage_entries from marts.funnel_stages "
        "where vertical = 'shop' and month = date '2026-04-01' order by position"
    ) == [("lead", 1, 1, 1), ("paid", 1, 0, None)]


# -- a bit of everything -------------------------------------------------------------------


def test_merged_and_deleted_contacts_are_gone(busy: Lakehouse) -> None:
    gone = "('key-p900', 'key-p901')"
    assert busy.one(f"select count(*) from marts.dim_contacts where contact_id in {gone}") == 0
    assert busy.rows(
        "select contact_id, user_key, merged_contacts from marts.dim_contacts "
        "where contact_id = 'key-p0'"
    ) == [("key-p0", "user-0", 1)]
    assert busy.one("select contact_id from marts.fct_deals where deal_id = 'd0'") == "key-p0"
    sources = busy.rows(
        "select contact_source, count(*) from marts.dim_contacts group by 1 order by 1"
    )
    # A hundred addresses answered a survey and are known by nothing else.
    assert sources == [("address", 100), ("crm", 80), ("import", 1), ("user", 1)]


def test_accounts_know_their_public_reference(busy: Lakehouse) -> None:
    assert busy.rows(
        "select crm_id, reference_level, population, is_customer, mrr_base from marts.dim_accounts "
        "where crm_id in ('c0', 'c1', 'c70') order by 1"
    ) == [
        ("c0", "commune", 700, False, 0),
        ("c1", "epci", 9, True, 200),
        ("c70", None, None, False, 0),
    ]


def test_days_and_months_are_local(busy: Lakehouse) -> None:
    days = busy.rows(
        "select message_id, occurred_on, vertical, contact_id from marts.fct_events "
        "where event is null order by 1"
    )
    assert days == [
        ("v1", date(2025, 3, 30), "public", "key-p0"),
        ("v2", date(2025, 3, 31), "public", "key-p0"),
        ("v3", date(2025, 4, 1), None, "user-1"),
        ("v4", date(2025, 1, 1), None, None),
    ]
    assert busy.one("select page_path from marts.fct_events where message_id = 'v1'") == "/p"
    assert busy.one("select min(date_on) from marts.dim_dates") == date(2025, 1, 1)


def test_wilson_interval_of_a_cohort(busy: Lakehouse) -> None:
    row = busy.rows(
        "select entries, cohort_size, cohort_converted, cohort_conversion, cohort_conversion_low, "
        "cohort_conversion_high, imputed_entries from marts.funnel_stages "
        "where stage = 'lead' and vertical = 'public' and month = date '2025-01-01'"
    )[0]
    assert row[:4] == (80, 80, 12, 0.15)
    assert row[4:6] == pytest.approx((0.0881, 0.2442), abs=5e-4)
    assert row[6] == 0
    assert (
        busy.one(
            "select imputed_entries from marts.funnel_stages where vertical = 'public' "
            "and stage = 'demo' and month = date '2025-03-01'"
        )
        == 12
    )


def test_recurring_revenue_moves(busy: Lakehouse) -> None:
    movements = busy.rows(
        "select customer_id, month, new_mrr + reactivation_mrr, contraction_mrr, churn_mrr "
        "from marts.mrr_movements where month > date '2025-03-01' and month < date '2026-09-01' "
        "and (new_mrr + reactivation_mrr + expansion_mrr + contraction_mrr + churn_mrr) > 0 "
        "order by month"
    )
    zero = Decimal("0.0000")
    full = Decimal("300.0000")
    assert sorted(movements) == [
        ("key-c0", date(2025, 6, 1), zero, zero, full),
        ("key-c1", date(2025, 8, 1), zero, Decimal("100.0000"), zero),
        ("key-c2", date(2025, 6, 1), zero, zero, full),
        ("key-c2", date(2025, 9, 1), full, zero, zero),
    ]
    assert busy.kpi("mrr", "2025-09-01", scope="public") == (12 * 300 - 300 - 100, "measured")
    assert busy.kpi("reactivation_mrr", "2025-09-01", scope="public") == (300, "measured")
    # Two of twelve in June: below five churned, so the bound and not the rate makes the LTV.
    rate, floor, annual = busy.rows(
        "select logo_churn, logo_churn_for_ltv, logo_churn_annual from marts.unit_economics "
        "where vertical = 'public' and month = date '2025-06-01' and metric_window = 'month'"
    )[0]
    assert rate == pytest.approx(2 / 12)
    assert annual == pytest.approx(1 - (1 - 2 / 12) ** 12)
    assert floor == pytest.approx(0.399207, abs=1e-6)
    # A contract in dollars without a rate leaves the month's MRR undefined, not short.
    for metric in ("mrr", "customers", "logo_churn"):
        assert busy.kpi(metric, "2026-09-01", scope="public") == (None, "undefined"), metric


def test_nps_with_its_interval(busy: Lakehouse) -> None:
    row = busy.rows(
        "select value, value_low, value_high, denominator from marts.kpi_monthly "
        "where metric = 'nps' and vertical = 'public' and month = date '2025-05-01' "
        "and metric_window = 'month'"
    )[0]
    assert row == pytest.approx((45, 45 - 14.5, 45 + 14.5, 100), abs=0.01)
    assert busy.kpi("nps", "2025-04-01", scope="public") == (None, "undefined")


def test_advocacy_counts_customers_who_spoke_in_the_window(busy: Lakehouse) -> None:
    assert busy.kpi("advocacy_rate", "2025-05-01", "month", "public") == (1 / 12, "measured")
    # The advocate left in June.
    assert busy.kpi("advocacy_rate", "2025-06-01", "trailing_12m", "public") == (0, "measured")


def test_spend_is_converted_by_the_latest_rate_of_7_days(busy: Lakehouse) -> None:
    # 99 was restated to 100; the rate is of four days before.
    assert busy.rows("select spend, spend_base from marts.fct_ad_spend_daily") == [
        (Decimal("100.0000"), Decimal("120.0000"))
    ]
    assert busy.rows("select line, amount_base, is_from_ad_spend from marts.fct_costs_monthly") == [
        ("ad_spend", Decimal("120.0000"), True)
    ]
    assert busy.rows(
        "select campaign_id, campaign_name, campaign_source from marts.dim_campaigns order by 1"
    ) == [("ads/1/7", "Winter", "ad_spend"), ("utm//spring", "spring", "utm")]


def test_marts_hold_no_direct_identifier(busy: Lakehouse) -> None:
    for (mart,) in busy.rows(MARTS):
        text = str(busy.rows(f"select * from marts.{mart}"))
        for secret in ("example.org", "a@b.example", "secret", "Organisation p"):
            assert secret not in text, (mart, secret)
    assert busy.one("select original from pii.rejected_rows") == b"secret"
    assert (
        busy.one("select email from pii.contacts where contact_id = 'key-x1'") == "old@example.org"
    )
    assert busy.one("select user_id from pii.contacts where contact_id = 'key-p0'") == "zero"


def test_watermarks_follow_each_hop(busy: Lakehouse) -> None:
    hops = busy.rows(
        "select hop, row_count, last_received_at, last_known_at, lag_seconds "
        "from marts.watermarks where source = 'events' order by 1"
    )
    landed, known = datetime(2025, 5, 1), datetime(2025, 5, 2)
    lags = [(worlds.AS_OF - at).total_seconds() for at in (known, landed, known)]
    assert hops == [
        ("lake", 5, datetime(2025, 5, 3), known, lags[0]),
        ("landing", 5, landed, landed, lags[1]),
        ("warehouse", 5, None, known, lags[2]),
    ]
