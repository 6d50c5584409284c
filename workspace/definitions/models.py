"""`models.yml`: which models are trained, how they are judged, and what their scores may do.

How a model is trained and explained is `models_ml` (``docs/models.md``), how it is run
``docs/models-operating.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from workspace.definitions.reading import Row, Strict, read

#: Model -> what it scores.
SUBJECTS: dict[str, Literal["account", "contact"]] = {
    "churn": "account",
    "engagement": "contact",
    "conversion": "contact",
    "lead_score": "contact",
}
ModelName = Literal["churn", "engagement", "conversion", "lead_score"]

Number = StrictInt | StrictFloat


class Model(Strict):
    """One model. One that is not ``enabled`` is not trained and scores nobody."""

    enabled: StrictBool = True


class Training(Strict):
    """How models are trained (`models_ml.supervised.spec.TrainingSettings` says what each does).

    The last ``test_snapshots`` months are for judging, the ``validation_snapshots`` before them for
    choosing. With less than ``least_rows``, or ``least_positives`` of either outcome, a model is
    not trained. ``replicates`` of a bootstrap make intervals at ``level``. A challenger is worse
    where that interval of its AUC less the champion's is below 0, or the difference below minus
    ``worse_by``.
    """

    seed: Annotated[StrictInt, Field(ge=0, le=2**31)] = 7
    test_snapshots: Annotated[StrictInt, Field(ge=1, le=12)] = 2
    validation_snapshots: Annotated[StrictInt, Field(ge=1, le=12)] = 2
    least_rows: Annotated[StrictInt, Field(ge=20)] = 200
    least_positives: Annotated[StrictInt, Field(ge=5)] = 10
    most_rows: Annotated[StrictInt, Field(ge=1000)] = 200_000
    replicates: Annotated[StrictInt, Field(ge=50, le=10_000)] = 300
    level: Annotated[Number, Field(gt=0.5, lt=1)] = 0.9
    worse_by: Annotated[Number, Field(ge=0, lt=0.5)] = 0.01


class Scoring(Strict):
    """``least_change``: by how many points of 100 a score must have moved to be stored again.
    ``contributions``: how many of a score's largest contributions are stored with it."""

    least_change: Annotated[Number, Field(ge=0, le=10)] = 0.1
    contributions: Annotated[StrictInt, Field(ge=1, le=20)] = 3


class AutomatedActions(Strict):
    """Whether journeys that a model's score begins take anybody in."""

    enabled: StrictBool = False


class Models(Strict):
    """``models.yml``."""

    models: dict[ModelName, Model] = {}
    training: Training = Training()
    scoring: Scoring = Scoring()
    automated_actions: AutomatedActions = AutomatedActions()

    @property
    def enabled(self) -> list[str]:
        """The models that are trained and score, in the order in which they are."""
        return [name for name in SUBJECTS if self.models.get(name, Model()).enabled]  # type: ignore[call-overload]

    def rows(self) -> Iterator[Row]:
        for n, (name, subject) in enumerate(SUBJECTS.items(), 1):
            value = {"subject_type": subject, "enabled": name in self.enabled}
            yield Row("models", name, n, value)


def load_models(folder: Path) -> Models:
    """``models.yml`` of a folder; the defaults where it has none. Raises
    :class:`~workspace.definitions.reading.DefinitionError`."""
    path = folder / "models.yml"
    return read(path, Models) if path.exists() else Models()
