"""When there is a winner, and why there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy import stats

from models_ml.experiments.deciding import Arm, Design, Earlier, Finding, Planned, Rail, judge

PLAIN = Design("old")
OLD = Arm("old", 5000, 5000, 5000, 500)
NEW = Arm("new", 5000, 5000, 5000, 600)


def ask(*arms: Arm, design: Design = PLAIN, days: float = 10, **more) -> dict[str, Finding]:
    return {found.arm.variant: found for found in judge(design, arms, days, **more)}


def test_a_winner_by_the_golden_numbers() -> None:
    found = ask(OLD, NEW)
    new = found["new"]
    assert (new.decision, new.is_winner, new.reasons) == ("better", True, [])
    assert found["old"].decision == "control" and not found["old"].is_winner
    assert new.p_decisive == new.p_adjusted == pytest.approx(0.0318, abs=5e-5)
    assert new.likelihood_ratio == pytest.approx(31.44, abs=0.005)
    assert new.effect is not None and new.effect[0] == pytest.approx(0.02)
    assert 0 < new.effect[1] < 0.001
    assert new.incremental_conversions is not None
    assert new.incremental_conversions[0] == pytest.approx(100)
    assert new.incremental_revenue is None


@pytest.mark.parametrize(
    ("old", "new", "days", "more", "told"),
    [
        (OLD, replace(NEW, exposed=400), 10, {}, "too few: 400 of 500 people in new"),
        (Arm("old", 400, 400, 400, 10), Arm("new", 400, 400, 400, 90), 10, {}, "too few: 400"),
        (OLD, NEW, 3, {}, "too early: 3.0 of 7 days"),
        (OLD, NEW, 10, {"p_srm": 6.3e-5}, "broken shares: p 6.3e-05"),
        (OLD, replace(NEW, converted=520), 10, {}, "not significant: p 1.000, below 0.05 wanted"),
    ],
)
def test_no_decision_has_its_reason(old: Arm, new: Arm, days: float, more: dict, told: str) -> None:
    found = ask(old, new, days=days, **more)["new"]
    assert found.decision == "no_decision" and not found.is_winner
    assert found.reasons[0].startswith(told), found.reasons


def test_guard_rails() -> None:
    relative = replace(PLAIN, rails=[Rail("unsubscribe", 0.2, True)])
    old = replace(OLD, unsubscribed=50)
    assert ask(old, replace(NEW, unsubscribed=60), design=relative)["new"].is_winner
    found = ask(old, replace(NEW, unsubscribed=61), design=relative)["new"]
    told = "guard rail: unsubscribe 1.22%, old 1.00% and at most 20% more"
    assert found.decision == "no_decision" and found.reasons == [told]
    # What is worse anyway needs no guard rail.
    worse = replace(NEW, converted=400, unsubscribed=61)
    assert ask(old, worse, design=relative)["new"].decision == "worse"
    absolute = replace(PLAIN, rails=[Rail("complaint", 0.003, False)])
    assert ask(old, replace(NEW, complained=15), design=absolute)["new"].is_winner
    found = ask(old, replace(NEW, complained=16), design=absolute)["new"]
    assert found.reasons == ["guard rail: complaint 0.32%, at most 0.30%"]


def test_a_hold_out_gets_no_message_and_counts_all_the_same() -> None:
    held = Arm("holdout", 1000, 0, 1000, 50)
    mailed = Arm("mail", 4000, 3000, 4000, 400)
    found = ask(held, mailed, design=Design("holdout"))
    assert found["mail"].is_winner
    # By intention to treat: of all who were assigned, reached or not.
    effect, people = found["mail"].effect, found["mail"].incremental_conversions
    assert effect is not None and people is not None
    assert effect[0] == pytest.approx(0.05) and people[0] == pytest.approx(200)


def test_the_control_wins_where_all_else_is_worse() -> None:
    found = ask(OLD, replace(NEW, converted=380), replace(NEW, variant="other", converted=390))
    assert found["old"].is_winner and {f.decision for f in found.values()} == {"control", "worse"}


def test_several_variants_pay_for_their_number() -> None:
    third = replace(NEW, variant="third", converted=510)
    found = ask(OLD, NEW, third)
    assert found["new"].p_adjusted == pytest.approx(2 * 0.0318, abs=2e-4)
    assert found["new"].decision == "no_decision"
    best = ask(OLD, replace(NEW, converted=700), replace(third, converted=720))
    assert [f.arm.variant for f in best.values() if f.is_winner] == ["third"]


def test_the_smallest_p_of_all_looks_counts() -> None:
    before = {"new": Earlier(0.01)}
    found = ask(OLD, replace(NEW, converted=605), earlier=before)["new"]
    assert found.p_always_valid == 0.01 and found.is_winner
    assert ask(OLD, NEW, earlier={"new": Earlier(0.9)})["new"].p_always_valid < 0.04  # type: ignore[operator]


@pytest.mark.parametrize("converted", [600, 615])
def test_what_an_earlier_look_saw_has_to_be_seen_still(converted: int) -> None:
    """An old p says nothing of today's sign."""
    old = Arm("old", 6000, 6000, 6000, 610)
    new = Arm("new", 6000, 6000, 6000, converted)
    found = ask(old, new, days=30, earlier={"new": Earlier(0.03)})
    assert found["new"].p_adjusted == 0.03 and found["new"].decision == "no_decision"
    assert found["new"].reasons == ["not significant: p of an earlier look, and no longer seen"]
    assert not found["old"].is_winner


def test_a_fixed_horizon_looks_once() -> None:
    design = replace(PLAIN, method="fixed_horizon", base_rate=0.1, minimum_effect=0.02)
    assert design.needed == 3839
    early = ask(replace(OLD, measured=3838), replace(NEW, measured=3838), design=design)["new"]
    assert early.p_decisive is None and early.reasons[0] == "too few: 3,838 of 3,839 people in old"
    first = ask(OLD, NEW, design=design)["new"]
    assert first.p_decisive == pytest.approx(0.00139, abs=5e-6) and first.is_winner
    effect = first.effect
    assert effect is not None
    half = stats.norm.isf(0.025) * math.sqrt(0.1956 / 5000)
    assert effect[2] - effect[0] == pytest.approx(half)
    # Nor is a look the planned one before its days are over.
    assert ask(OLD, NEW, design=design, days=3)["new"].p_decisive is None


@pytest.mark.parametrize("said", ["better", "no_decision"])
def test_what_a_fixed_horizon_said_stays(said: str) -> None:
    design = replace(PLAIN, method="fixed_horizon", per_arm=3000, value=30)
    first = ask(OLD, NEW if said == "better" else replace(NEW, converted=520), design=design)["new"]
    assert first.decision == said
    assert first.p_decisive is not None and first.p_adjusted is not None and first.effect
    planned = Planned(
        first.p_decisive,
        first.p_adjusted,
        first.effect,
        decision=first.decision,
        reasons=first.reasons,
    )
    # Whatever comes later: the other way round, broken shares, a guard rail.
    later = ask(
        replace(OLD, measured=9000, converted=1500),
        replace(NEW, measured=9000, converted=900, complained=900),
        design=replace(design, rails=[Rail("complaint", 0.003, False)]),
        p_srm=1e-9,
        earlier={"new": Earlier(0.01, planned)},
    )["new"]
    assert (later.decision, later.reasons) == (said, first.reasons)
    assert (later.effect, later.p_adjusted) == (first.effect, first.p_adjusted)
    assert later.is_winner == (said == "better")
    assert later.incremental_conversions is not None and later.incremental_revenue is not None
    assert later.incremental_conversions[0] == pytest.approx(9000 * first.effect[0])
    assert later.incremental_revenue[0] == pytest.approx(9000 * 30 * first.effect[0])


def test_revenue() -> None:
    fixed = ask(OLD, NEW, design=replace(PLAIN, value=30))["new"].incremental_revenue
    assert fixed is not None and fixed[0] == pytest.approx(3000)
    # Everybody who converts brings 30: as wide as the conversions' own interval.
    real = [
        replace(a, revenue=30.0 * a.converted, revenue_squares=900.0 * a.converted)
        for a in (OLD, NEW)
    ]
    taken = ask(*real, design=replace(PLAIN, has_revenue=True))["new"].incremental_revenue
    assert taken == pytest.approx(fixed)
    nothing = ask(OLD, NEW, design=replace(PLAIN, has_revenue=True))["new"]
    assert nothing.incremental_revenue is None


def test_nobody_yet() -> None:
    found = ask(Arm("old"), Arm("new"), days=0)["new"]
    assert found.effect is found.p_value is None and found.decision == "no_decision"
    assert found.p_always_valid is found.p_decisive is found.p_adjusted is None
    assert found.reasons == [
        "too few: 0 of 500 people in old",
        "too few: 0 of 500 people in new",
        "too early: 0.0 of 7 days",
    ]
