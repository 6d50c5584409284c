"""Series of facts, up to which day their sources told of them, and the alerts that follow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from models_ml.anomalies import found
from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from workspace import warehouse

Row = dict[str, Any]
TODAY = worlds.AS_OF.date()
LAST = TODAY - timedelta(days=1)
READ = ("int_mail_days", "int_daily_series", "int_series_sources")
FACTS = ("fct_ad_spend_daily", "fct_emails", "fct_sessions", "fct_orders", "fct_events")


@pytest.fixture
def house(golden: Lakehouse, tmp_path: Path) -> Lakehouse:
    copy = golden.copied(tmp_path)
    for name in FACTS:
        copy.put(f"marts.{name}", [])
    for name in ("intermediate.int_funnel_entries", "lake.crm_contacts", "lake.crm_deals"):
        copy.put(name, [])
    return copy


def built(house: Lakehouse) -> list[Row]:
    house.build(*READ, tests="cautious")
    with duckdb.connect(str(house.path)) as connection:
        rows = found.series_alerts(connection)
        warehouse.store(connection, found.TABLE, rows)
    house.build("anomalies", tests="cautious")
    return rows.to_pylist()


def ads(
    campaign: str, clicks: Callable[[date], int], last_on: date, days: int = 100, **more: Any
) -> list[Row]:
    platform = campaign.split("/")[0]
    return [
        {
            "campaign_id": campaign,
            "platform": platform,
            "spend_on": day,
            "clicks": clicks(day),
            "impressions": 40 * clicks(day),
            "vertical": "medical",
            **more,
        }
        for day in (last_on - timedelta(days=n) for n in range(days))
    ]


def reported(house: Lakehouse, rows: list[Row], until: dict[str, datetime]) -> None:
    """Facts of ads, and what the lake says of when the platforms told of them."""
    house.put("marts.fct_ad_spend_daily", rows)
    told = [
        {
            "platform": row["platform"],
            "campaign_id": row["campaign_id"],
            "spend_on": row["spend_on"],
            "known_at": until[row["platform"]],
        }
        for row in rows
    ]
    house.put("lake.ad_spend", told)


def weekly(day: date) -> int:
    return 300 if day.weekday() < 5 else 90


def test_a_planted_drop_is_told_in_a_sentence(house: Lakehouse) -> None:
    broken = LAST
    rows = ads("google_ads/1/a", weekly, broken)
    rows += ads("google_ads/1/b", lambda day: 20 if day == broken else weekly(day), broken)
    reported(house, rows, {"google_ads": worlds.AS_OF})
    told = built(house)
    assert [(row["subject"], row["metric"]) for row in told] == [
        ("google_ads/1/b", "ad_clicks"),
        ("google_ads/1/b", "impressions"),
    ]
    usual = weekly(broken)
    assert told[0]["sentence"] == (
        f"campaign google_ads/1/b, {broken}: clicks 20 where {usual} were expected (drop)"
    )
    assert len(found.latest(house_alerts(house))) == 2
    in_mart = house.rows(
        "select metric, value, expected, direction, is_latest from marts.anomalies"
    )
    assert sorted(in_mart) == [
        ("ad_clicks", 20.0, float(usual), "drop", True),
        ("impressions", 800.0, 40.0 * usual, "drop", True),
    ]


def test_after_a_season_the_weeks_before_it_are_read(house: Lakehouse) -> None:
    """In mid-September, after three months of which nothing is learnt."""
    with duckdb.connect(str(house.path)) as connection:
        connection.execute(
            "create or replace view staging.stg_marketing__anomaly_seasons as "
            "select 'medical' as vertical, unnest([6, 7, 8]) as season_month"
        )
    broken = date(2026, 9, 15)
    rows = ads("google_ads/1/a", lambda day: 20 if day == broken else weekly(day), LAST, days=200)
    reported(house, rows, {"google_ads": worlds.AS_OF})
    told = [(row["measured_on"], row["metric"], row["expected"]) for row in built(house)]
    assert told == [(broken, "ad_clicks", 300), (broken, "impressions", 12_000)]


def house_alerts(house: Lakehouse) -> Any:
    with duckdb.connect(str(house.path)) as connection:
        return connection.execute(f"from lake.{found.TABLE}").to_arrow_table()


def test_a_platform_that_is_late_has_no_drop(house: Lakehouse) -> None:
    """One told of its last two days, the other did not: it counts as nothing, and is no drop."""
    before = TODAY - timedelta(days=3)
    rows = ads("google_ads/1/a", weekly, LAST)
    rows += ads("meta_ads/2/b", weekly, before)
    until = {"google_ads": worlds.AS_OF, "meta_ads": worlds.AS_OF}
    reported(house, rows, until)
    assert built(house) == []
    sources = dict(
        house.rows("select series_source, complete_until_on from intermediate.int_series_sources")
    )
    assert sources == {"ads/google_ads": LAST, "ads/meta_ads": before}
    # Another campaign of the platform goes on: this one has ended.
    reported(house, rows + ads("meta_ads/2/c", weekly, LAST), until)
    told = {(row["subject"], row["measured_on"], row["lasts_days"]) for row in built(house)}
    assert told == {("meta_ads/2/b", TODAY - timedelta(days=2), 2)}


def test_mails_are_compared_within_a_day_of_their_sending(house: Lakehouse) -> None:
    noon = datetime.combine(TODAY, datetime.min.time()) + timedelta(hours=10)
    mails = []
    for days_back in range(1, 91):
        sent_at = noon - timedelta(days=days_back)
        for n in range(200):
            # One in ten is clicked, half of these two days later; on one day nobody clicks.
            clicked = n % 10 == 0 and days_back != 3
            later = timedelta(hours=50 if n % 20 else 2)
            mails.append(
                {
                    "email_id": f"{days_back}-{n}",
                    "vertical": "medical",
                    "sent_at": sent_at,
                    "delivered_at": sent_at,
                    "human_clicked_at": sent_at + later if clicked else None,
                }
            )
    house.put("marts.fct_emails", mails)
    house.put("marts.fct_events", [{"message_id": "m", "known_at": worlds.AS_OF}])
    (row,) = built(house)
    assert (row["metric"], row["direction"]) == ("mail_click_rate", "drop")
    assert row["measured_on"] == TODAY - timedelta(days=3)
    assert row["expected"] == pytest.approx(0.05, abs=0.001) and row["value"] == 0
    assert row["is_share"] and row["volume"] == 200


def test_verticals_and_their_funnels(house: Lakehouse) -> None:
    days = [TODAY - timedelta(days=n) for n in range(1, 80)]
    house.put(
        "intermediate.int_funnel_entries",
        [
            {
                "vertical": "public",
                "unit_id": f"{day}-{n}",
                "metric": "leads",
                "entered_on": day,
                "is_imputed": n >= 60,
            }
            for day in days
            for n in range(200 if day == days[4] else 70)
        ],
    )
    house.put("lake.crm_contacts", [{"crm_id": "1", "known_at": worlds.AS_OF}])
    series = house_series(house)
    assert series["vertical", "public", "leads", days[0]] == 60
    assert series["vertical", "public", "leads", days[4]] == 60
    # Imputed entries are nobody's act of that day.
    assert built(house) == []


def house_series(house: Lakehouse) -> dict[tuple[Any, ...], float]:
    house.run(*READ)
    rows = house.rows(
        "select scope, subject, metric, measured_on, value from intermediate.int_daily_series"
    )
    return {tuple(key): value for *key, value in rows}
