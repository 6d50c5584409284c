"""The source documents' own figures, from those inputs alone."""

from __future__ import annotations

import pytest

from tests.dbt.lakehouse import Lakehouse

YEAR_1 = "2025-09-01"


@pytest.mark.parametrize(
    ("scope", "metric", "value"),
    [
        ("medical", "cac_full", (116_000 + 150_000) / 30),
        ("medical", "cac_marketing", 116_000 / 30),
        ("medical", "cac_deduplicated", (116_000 + 150_000 - 45_000) / 30),
        ("public", "cac_full", (80_000 + 120_000) / 100),
        ("public", "cac_deduplicated", 2_000),
        ("company", "cac_full", 466_000 / 130),
        ("medical", "payback_months", 266_000 / 30 / 500),
        ("public", "payback_months", 2_000 / 300),
        ("medical", "arpa", 500),
    ],
)
def test_acquisition_cost(golden: Lakehouse, scope: str, metric: str, value: float) -> None:
    found, status = golden.kpi(metric, YEAR_1, "trailing_12m", scope)
    assert status == "measured"
    assert found == pytest.approx(value, rel=1e-12)


def test_the_published_figures(golden: Lakehouse) -> None:
    shown = golden.rows(
        "select vertical, round(value, 2) from marts.kpi_monthly where metric = 'cac_full' "
        f"and month = date '{YEAR_1}' and metric_window = 'trailing_12m' "
        "and vertical <> 'company' order by 1"
    )
    assert shown == [("medical", 8_866.67), ("public", 2_000.00)]


def test_verticals_sum_to_the_company(golden: Lakehouse) -> None:
    unequal = golden.rows(
        """
        select metric, month, metric_window
        from marts.kpi_monthly inner join marts.kpi_metrics using (metric)
        where kind in ('flow', 'stock')
        group by all
        having abs(
            coalesce(sum(value) filter (where vertical <> 'company'), 0)
            - coalesce(sum(value) filter (where vertical = 'company'), 0)
        ) > 1e-6
        """
    )
    assert unequal == []


def test_targets_are_met_missed_or_open(golden: Lakehouse) -> None:
    def status(scope: str, metric: str, month: str, window: str) -> str:
        return golden.one(
            "select target_status from marts.kpi_monthly where metric_window = "
            f"'{window}' and vertical = '{scope}' and metric = '{metric}' "
            f"and month = date '{month}'"
        )

    assert status("medical", "cac_full", YEAR_1, "trailing_12m") == "met"  # 8,866.67 of 8,867
    assert status("public", "cac_full", YEAR_1, "trailing_12m") == "met"  # first listed: at most
    assert status("medical", "cac_full", "2025-08-01", "trailing_12m") == "open"  # 11 months
    assert status("medical", "customers", "2025-08-01", "month") == "open"  # year still running
    assert status("medical", "customers", YEAR_1, "month") == "met"
    assert status("public", "leads", YEAR_1, "month") == "missed"
    assert status("medical", "leads", YEAR_1, "month") == "no_target"
    assert status("company", "cac_marketing", YEAR_1, "trailing_12m") == "no_target"  # no USD rate


def test_an_undefined_ratio_is_never_zero(golden: Lakehouse) -> None:
    assert golden.kpi("cac_full", "2026-08-01", "month", "medical") == (None, "undefined")
    assert golden.kpi("ltv", "2024-10-01", "month", "medical") == (None, "undefined")
    assert golden.kpi("trial_to_paid", YEAR_1, "month", "public") == (None, "undefined")


def test_what_has_no_source_is_a_row(golden: Lakehouse) -> None:
    for metric in ("engagement_rate", "uptime", "nps", "orders", "mqls"):
        assert golden.kpi(metric, YEAR_1, "month", "public") == (None, "not_yet_measured")


def test_every_metric_of_the_targets_has_its_rows(golden: Lakehouse) -> None:
    missing = golden.rows(
        "select metric from marts.kpi_targets except select metric from marts.kpi_monthly"
    )
    assert missing == []


#: rule, scope, metric, plan year -> both readings, by hand from the documents' figures.
FINDINGS = {
    ("stated_sum", "medical", "medical_priority_segments", None): (7_900, 7_300),
    ("stated_sum", "medical", "medical_marketing_budget", None): (116, 100),
    ("stated_sum", "public", "communes_by_size", None): (31_500, 34_965),
    ("cost_counted_twice", "medical", "cac_full", 1): (221_000 / 30, 8_867),
    ("throughput_chain", "public", "trial_to_paid", 1): (6, 8),
    ("company_ratio", "public", "lead_to_customer", 1): (0.04, 0.05),
    ("company_ratio", "medical", "lead_to_customer", 1): (0.05, 0.05),
    ("new_mrr_and_arr", "public", "new_mrr", 1): (4_320_000, 360_000),
    ("new_mrr_per_customer", "public", "new_mrr", 1): (3_750, 300),
    ("ltv_chain", "public", "ltv_to_cac", 1): (60_000, 30_000),
    ("ltv_chain", "public", "ltv_to_cac", 2): (75_000, 30_000),
    ("ltv_chain", "public", "ltv_to_cac", 3): (1_000_000 / 9, 30_000),
    ("ltv_chain", "medical", "ltv_to_cac", 1): (25_000, 26_601),
    ("ltv_chain", "medical", "ltv_to_cac", 2): (100_000 / 3, 30_000),
    ("ltv_chain", "medical", "ltv_to_cac", 3): (50_000, 28_000),
    ("ltv_constant", "public", "ltv_to_cac", None): (30_000, 30_000),
    ("churn_period", "public", "logo_churn_annual", 1): (0.0583772, 0.05),
    ("same_number_two_periods", "company", "logo_churn", None): (0.4596399, 0.05),
    ("company_limit", "medical", "cac_full", 1): (8_867, 50),
    ("company_limit", "public", "cac_full", 1): (2_000, 50),
    ("adds_and_stock", "medical", "customers", 2): (121.02396, 100),
    ("adds_and_stock", "public", "customers", 3): (1_982.29405, 1_500),
}


def test_the_plan_linter_names_each_broken_chain(golden: Lakehouse) -> None:
    found = {
        tuple(row[:4]): (row[4], row[5])
        for row in golden.rows(
            "select rule, scope, metric, plan_year, value_a, value_b from marts.plan_findings"
        )
    }
    for key, readings in FINDINGS.items():
        assert found[key] == pytest.approx(readings, rel=1e-5), key
    # What holds is not named.
    assert ("stated_sum", "public", "departements_and_regions", None) not in found
    assert ("stated_sum", "public", "collectivites", None) not in found
    assert ("throughput_chain", "public", "lead_to_sql", 1) not in found
    assert ("churn_period", "public", "logo_churn_annual", 2) not in found
    assert ("cost_and_cac", "medical", "cac_full", 1) not in found
    assert not [key for key in found if key[0] == "company_total"]


def test_the_contradictions_of_the_shipped_plan_are_known(golden: Lakehouse) -> None:
    unknown = "select distinct rule from marts.plan_findings where not is_known"
    assert golden.rows(unknown) in ([], [("missing_currency_rate",)])
