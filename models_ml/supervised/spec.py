"""What a model is about, and how it is trained: given by whoever trains.

A **frame** has one row per subject and snapshot: the subject's id (:attr:`ModelSpec.subject_id`),
``snapshot_at`` (UTC naive), the group's id, the columns of slices, and the features: numbers,
Booleans or texts of few values; null is unknown. For training also ``is_positive`` (Boolean).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

#: Whether the outcome came within the horizon after the snapshot.
LABEL = "is_positive"
SNAPSHOT = "snapshot_at"
Candidate = Literal["linear", "trees"]


@dataclass(frozen=True)
class ModelSpec:
    """A model's name, subject, features and the window its outcome lies in.

    ``age`` is the feature that the simple baseline knows: days since the last activity.
    ``group`` names the column whose values are never on both sides of a split.
    """

    name: str
    title: str
    purpose: str
    subject: Literal["account", "contact"]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    horizon_days: float
    age: str
    group: str = "account_id"
    slices: tuple[str, ...] = ("vertical",)

    @property
    def subject_id(self) -> str:
        return f"{self.subject}_id"

    @property
    def features(self) -> tuple[str, ...]:
        return (*self.numeric, *self.categorical)

    def without(self, names: Collection[str]) -> ModelSpec:
        """Without some of the features."""
        return self.only([name for name in self.features if name not in names])

    def only(self, names: Collection[str]) -> ModelSpec:
        """With these of the features."""
        return replace(
            self,
            numeric=tuple(name for name in self.numeric if name in names),
            categorical=tuple(name for name in self.categorical if name in names),
        )

    def as_row(self) -> dict[str, Any]:
        """As it stands in a manifest; :meth:`from_row` reads it."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ModelSpec:
        lists = ("numeric", "categorical", "slices")
        return cls(**{name: tuple(v) if name in lists else v for name, v in row.items()})


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained and judged.

    - ``test_snapshots`` and ``validation_snapshots``: how many snapshots each window has. Between
      windows lies the horizon, so that no outcome of one is open at the next one's first snapshot.
    - ``test_share`` and ``validation_share`` of the groups are never trained on. Which ones follows
      from the group's id and ``split_seed`` alone: the same in every retraining.
    - ``least_rows`` and ``least_positives`` (and as many negatives): with less to fit the chosen
      candidate to, a quarter of it to fit candidates to, or a tenth of it to choose or judge by,
      nothing is trained.
    - ``replicates`` of the bootstrap by group, for intervals that hold with probability ``level``.
    - ``most_rows``: of more training rows, a sample by group.
    - ``leak_auc`` and ``leak_keeps``: a feature that alone ranks as well as this, and of what it
      ranks better than chance keeps a smaller part when it is a snapshot old, is left out
      (`leakage`).
    - ``threads`` of linear algebra and trees. With more than one, threads wait for each other
      busily: beside other work that is slower by far.
    - ``worse_by``: a challenger is worse where the interval of its AUC less the champion's lies
      below 0, or the difference below minus this (`comparing`).
    """

    candidates: tuple[Candidate, ...] = ("linear", "trees")
    seed: int = 7
    split_seed: int = 11
    test_snapshots: int = 2
    validation_snapshots: int = 2
    test_share: float = 0.25
    validation_share: float = 0.15
    least_rows: int = 200
    least_positives: int = 20
    most_rows: int = 200_000
    replicates: int = 300
    level: float = 0.9
    leak_auc: float = 0.85
    leak_keeps: float = 0.7
    worse_by: float = 0.01
    threads: int = 1
