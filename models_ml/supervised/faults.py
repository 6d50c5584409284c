"""Why data was refused, and what was found in it: two closed vocabularies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why nothing was trained or scored."""

    MISSING_COLUMN = "missing_column"
    WRONG_TYPE = "wrong_type"
    DUPLICATE_KEY = "duplicate_key"
    TOO_FEW_ROWS = "too_few_rows"
    TOO_FEW_POSITIVES = "too_few_positives"
    ONE_CLASS = "one_class"
    TOO_FEW_SNAPSHOTS = "too_few_snapshots"
    NO_USABLE_FEATURE = "no_usable_feature"
    CLOCK_JUMPED = "clock_jumped"


class Kind(StrEnum):
    """What was found and did not stop the training or the scoring."""

    CONSTANT = "constant_feature"
    EMPTY = "empty_feature"
    NOT_FINITE = "not_finite"
    MANY_CATEGORIES = "many_categories"
    NEW_CATEGORY = "new_category"
    GAP = "gap_in_snapshots"
    LEAK = "leaking_feature"
    SAMPLED = "sampled"
    FEW_POSITIVES = "few_positives"


@dataclass(frozen=True)
class Finding:
    """``subject`` is a feature's name, or what else it is about; ``detail`` a sentence."""

    kind: Kind
    subject: str
    detail: str


class Refused(ValueError):
    """The data cannot be trained on or scored, and why. The message is ``reason: detail``."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
