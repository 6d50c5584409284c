"""The models there are: what each is for, whom it scores, and by which features.

The features of a model are the columns of its mart, so that one that is added there is learnt from;
what a mart's columns mean stands in ``docs/features.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from models_ml.supervised.spec import LABEL, SNAPSHOT, ModelSpec

#: Columns of the marts that name something and are no feature.
_KEYS = frozenset({"account_id", "contact_id", SNAPSHOT, LABEL})

#: What the rules of ``scoring.yml`` look at too: who somebody is, and what they did.
_OF_LEADS = frozenset(
    """
    vertical role lead_source account_type employees population touches_7d touches_30d touches_90d
    touches_180d touch_kinds_90d days_since_touch pages_7d pages_30d pages_90d mail_opens_90d
    mail_clicks_7d mail_clicks_30d mail_clicks_90d days_since_mail_click replies_90d content_30d
    content_90d forms_90d pricing_30d pricing_90d calculators_90d demos_90d trials_90d
    programmes_90d meetings_90d engagement_recency engagement_frequency engagement_intent
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Plan:
    """A model before its features are known.

    ``labels`` is the model of dbt with its outcomes. ``eligible`` is the condition, over a row
    ``f`` of the feature mart, that somebody meets whom the model is asked about.
    """

    name: str
    title: str
    purpose: str
    subject: Literal["account", "contact"]
    horizon_days: float
    labels: str
    age: str
    eligible: str = "true"
    only: frozenset[str] | None = None

    @property
    def mart(self) -> str:
        return f"{self.subject}_feature_snapshots"

    @property
    def subject_id(self) -> str:
        return f"{self.subject}_id"

    def spec(self, columns: Mapping[str, pl.DataType]) -> ModelSpec:
        """With the features that a mart of these columns has."""
        names = [
            name for name in columns if name not in _KEYS and (not self.only or name in self.only)
        ]
        texts = [name for name in names if columns[name] == pl.String]
        return ModelSpec(
            name=self.name,
            title=self.title,
            purpose=self.purpose,
            subject=self.subject,
            numeric=tuple(name for name in names if name not in texts),
            categorical=tuple(texts),
            horizon_days=self.horizon_days,
            age=self.age,
        )


_NOT_CONVERTED = (
    "not exists (select 1 from intermediate.int_lead_conversions as c "
    "where c.contact_id = f.contact_id and c.converted_at <= f.snapshot_at)"
)

PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan(
            name="churn",
            title="Churn",
            purpose="How likely an organisation that pays will pay no more within 90 days.",
            subject="account",
            horizon_days=90,
            labels="int_churn_labels",
            age="days_since_touch",
            eligible="f.mrr_base > 0",
        ),
        Plan(
            name="engagement",
            title="Engagement",
            purpose="How likely a contact will click in, or answer, a mail within 7 days of it.",
            subject="contact",
            horizon_days=7,
            labels="int_engagement_labels",
            age="days_since_touch",
        ),
        Plan(
            name="conversion",
            title="Conversion",
            purpose="How likely a contact will be accepted by sales or buy within 90 days.",
            subject="contact",
            horizon_days=90,
            labels="int_conversion_labels",
            age="days_since_touch",
            eligible=_NOT_CONVERTED,
        ),
        Plan(
            name="lead_score",
            title="Learned lead score",
            purpose="The same as conversion, from what the rules of scoring.yml look at alone.",
            subject="contact",
            horizon_days=90,
            labels="int_conversion_labels",
            age="days_since_touch",
            eligible=_NOT_CONVERTED,
            only=_OF_LEADS,
        ),
    )
}
