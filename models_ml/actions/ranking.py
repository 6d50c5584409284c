"""How often contacts met what other weights of content recommendations would have put first, and
weights learnt from that.

Logged is the first place of a sample of contacts: every item it could have been with the terms of
its score, which one it was, and how likely that was. A recommendation is followed when the contact
meets the item within the days, by whatever way: it need not have been sent, so no effect is
measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from scipy.optimize import nnls

from models_ml.actions import off_policy
from models_ml.actions.choosing import Flags, Floats
from models_ml.actions.off_policy import Estimate
from models_ml.actions.tables import CONTENT_POLICIES
from workspace.buckets import BUCKETS, bucket_sql
from workspace.definitions.content import Content, Weights
from workspace.streams import STREAMS

LOGS = "recommendation_logs"
#: Term of the score, as weights name it -> its column.
TERMS = {
    **{"stage": "stage_fit", "persona": "persona_fit", "topic": "topic_fit"},
    **{"performance": "performance_fit", "freshness": "freshness", "novelty": "novelty"},
}
#: Contacts of a round that are logged, about: all items of each are.
MOST = 2_000
#: Followed recommendations from which weights are learnt.
ENOUGH = 30
_GROUP = ["recommended_at", "contact_id"]

_LOGGED = f"""
    with shown as (
        select contact_id, content_id, propensity, recommended_at, count(*) over () as contacts
        from marts.content_recommendations
        where recommendation_rank = 1
    )

    select
        shown.recommended_at,
        shown.contact_id,
        fits.content_id,
        fits.content_id = shown.content_id as is_shown,
        case when fits.content_id = shown.content_id then shown.propensity end as propensity,
        fits.stage_fit,
        fits.persona_fit,
        coalesce(topics.value, 0) as topic_fit,
        fits.performance_fit,
        fits.freshness,
        1 - coalesce(types.value, 0) as novelty
    from shown
    inner join intermediate.int_recommendation_contacts as contacts
        on shown.contact_id = contacts.contact_id
    inner join intermediate.int_item_fits as fits
        on
            contacts.vertical = fits.vertical
            and contacts.language = fits.language
            and contacts.stage = fits.stage
            and contacts.persona = fits.persona
    inner join intermediate.int_recommendable_items as items
        on fits.item_number = items.item_number
    left join intermediate.int_recommendation_histories as topics
        on
            topics.kind = 'topic'
            and contacts.contact_number = topics.contact_number
            and fits.topic = topics.name
    left join intermediate.int_recommendation_histories as types
        on
            types.kind = 'type'
            and contacts.contact_number = types.contact_number
            and items.content_type = types.name
    left join intermediate.int_recommendation_histories as met
        on
            met.kind = 'item'
            and contacts.contact_number = met.contact_number
            and fits.item_number = met.item_number
    where
        met.item_number is null
        and {bucket_sql("'recommendations'", "shown.contact_id")} * shown.contacts
        < {MOST * BUCKETS}
    order by all
"""

_FOLLOWED = f"""
    with logs as (
        select
            logs.*,
            coalesce(identities.contact_id, logs.contact_id) as contact_today
        from lake.{LOGS} as logs
        left join marts.identity_map as identities on logs.contact_id = identities.identifier_key
        where logs.recommended_at + $days * interval 1 day <= $as_of
    )

    select
        logs.*,
        logs.is_shown and exists (
            select 1
            from marts.fct_touchpoints as touches
            where
                touches.contact_id = logs.contact_today
                and touches.content_id = logs.content_id
                and touches.actor_class != 'machine'
                and touches.occurred_at > logs.recommended_at
                and touches.occurred_at <= logs.recommended_at + $days * interval 1 day
        ) as followed
    from logs
    where logs.contact_today not in (
        select contact_id from intermediate.int_profiling_objections
    )
    order by logs.recommended_at, logs.contact_id, logs.content_id
"""


def logged(connection: duckdb.DuckDBPyConnection, round_on: date, as_of: datetime) -> pa.Table:
    """Rows of the stream ``recommendation_logs``: what the first places were chosen from."""
    schema = STREAMS[LOGS].schema
    rows = connection.execute(_LOGGED).pl()
    known = rows.with_columns(round_on=pl.lit(round_on), known_at=pl.lit(as_of))
    return known.select(schema.names).to_arrow().cast(schema)


def estimates(connection: duckdb.DuckDBPyConnection, content: Content, as_of: datetime) -> pa.Table:
    """A row per policy: the weights of ``content.yml``, its challengers, and learnt ones.

    The estimate is the share of recommendations that are followed, self-normalised; the gain over
    the present weights is by inverse propensity. Learnt weights are judged by the half of the
    contacts that they were not learnt from.
    """
    days = content.results.form_window_days
    log = connection.execute(_FOLLOWED, {"days": days, "as_of": as_of}).pl()
    present = content.recommendations.weights
    given = {"present": present, **content.recommendations.challengers}
    rows = [_row(log, name, _plain(weights), _plain(present)) for name, weights in given.items()]
    half = _half(log)
    learnt = learn(log.filter(half))
    if learnt is not None:
        rows.append(_row(log.filter(~half), "learnt", learnt, _plain(present)))
    return pa.Table.from_pylist(rows, schema=CONTENT_POLICIES)


def _half(log: pl.DataFrame) -> pl.Series:
    return log["contact_id"].str.slice(0, 1).is_in(list("02468ace"))


def _plain(weights: Weights) -> dict[str, float]:
    return {name: float(value) for name, value in weights.model_dump().items()}


def learn(log: pl.DataFrame) -> dict[str, float] | None:
    """Weights, none below 0 and 1 in all, by least squares of what followed on the terms; each
    recommendation counts by 1 / propensity, so that what is chosen seldom tells as much.

    None where too few were followed, or no term tells.
    """
    shown = log.filter("is_shown")
    followed = shown["followed"].to_numpy().astype(float)
    if followed.sum() < ENOUGH:
        return None
    terms = shown.select(list(TERMS.values())).to_numpy()
    weight = 1 / shown["propensity"].to_numpy()
    root = np.sqrt(weight)
    middle = np.average(terms, axis=0, weights=weight)
    found, _ = nnls(
        (terms - middle) * root[:, None], (followed - np.average(followed, weights=weight)) * root
    )
    total = found.sum()
    if not total > 0:
        return None
    return {name: float(own / total) for name, own in zip(TERMS, found, strict=True)}


def would_show(log: pl.DataFrame, weights: Mapping[str, float]) -> Flags:
    """Whether these weights put the row's item first: (rows,). Ties go to the smaller id."""
    score = pl.sum_horizontal(weights[name] * pl.col(column) for name, column in TERMS.items())
    first = (
        log.with_row_index("row")
        .with_columns(score=score.round(9))
        .sort("score", "content_id", descending=[True, False])
        .group_by(_GROUP, maintain_order=True)
        .agg(pl.col("row").first())
    )
    found = np.zeros(log.height, bool)
    found[first["row"].to_numpy()] = True
    return found


def _row(
    log: pl.DataFrame, policy: str, weights: dict[str, float], present: dict[str, float]
) -> dict[str, object]:
    shown = log["is_shown"].to_numpy().astype(bool)
    propensity = log["propensity"].to_numpy().astype(float)[shown]
    reward = log["followed"].to_numpy().astype(float)[shown]
    target, before = (would_show(log, own)[shown].astype(float) for own in (weights, present))
    share = off_policy.self_normalised(reward, propensity, target)
    gain = off_policy.difference(reward, propensity, target, before)
    return {
        "policy": policy,
        "weights": json.dumps({name: round(value, 4) for name, value in weights.items()}),
        **dict(zip(("estimate", "low", "high"), _values(share), strict=True)),
        **dict(zip(("gain", "gain_low", "gain_high"), _values(gain), strict=True)),
        "recommendations": share.decisions,
        "followed": int(reward.sum()),
        "effective_recommendations": share.effective,
    }


def _values(found: Estimate) -> list[float | None]:
    values: Floats = np.array([found.value, found.low, found.high])
    return [None if np.isnan(value) else float(value) for value in values]
