"""The promises of a run: right, repeatable, and the same from whatever it is rebuilt."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sandbox import cdnow
from tests.end_to_end import inputs
from tests.end_to_end.runner import ask, ingest, marts, open_workspace, published_marts, run
from workspace.paths import PROJECT
from workspace.settings import Settings

END = "2025-10-01T00:00:00Z"

RUN = """
import sys
from pathlib import Path
from dagster_project import runs
from workspace import settings
settings.quiet_third_parties()
print("ready", flush=True)
runs.run(settings.load(Path(sys.argv[1])), None)
"""


def small(folder: Path, source: Path, as_of: str = END) -> Settings:
    """Companies, deals, costs and events of one plan year, some rows of them bad."""
    opened = open_workspace(folder, as_of)
    ingest(opened, "costs", inputs.costs(source / "costs.csv"))
    ingest(opened, "crm", inputs.companies(source / "companies.ndjson", {"medical": 30}))
    ingest(opened, "crm", inputs.deals(source / "deals.ndjson", {"medical": 30}))
    ingest(opened, "crm", inputs.contact_with_odd_dates(source / "contacts.ndjson"))
    events = inputs.events(source / "events.ndjson", 400)
    with open(events, "ab") as handle:
        handle.write(b'{"messageId": "m-1", "type": "page", "userId": "other"}\n{"half\n\xff\n')
    ingest(opened, "events", events)
    return opened


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The golden inputs of the two acquisition costs, and nothing else."""
    base = tmp_path_factory.mktemp("golden")
    os.environ["MARKETING_PEPPER"] = "a pepper for tests only"
    opened = open_workspace(base / "a workspace", END)
    counts = {"medical": 30, "public": 100}
    ingest(opened, "costs", inputs.costs(base / "costs.csv"))
    ingest(opened, "crm", inputs.companies(base / "companies.ndjson", counts))
    ingest(opened, "crm", inputs.deals(base / "deals.ndjson", counts))
    run(opened)
    return opened


def test_the_golden_acquisition_costs(year: Settings) -> None:
    rows = ask(
        year,
        """
        select vertical, round(value, 2) from marts.kpi_monthly
        where metric = 'cac_full' and metric_window = 'trailing_12m'
            and month = date '2025-09-01' and vertical <> 'company'
        order by vertical
        """,
    )
    assert rows == [("medical", 8866.67), ("public", 2000.0)]


def test_the_golden_recurring_revenue(year: Settings) -> None:
    rows = ask(
        year,
        """
        select vertical, metric, value from marts.kpi_monthly
        where metric in ('arr', 'customers') and metric_window = 'month'
            and month = date '2025-09-01' order by vertical, metric
        """,
    )
    assert rows == [
        ("company", "arr", 540_000),
        ("company", "customers", 130),
        ("medical", "arr", 180_000),
        ("medical", "customers", 30),
        ("public", "arr", 360_000),
        ("public", "customers", 100),
    ]


def test_marts_hold_no_direct_identifier(year: Settings) -> None:
    columns = {row[0] for row in ask(year, "select column_name from duckdb_columns()")}
    assert not columns & {"email", "phone", "first_name", "last_name", "ip", "original", "user_id"}


def test_views_and_columns_are_described(year: Settings) -> None:
    views = ask(year, "select view_name, comment from duckdb_views() where not internal")
    assert views and all((comment or "").startswith("One row per") for _, comment in views)
    bare = ask(
        year,
        """
        select table_name, column_name from duckdb_columns()
        where schema_name = 'marts' and comment is null
        """,
    )
    assert bare == []


def test_deleting_the_warehouse_changes_nothing(tmp_path: Path) -> None:
    opened = small(tmp_path / "w", tmp_path)
    run(opened)
    before = marts(opened)
    run(opened)
    assert marts(opened) == before, "a second run changes nothing"
    opened.paths.warehouse.unlink()
    run(opened)
    assert marts(opened) == before
    (months,) = ask(opened, "select min(month), max(month) from marts.kpi_monthly")
    assert [str(month) for month in months] == ["2024-10-01", "2025-10-01"], "no odd date counts"
    assert ask(opened, "select verdict, reason from marts.rejected_rows order by all") == [
        ("bad", "invalid_json"),
        ("bad", "invalid_utf8"),
        ("quarantined", "id_conflict"),
    ]


def test_a_past_day_is_as_it_was(tmp_path: Path) -> None:
    """A run on a day, and a run back to that day after more has landed, give the same."""
    source = tmp_path / "files"
    opened = open_workspace(tmp_path / "w")
    ingest(opened, "crm", inputs.companies(source / "companies.ndjson", {"medical": 30}))
    before, after = inputs.YEAR[:5], inputs.YEAR[6:]
    ingest(opened, "crm", inputs.deals(source / "deals.ndjson", {"medical": 12}, before))
    ingest(opened, "events", inputs.events(source / "events-1.ndjson", 300))
    day = "2025-03-05T00:00:00Z"
    run(opened, as_of=day)
    folder = opened.paths.published / "as_of" / "2025-03-05T000000Z"
    then = published_marts(folder)

    # Later: changed deals and new ones, later events, and a late event for a day before.
    ingest(opened, "crm", inputs.deals(source / "deals-2.ndjson", {"medical": 30}, after))
    ingest(opened, "events", inputs.events(source / "events-2.ndjson", 300, first=300))
    late = inputs.events(source / "late.ndjson", 1, first=10_000)
    late.write_text(late.read_text().replace("2025-09-25T08:00:00Z", "2025-03-02T00:00:00Z"))
    ingest(opened, "events", late)
    run(opened)
    now, current = marts(opened), os.readlink(opened.paths.published / "current")
    lake_before = sorted(str(p) for p in opened.paths.lake.rglob("*") if p.is_file())

    run(opened, as_of=day)
    assert published_marts(folder) == then
    assert marts(opened) == now and now != then
    assert os.readlink(opened.paths.published / "current") == current
    assert sorted(str(p) for p in opened.paths.lake.rglob("*") if p.is_file()) == lake_before
    assert not list(opened.paths.scratch.glob("*.duckdb"))
    with duckdb.connect(str(folder / "marketing.duckdb"), read_only=True) as connection:
        (events,) = connection.execute("select count(*) from marts.fct_events").fetchone()
    assert events == 192  # half an hour apart, from 1 March to 5 March


def test_readers_are_served_while_a_run_writes(tmp_path: Path) -> None:
    opened = small(tmp_path / "w", tmp_path)
    run(opened)
    stop, faults, answers = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            try:
                answers.append(ask(opened, "select count(*) from marts.kpi_monthly"))
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    run(opened)
    stop.set()
    reader.join()
    assert not faults and len(answers) > 10 and len(set(map(str, answers))) == 1


@pytest.mark.parametrize(
    "rounds", [4, pytest.param(50, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_kill_9_at_random_moments_of_a_run(tmp_path: Path, rounds: int) -> None:
    calm = small(tmp_path / "calm", tmp_path / "files")
    began = time.monotonic()
    run(calm)
    seconds = time.monotonic() - began
    killed = open_workspace(tmp_path / "killed", END)
    shutil.copytree(calm.paths.landing, killed.paths.landing, dirs_exist_ok=True)
    rng = random.Random(11)
    unfinished = 0
    for _ in range(rounds):
        command = [sys.executable, "-c", RUN, str(killed.paths.root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as child:
            child.stdout.readline()  # it is about to begin
            time.sleep(rng.uniform(0, seconds))
            unfinished += child.poll() is None
            child.kill()
    assert unfinished > rounds / 2
    run(killed)
    assert marts(killed) == marts(calm)


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
