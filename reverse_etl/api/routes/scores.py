"""Scores that models gave."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, Json
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Asking, Listing, Page, Paging
from reverse_etl.api.fields import Key, Row, Time, columns, told
from workspace.definitions.models import ModelName


class Contribution(Row):
    """What a feature does to a score."""

    feature: str = told("Name of the feature")
    value: float | bool | str | None = told("Its value")
    contribution: float | None = told("Logit; above 0 raises the score")


class Score(Row):
    """A score in force, and what it is made of."""

    model: str = told("Key of the model: churn, engagement, conversion or lead_score")
    subject_type: str = told("account or contact")
    subject_id: str = told("The account (dim_accounts) or contact (dim_contacts) that is scored")
    contact_id: str | None = told("Contact that is scored; empty for accounts")
    account_id: str | None = told("Organisation that is scored, or that the contact belongs to")
    vertical: str | None = told("Vertical; empty where it cannot be told")
    version: str = told("Version of the model that gave the score (ml_models)")
    probability: float = told(
        "Calibrated probability of the outcome within the model's horizon, 0 to 1"
    )
    score: float = told("100 x probability")
    contributions: Json[list[Contribution]] | None = told(
        "What moves the score most, as JSON: a list of feature, value and contribution "
        "(logit, above 0 raises the score)"
    )
    features_at: Time | None = told(
        "Moment the features are as of (account_feature_snapshots, contact_feature_snapshots; UTC)"
    )
    scored_at: Time | None = told(
        "as_of of the run that stored the score: since then it moved by less than "
        "least_change of models.yml (UTC)"
    )


class ScoreQuery(Paging):
    vertical: Key | None = Field(None, description="Vertical")
    least: float | None = Field(None, ge=0, le=100, description="Scores of at least this")


_SCORES = Listing(
    Score,
    "scores",
    {"subject_id": str},
    {
        "model": "model = $model",
        "vertical": "vertical = $vertical",
        "least": "score >= $least",
    },
    ("scores",),
)
#: The scores of one subject.
OF_SUBJECT = (
    f"select {columns(Score)} from scores where subject_hash = hash($subject_id) "
    "and subject_id = $subject_id and subject_type = $subject_type order by model"
)

router = APIRouter(tags=["Scores"], dependencies=[Depends(needs(Right.PEOPLE))])


@router.get("/scores/{model}", response_model=Page[Score])
def scores(
    asked: Asking,
    model: Annotated[ModelName, Path(description="Key of the model")],
    query: Annotated[ScoreQuery, Query()],
) -> Response:
    """The scores of a model, by subject; none while it has no champion."""
    filters = query.filters()
    return asked.page(_SCORES, query, model=model, **filters)
