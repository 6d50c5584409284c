"""Credit by channel or campaign, of any model, look-back and half-life."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Asking, Listing, Page, Paging, in_order
from reverse_etl.api.fields import Amount, Day, Key, Row, told
from reverse_etl.api.problems import wrong
from reverse_etl.attribution.questions import HALF_LIFE_DAYS, LOOKBACK_DAYS
from workspace.definitions.attribution import REACH_DAYS, RULE_MODELS, DataModel, RuleModel


class Credit(Row):
    """What a model gives to a channel or a campaign."""

    vertical: str = told("Vertical of the conversions")
    goal: str = told("What was converted to, such as deal_won")
    name: str = told("Channel, or id of the campaign; without_campaign where there was none")
    touches: int = told("Touches that got credit or none, within the look-back (count)")
    conversions: float = told("Conversions, by share of credit; over all names their count")
    new_customers: float = told("Of those, conversions of new customers, by share of credit")
    credit_base: Amount = told("Revenue by share of credit, base currency")
    currency: str | None = told("ISO 4217 currency of credit_base")


class AttributionQuery(Paging):
    model: RuleModel | DataModel = Field(description="Model")
    by: Literal["channel", "campaign"] = Field("channel", description="What gets the credit")
    vertical: Key | None = Field(None, description="Vertical of the conversions")
    lookback: float | None = Field(
        None,
        gt=0,
        le=REACH_DAYS,
        allow_inf_nan=False,
        description="Touches of so many days before a conversion count; rule models only",
    )
    half_life: float | None = Field(
        None,
        alias="half-life",
        gt=0,
        le=36_500,
        allow_inf_nan=False,
        description="Days after which a touch counts half, with time_decay; rule models only",
    )
    from_on: Day | None = Field(None, alias="from", description="Conversions from this day on")
    to_on: Day | None = Field(None, alias="to", description="Conversions before this day")


_NAMES = {
    "channel": "coalesce(channel, '')",
    "campaign": "coalesce(campaign_id, 'without_campaign')",
}
_ANEW = "attribution($model, $lookback, $half_life, $from_on::timestamp, $to_on::timestamp)"
_MADE = (
    "(from marts.attribution_credits where model = $model "
    "and converted_on >= $from_on and converted_on < $to_on)"
)
_CREDITS = """
    select
        coalesce(vertical, '') as vertical,
        goal,
        {name} as name,
        count(*) as touches,
        sum(weight) as conversions,
        coalesce(sum(weight) filter (is_new_customer), 0) as new_customers,
        coalesce(sum(credit_base), 0)::decimal(18, 4) as credit_base,
        (select min(currency) from marts.attribution_roi) as currency
    from {source}
    where goal is not null and ($vertical is null or vertical = $vertical)
    group by all
    order by 1, 2, 3
"""
_STATEMENTS = {
    (by, is_anew): _CREDITS.format(name=name, source=_ANEW if is_anew else _MADE)
    for by, name in _NAMES.items()
    for is_anew in (True, False)
}
#: Not held: a page is a part of what the statement gives anew.
_LISTING = Listing(Credit, "", {"vertical": str, "goal": str, "name": str}, {}, ())

router = APIRouter(tags=["Attribution"], dependencies=[Depends(needs(Right.AGGREGATES))])


@router.get("/attribution", response_model=Page[Credit])
def attribution(asked: Asking, query: Annotated[AttributionQuery, Query()]) -> Response:
    """Credit of one model, by vertical, goal and channel or campaign.

    Without lookback and half-life it is the credit that the last run stored, whose parameters
    are in attribution.yml. With one of them it is computed anew, and the other is 90 days of
    look-back or 7 of half-life; markov and shapley cannot be asked so.
    """
    at = _LISTING.position(query.cursor) if query.cursor is not None else None
    values = _values(query)
    version = asked.version
    if unchanged := asked.unchanged(version):
        return unchanged
    rows = version.rows(_STATEMENTS[query.by, "lookback" in values], values)
    if at is not None:
        rows = [row for row in rows if (row["vertical"], row["goal"], row["name"]) > at]
    return asked.paged(version, _LISTING, rows, query.limit)


def _values(query: AttributionQuery) -> dict[str, Any]:
    in_order(query.from_on, query.to_on)
    first, last = query.from_on or "1900-01-01", query.to_on or "2200-01-01"
    values = {"model": query.model, "vertical": query.vertical, "from_on": first, "to_on": last}
    if query.lookback is None and query.half_life is None:
        return values
    if query.model not in RULE_MODELS:
        raise wrong("model", "with lookback or half-life it must be a rule model")
    return {
        **values,
        "lookback": LOOKBACK_DAYS if query.lookback is None else query.lookback,
        "half_life": HALF_LIFE_DAYS if query.half_life is None else query.half_life,
    }
