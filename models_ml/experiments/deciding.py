"""What an experiment's numbers say: effects with intervals, and whether something has won.

Effects are by intention to treat: of all who were assigned, reached or not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scipy import stats

from models_ml.experiments import sequential
from models_ml.experiments.proportions import (
    BROKEN,
    harmonic,
    holm,
    needed_per_arm,
    p_value,
    variance,
    z_score,
)
from workspace.definitions.experiments import HOLDOUT


@dataclass(frozen=True)
class Rail:
    """``limit`` is a share of people, or with ``is_relative`` of the control's own share."""

    rail: str
    limit: float
    is_relative: bool


@dataclass(frozen=True)
class Design:
    """What an experiment was asked to show; ``value`` is what one conversion is worth."""

    control: str
    method: str = "always_valid"
    alpha: float = 0.05
    tau: float = 0.02
    min_per_arm: int = 500
    min_days: float = 7
    rails: Sequence[Rail] = ()
    value: float | None = None
    has_revenue: bool = False
    per_arm: int | None = None
    base_rate: float | None = None
    minimum_effect: float | None = None
    power: float = 0.8

    @property
    def needed(self) -> int | None:
        """People per arm that a fixed horizon waits for."""
        if self.method != "fixed_horizon":
            return None
        if self.per_arm is not None:
            return self.per_arm
        assert self.base_rate is not None and self.minimum_effect is not None
        return needed_per_arm(self.base_rate, self.minimum_effect, self.alpha, self.power)


@dataclass(frozen=True)
class Arm:
    """One variant in numbers of people: ``measured`` are those whose window is over, and all that
    follows is of them."""

    variant: str
    assigned: int = 0
    exposed: int = 0
    measured: int = 0
    converted: int = 0
    unsubscribed: int = 0
    complained: int = 0
    revenue: float = 0.0
    revenue_squares: float = 0.0

    @property
    def rate(self) -> float | None:
        return self.converted / self.measured if self.measured else None

    @property
    def counted(self) -> int:
        """Measured people, as far as a message came to them where one should."""
        return self.measured if self.variant == HOLDOUT else min(self.measured, self.exposed)

    def share_of(self, rail: str) -> float:
        count = self.unsubscribed if rail == "unsubscribe" else self.complained
        return count / self.measured if self.measured else 0.0


Range = tuple[float, float, float]  # an estimate, its lower and its upper bound


@dataclass
class Finding:
    """What one variant shows against the control; None is what cannot be said."""

    arm: Arm
    effect: Range | None = None
    incremental_conversions: Range | None = None
    incremental_revenue: Range | None = None
    p_value: float | None = None
    likelihood_ratio: float | None = None
    p_always_valid: float | None = None
    p_decisive: float | None = None
    p_adjusted: float | None = None
    decision: str = "no_decision"
    is_winner: bool = False
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Planned:
    """What the one look of a fixed horizon said of a variant; ``revenue`` is of one person."""

    p_decisive: float
    p_adjusted: float
    effect: Range
    revenue: Range | None = None
    decision: str = "no_decision"
    reasons: Sequence[str] = ()


@dataclass(frozen=True)
class Earlier:
    """What looks before this one found of a variant."""

    p_always_valid: float | None = None  # none where nothing was measured yet
    planned: Planned | None = None


def judge(
    design: Design,
    arms: Sequence[Arm],
    days: float,
    p_srm: float | None = None,
    earlier: Mapping[str, Earlier] | None = None,
) -> list[Finding]:
    """One finding an arm, in their order. ``days`` since the first assignment.

    A variant is better or worse only where every arm has enough people, enough days have gone by,
    the shares hold, and its p, adjusted for the number of variants, is below alpha; better only
    within its guard rails. Of an always valid p, which may be an earlier look's, the interval of
    this one has to exclude 0, too. Otherwise the reasons say why there is no decision. What a fixed
    horizon said at its planned look stays.
    """
    control = next(arm for arm in arms if arm.variant == design.control)
    found = {arm.variant: Finding(arm) for arm in arms}
    others = [finding for name, finding in found.items() if name != design.control]
    known = {one.arm.variant: (earlier or {}).get(one.arm.variant, Earlier()) for one in others}
    is_planned = (
        design.needed is not None
        and days >= design.min_days
        and all(arm.measured >= design.needed for arm in arms)
    )
    for finding in others:
        _compare(design, control, finding, known[finding.arm.variant], is_planned)
    adjusted = holm([1.0 if one.p_decisive is None else one.p_decisive for one in others])
    for finding, p in zip(others, adjusted, strict=True):
        finding.p_adjusted = None if finding.p_decisive is None else p
    lacking = _lacking(design, arms, days, p_srm)
    for finding in others:
        planned = known[finding.arm.variant].planned
        if design.method == "fixed_horizon" and planned is not None:
            _keep(design, finding, planned)
        else:
            _decide(design, control, finding, lacking)
    found[design.control].decision = "control"
    _crown(found, design.control)
    return list(found.values())


def _compare(
    design: Design, control: Arm, finding: Finding, before: Earlier, is_planned: bool
) -> None:
    arm = finding.arm
    finding.p_always_valid = before.p_always_valid
    if design.method == "always_valid":
        finding.p_decisive = finding.p_always_valid
    elif before.planned is not None:
        finding.p_decisive = before.planned.p_decisive
    if arm.rate is None or control.rate is None:
        return
    people = float(harmonic(control.measured, arm.measured))
    spread = float(variance(control.rate, arm.rate))
    difference = arm.rate - control.rate
    z = z_score(control.rate, control.measured, arm.rate, arm.measured)
    ratio = float(sequential.likelihood_ratio(difference, spread, people, design.tau))
    finding.p_value, finding.likelihood_ratio = float(p_value(z)), ratio
    smallest = 1.0 if before.p_always_valid is None else before.p_always_valid
    finding.p_always_valid = min(smallest, 1.0, 1.0 / ratio)
    if design.method == "always_valid":
        finding.p_decisive = finding.p_always_valid
        half = sequential.half_width(spread, people, design.tau, design.alpha)
    else:
        # One look: the first at which every arm has what was planned.
        if finding.p_decisive is None and is_planned:
            finding.p_decisive = finding.p_value
        errors = control.rate * (1 - control.rate) / control.measured
        errors += arm.rate * (1 - arm.rate) / arm.measured
        half = float(stats.norm.isf(design.alpha / 2)) * math.sqrt(errors)
    finding.effect = (difference, max(-1.0, difference - half), min(1.0, difference + half))
    finding.incremental_conversions = _times(finding.effect, arm.measured)
    if design.value is not None:
        finding.incremental_revenue = _times(finding.effect, arm.measured * design.value)
    elif design.has_revenue:
        taken = _revenue(design, control, arm, people, spread)
        finding.incremental_revenue = taken and _times(taken, arm.measured)


def _revenue(design: Design, control: Arm, arm: Arm, people: float, spread: float) -> Range | None:
    """The difference of what people bring on average; as wide, in standard deviations, as that of
    the rates under the same rule. None where nobody brought anything."""
    means = [one.revenue / one.measured for one in (control, arm)]
    spreads = [
        max(0.0, one.revenue_squares / one.measured - mean**2)
        for one, mean in zip((control, arm), means, strict=True)
    ]
    if sum(spreads) <= 0:
        return None
    difference = means[1] - means[0]
    if design.method == "always_valid":
        tau = design.tau * math.sqrt(sum(spreads) / spread) if spread > 0 else design.tau
        half = sequential.half_width(sum(spreads), people, tau, design.alpha)
    else:
        errors = spreads[0] / control.measured + spreads[1] / arm.measured
        half = float(stats.norm.isf(design.alpha / 2)) * math.sqrt(errors)
    return difference, difference - half, difference + half


def _times(given: Range, number: float) -> Range:
    return given[0] * number, given[1] * number, given[2] * number


def _lacking(design: Design, arms: Sequence[Arm], days: float, p_srm: float | None) -> list[str]:
    """What keeps the whole experiment from being decided, in words."""
    reasons = []
    least = design.needed or design.min_per_arm
    for arm in arms:
        people = arm.counted if design.needed is None else arm.measured
        if people < least:
            reasons.append(f"too few: {people:,} of {least:,} people in {arm.variant}")
    if days < design.min_days:
        reasons.append(f"too early: {days:.1f} of {design.min_days:g} days")
    if p_srm is not None and p_srm < BROKEN:
        reasons.append(f"broken shares: p {p_srm:.1e} that the assigned numbers are chance")
    return reasons


def _decide(design: Design, control: Arm, finding: Finding, lacking: Sequence[str]) -> None:
    finding.reasons += lacking
    p = finding.p_adjusted
    if p is not None and p >= design.alpha:
        finding.reasons.append(f"not significant: p {p:.3f}, below {design.alpha:g} wanted")
    elif p is None and not finding.reasons:
        finding.reasons.append("not significant: nothing to compare yet")
    elif p is not None and design.method == "always_valid" and _covers_none(finding.effect):
        finding.reasons.append("not significant: p of an earlier look, and no longer seen")
    is_better = finding.effect is not None and finding.effect[0] > 0
    broken = [text for rail in design.rails if (text := _broken(rail, control, finding.arm))]
    if is_better or finding.reasons:
        finding.reasons += broken
    if not finding.reasons and finding.effect is not None and finding.effect[0] != 0:
        finding.decision = "better" if is_better else "worse"


def _keep(design: Design, finding: Finding, planned: Planned) -> None:
    finding.p_adjusted, finding.effect = planned.p_adjusted, planned.effect
    finding.decision, finding.reasons = planned.decision, list(planned.reasons)
    people = finding.arm.measured
    finding.incremental_conversions = _times(planned.effect, people)
    if design.value is not None:
        finding.incremental_revenue = _times(planned.effect, people * design.value)
    else:
        finding.incremental_revenue = planned.revenue and _times(planned.revenue, people)


def _covers_none(effect: Range | None) -> bool:
    """Whether an interval has 0 in it, or there is none."""
    return effect is None or effect[1] <= 0 <= effect[2]


def _broken(rail: Rail, control: Arm, arm: Arm) -> str | None:
    mine, other = arm.share_of(rail.rail), control.share_of(rail.rail)
    limit = other * (1 + rail.limit) if rail.is_relative else rail.limit
    if mine <= limit or not arm.measured:
        return None
    told = f"guard rail: {rail.rail} {mine:.2%}"
    if rail.is_relative:
        return f"{told}, {control.variant} {other:.2%} and at most {rail.limit:.0%} more"
    return f"{told}, at most {rail.limit:.2%}"


def _crown(found: Mapping[str, Finding], control: str) -> None:
    """The best of what is better, or the control where all else is worse."""
    others = [finding for name, finding in found.items() if name != control]
    better = [finding for finding in others if finding.decision == "better"]
    if better:
        max(better, key=lambda finding: finding.effect[0] if finding.effect else 0).is_winner = True
    elif others and all(finding.decision == "worse" for finding in others):
        found[control].is_winner = True
