"""The scorecard of campaigns: results by the deadline, effects against the held-out, next steps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from reverse_etl.campaigns import versions
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.test_experiments import AS_OF, MODELS, START, World, looked
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
    "share_open": campaign(**objective(metric="contact_share", target=0.3)),
    "share_closed": campaign(**objective(metric="contact_share", target=0.3)),
    "past": campaign(**objective(deadline="2026-07-01")),
    "today": campaign(**objective(deadline="2026-10-01", target=1.5)),
    "empty": campaign(**objective(deadline="2026-09-01")),
    "undecided": campaign(**objective(target=9.5, deadline="2026-09-01")),
    "retired": campaign(**objective(deadline="2026-09-01")),
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
    for number in range(10):
        contact = f"n{number}"
        made.assign("campaign:share_open", contact, "sent", AS_OF - timedelta(days=2), salt="")
        for key in ("share_closed", "retired"):
            made.assign(f"campaign:{key}", contact, "sent", SENT_AT, salt="")
        # The first three were held out, until the hold-out ended.
        variant = "holdout" if number < 5 else "sent"
        made.assign("campaign:undecided", contact, variant, SENT_AT, salt="")
        made.event(contact, SENT_AT + timedelta(days=1))
        made.event(contact, AS_OF - timedelta(days=1))
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
    made.queue += [
        {
            "source_kind": "campaign",
            "source_key": "undecided",
            "contact_id": f"n{number}",
            "experiment": "campaign:undecided",
            "outcome": "sent",
            "status": "accepted",
        }
        for number in range(3)
    ]
    return made


@pytest.fixture(scope="module")
def scored(empty: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    house = world().built(empty, tmp_path_factory.mktemp("scored"), brings=DECLARED)
    lake = Lake(tmp_path_factory.mktemp("lake"))
    versions.store(campaigns(**CAMPAIGNS), lake, START)
    kept = {key: one for key, one in CAMPAIGNS.items() if key != "retired"}
    versions.store(campaigns(**kept), lake, SENT_AT)
    with duckdb.connect(str(house.path)) as connection:
        connection.register("given", lake.read(versions.STREAM))
        connection.execute("insert into lake.campaign_versions by name select * from given")
        connection.execute(
            "insert into lake.campaign_launches by name select 'empty' as campaign, "
            "'once' as occurrence, 1 as version, 'launched' as status, 0 as contacts, "
            "$1::timestamp as planned_at, $1::timestamp as known_at",
            [SENT_AT],
        )
    house.build("stg_campaigns__versions", "stg_campaigns__launches", *SCORED, tests=None)
    looked(house)
    house.build(*SCORED, tests="cautious")
    with duckdb.connect(str(house.path)) as connection:
        cards = connection.execute("from marts.campaign_scorecard").fetch_arrow_table().to_pylist()
        tickets = connection.execute("from marts.campaign_tickets").fetch_arrow_table().to_pylist()
    assert {row["campaign"] for row in tickets} == {"few", "empty", "share", "undecided"}
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
        "share_open": ("running", 1),  # whoever comes in may yet make it less
        "share_closed": ("reached", 1),
        "past": ("failed", 0),
        "today": ("planned", 0),
        "empty": ("failed", 0),
        "undecided": ("failed", 8),
        "retired": ("failed", 10),
    }


def test_time_passes_to_the_end_of_the_deadlines_day(scored: dict[str, dict[str, Any]]) -> None:
    assert scored["past"]["time_passed"] == 1 == scored["few"]["time_passed"]
    days = (AS_OF - START) / timedelta(days=1)
    assert scored["today"]["time_passed"] == pytest.approx(days / (days + 1), abs=0.002)
    assert scored["today"]["time_passed"] < 1


def test_who_was_held_out_until_the_holdout_ended(scored: dict[str, dict[str, Any]]) -> None:
    row = scored["undecided"]
    assert (row["assigned"], row["held_out"], row["written_to"]) == (10, 2, 8)


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
    assert scored["undecided"]["effect_decision"] == "no_decision"


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
    assert steps["empty"].startswith("Nobody was written to")
    assert steps["share"].startswith("Nobody was held out, so nobody knows why")
    assert steps["undecided"].startswith("No effect was shown")
    assert steps["share_closed"].startswith("Reached: go on, and hold some out")
    assert steps["money"] == "On course"


def test_a_failed_one_opens_a_ticket(scored: dict[str, dict[str, Any]]) -> None:
    ticket = scored["few"]["ticket"]
    assert ticket["action"] == "create_ticket" and ticket["title"] == "Campaign failed: Spring"
    assert ticket["failed_on"] == datetime(2026, 9, 15).date()
    assert ticket["body"].startswith("Reached 140 of 500 (contacts) by 2026-09-15. It works")
    bodies = {key: scored[key]["ticket"]["body"] for key in ("share", "undecided")}
    assert bodies["share"].startswith("Reached 0.4 of 0.9 (contact_share)")
    assert bodies["undecided"].startswith("Reached 8 of 9.5 (contacts)")
