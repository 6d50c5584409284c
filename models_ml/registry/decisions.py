"""Which version speaks: a fold of decisions that are only ever added.

Pure functions over rows, in the order they were decided in; whoever calls stores them. Rows of
other models are ignored. ``decided_at`` gives no order: a clock may go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models_ml.supervised.comparing import Comparison


class What(StrEnum):
    PROMOTED = "promoted"
    KEPT = "kept"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class Decision:
    """One decision about a model.

    ``version`` is the one it is about: promoted, not promoted (kept: the champion stayed), or
    returned to (rolled back). ``champion`` speaks from then on; None where nobody does.
    ``difference``, ``low`` and ``high`` are the challenger's AUC less the champion's, where they
    were compared. ``actor`` is who decided.
    """

    model: str
    version: str
    decided_at: datetime
    decision: What
    reason: str
    champion: str | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    actor: str = "retrain"


def champion(decisions: Sequence[Decision], model: str) -> str | None:
    """Who speaks: the champion of the model's latest decision."""
    own = _of(decisions, model)
    return own[-1].champion if own else None


def succession(decisions: Sequence[Decision], model: str) -> list[str]:
    """The champion and, latest first, those who were champion before it: who speaks when it cannot
    be loaded. A version that was rolled back from is not among them, unless promoted again."""
    line: list[str] = []
    for decision in _of(decisions, model):
        if decision.champion is None:
            continue
        if decision.decision is What.ROLLED_BACK and decision.champion in line:
            del line[line.index(decision.champion) :]
        if decision.champion in line:
            line.remove(decision.champion)
        line.append(decision.champion)
    return line[::-1]


def judge(
    decisions: Sequence[Decision],
    model: str,
    challenger: str,
    comparison: Comparison | None,
    decided_at: datetime,
    fault: str | None = None,
    beaten: str | None = None,
) -> Decision:
    """Promoted if not worse, or where there is no champion to compare with (``comparison`` None);
    ``fault`` then says why the one there is could not be compared. What a simple baseline beats
    (`evaluation.beaten`) is never promoted."""
    now = champion(decisions, model)
    if now == challenger:
        return Decision(
            model, challenger, decided_at, What.KEPT, "the champion was trained again", now
        )
    if beaten is not None:
        return Decision(model, challenger, decided_at, What.KEPT, beaten, now)
    if comparison is None:
        if now is not None and fault is None:
            raise ValueError(f"{challenger} was not compared with {now}, and no fault says why")
        reason = "first version" if fault is None else f"no champion to compare with: {fault}"
        return Decision(model, challenger, decided_at, What.PROMOTED, reason, challenger)
    is_promoted = comparison.is_not_worse
    return Decision(
        model,
        challenger,
        decided_at,
        What.PROMOTED if is_promoted else What.KEPT,
        comparison.reason,
        challenger if is_promoted else now,
        *comparison.auc,
    )


def promote(
    decisions: Sequence[Decision],
    model: str,
    version: str,
    decided_at: datetime,
    actor: str,
    reason: str,
) -> Decision:
    """A person's decision, whatever the figures. Raises ValueError where it changes nothing."""
    if champion(decisions, model) == version:
        raise ValueError(f"{version} is the champion of {model} already")
    return Decision(model, version, decided_at, What.PROMOTED, reason, version, actor=actor)


def roll_back(
    decisions: Sequence[Decision],
    model: str,
    decided_at: datetime,
    actor: str,
    reason: str,
    version: str | None = None,
) -> Decision:
    """Back to ``version``, or to the champion before. Raises ValueError where it never was one, or
    there is none."""
    line = succession(decisions, model)
    if len(line) < 2:
        raise ValueError(f"{model} has no champion to go back to")
    back = line[1] if version is None else version
    if back not in line[1:]:
        raise ValueError(f"{back} was never champion of {model} before {line[0]}")
    return Decision(model, back, decided_at, What.ROLLED_BACK, reason, back, actor=actor)


def _of(decisions: Sequence[Decision], model: str) -> list[Decision]:
    return [decision for decision in decisions if decision.model == model]
