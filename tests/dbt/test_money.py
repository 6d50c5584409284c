"""Budgets, channels, events, partners, cohorts and the calendar, against slow obvious sums."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import money_world, worlds
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.money_world import PIE, month_end

SELECTION = (
    "+reconciliation",
    "+event_performance",
    "+dim_partners",
    "+cohort_retention",
)
AS_OF = date(2026, 10, 1)
#: Pounds have no rate before.
FIRST_RATE_ON = date(2025, 1, 1)


class Drawn:
    """A built warehouse beside the rows it was built from."""

    def __init__(self, house: Lakehouse, rows: worlds.Streams) -> None:
        self.house, self.lake = house, rows

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.house.rows(query)


@pytest.fixture(scope="module", params=[1])
def money(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, target: Path
) -> Drawn:
    rows = money_world.draw(request.param)
    house = Lakehouse(tmp_path_factory.mktemp("money"), target)
    house.fill(as_of=worlds.AS_OF, **rows).build(*SELECTION, tests="cautious")
    return Drawn(house, rows)


def test_figures_of_two_marts_agree(money: Drawn) -> None:
    """The build's own check has passed; here that it compared something everywhere."""
    found = money.rows(
        "select figure, mart, count(*) filter (where is_equal), "
        "count(*) filter (where not is_equal), sum(abs(value)) > 0 "
        "from marts.reconciliation group by all"
    )
    figures = {figure for figure, *_ in found}
    assert figures >= {"ad_spend", "actual_cost", "budget", "leads", "mrr", "customers"}
    assert len(found) == 43
    # The funnel of this world has no stage between lead and paid seen on its own.
    assert all(equal > 0 and unequal == 0 for _, _, equal, unequal, _ in found)
    # Nobody visits its websites: test_session_performance has these.
    unseen = {figure for figure, *_, shown in found if not shown}
    assert unseen == {"sessions", "new_visitors", "engaged_sessions"}


def test_a_wrong_figure_would_be_told(money: Drawn) -> None:
    """One lead less in one mart is one row that is not equal."""
    with_error = money.rows(
        """
        with shown as (
            select mart, value - (row_number() over (order by vertical, month) = 1)::int as value,
                origin_value
            from marts.reconciliation where figure = 'leads' and mart = 'channel_performance'
        )
        select count(*) from shown where abs(value - origin_value) >= 0.005
        """
    )
    assert with_error == [(1,)]


def test_no_sum_depends_on_the_order_of_its_rows(money: Drawn) -> None:
    """Each is the double that is nearest to an exact sum; sums of doubles end beside it."""
    sums = [
        Decimal(repr(value))
        for (value,) in money.rows(
            "select sum_value from intermediate.int_measures_windowed where sum_value is not null"
        )
    ]
    assert any(value % 1 for value in sums)
    assert [value for value in sums if value != round(value, 6)] == []


def test_the_pie_is_in_thousands(money: Drawn) -> None:
    found = money.rows(
        "select line, sum(budget_thousands) from marts.budget_vs_actual "
        "where vertical = 'medical' and plan_year = 1 and cost_class = 'marketing' group by all"
    )
    assert dict(found) == {line: Decimal(thousands) for line, thousands in PIE.items()}
    assert sum(amount for _, amount in found) == 116
    ((at_year_end,),) = money.rows(
        "select sum(budget_ytd_thousands) from marts.budget_vs_actual where "
        "vertical = 'medical' and cost_class = 'marketing' and month = date '2025-09-01'"
    )
    assert at_year_end == 116


def test_every_cost_line_is_in_the_budget(money: Drawn) -> None:
    """Each planned or booked row is found, with its own amount and the year's sum up to it."""
    found = {
        tuple(row[:4]): row[4:]
        for row in money.rows(
            "select vertical, month, line, cost_class, budget_base, actual_base, "
            "actual_ytd_base, budget_status from marts.budget_vs_actual where not is_from_ad_spend"
        )
    }
    by_scenario: dict[str, dict[Any, Decimal | None]] = {"budget": {}, "actual": {}}
    for row in money.lake["costs"]:
        key = (row["vertical"], row["cost_month"], row["line"], row["cost_class"])
        amount = None if row["currency"] == "XAF" else Decimal(str(row["amount"]))
        by_scenario[row["scenario"]][key] = amount
    for key in by_scenario["budget"].keys() | by_scenario["actual"].keys():
        budget, actual, _, status = found.pop(key)
        assert budget == by_scenario["budget"].get(key), key
        assert actual == by_scenario["actual"].get(key), key
        assert (status == "undefined") == (key in by_scenario["actual"] and actual is None)
    assert {row[:2] for row in found.values()} == {(None, None)}  # months in between
    medical = [v for k, v in by_scenario["actual"].items() if k[0] == "medical"]
    ((year,),) = money.rows(
        "select sum(actual_ytd_base) from marts.budget_vs_actual "
        "where vertical = 'medical' and month = date '2025-09-01'"
    )
    assert year == sum(amount or 0 for amount in medical)


def test_ad_spend_is_not_counted_twice(money: Drawn) -> None:
    """Medical books its media, so its channels split that line; public's spend is the line."""
    medical = money.rows(
        "select sum(cost_base) from marts.channel_performance where vertical = 'medical' "
        "and month = date '2025-03-01' and channel in ('paid_media', 'paid_search', 'paid_social')"
    )
    booked = money.rows(
        "select actual_base from marts.budget_vs_actual where vertical = 'medical' "
        "and month = date '2025-03-01' and line = 'digital'"
    )
    assert medical == booked
    public = money.rows(
        "select line, is_from_ad_spend, sum(actual_base) > 0 from marts.budget_vs_actual "
        "where vertical = 'public' and is_paid_media group by all"
    )
    assert public == [("ad_spend", True, True)]
    left = money.rows(
        "select sum(cost_base) from marts.channel_performance "
        "where vertical = 'public' and channel = 'paid_media'"
    )
    assert left == [(0,)]


def test_leads_stand_at_the_channel_of_their_first_contact(money: Drawn) -> None:
    words = {"ORGANIC_SEARCH": "organic_search", "paid_search": "paid_search"}
    words |= {"OFFLINE": "events", "REFERRALS": "referral"}
    first: dict[str, dict[str, Any]] = {}
    for contact in sorted(money.lake["crm_contacts"], key=lambda c: c["created_at"]):
        first.setdefault(contact["company_crm_id"], contact)
    expected: Counter[tuple[str, str]] = Counter()
    for company_id, contact in first.items():
        starts = [
            datetime.combine(d["contract_start_on"], datetime.min.time()) + timedelta(hours=10)
            for d in money.lake["crm_deals"]
            if d["company_crm_id"] == company_id and d["contract_start_on"] < AS_OF
        ]
        if starts and min(starts) < contact["created_at"]:
            # A deal won before anyone is known was seen first, with its own contact.
            contact = next(
                c for c in money.lake["crm_contacts"] if c["crm_id"] == f"{company_id}-p0"
            )
        properties = contact["properties"]
        named = {'"Spring"': "paid_search", '"8"': "paid_social"}
        campaign = next((c for word, c in named.items() if f'data_1": {word}' in properties), None)
        channel = words.get(contact["lead_source"], campaign or "unknown")
        if '"partner": null' not in properties:
            channel = "partner"
        expected[contact["vertical"], channel] += 1
    found = money.rows(
        "select vertical, channel, sum(sourced_leads)::int from marts.channel_performance "
        "group by all having sum(sourced_leads) > 0"
    )
    assert {(v, c): n for v, c, n in found} == dict(expected)


def test_partners_keep_their_names_apart(money: Drawn) -> None:
    found = dict(
        money.rows(
            "select partner_id, partner_type from marts.dim_partners where sourced_contacts > 0"
        )
    )
    assert found == {"amf": "institutional", "chez paul": "unlisted"}
    ((listed, distinct),) = money.rows(
        "select count(*), count(distinct partner_id) from marts.dim_partners"
    )
    assert listed == distinct == 15


def test_influence_is_what_the_account_had_before_the_win(money: Drawn) -> None:
    def names(row: dict[str, Any]) -> set[str]:
        if '"Chez Paul"' in row["properties"]:
            return {"chez paul"}
        return {"amf"} if '"partner": null' not in row["properties"] else set()

    won: Counter[str] = Counter()
    revenue: Counter[str] = Counter()
    sourced = dict(money.rows("select deal_id, partner_id from intermediate.int_deal_sources"))
    for deal in money.lake["crm_deals"]:
        partners = names(deal) or {sourced[deal["crm_id"]]} - {None}
        for contact in money.lake["crm_contacts"]:
            same = contact["company_crm_id"] == deal["company_crm_id"]
            if same and contact["created_at"] < deal["closed_at"]:
                partners = partners | names(contact)
        for partner in partners:
            won[partner] += 1
            rate = Decimal("1.2") if deal["currency"] == "GBP" else 1
            revenue[partner] += deal["amount"] * rate
    found = money.rows(
        "select partner_id, influenced_deals_won, influenced_won_base from marts.dim_partners "
        "where influenced_deals_won > 0"
    )
    assert {p: n for p, n, _ in found} == dict(won)
    for partner, _, amount in found:
        assert amount is None or amount == revenue[partner]


def test_cohorts_against_contracts_day_by_day(money: Drawn) -> None:
    """Who pays what on each month's last day, straight from the contracts."""
    months = worlds.months_of_year_1() + [
        m.replace(year=m.year + 1) for m in worlds.months_of_year_1()
    ]
    paid: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    unknown: set[tuple[str, date]] = set()
    for deal in money.lake["crm_deals"]:
        for month in months:
            end = month_end(month)
            ends_on = deal["contract_end_on"] or date.max
            if not deal["contract_start_on"] <= end < ends_on:
                continue
            if deal["currency"] == "GBP" and deal["contract_start_on"] < FIRST_RATE_ON:
                unknown.add((deal["company_crm_id"], month))
                continue
            rate = Decimal("1.2") if deal["currency"] == "GBP" else 1
            paid[deal["company_crm_id"], month] += deal["mrr"] * rate
    first = {}
    for customer, month in sorted(paid, key=lambda key: key[1]):
        first.setdefault(customer, month)
    expected: dict[tuple[str, date, date], list[Any]] = {}
    for customer, cohort in first.items():
        vertical = customer.split("-")[0]
        for month in months:
            if month >= cohort:
                row = expected.setdefault((vertical, cohort, month), [0, 0, 0, 0, 0, False])
                mrr, start = paid.get((customer, month), Decimal(0)), paid[customer, cohort]
                if unknown & {(customer, month), (customer, cohort)}:
                    row[5] = True
                for n, value in enumerate((1, mrr > 0, start, mrr, min(mrr, start))):
                    row[n] += value
    found = money.rows(
        "select vertical, cohort_month, month, customers, retained_customers, start_mrr, "
        "retained_mrr, retained_mrr_capped, age_months, logo_retention, logo_retention_low, "
        "logo_retention_high, net_revenue_retention from marts.cohort_retention"
    )
    assert {tuple(row[:3]) for row in found} == set(expected)
    assert any(row[4] < row[3] for row in found)
    for row in found:
        customers, kept, start, mrr, capped, is_unknown = expected[tuple(row[:3])]
        amounts = (None, None, None) if is_unknown else (start, mrr, capped)
        assert row[3:8] == (customers, kept, *amounts)
        assert row[8] == (row[2].year - row[1].year) * 12 + row[2].month - row[1].month
        low, high = wilson(kept, customers)
        assert row[9:12] == pytest.approx((kept / customers, low, high), abs=1e-9)
        net = None if is_unknown else pytest.approx(float(mrr / start))
        assert row[12] == net
    assert {row[12] is None for row in found} == {True, False}


def wilson(k: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    p = k / n
    middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def test_events_against_their_lists(money: Drawn) -> None:
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in money.lake["attendees"]:
        if "email_key" in row:
            latest[row["event_key"], row["email_key"]] = row  # drawn in the order they were known
    deals = money.lake["crm_deals"]
    for key, listed, registered, attended, opened, won, window_end in money.rows(
        "select event_key, listed, registered, attended, deals_opened, deals_won, window_end_on "
        "from marts.event_performance"
    ):
        people = [row for (event, _), row in latest.items() if event == key]
        came = [row for row in people if row["status"] == "attended"]
        assert (listed, registered, attended) == (len(people), len(people), len(came))
        starts_on = people[0]["starts_on"]
        assert window_end == starts_on + timedelta(91)
        accounts = {row["email_key"][len("email-") : -len("-p0")] for row in came}
        mine = [
            deal
            for deal in deals
            if deal["company_crm_id"] in accounts
            and starts_on <= deal["contract_start_on"] < window_end
        ]
        assert (opened, won) == (len(mine), len(mine))


def test_what_has_no_known_cost_has_no_return(money: Drawn) -> None:
    found = money.rows(
        "select event_type, count(*) filter (where cost_base is null) = count(*), "
        "count(*) filter (where cost_base is null and roi is not null) "
        "from marts.event_performance group by all order by 1"
    )
    unknown = {event_type: nothing for event_type, nothing, _ in found}
    assert unknown.pop("party") is True and not all(unknown.values())
    assert all(returns == 0 for _, _, returns in found)


def test_the_calendar_keeps_every_item_and_every_slot(money: Drawn) -> None:
    published = {
        item["content_id"]
        for item in money.lake["content_items"]
        if item["status"] != "draft" and item["published_at"] < worlds.AS_OF
    }
    found = money.rows(
        "select content_id, vertical, content_type, planned_on, published_on, calendar_status "
        "from marts.content_calendar"
    )
    shown = [content_id for content_id, *_ in found if content_id is not None]
    assert sorted(shown) == sorted(published)
    for _, _, kind, planned, out, status in found:
        if planned and out:
            assert status == ("on_time" if out <= planned + timedelta(2) else "late")
            assert out >= planned - timedelta(1)
        elif planned and kind in ("newsletter", "email_tip"):  # weekly, a day early at most
            assert status == ("open" if planned + timedelta(6) > AS_OF else "missed")
    letters = sorted(
        planned for _, v, kind, planned, *_ in found if kind == "newsletter" and planned
    )
    every_friday = [date(2024, 10, 4) + timedelta(7 * n) for n in range(len(letters))]
    assert letters == every_friday and letters[-1] <= AS_OF + timedelta(30) < letters[
        -1
    ] + timedelta(7)


def test_adherence_is_filled_slots_of_those_due(money: Drawn) -> None:
    for vertical in ("medical", "public"):
        ((filled, due, on_time),) = money.rows(
            "select count(*) filter (where calendar_status <> 'missed'), count(*), "
            "count(*) filter (where calendar_status = 'on_time') from marts.content_calendar "
            f"where vertical = '{vertical}' and calendar_status in ('on_time', 'late', 'missed') "
            "and planned_on >= date '2025-10-01' and planned_on < date '2026-10-01'"
        )
        for metric, numerator in (("content_adherence", filled), ("content_on_time", on_time)):
            value, status = money.house.kpi(metric, "2026-09-01", "trailing_12m", vertical)
            assert status == "measured" and value == pytest.approx(numerator / due)


def test_a_business_without_a_library_missed_nothing(golden: Lakehouse) -> None:
    found = golden.kpi("content_adherence", "2025-09-01", "month", "medical")
    assert found == (None, "not_yet_measured")
