"""Year 1's figures, recomputed from the written files alone."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

YEAR_1 = "'2024-10-01' and t < '2025-10-01'"
YEAR_2 = "'2025-10-01' and t < '2026-10-01'"

CONTACT_STAGES = [
    ("medical", "lead", 1_200, 2_700),
    ("medical", "marketingqualifiedlead", 600, 1_500),
    ("medical", "salesqualifiedlead", 120, 300),
    ("public", "lead", 2_400, 5_200),
    ("public", "salesqualifiedlead", 600, 1_300),
]
DEAL_STAGES = [
    ("demo_held", 96, 240),
    ("trial_started", 60, 150),
    ("contract_signed", 30, 66),
    ("demo_done", 360, 800),
    ("pilot_access", 180, 560),
    ("procurement_open", 130, 410),
    ("approved_signed", 100, 320),
]


def one(files: duckdb.DuckDBPyConnection, query: str) -> object:
    return files.execute(query).fetchone()[0]


def entries(files: duckdb.DuckDBPyConnection, table: str, name: str, where: str, year: str) -> int:
    return one(
        files,
        f"select count(*) from (select try_cast(properties->>'{name}' as timestamp) t "
        f"from {table} where {where}) where t >= {year}",
    )


@pytest.mark.parametrize(("vertical", "stage", "first", "second"), CONTACT_STAGES)
def test_entries_to_contact_stages(files, vertical, stage, first, second):
    name = f"hs_lifecyclestage_{stage}_date"
    where = f"properties->>'vertical' = '{vertical}'"
    assert entries(files, "contacts", name, where, YEAR_1) == first
    assert entries(files, "contacts", name, where, YEAR_2) == second


@pytest.mark.parametrize(("stage", "first", "second"), DEAL_STAGES)
def test_entries_to_deal_stages(files, stage, first, second):
    name = f"hs_v2_date_entered_{stage}"
    where = "properties->>'dealtype' = 'newbusiness'"
    assert entries(files, "deals", name, where, YEAR_1) == first
    assert entries(files, "deals", name, where, YEAR_2) == second


def mrr(files: duckdb.DuckDBPyConnection, pipeline: str, day: str) -> tuple[Decimal, int]:
    return files.execute(
        f"select sum(mrr), count(distinct company) from won where pipeline = '{pipeline}' "
        f"and began <= date '{day}' and coalesce(ended > date '{day}', true)"
    ).fetchone()


def test_recurring_revenue_at_the_end_of_year_1_is_the_plan(files):
    assert mrr(files, "medical_sales", "2025-09-30")[0] * 12 == 180_000
    assert mrr(files, "public_sales", "2025-09-30")[0] * 12 == 360_000


def test_customers_at_the_end_of_year_2(files):
    assert 70 <= mrr(files, "medical_sales", "2026-09-30")[1] <= 100
    assert 300 <= mrr(files, "public_sales", "2026-09-30")[1] <= 500


def test_new_customers_pay_the_mean_of_the_plan_in_year_1(files):
    for pipeline, number, mean in (("medical_sales", 30, 500), ("public_sales", 100, 300)):
        count, total = files.execute(
            f"select count(*), sum(mrr) from won where pipeline = '{pipeline}' "
            "and deal_type = 'newbusiness' and began < date '2025-10-01'"
        ).fetchone()
        assert count == number
        # A contraction lowers the MRR of the deal that follows, never that of the first one.
        assert total == number * mean


def cost(files: duckdb.DuckDBPyConnection, vertical: str, where: str) -> Decimal:
    return one(
        files,
        "select sum(amount) from (select cost_month, cost_class, line, "
        "try_cast(amount as decimal(18, 2)) amount from costs where scenario = 'actual' and "
        f"vertical = '{vertical}' and try_cast(cost_month || '-01' as date) is not null "
        "and try_cast(amount as decimal(18, 2)) is not null "
        "qualify row_number() over (partition by cost_month, line order by known_at desc) = 1) "
        f"where cost_month < '2025-10' and {where}",
    )


def test_the_three_readings_of_acquisition_cost(files):
    marketing = cost(files, "medical", "cost_class = 'marketing'")
    sales = cost(files, "medical", "cost_class = 'sales'")
    team = cost(files, "medical", "line = 'direct_sales_team'")
    assert (marketing, sales, team) == (116_000, 150_000, 45_000)
    assert round((marketing + sales) / 30, 2) == Decimal("8866.67")
    assert round((marketing - team + sales) / 30, 2) == Decimal("7366.67")
    assert round(marketing / 30, 2) == Decimal("3866.67")
    public = cost(files, "public", "cost_class = 'marketing'")
    assert (public, cost(files, "public", "cost_class = 'sales'")) == (80_000, 120_000)
    assert (public + 120_000) / 100 == 2_000


def test_the_seven_medical_lines(files):
    lines = {
        "medical_congresses": 25_000,
        "direct_sales_team": 45_000,
        "digital": 13_000,
        "partnerships": 15_000,
        "referral": 5_000,
        "content": 8_000,
        "webinars_events": 5_000,
    }
    for line, amount in lines.items():
        assert cost(files, "medical", f"line = '{line}'") == amount


def test_advertising_fits_into_the_digital_line(files):
    spend = one(
        files,
        "select sum(spend::double) from ad_spend where vertical = 'medical' "
        "and try_cast(spend_on as date) < date '2025-10-01' and currency in ('EUR', 'USD', 'GBP')",
    )
    assert 8_000 < spend < 13_000


def test_november_is_the_peak_and_august_the_low(files):
    months = dict(
        files.execute(
            "select t[6:7], count(*) from (select properties->>'hs_v2_date_entered_approved_signed'"
            " t from deals where properties->>'dealtype' = 'newbusiness') "
            "where t < '2025-10-01' group by 1"
        ).fetchall()
    )
    assert max(months, key=months.get) == "11"
    assert min(months, key=months.get) == "08"


def test_survey_answers_suffice_for_a_score(files):
    answers = files.execute(
        "select vertical, answered_at < '2025-10-01', count(distinct email) from surveys "
        "where question_type = 'nps' and try_cast(score as int) is not null group by all"
    ).fetchall()
    assert len(answers) == 4
    assert all(n > 20 for _, _, n in answers)
