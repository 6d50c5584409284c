"""Which version speaks: a fold of decisions that are only ever added.

Pure functions over rows; whoever calls stores them.
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
    """One decision about a model. ``version`` is the one it is about: promoted, not promoted
    (kept: the champion stayed), or returned to (rolled back). ``champion`` is who speaks from then
    on, None where nobody does. ``difference``, ``low`` and ``high`` are the challenger's AUC less
    the champion's, where they were compared. ``actor`` is who decided."""

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
    raise NotImplementedError


def succession(decisions: Sequence[Decision], model: str) -> list[str]:
    """The champion and, latest first, those who were champion before it: who speaks when it cannot
    be loaded."""
    raise NotImplementedError


def judge(
    decisions: Sequence[Decision],
    model: str,
    challenger: str,
    comparison: Comparison | None,
    decided_at: datetime,
    fault: str | None = None,
) -> Decision:
    """Promoted if not worse, or where there is no champion to compare with (``comparison`` None);
    ``fault`` then says why a champion that exists could not be loaded."""
    raise NotImplementedError


def promote(
    decisions: Sequence[Decision],
    model: str,
    version: str,
    decided_at: datetime,
    actor: str,
    reason: str,
) -> Decision:
    """A person's decision, whatever the figures."""
    raise NotImplementedError


def roll_back(
    decisions: Sequence[Decision],
    model: str,
    decided_at: datetime,
    actor: str,
    reason: str,
    version: str | None = None,
) -> Decision:
    """Back to ``version``, or to the champion before. Raises ValueError where there is none."""
    raise NotImplementedError
