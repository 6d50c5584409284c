"""What other ways to decide would have brought, as rows of the table ``action_policies``.

Judged are decisions that segments could ask for (``is_automated``) whose window is over. A decision
that nobody carried out brought nothing and cost nothing.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from models_ml.actions import off_policy
from models_ml.actions.choosing import Floats
from models_ml.actions.off_policy import Estimate
from models_ml.actions.reading import Reader
from models_ml.actions.tables import POLICIES
from workspace.definitions.actions import NOTHING, Actions

DECISIONS = "action_decisions"
LOGGED, BEST = "logged", "best"
_BY_DECISION = ["decided_at", "contact_id"]


def estimates(reader: Reader) -> pa.Table:
    """A row per policy and estimator: the policy that was logged, the best action without
    exploration, nothing, and each action for all who may get it."""
    options = _options(reader)
    taken = _with_reward(options.filter("is_taken"), reader)
    names = [LOGGED, BEST, NOTHING, *(f"all:{key}" for key in reader.actions)]
    rows = []
    for name in names:
        found = _estimate(taken, options, name)
        rows += [
            {
                "policy": name,
                "estimator": estimator,
                **_plain(estimate),
                "carried_out": int(taken["carried_out"].sum()),
            }
            for estimator, estimate in found.items()
        ]
    return pa.Table.from_pylist(rows, schema=POLICIES)


def _options(reader: Reader) -> pl.DataFrame:
    """Options of decisions that are judged; nobody who objects to profiling since."""
    settings = reader.settings
    longest = max((a.response.within_days for a in reader.actions.values()), default=0)
    return reader.connection.execute(
        f"""
        with sets as (
            select
                sequence,
                least(
                    decided_at + {settings.round_days} * interval 1 day,
                    coalesce(lead(decided_at) over (order by sequence), timestamp '9999-01-01')
                ) as until_at
            from (select distinct sequence, decided_at from lake.{DECISIONS})
        ),

        -- Of contacts that became one, nobody knows which decision was theirs.
        whose as (
            select
                options.*,
                sets.until_at,
                coalesce(identities.contact_id, options.contact_id) as contact_today
            from lake.{DECISIONS} as options
            inner join sets on options.sequence = sets.sequence
            left join marts.identity_map as identities
                on options.contact_id = identities.identifier_key
        )

        select
            decided_at, until_at, contact_today as contact_id, action, is_taken, is_best,
            propensity, expected_gain
        from whose
        where
            is_automated
            and until_at > decided_at
            and until_at + {longest} * interval 1 day <= $as_of
            and contact_today not in (
                select contact_id from intermediate.int_profiling_objections
            )
        qualify count(*) filter (where is_taken) over (
            partition by decided_at, contact_today
        ) = 1
        order by all
        """,
        {"as_of": reader.as_of},
    ).pl()


def _with_reward(taken: pl.DataFrame, reader: Reader) -> pl.DataFrame:
    asked = taken.select(*_BY_DECISION, "action", "until_at")
    followed = reader.followed(asked).select(
        *_BY_DECISION, "action", "responded", "stopped", carried_out=pl.lit(True)
    )
    actions = pl.DataFrame(_amounts(reader.settings, list(reader.actions)))
    return (
        taken.join(followed, [*_BY_DECISION, "action"], "left")
        .join(actions, "action", "left")
        .with_columns(pl.col("carried_out", "responded", "stopped").fill_null(False))
        .with_columns(
            reward=pl.when("carried_out")
            .then(
                pl.col("responded") * pl.col("value")
                - pl.col("cost")
                - pl.col("stopped") * reader.settings.stop_cost
            )
            .otherwise(0.0)
            .fill_null(0.0)
        )
        .sort(_BY_DECISION)
    )


def _amounts(settings: Actions, keys: list[str]) -> dict[str, pl.Series]:
    own = [settings.actions[key] for key in keys]
    return {
        "action": pl.Series(keys, dtype=pl.String),
        "value": pl.Series([action.value for action in own], dtype=pl.Float64),
        "cost": pl.Series([action.cost for action in own], dtype=pl.Float64),
    }


def _estimate(taken: pl.DataFrame, options: pl.DataFrame, policy: str) -> dict[str, Estimate]:
    """By each estimator."""
    chances = options.with_columns(chance=_chance(policy))
    if policy.startswith("all:"):  # who may not get it gets nothing
        has_it = pl.col("chance").max().over(_BY_DECISION) > 0
        chances = chances.with_columns(
            chance=pl.when(~has_it & (pl.col("action") == NOTHING)).then(1.0).otherwise("chance")
        )
    expected = chances.group_by(_BY_DECISION).agg(
        expected_target=(pl.col("chance") * pl.col("expected_gain")).sum(),
        target=pl.col("chance").filter("is_taken").sum(),
    )
    rows = taken.join(expected, _BY_DECISION, "left").sort(_BY_DECISION)
    reward, propensity, target, model, expected_target = (
        rows[name].to_numpy().astype(float)
        for name in ("reward", "propensity", "target", "expected_gain", "expected_target")
    )
    return {
        "inverse_propensity": off_policy.inverse_propensity(reward, propensity, target),
        "self_normalised": off_policy.self_normalised(reward, propensity, target),
        "doubly_robust": off_policy.doubly_robust(
            reward, propensity, target, model, expected_target
        ),
    }


def _chance(policy: str) -> pl.Expr:
    if policy == LOGGED:
        return pl.col("propensity")
    if policy == BEST:
        return pl.col("is_best").cast(pl.Float64)
    return (pl.col("action") == policy.removeprefix("all:")).cast(pl.Float64)


def _plain(found: Estimate) -> dict[str, float | int | None]:
    values: Floats = np.array([found.value, found.low, found.high])
    estimate, low, high = (None if np.isnan(v) else float(v) for v in values)
    return {
        **{"estimate": estimate, "low": low, "high": high},
        **{"decisions": found.decisions, "effective_decisions": found.effective},
    }
