"""The scorecard of campaigns: results by the deadline, effects against the held-out, next steps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from reverse_etl.campaigns import versions
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.test_experiments import MODELS, START, World, looked
from tests.reverse_etl.campaigns.worlds import campaign, campaigns
from workspace.lake import Lake

SCORED = (
    "campaign_launches",
    "campaigns",
    *(name for name in MODELS if name != "experiment_results"),
    "experiment_results",
    "int_campaign_results",
    "int_campaign_evidence",
    "campaign_scorecard",
    "campaign_tickets",
)
#: It holds out some of a campaign that itself holds out nobody.
DECLARED = {
    "name": "Does it bring demonstrations?",
    "campaign": "declared",
    "starts_on": START.date(),
    "variants": {"mail": {"share": 50}, "holdout": {"share": 50}},
    "metric": {"event": "demo_booked", "within_days": 10},
}
SENT_AT = START + timedelta(days=10)


def objective(**given: Any) -> dict[str, Any]:
    plain = {
        "metric": "contacts",
        "reached_by": {"event": "demo_booked"},
        "within_days": 10,
        "target": 40,
        "deadline": "2026-12-31",
    }
    return {"objective": {**plain, **given}}


CAMPAIGNS = {
    "works": campaign(**objective(), cost=100, name="Works"),
    "few": campaign(**objective(target=500, deadline="2026-09-15")),
    "nobody": campaign(**objective(deadline="2026-09-01"), name="Nobody"),
    "later": campaign(**objective()),
    "money": campaign(
        **objective(metric="revenue", reached_by={"event": "paid"}, target=300), cost=50
    ),
    "declared": campaign(**objective(target=10)),
    "share": campaign(**objective(metric="contact_share", target=0.9, deadline="2026-08-13")),
}


def world() -> World:
    """Of 1,400 contacts half are held out; of those written to every fifth books a demonstration,
    of the others every fiftieth."""
    made = World()
    for number in range(1400):
        contact, held_out = f"c{number}", number % 2 == 0
        for key in ("works", "few"):
            variant = "holdout" if held_out else "sent"
            made.assign(f"campaign:{key}", contact, variant, SENT_AT, salt="")
        made.assign("campaign:declared", contact, "sent", SENT_AT, salt="")
        made.assign("brings", contact, "holdout" if held_out else "mail", SENT_AT)
        if number % (100 if held_out else 10) == (2 if held_out else 1):
            made.event(contact, SENT_AT + timedelta(days=2))
    for number in range(10):
        contact = f"m{number}"
        made.assign("campaign:money", contact, "sent", SENT_AT, salt="")
        made.assign("campaign:share", contact, "sent", SENT_AT, salt="")
        made.event(contact, SENT_AT + timedelta(days=1), "paid", revenue_base=25.0)
        made.event(contact, SENT_AT + timedelta(days=1 if number < 4 else 5))
    made.queue = [
        {
            "source_kind": "campaign",
            "source_key": row["experiment"].removeprefix("campaign:").replace("brings", "declared"),
            "contact_id": row["contact_id"],
            "experiment": row["experiment"],
            "outcome": "not_sent" if row["variant"] == "holdout" else "sent",
            "status": "blocked" if row["variant"] == "holdout" else "accepted",
        }
        for row in made.assignments
        if row["experiment"] != "campaign:declared"  # its message is the one of `brings`
        # A gate stopped two of those whom money is about.
        and (row["experiment"], row["contact_id"])
        not in {("campaign:money", "m0"), ("campaign:money", "m1")}
    ]
    return made


@pytest.fixture(scope="module")
def scored(empty: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    house = world().built(empty, tmp_path_factory.mktemp("scored"), brings=DECLARED)
    lake = Lake(tmp_path_factory.mktemp("lake"))
    versions.store(campaigns(**CAMPAIGNS), lake, START)
    with duckdb.connect(str(house.path)) as connection:
        connection.register("given", lake.read(versions.STREAM))
        connection.execute("insert into lake.campaign_versions by name select * from given")
    house.build("stg_campaigns__versions", *SCORED, tests=None)
    looked(house)
    house.build(*SCORED, tests="cautious")
    with duckdb.connect(str(house.path)) as connection:
        cards = connection.execute("from marts.campaign_scorecard").fetch_arrow_table().to_pylist()
        tickets = connection.execute("from marts.campaign_tickets").fetch_arrow_table().to_pylist()
    assert {row["campaign"] for row in tickets} == {"few", "nobody", "share"}
    found = {row["campaign"]: row for row in cards}
    for row in tickets:
        found[row["campaign"]]["ticket"] = row
    return found


def test_results(scored: dict[str, dict[str, Any]]) -> None:
    assert {key: (row["status"], row["result"]) for key, row in scored.items()} == {
        "works": ("reached", 140),
        "few": ("failed", 140),
        "nobody": ("failed", 0),
        "later": ("planned", 0),
        "money": ("running", 200),  # of the eight written to
        "declared": ("reached", 140),
        "share": ("failed", pytest.approx(0.4)),  # those who did it by the deadline
    }


def test_effect_against_the_held_out(scored: dict[str, dict[str, Any]]) -> None:
    works = scored["works"]
    assert (works["assigned"], works["held_out"], works["written_to"]) == (1400, 700, 700)
    assert works["effect_decision"] == "better" and works["experiment"] == "campaign:works"
    assert works["effect"] == pytest.approx(0.2 - 0.02)
    assert works["effect_low"] < works["effect"] < works["effect_high"]
    assert works["incremental_conversions"] == pytest.approx(700 * 0.18)
    assert works["learnings"] == "Works: sent is better than holdout by 18.0 points"
    # Nobody is held out of these.
    for key in ("money", "share", "later"):
        assert scored[key]["effect_decision"] == "no_control"
        assert scored[key]["experiment"] is scored[key]["p_adjusted"] is None
        assert scored[key]["learnings"] is None


def test_a_files_experiment_with_a_hold_out_counts_before_the_campaigns_own(
    scored: dict[str, dict[str, Any]],
) -> None:
    declared = scored["declared"]
    assert (declared["experiment"], declared["effect_decision"]) == ("brings", "better")
    assert declared["effect"] == pytest.approx(0.2 - 0.02)


def test_money(scored: dict[str, dict[str, Any]]) -> None:
    money = scored["money"]
    assert float(money["followed_revenue_base"]) == 200
    assert money["followed_roi"] == pytest.approx(3)
    assert scored["later"]["followed_roi"] is None


def test_next_steps(scored: dict[str, dict[str, Any]]) -> None:
    steps = {key: row["next_step"] for key, row in scored.items()}
    assert steps["works"].startswith("Reached, and because of it")
    assert steps["few"].startswith("It works and reached too few")
    assert steps["nobody"].startswith("Nobody was written to")
    assert steps["later"] == "Plan and approve it"
    assert steps["share"].startswith("No effect was shown")
    assert steps["money"] == "On course"


def test_a_failed_one_opens_a_ticket(scored: dict[str, dict[str, Any]]) -> None:
    ticket = scored["few"]["ticket"]
    assert ticket["action"] == "create_ticket" and ticket["title"] == "Campaign failed: Spring"
    assert ticket["failed_on"] == datetime(2026, 9, 15).date()
    assert "140" in ticket["body"] and "500" in ticket["body"] and "widen" in ticket["body"]
