"""What changes against the baseline: how fast stages are passed and how many people are engaged."""

from __future__ import annotations

import math
import random
import statistics
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.dbt import scores_oracle as oracle
from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.scores_oracle import Touch
from workspace import definitions
from workspace.definitions.touchpoints import TOUCH_TYPES

Row = dict[str, Any]
AT = worlds.AS_OF
DAY = timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")
SCORING = definitions.load(worlds.MARKETING).scoring
#: Local days [from, to), by accounts.yml: 180 days each.
PERIODS = {
    "current": (date(2026, 4, 4), date(2026, 10, 1)),
    "baseline": (date(2025, 4, 1), date(2025, 9, 28)),
}
ENDS = {"current": AT, "baseline": datetime(2025, 9, 28)}
VERTICALS = ("medical", "public")
MODELS = (
    *("int_meetings", "int_stage_evidence", "engagement_scores", "int_engaged_contacts"),
    *("buyer_stages", "account_engagement", "stage_velocity", "abm_metrics"),
)
SPEED = (
    "from_stage, to_stage, steps, median_days, p75_days, "
    "baseline_steps, baseline_median_days, baseline_p75_days"
)


@pytest.fixture(scope="module")
def copy(empty: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    return empty.copied(tmp_path_factory.mktemp("progress"))


@pytest.fixture
def house(copy: Lakehouse) -> Lakehouse:
    for table in ("marts.fct_deals", "intermediate.int_contracts", "marts.target_accounts"):
        copy.put(table, [])
    return copy.fill(as_of=AT, parameters=worlds.parameters())


def put_people(house: Lakehouse, paths: dict[str, list[Touch]], accounts: int) -> dict[str, str]:
    """contact -> account; half of the accounts are medical, and the first of all are targets."""
    names = [f"a{n}" for n in range(accounts)]
    verticals = {name: VERTICALS[n % 2] for n, name in enumerate(names)}
    account_of = {contact: names[n % accounts] for n, contact in enumerate(paths)}
    people = [
        {"contact_id": c, "account_id": a, "vertical": verticals[a]} for c, a in account_of.items()
    ]
    house.put("intermediate.int_contacts", people)
    pairs = [{"contact_id": c, "account_id": a} for c, a in account_of.items()]
    house.put("marts.account_contacts", pairs)
    house.put("marts.dim_accounts", [{"account_id": a, "vertical": verticals[a]} for a in names])
    targets = [
        {"line": n, "account_id": a, "vertical": verticals[a], "match_verdict": "matched"}
        for n, a in enumerate(names[: accounts // 3])
    ]
    house.put("marts.target_accounts", targets)
    touches = [
        {
            "touch_id": t.touch_id,
            "contact_id": contact,
            "touch_type": t.touch_type,
            "occurred_at": t.at,
            "channel": t.channel,
            "depth": t.depth,
            "actor_class": t.actor_class,
        }
        for contact, path in paths.items()
        for t in path
    ]
    house.put("marts.fct_touchpoints", touches)
    return account_of


def draw(seed: int) -> dict[str, list[Touch]]:
    rng = random.Random(seed)
    return {
        f"c{contact}": [
            Touch(
                f"c{contact}-{n}",
                rng.choice([*TOUCH_TYPES, "session", "session", "meeting"]),
                AT - timedelta(days=rng.uniform(0.01, 250) + (rng.random() < 0.5) * 320),
                rng.choice(["direct", "email", "social"]),
                None,
                round(rng.random(), 3),
                rng.choice(["human", "human", "unsure", "machine"]),
            )
            for n in range(rng.choice([0, 1, 2, 4]))
        ]
        for contact in range(400)
    }


@pytest.fixture
def drawn(house: Lakehouse) -> tuple[dict[str, list[Touch]], dict[str, str]]:
    paths = draw(seed=4)
    account_of = put_people(house, paths, accounts=90)
    house.run(*MODELS)
    return paths, account_of


def nearest_rank(values: list[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


def test_drawn_people_are_the_oracles(
    house: Lakehouse, drawn: tuple[dict[str, list[Touch]], dict[str, str]]
) -> None:
    paths, account_of = drawn
    check_speed(house, paths, account_of)
    engaged = {
        period: {c for c, path in paths.items() if oracle.is_engaged(path, end, SCORING)}
        for period, end in ENDS.items()
    }
    assert min(map(len, engaged.values())) > 20
    rows = house.rows("select period, contact_id from intermediate.int_engaged_contacts")
    assert set(rows) == {(period, c) for period, found in engaged.items() for c in found}
    check_accounts(house, engaged, account_of)
    check_metric(house, engaged, account_of)


def check_speed(
    house: Lakehouse, paths: dict[str, list[Touch]], account_of: dict[str, str]
) -> None:
    taken: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for contact, path in paths.items():
        vertical = VERTICALS[int(account_of[contact][1:]) % 2]
        for lower, higher, since, stepped_at in oracle.steps(path, AT, SCORING):
            days = (stepped_at - since) / DAY
            on = stepped_at.replace(tzinfo=ZoneInfo("UTC")).astimezone(PARIS).date()
            for period, (first, last) in PERIODS.items():
                if first <= on < last and days <= 180:
                    for scope in (vertical, "company"):
                        cell = taken.setdefault((scope, lower, higher), {})
                        cell.setdefault(period, []).append(days)
    expected = {}
    for key, by_period in taken.items():
        facts: list[Any] = []
        for period in PERIODS:
            days = by_period.get(period, [])
            facts.append(len(days))
            facts.append(statistics.median(days) if days else None)
            facts.append(nearest_rank(days, 0.75) if days else None)
        expected[key] = pytest.approx(tuple(facts))
    rows = house.rows(f"select vertical, {SPEED} from marts.stage_velocity")
    assert {row[:3]: row[3:] for row in rows} == expected
    assert len(expected) > 6


def check_accounts(
    house: Lakehouse, engaged: dict[str, set[str]], account_of: dict[str, str]
) -> None:
    counts = {
        period: {a: sum(account_of[c] == a for c in found) for a in set(account_of.values())}
        for period, found in engaged.items()
    }
    baselines = {}
    for n, vertical in enumerate(VERTICALS):
        some = [k for a, k in counts["baseline"].items() if int(a[1:]) % 2 == n and k]
        baselines[vertical] = sum(some) / len(some)
    rows = house.rows(
        "select account_id, vertical, engaged_contacts, engaged_contacts_before, baseline_kind, "
        "baseline_engaged_contacts, stakeholder_multiplication from marts.account_engagement"
    )
    assert len(rows) == 90
    for account, vertical, now, before, kind, baseline, times in rows:
        assert (now, before) == (counts["current"][account], counts["baseline"][account])
        assert (kind, baseline) == ("measured", pytest.approx(baselines[vertical]))
        assert times == pytest.approx(now / baselines[vertical])


def check_metric(
    house: Lakehouse, engaged: dict[str, set[str]], account_of: dict[str, str]
) -> None:
    targets = {f"a{n}" for n in range(30)}
    per_account = {
        period: sum(account_of[c] in targets for c in found) / 30
        for period, found in engaged.items()
    }
    (row,) = house.rows(
        "select value, baseline_value, target_value, target_status from marts.abm_metrics "
        "where metric = 'engaged_contacts_per_account' and vertical = 'company'"
    )
    now, before = per_account["current"], per_account["baseline"]
    assert row[:3] == pytest.approx((now, before, 2.5 * before))
    assert row[3] == ("met" if now >= 2.5 * before else "missed")


def test_velocity_by_hand(house: Lakehouse) -> None:
    """2, 4 and 10 days now, 8 and 16 then: medians 4 and 12, a third of the time."""
    paths = {}
    for end, waits in (
        (datetime(2026, 9, 30), (2, 4, 10, 181)),
        (datetime(2025, 9, 20), (8, 16)),
        (datetime(2025, 12, 1), (1,)),  # in neither period
    ):
        for wait in waits:
            name = f"{end.year}-{wait}"
            paths[name] = [
                Touch(f"{name}/first", "session", end - wait * DAY),
                Touch(f"{name}/then", "content_download", end),
            ]
    paths["at_once"] = [
        Touch("at_once/1", "content_download", datetime(2026, 9, 1)),
        Touch("at_once/2", "session", datetime(2026, 9, 1)),
    ]
    # Of a deal, now lost: a demo 30 days after the interest, a proposal 7 days later, by the time
    # the CRM stored; and a contract that begins 20 days after that.
    demo, proposal = datetime(2026, 7, 31), datetime(2026, 8, 7)
    deal = {"crm_id": "d", "pipeline": "medical_sales"}
    entered = '{"hs_v2_date_entered_proposal_sent": "2026-08-07T00:00:00Z"}'
    versions = [
        deal | {"stage": "demo_booked", "known_at": demo, "properties": "{}"},
        deal | {"stage": "proposal_sent", "known_at": proposal + 5 * DAY, "properties": "{}"},
        deal | {"stage": "medical_lost", "known_at": proposal + 6 * DAY, "properties": entered},
    ]
    paths["at_once"].append(Touch("at_once/3", "webinar_attend", datetime(2026, 7, 1)))
    put_people(house, paths, accounts=1)
    house.put(
        "marts.fct_deals",
        [{"deal_id": "d", "contact_id": "at_once", "stage": "medical_lost", "is_open": False}],
    )
    contract = {"deal_id": "d", "customer_id": "at_once", "starts_on": date(2026, 8, 27)}
    house.put("intermediate.int_contracts", [contract])
    house.fill(as_of=AT, parameters=worlds.parameters(), crm_deals=versions)
    house.run("int_stage_evidence", "stage_velocity")
    rows = house.rows(
        f"select {SPEED}, change from marts.stage_velocity where vertical = 'medical' "
        "order by from_rank, to_rank"
    )
    assert rows == [
        ("awareness", "interest", 3, 4, 10, 2, 12, 16, pytest.approx(4 / 12 - 1)),
        ("interest", "consideration", 1, 30, 30, 0, None, None, None),
        ("consideration", "purchase", 1, 7, 7, 0, None, None, None),
        ("purchase", "retention", 1, 20, 20, 0, None, None, None),
    ]
    assert house.one("select count(*) from marts.stage_velocity where vertical = 'public'") == 0
