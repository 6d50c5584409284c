"""Account marts: coverage, targets, market and paths against golden figures and slow sums."""

from __future__ import annotations

import csv
import gzip
import random
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import ROOT, Lakehouse, parameter
from workspace import definitions

Row = dict[str, Any]
AS_OF = worlds.AS_OF
TODAY = date(2026, 10, 1)
DAY = timedelta(days=1)
put = Lakehouse.put


@pytest.fixture(scope="module")
def copy(empty: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    return empty.copied(tmp_path_factory.mktemp("accounts"))


@pytest.fixture
def house(copy: Lakehouse) -> Lakehouse:
    """One warehouse for all tests, since dbt parses anew for each path; emptied for each."""
    for table in (
        *("marts.dim_accounts", "marts.dim_contacts", "marts.account_contacts"),
        *("marts.fct_touchpoints", "marts.fct_deals", "marts.engagement_scores"),
        *("intermediate.int_meetings", "intermediate.int_funnel_entries"),
        *("intermediate.int_content_days", "intermediate.int_won_cycles"),
    ):
        put(copy, table, [])
    return copy.fill(as_of=AS_OF, parameters=worlds.parameters())


def account(name: str, account_type: str, **more: Any) -> Row:
    vertical = "medical" if account_type.endswith(("practice", "clinic", "hospital")) else "public"
    facts = {"account_id": name, "crm_id": name, "vertical": vertical, "contacts": 1}
    return facts | {"account_type": account_type, "is_customer": False} | more


def target(line: int, **given: Any) -> Row:
    return parameter("target_accounts", f"line {line}", line, line=line, **given)


def test_coverage_is_what_a_slow_count_says(house: Lakehouse) -> None:
    draw = random.Random(8)
    needed = definitions.load(worlds.MARKETING).accounts.required_roles
    types = [*needed, "bakery"]
    roles = sorted({role for its in needed.values() for role in its})
    accounts = [account(f"a{n}", types[n % len(types)]) for n in range(90)]
    contacts = [{"contact_id": f"c{n}", "role": draw.choice([*roles, None])} for n in range(600)]
    ties = [
        {"account_id": a["account_id"], "contact_id": c["contact_id"]}
        for c in contacts
        for a in draw.sample(accounts[:80], draw.choice([0, 1, 1, 2]))
    ]
    ages = [DAY, 90 * DAY, 90 * DAY + timedelta(seconds=1), 200 * DAY]
    meetings = [
        {"contact_id": c["contact_id"], "held_at": AS_OF - age, "vertical": "public"}
        for c in contacts
        for age in draw.sample(ages, draw.choice([0, 1, 1, 2]))
    ]
    targets = [
        {"line": n, "account_id": a["account_id"], "tier": 1, "match_verdict": "matched"}
        for n, a in enumerate(accounts[::3], 2)
    ]
    put(house, "marts.dim_accounts", accounts)
    put(house, "marts.dim_contacts", contacts)
    put(house, "marts.account_contacts", ties)
    put(house, "intermediate.int_meetings", meetings)
    put(house, "marts.target_accounts", targets)
    scores = {c["contact_id"]: draw.choice([0, 5, 19.999, 20, 61]) for c in contacts[::3]}
    put(
        house,
        "marts.engagement_scores",
        [{"contact_id": c, "engagement_score": score} for c, score in scores.items()],
    )
    house.run("int_engaged_contacts", "account_coverage")
    engaged = {m["contact_id"] for m in meetings if AS_OF - m["held_at"] <= 90 * DAY}
    engaged |= {c for c, score in scores.items() if score >= 20}
    role_of = {c["contact_id"]: c["role"] for c in contacts}
    wanted = {t["account_id"] for t in targets}
    expected = {}
    for a in accounts:
        people = [t["contact_id"] for t in ties if t["account_id"] == a["account_id"]]
        if not people and a["account_id"] not in wanted:
            continue
        its = needed.get(a["account_type"])
        covered = {role_of[p] for p in people if p in engaged}
        facts: tuple[Any, ...] = (None, None, None, None, None)
        if its:
            known = [p for p in people if role_of[p] in its]
            share = sum(role in covered for role in its) / len(its)
            ratio = sum(p in engaged for p in known) / len(known) if known else None
            missing = ", ".join(role for role in its if role not in covered) or None
            facts = (len(its), share, missing, ratio, share >= 0.7)
        expected[a["account_id"]] = (
            *facts,
            a["account_id"] in wanted,
            len(people),
            sum(p in engaged for p in people),
        )
    found = house.rows(
        "select account_id, required_roles, role_coverage, missing_roles, contact_coverage, "
        "meets_goal, is_target, contacts, engaged_contacts from marts.account_coverage"
    )
    assert {row[0]: pytest.approx(row[1:]) for row in found} == expected
    assert len(expected) < len(accounts)
    assert {facts[4] for facts in expected.values()} == {True, False, None}


def test_each_line_of_the_targets_ends_with_one_verdict(house: Lakehouse) -> None:
    put(
        house,
        "marts.dim_accounts",
        [
            account("paris", "commune", siren="217500016", insee_code="75056"),
            account("lyon", "commune", insee_code="69123", domain="Lyon.example"),
            account("twin1", "group_practice", domain="twin.example"),
            account("twin2", "group_practice", domain="twin.example"),
        ],
    )
    lines = [
        target(2, siren="217500016", domain="lyon.example", tier=1, name="Paris"),
        target(3, domain="lyon.example"),
        target(4, insee_code="75056"),
        target(5, domain="twin.example"),
        target(6, crm_id="twin2"),
        target(7, siren="999999999"),
    ]
    house.fill(as_of=AS_OF, parameters=lines).run("target_accounts")
    assert house.rows(
        "select line, match_verdict, matched_by, account_id, vertical, candidate_accounts, "
        "is_conflicting from marts.target_accounts order by line"
    ) == [
        (2, "matched", "siren", "paris", "public", 1, True),
        (3, "matched", "domain", "lyon", "public", 1, False),
        (4, "repeated", "insee_code", None, None, 1, False),
        (5, "ambiguous", "domain", None, None, 2, False),
        (6, "matched", "crm_id", "twin2", "medical", 1, False),
        (7, "unmatched", None, None, None, 0, False),
    ]


def reference() -> list[Row]:
    with gzip.open(ROOT / "data/reference/collectivites.csv.gz", "rt", encoding="utf-8") as file:
        return [
            {k: v or None for k, v in row.items()}
            | {"population": int(row["population"]) if row["population"] else None}
            for row in csv.DictReader(file)
        ]


def test_the_market_is_counted_in_the_reference_file(house: Lakehouse) -> None:
    places = reference()
    house.fill(as_of=AS_OF, parameters=worlds.parameters(), organisations=places)
    customer = account("lyon", "commune", reference_level="commune", population=522_250)
    put(house, "marts.dim_accounts", [customer | {"is_customer": True}])
    house.run("int_market_sets", "int_market_cells", "market_size", "segment_overlaps")
    level = Counter(place["level"] for place in places)
    people = [place["population"] for place in places if place["level"] == "commune"]
    classes = Counter(
        None if n is None else "small" if n < 5_000 else "medium" if n < 50_000 else "large"
        for n in people
    )
    expected = {
        "collectivites": len(places),
        "communes": level["commune"],
        "departements": level["departement"],
        "regions": level["region"],
        "departements_and_regions": level["departement"] + level["region"],
        "epci": level["epci"],
        "large_communes": classes["large"],
        "medium_communes": classes["medium"],
        "small_communes": classes["small"],
        "unclassified_communes": classes[None],
    }
    rows = house.rows(
        "select segment, organisations, organisations_over_estimate, primary_organisations, "
        "customers, penetration from marts.market_size where vertical = 'public'"
    )
    assert {row[0]: row[1] for row in rows} == expected
    by_segment = {row[0]: row[1:] for row in rows}
    assert by_segment["communes"][:2] == (34_969, 4)
    assert by_segment["small_communes"][1] == expected["small_communes"] - 27_000
    assert sum(row[3] or 0 for row in rows) == len(places)  # the primary segments add up
    assert by_segment["large_communes"][3:] == (1, pytest.approx(1 / expected["large_communes"]))
    assert (
        house.one("select sum(organisations) from marts.segment_overlaps where vertical = 'public'")
        == 0
    )


def test_overlaps_and_the_remainder_are_what_sets_say(house: Lakehouse) -> None:
    draw = random.Random(3)
    types = ["solo_practice", "group_practice", "ambulatory_clinic", "public_hospital"]
    accounts = [account(f"m{n}", types[n % 4], contacts=0) for n in range(120)]
    sizes = {a["account_id"]: draw.choice([None, 1, 2, 5, 6]) for a in accounts}
    ages = {a["account_id"]: draw.choice([None, 39, 40]) for a in accounts}
    put(house, "marts.dim_accounts", accounts)
    put(
        house,
        "intermediate.int_company_details",
        [
            {"crm_id": name, "properties": f'{{"practitioners": "{size or ""}"}}'}
            for name, size in sizes.items()
        ],
    )
    people = [{"contact_id": f"c-{a}", "contact_key": f"k-{a}", "role": "surgeon"} for a in ages]
    put(house, "marts.dim_contacts", people)
    put(
        house,
        "marts.account_contacts",
        [{"account_id": a, "contact_id": f"c-{a}"} for a in ages],
    )
    crm = [
        {"crm_id": a, "contact_key": f"k-{a}", "properties": f'{{"age": "{age or "?"}"}}'}
        for a, age in ages.items()
    ]
    house.fill(as_of=AS_OF, parameters=worlds.parameters(), crm_contacts=crm)
    house.run("int_market_sets", "int_market_cells", "market_size", "segment_overlaps")
    kind = {a["account_id"]: a["account_type"] for a in accounts}
    sets = {
        "young_surgeons": {a for a, age in ages.items() if age == 39},
        "group_practices": {
            a for a, n in sizes.items() if kind[a] == "group_practice" and n in (2, 5)
        },
        "ambulatory_clinics": {a for a in kind if kind[a] == "ambulatory_clinic"},
        "public_hospitals": {a for a in kind if kind[a] == "public_hospital"},
    }
    sets["unclassified_medical"] = set(kind) - set().union(*sets.values())
    primary: dict[str, int] = {}
    rest = set(kind)
    for name, members in sets.items():
        primary[name] = len(members & rest)
        rest -= members
    found = house.rows(
        "select segment, organisations, primary_organisations from marts.market_size "
        "where vertical = 'medical' and kind = 'segment'"
    )
    assert {row[0]: row[1:] for row in found} == {
        name: (len(members), primary[name]) for name, members in sets.items()
    }
    overlaps = house.rows(
        "select segment, other_segment, organisations, share_of_segment "
        "from marts.segment_overlaps where vertical = 'medical'"
    )
    assert {row[:2]: pytest.approx(row[2:]) for row in overlaps} == {
        (a, b): (len(sets[a] & sets[b]), len(sets[a] & sets[b]) / len(sets[a]))
        for a, b in combinations(sets, 2)
    }
    assert all(primary.values())


def entry(unit: str, stage: str, position: int, days_ago: int, **more: Any) -> Row:
    on = TODAY - days_ago * DAY
    facts = {"vertical": "medical", "unit_id": unit, "stage": stage, "position": position}
    facts |= {"entered_on": on, "entered_at": datetime.combine(on, datetime.min.time())}
    return facts | {"is_imputed": False} | more


def test_paths_are_shares_of_units_that_had_the_time(house: Lakehouse) -> None:
    """12 of 80 took the step: 8.8 % to 24.4 %. The window of the medical funnel is 60 days."""
    entries = [entry(f"u{n}", "mql", 2, 200) for n in range(80)]
    entries += [entry(f"u{n}", "sql", 3, 140) for n in range(12)]
    entries += [entry("u12", "sql", 3, 139)]  # a day late
    entries += [entry("u13", "demo", 4, 190), entry("u13", "sql", 3, 190, is_imputed=True)]
    entries += [entry("young", "mql", 2, 60), entry("young", "sql", 3, 1)]
    put(house, "intermediate.int_funnel_entries", entries)
    house.run("path_transitions")
    columns = "to_stage, is_expected, expected_share, from_units, units, finding, median_days"
    assert house.rows(
        f"select {columns} from marts.path_transitions "
        "where vertical = 'medical' and from_stage = 'mql' order by 1"
    ) == [
        ("demo", False, None, 80, 1, None, 10),
        ("sql", True, 0.2, 80, 12, "as_expected", 60),
    ]
    low, high = house.rows(
        "select observed_share_low, observed_share_high from marts.path_transitions "
        "where from_stage = 'mql' and to_stage = 'sql'"
    )[0]
    assert (round(low, 3), round(high, 3)) == (0.088, 0.244)
    untaken = house.rows(
        "select from_units, units, observed_share from marts.path_transitions "
        "where from_stage = 'trial'"
    )
    assert untaken == [(0, 0, None)]


def touch(contact: str, at: datetime, **more: Any) -> Row:
    facts = {"touch_id": f"{contact}{at}", "touch_type": "content_view", "contact_id": contact}
    facts |= {"occurred_at": at, "occurred_on": at.date(), "vertical": "medical"}
    return facts | {"actor_class": "human"} | more


def test_a_meeting_counts_for_thirty_days_after_content(house: Lakehouse) -> None:
    second = timedelta(seconds=1)
    then = datetime(2026, 6, 1, 9)
    late = AS_OF - 30 * DAY
    touches = [touch(name, then) for name in ("in_time", "too_late", "before", "machine", "never")]
    touches[3]["actor_class"] = "machine"
    touches += [touch("just", late), touch("young", late + second), touch("pricing", then)]
    touches[-1]["touch_type"] = "pricing_view"
    touches.append(touch("never", then + second))
    put(house, "marts.fct_touchpoints", touches)
    meetings = {
        "in_time": then + 30 * DAY,
        "too_late": then + 30 * DAY + second,
        "before": then,
        "young": late + DAY,
    }
    put(
        house,
        "intermediate.int_meetings",
        [{"contact_id": c, "held_at": at, "vertical": "medical"} for c, at in meetings.items()],
    )
    house.run("int_content_days")
    assert house.rows(
        "select contact_id, touches, has_meeting, is_matured from intermediate.int_content_days "
        "order by 1"
    ) == [
        ("before", 1, False, True),
        ("in_time", 1, True, True),
        ("just", 1, False, True),
        ("never", 2, False, True),
        ("too_late", 1, False, True),
        ("young", 1, True, False),
    ]


def test_a_funnel_stage_may_be_a_meeting(house: Lakehouse) -> None:
    now = datetime(2026, 6, 1, 9)
    sighting = {"vertical": "medical", "unit_id": "a", "contact_id": "c", "entered_at": now}
    sightings = [sighting | {"stage": stage} for stage in ("demo", "trial")]
    sightings.append(sighting | {"stage": "demo", "entered_at": AS_OF, "contact_id": "ahead"})
    put(house, "intermediate.int_funnel_sightings", sightings)
    called = touch("d", now, touch_type="meeting")
    put(house, "marts.fct_touchpoints", [called, touch("e", now)])
    house.run("int_meetings")
    found = house.rows("select contact_id, held_at from intermediate.int_meetings order by 1")
    assert found == [("c", now), ("d", now)]


def test_velocity_is_opportunities_times_rate_times_value_by_cycle(house: Lakehouse) -> None:
    """10 opportunities x 50 % x 1,000 / 50 days = 100 a day."""
    month = date(2026, 9, 1)
    window = {"month": month, "metric_window": "month", "window_month": month}
    put(house, "intermediate.int_reporting_windows", [window])
    measure = {"scope": "medical", "month": month, "metric_window": "month", "measure": "sqls"}
    put(house, "intermediate.int_measures_windowed", [measure | {"sum_value": 10}])
    deal = {"vertical": "medical", "closed_on": month + 5 * DAY, "is_won": True, "is_lost": False}
    deals = [
        deal | {"deal_id": "1", "amount_base": 800},
        deal | {"deal_id": "2", "amount_base": 1200, "deal_type": "newbusiness"},
        deal | {"deal_id": "3", "amount_base": 9000, "deal_type": "existingbusiness"},
        deal | {"deal_id": "4", "is_won": False, "is_lost": True},
        deal | {"deal_id": "5", "is_won": False, "is_lost": True},
        deal | {"deal_id": "6", "is_won": False},
    ]
    cycles = [
        {"vertical": "medical", "unit_id": str(n), "won_on": month, "cycle_days": days}
        for n, days in enumerate((20, 50, 300))
    ]
    put(house, "intermediate.int_won_cycles", cycles)
    for amount, expected in ((1200, 100), (None, None)):
        deals[1]["amount_base"] = amount
        put(house, "marts.fct_deals", deals)
        house.run("int_sales_velocity")
        velocity = house.one(
            "select expected_value / cycle_days from intermediate.int_sales_velocity"
        )
        assert velocity == (expected and pytest.approx(expected))


def test_the_cycle_begins_with_the_first_human_touch(house: Lakehouse) -> None:
    entries = [
        entry("a", "lead", 1, 90),
        entry("a", "paid", 6, 10, metric="new_customers"),
        entry("b", "paid", 6, 10, metric="new_customers"),
        entry("c", "lead", 1, 90),
    ]
    put(house, "intermediate.int_funnel_entries", entries)
    put(
        house,
        "marts.fct_touchpoints",
        [
            touch("x", AS_OF - 110 * DAY, account_id="a"),
            touch("y", AS_OF - 300 * DAY, account_id="a", actor_class="machine"),
        ],
    )
    house.run("int_won_cycles")
    found = house.rows("select unit_id, cycle_days from intermediate.int_won_cycles order by 1")
    assert found == [("a", 100), ("b", 0)]


def test_metrics_are_held_to_their_baselines(house: Lakehouse) -> None:
    """The baseline is 180 days from 2025-04-01, the present 180 days before 2026-10-01."""
    baseline = (TODAY - date(2025, 6, 1)).days
    before = (TODAY - date(2025, 3, 31)).days
    entries = [
        entry("won", "lead", 1, before + 9),
        entry("won", "paid", 6, 181, metric="new_customers"),  # no longer under way
        entry("old", "lead", 1, before),
        entry("old", "sql", 3, baseline, metric="sqls"),
        *[entry(f"q{n}", "sql", 3, 180 - n, metric="sqls", vertical="public") for n in range(2)],
        entry("old", "demo", 4, 0),  # the day of as_of is not in the period
        entry("q3", "sql", 3, 1, metric="sqls"),
    ]
    put(house, "intermediate.int_funnel_entries", entries)
    put(
        house,
        "marts.account_coverage",
        [
            {
                "account_id": "a",
                "vertical": "medical",
                "is_target": True,
                "role_coverage": 1.0,
                "meets_goal": True,
            },
            {
                "account_id": "b",
                "vertical": "public",
                "is_target": True,
                "role_coverage": 0.5,
                "meets_goal": False,
            },
            {
                "account_id": "c",
                "vertical": "public",
                "is_target": False,
                "role_coverage": 0.0,
                "meets_goal": False,
            },
        ],
    )
    cycles = [(TODAY - DAY, 70), (TODAY, 1), (date(2025, 4, 1), 100), (date(2025, 9, 28), 900)]
    put(
        house,
        "intermediate.int_won_cycles",
        [
            {"vertical": "medical", "unit_id": str(n), "won_on": on, "cycle_days": days}
            for n, (on, days) in enumerate(cycles)
        ],
    )
    lines = [
        {"line": n, "account_id": a, "vertical": v, "match_verdict": "matched"}
        for n, (a, v) in enumerate((("a", "medical"), ("b", "public")))
    ]
    put(house, "marts.target_accounts", lines)
    house.run("int_abm_periods", "int_abm_people", "int_abm_accounts", "abm_metrics")
    found = house.rows(
        "select metric, value, baseline_value, baseline_kind, target_value, target_status "
        "from marts.abm_metrics where vertical = 'company'"
    )
    assert {row[0]: pytest.approx(row[1:]) for row in found} == {
        "stage_progression": (3 / 4, 1 / 2, "measured", 1 / 2 * 1.25, "met"),
        "qualified_opportunities": (3, 1, "measured", 1.5, "met"),
        "target_accounts": (2, None, "none", 100, "missed"),
        "stakeholder_coverage": (0.75, None, "none", 0.7, "met"),
        "accounts_covered": (0.5, None, "none", None, "no_target"),
        "content_to_meeting": (None, 0.08, "stored", 0.15, "undefined"),
        "sales_cycle_days": (70, 100, "measured", 70, "met"),
        "engaged_contacts_per_account": (0, 0, "measured", None, "undefined"),
        "content_engagement": (None, None, "none", None, "undefined"),
        "task_completion": (None, None, "none", 0.85, "undefined"),
    }
