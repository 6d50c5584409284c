"""The operational metrics: how fast, how late, how sound what comes in is."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse

AS_OF = datetime(2026, 4, 10, 12)
MARCH, APRIL = "2026-03-01", "2026-04-01"
OLD = datetime(2025, 1, 1)
LANDED = datetime(2026, 3, 5, 8)
LATE = datetime(2026, 3, 31, 22, 30)  # April in Paris
METRICS = (
    *("ingestion_latency_p99_ms", "data_freshness_minutes"),
    *("crm_lag_minutes", "invalid_critical_fields"),
)
BUILT = ("+kpi_monthly", "+critical_fields")
Row = dict[str, Any]


def _run(run_id: str, as_of: datetime, status: str = "succeeded", step: str = "published") -> Row:
    return {
        "run_id": run_id,
        "as_of": as_of,
        "step": step,
        "status": status,
        "finished_at": as_of + timedelta(minutes=1),
    }


RUNS = [
    _run("failed", LANDED + timedelta(minutes=1), "failed"),
    _run("built", LANDED + timedelta(minutes=2), step="dbt_models"),
    _run("first", LANDED + timedelta(minutes=4)),
    _run("second", LATE),
]


def _hub(stream: str, crm_id: str, known_at: datetime, landed_at: datetime, **more: Any) -> Row:
    file = f"crm/20260305T080000000000Z__0123456789ab__hubspot.{stream}.segment"
    return {
        "crm_id": crm_id,
        "known_at": known_at,
        "landed_at": landed_at,
        "landing_file": file,
        "properties": "{}",
        **more,
    }


def lake() -> worlds.Streams:
    bucket = {"segment_id": "s", "collected_kind": "events", "occurred_at": LANDED}
    refused = {"kind": "crm", "verdict": "bad", "reason": "too_long", "landed_at": LANDED}
    file = {"kind": "events", "received": 1, "good": 1}
    hour = timedelta(hours=1)
    deal = {"pipeline": "medical_sales", "stage": "demo_held", "contact_crm_id": "1"}
    return {
        "parameters": worlds.parameters(),
        "events": [
            worlds.event("m1", LANDED, user_id="a", landed_at=LANDED),
            worlds.event("m2", LANDED, anonymous_id="b", landed_at=LANDED),
            worlds.event("m3", LANDED, landed_at=LANDED),
        ],
        "crm_contacts": [
            _hub("contacts", "1", OLD, LANDED, contact_key="1", email="a@b.fr", email_key="k"),
            # An address that cannot be read has no key.
            _hub("contacts", "2", OLD, LANDED, contact_key="2", email="a@"),
            _hub("contacts", "3", OLD, LANDED, contact_key="3", archived=True),
        ],
        "crm_deals": [
            _hub("deals", "1", OLD, LANDED, **deal),
            _hub("deals", "1", LANDED + hour, LANDED + hour * 1.25, **deal),
            _hub("deals", "1", LATE - hour, LATE, **deal),
            # By file: not the API's. And without a stage.
            {
                "crm_id": "2",
                "known_at": LANDED + hour,
                "landed_at": LATE,
                "pipeline": "medical_sales",
                "properties": "{}",
            },
        ],
        "surveys": [
            {"response_id": "1", "question_type": "nps", "score": 9, "landed_at": LANDED},
            {"response_id": "2", "question_type": "csat", "landed_at": LANDED},
        ],
        "rejected_rows": [
            {**refused, "field": "stage"},
            {**refused, "field": "amount"},
            {**refused, "field": "stage", "landed_at": AS_OF + hour},
            {**refused, "kind": "events", "field": "userId"},
        ],
        "collector_requests": [
            {**bucket, "up_to_ms": 5, "requests": 99},
            {**bucket, "up_to_ms": 20, "requests": 2},
            {**bucket, "up_to_ms": 20, "requests": 1, "known_at": LANDED},
        ],
        "load_receipts": [
            {**file, "landing_file": "events/1", "landed_at": LANDED},
            {**file, "landing_file": "events/2", "landed_at": LATE - hour},
            {**file, "landing_file": "events/3", "landed_at": AS_OF - hour},
            # A dropped file that came back under its name.
            {**file, "landing_file": "events/3", "landed_at": AS_OF - hour / 2},
        ],
    }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    found = Lakehouse(tmp_path_factory.mktemp("operations"), target)
    found.fill(as_of=AS_OF, run_log=RUNS, **lake())
    return found.build(*BUILT, tests="buildable")


def test_latency_is_that_of_99_of_100_requests(house: Lakehouse) -> None:
    assert house.kpi("ingestion_latency_p99_ms", MARCH) == (5, "measured")  # 99 of 100
    assert house.kpi("ingestion_latency_p99_ms", APRIL) == (None, "undefined")
    assert house.kpi("ingestion_latency_p99_ms", APRIL, "ytd") == (5, "measured")


def test_files_are_as_fresh_as_the_next_run(house: Lakehouse) -> None:
    # Four minutes, and one hour: the run at the very moment counts.
    assert house.kpi("data_freshness_minutes", MARCH) == (60, "measured")
    # By this run, the file that came back too.
    assert house.kpi("data_freshness_minutes", APRIL) == (60, "measured")


def test_the_crm_lags_from_change_to_landing(house: Lakehouse) -> None:
    assert house.kpi("crm_lag_minutes", MARCH) == (15, "measured")
    assert house.kpi("crm_lag_minutes", APRIL) == (60, "measured")


def test_critical_fields_say_where_the_share_comes_from(house: Lakehouse) -> None:
    assert house.rows(
        "select stream, field, month, checked_values, missing_values, refused_values "
        "from marts.critical_fields order by 1, 2, 3"
    ) == [
        ("crm_contacts", "email", date(2026, 3, 1), 2, 1, 0),
        ("crm_deals", "pipeline", date(2026, 3, 1), 2, 0, 0),
        ("crm_deals", "pipeline", date(2026, 4, 1), 2, 0, 0),
        ("crm_deals", "stage", date(2026, 3, 1), 3, 0, 1),
        ("crm_deals", "stage", date(2026, 4, 1), 2, 1, 0),
        ("events", "user_id", date(2026, 3, 1), 4, 1, 1),
        ("surveys", "score", date(2026, 3, 1), 1, 0, 0),
    ]
    assert house.kpi("invalid_critical_fields", MARCH) == (4 / 12, "measured")
    assert house.kpi("invalid_critical_fields", APRIL) == (1 / 4, "measured")
    assert house.kpi("invalid_critical_fields", APRIL, "ytd") == (5 / 16, "measured")


def test_the_same_run_again_says_the_same(house: Lakehouse) -> None:
    query = f"select * from marts.kpi_monthly where metric in {METRICS} order by all"
    before = house.rows(query)
    # This run is in the log now, and so is one that went back to a day before.
    back = {**_run("back", LATE - timedelta(minutes=30)), "finished_at": AS_OF + timedelta(days=1)}
    house.fill(as_of=AS_OF, run_log=[*RUNS, _run("this", AS_OF), back], **lake())
    house.build(*BUILT, tests="buildable")
    assert house.rows(query) == before


def test_without_a_source_nothing_is_measured(golden: Lakehouse) -> None:
    for metric in METRICS:
        assert golden.kpi(metric, "2026-09-01") == (None, "not_yet_measured")
