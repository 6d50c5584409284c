"""The share of those a mail reached who did something with one, against sets of people."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from tests.dbt.lakehouse import Lakehouse

#: Plan years begin in October, as marketing/targets.yml has it.
MONTHS = [date(year, month, 1) for year in (2024, 2025) for month in range(1, 13)]

Window = tuple[str, date, str]
#: Contact -> vertical.
People = dict[str, str | None]


@dataclass(frozen=True)
class Act:
    """A mail delivered to somebody, or a touch of theirs."""

    contact: str | None
    on: date
    kind: str  # delivered, or a touch type
    actor: str = "human"


def windows(month: date) -> dict[str, list[date]]:
    plan_year = date(month.year - (month.month < 10), 10, 1)
    year_before = date(month.year - 1, month.month, 1)
    return {
        "month": [month],
        "ytd": [m for m in MONTHS if plan_year <= m <= month],
        "trailing_12m": [m for m in MONTHS if year_before < m <= month],
    }


def expected(people: People, acts: list[Act]) -> dict[Window, tuple[int, int]]:
    """(scope, month, window) -> people reached, and those of them who engaged."""
    found: dict[Window, tuple[int, int]] = {}
    for month in MONTHS:
        for window, months in windows(month).items():
            inside = [a for a in acts if a.on.replace(day=1) in months and a.contact in people]
            reached = {a.contact for a in inside if a.kind == "delivered"}
            engaged = {
                a.contact
                for a in inside
                if a.kind in ("email_open", "email_click") and a.actor != "machine"
            }
            scopes: dict[str, set[str]] = {}
            for contact in reached:
                for scope in {people[contact], "company"} - {None}:
                    scopes.setdefault(scope, set()).add(contact)
            for scope, them in scopes.items():
                found[scope, month, window] = (len(them), len(them & engaged))
    return found


def drawn(rng: random.Random, contact: str | None) -> list[Act]:
    return [
        Act(
            contact,
            rng.choice(MONTHS).replace(day=rng.randint(1, 28)),
            rng.choice(["delivered", "delivered", "email_open", "email_click", "page_view"]),
            rng.choice(["human", "unsure", "machine"]),
        )
        for _ in range(rng.choice([0, 1, 2, 2, 3, 6]))
    ]


def put(house: Lakehouse, people: People, acts: list[Act]) -> None:
    house.put(
        "intermediate.int_contacts",
        [{"contact_id": contact, "vertical": vertical} for contact, vertical in people.items()],
    )
    house.put(
        "intermediate.int_reporting_windows",
        [
            {"month": month, "metric_window": window, "window_month": one}
            for month in MONTHS
            for window, months in windows(month).items()
            for one in months
        ],
    )
    house.put(
        "marts.fct_emails",
        [{"contact_id": a.contact, "delivered_on": a.on} for a in acts if a.kind == "delivered"],
    )
    house.put(
        "marts.fct_touchpoints",
        [
            {
                "contact_id": act.contact,
                "occurred_on": act.on,
                "touch_type": act.kind,
                "actor_class": act.actor,
            }
            for act in acts
            if act.kind != "delivered"
        ],
    )


def test_against_sets_of_people(golden: Lakehouse, tmp_path: Path) -> None:
    """Each vertical is a small world of its own, so that one build answers for 300 of them."""
    rng = random.Random(3)
    people: People = {f"p{n}": f"v{n % 300}" for n in range(700)}
    people |= dict.fromkeys(f"nowhere-{n}" for n in range(20))
    acts = [act for c in [*people, "stranger", None] for act in drawn(rng, c)]
    # Engaged one month before or behind what reached them, at every border of a window.
    for n, (before, after) in enumerate(pairwise(MONTHS)):
        people |= {f"early-{n}": f"w{n}", f"late-{n}": f"w{n}", f"year-{n}": f"w{n}"}
        acts += [Act(f"early-{n}", before, "email_open"), Act(f"early-{n}", after, "delivered")]
        acts += [Act(f"late-{n}", before, "delivered"), Act(f"late-{n}", after, "email_click")]
        acts += [Act(f"year-{n}", MONTHS[max(n - 11, 0)], "delivered")]
        acts += [Act(f"year-{n}", after, "email_click")]
    house = golden.copied(tmp_path)
    put(house, people, acts)
    house.run("int_engagement_rates")
    found = house.rows("select * from intermediate.int_engagement_rates")
    assert {tuple(row[:3]): tuple(row[3:]) for row in found} == (wanted := expected(people, acts))
    assert len(found) == len(wanted) > 5_000
    assert len({share for share in wanted.values()}) > 10


def test_its_windows_are_those_of_runs(golden: Lakehouse) -> None:
    found = golden.rows(
        "select month, metric_window, list(window_month order by window_month) "
        "from intermediate.int_reporting_windows where month >= date '2025-09-01' group by all"
    )
    shared = [(month, window, months) for month, window, months in found if month in MONTHS]
    assert len(shared) > 9
    for month, window, months in shared:
        assert months == windows(month)[window][-len(months) :]
