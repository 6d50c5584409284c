"""Sessions in campaign_performance and channel_performance: counted one by one, and by hand."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse

Row = dict[str, Any]
MONTHS = (date(2026, 7, 1), date(2026, 8, 1))
#: campaign, channel, the words a visit may carry. Two campaigns share a name.
CAMPAIGNS = [
    ("google/1", "paid_search", "1", "spring"),
    ("linkedin/2", "paid_social", "2", "spring"),
    ("utm//letter", "email", "letter", "letter"),
]
MEASURES = "sessions, new_visitors, engaged_sessions"
MARTS = ("int_session_months", "campaign_performance", "channel_performance")


@pytest.fixture(scope="module")
def copy(empty: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    return empty.copied(tmp_path_factory.mktemp("session_performance"))


@pytest.fixture
def house(copy: Lakehouse) -> Lakehouse:
    names = ("campaign_id", "channel", "platform_campaign_id", "campaign_name")
    campaigns = [dict(zip(names, campaign, strict=True)) for campaign in CAMPAIGNS]
    copy.put("intermediate.int_campaign_channels", campaigns)
    copy.put("intermediate.int_ad_months", [])
    copy.put("marts.fct_costs_monthly", [])
    return copy.fill(as_of=worlds.AS_OF, parameters=worlds.parameters())


def session(number: int, visitor: str, at: datetime, **more: Any) -> Row:
    facts = {"session_id": f"s{number:03}", "visitor_key": visitor, "vertical": "medical"}
    facts |= {"started_at": at, "started_on": at.date(), "channel": "direct", "campaign": None}
    return facts | {"is_engaged": False, "actor_class": "human"} | more


def draw(seed: int) -> list[Row]:
    rng = random.Random(seed)
    return [
        session(
            number,
            f"v{rng.randrange(40)}",
            datetime(2026, 7, 1) + timedelta(minutes=number * 400),
            vertical=rng.choice(["medical", "public", None]),
            channel=rng.choice(["paid_search", "paid_social", "email", "direct"]),
            campaign=rng.choice([None, "1", "2", "Spring", "LETTER", "nobody's"]),
            is_engaged=rng.random() < 0.5,
            actor_class=rng.choice(["human", "human", "unsure", "machine"]),
        )
        for number in range(200)
    ]


def campaign_of(row: Row) -> str:
    """By id or name, whatever the case; one name of two campaigns by the channel."""
    tag = (row["campaign"] or "").lower()
    named = [c for c in CAMPAIGNS if tag and tag in c[2:]]
    same = [c for c in named if c[1] == row["channel"]]
    return max(same or named, default=("without_campaign",))[0]


def counted(sessions: list[Row], key: str) -> dict[tuple[Any, ...], list[int]]:
    seen: set[str] = set()
    found: dict[tuple[Any, ...], list[int]] = {}
    for row in sorted(sessions, key=lambda row: row["started_at"]):
        if row["actor_class"] == "machine":
            continue
        place = campaign_of(row) if key == "campaign_id" else row["channel"]
        cell = (place, row["vertical"] or "unassigned", row["started_on"].replace(day=1))
        sums = found.setdefault(cell, [0, 0, 0])
        sums[0] += 1
        sums[1] += row["visitor_key"] not in seen
        sums[2] += row["is_engaged"]
        seen.add(row["visitor_key"])
    return found


def test_sessions_are_those_of_a_slow_count(house: Lakehouse) -> None:
    sessions = draw(seed=5)
    house.put("marts.fct_sessions", sessions)
    house.run(*MARTS)
    for mart, key in (("campaign_performance", "campaign_id"), ("channel_performance", "channel")):
        rows = house.rows(f"select {key}, vertical, month, {MEASURES} from marts.{mart}")
        assert {row[:3]: list(row[3:]) for row in rows} == counted(sessions, key)
    cells = Counter(place for place, *_ in counted(sessions, "campaign_id"))
    assert set(cells) == {"google/1", "linkedin/2", "utm//letter", "without_campaign"}


def test_the_sums_are_reconciled(house: Lakehouse) -> None:
    sessions = draw(seed=6)
    house.put("marts.fct_sessions", sessions)
    house.put("intermediate.int_months", [{"month": m, "is_complete": True} for m in MONTHS])
    house.run(*MARTS, "int_figures", "reconciliation")
    columns = "figure, vertical, month, mart, value, is_equal"
    rows = house.rows(
        f"select {columns} from marts.reconciliation where origin_mart = 'fct_sessions'"
    )
    assert {row[0] for row in rows} == {"sessions", "new_visitors", "engaged_sessions"}
    assert all(row[5] for row in rows) and len(rows) == 3 * 2 * 3 * 2
    # One machine taken for a human later on, and the marts no longer tell the truth.
    machine = next(row for row in sessions if row["actor_class"] == "machine")
    machine["actor_class"] = "human"
    house.put("marts.fct_sessions", sessions)
    house.run("reconciliation")
    wrong = house.rows("select figure, mart from marts.reconciliation where not is_equal")
    assert {mart for figure, mart in wrong if figure == "sessions"} == set(MARTS[1:])


def test_what_a_session_costs_by_hand(house: Lakehouse) -> None:
    """120 of spend over 4 sessions are 30; costs of 300 over the channel's 5 are 60."""
    noon = datetime(2026, 7, 5, 12)
    paid = {"channel": "paid_search", "campaign": "spring"}
    sessions = [session(n, f"v{n}", noon + timedelta(hours=n), **paid) for n in range(4)]
    sessions.append(session(5, "v0", noon + timedelta(days=9), channel="paid_search"))
    house.put("marts.fct_sessions", sessions)
    spend = {"campaign_id": "google/1", "vertical": "medical", "channel": "paid_search"}
    spend |= {"unknown_spend": 0, "impressions": 10, "clicks": 5}
    ads = [spend | {"month": m, "spend_known": 120} for m in MONTHS]
    house.put("intermediate.int_ad_months", ads)
    cost = {"vertical": "medical", "scenario": "actual", "cost_class": "marketing"}
    cost |= {"channel": "paid_search", "cost_month": MONTHS[0], "amount_base": 300}
    house.put("marts.fct_costs_monthly", [cost])
    house.run(*MARTS)
    columns = f"{MEASURES}, cost_per_session_base"
    assert house.rows(
        f"select campaign_id, {columns} from marts.campaign_performance order by 1, 2"
    ) == [
        ("google/1", 0, 0, 0, None),
        ("google/1", 4, 4, 0, 30),
        ("without_campaign", 1, 0, 0, None),
    ]
    assert house.rows(f"select month, {columns} from marts.channel_performance order by 1") == [
        (MONTHS[0], 5, 4, 0, 60),
        (MONTHS[1], 0, 0, 0, None),
    ]
