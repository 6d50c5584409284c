"""Every model's credit side by side, as made or with other parameters.

Reads what is published: ``marts.attribution_credits``, and the macro ``attribution`` where a
look-back or a half-life is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from reverse_etl.publish import need, reader
from workspace.definitions import nearest
from workspace.definitions.attribution import MODELS, RULE_MODELS
from workspace.paths import Paths

BY = {"channel": "channel", "campaign": "coalesce(campaign_id, 'without_campaign')"}


class BadQuestion(ValueError):
    """A model, grain or parameter that there is not; the message names it."""


@dataclass(frozen=True)
class Question:
    """Conversions in [from_on, to_on), all where they are None; of one vertical where it is given.

    With a look-back or a half-life (days) only rule models can be asked.
    """

    models: Sequence[str] = ()
    by: str = "channel"
    vertical: str | None = None
    lookback_days: float | None = None
    half_life_days: float | None = None
    from_on: date | None = None
    to_on: date | None = None

    @property
    def is_asked_anew(self) -> bool:
        return self.lookback_days is not None or self.half_life_days is not None

    def checked_models(self) -> tuple[str, ...]:
        known = RULE_MODELS if self.is_asked_anew else MODELS
        for model in self.models:
            if model not in MODELS:
                raise BadQuestion(
                    f"no model {model!r}{nearest(model, MODELS)} (one of {', '.join(MODELS)})"
                )
            if model not in known:
                raise BadQuestion(
                    f"{model} is data-driven: it is read as the run made it, without a look-back "
                    "or half-life of your own"
                )
        return tuple(self.models) or known


@dataclass(frozen=True)
class Answer:
    """``rows``: name and each model's credit in the base currency, the largest first."""

    models: tuple[str, ...]
    rows: list[tuple[str, tuple[Decimal | None, ...]]]
    currency: str


#: What a half-life or look-back is where only the other is given.
LOOKBACK_DAYS, HALF_LIFE_DAYS = 90.0, 7.0


def side_by_side(paths: Paths, question: Question) -> Answer:
    """Raises :class:`BadQuestion` and :class:`~reverse_etl.publish.NothingPublished`."""
    models = question.checked_models()
    if question.by not in BY:
        raise BadQuestion(f"--by {question.by!r}: one of {', '.join(BY)}")
    if question.from_on and question.to_on and question.from_on > question.to_on:
        raise BadQuestion(f"--from {question.from_on} lies after --to {question.to_on}")
    values: list[object] = [
        question.from_on or date(1900, 1, 1),
        question.to_on or date(2200, 1, 1),
        question.vertical,
    ]
    if question.is_asked_anew:
        lookback = LOOKBACK_DAYS if question.lookback_days is None else question.lookback_days
        half_life = HALF_LIFE_DAYS if question.half_life_days is None else question.half_life_days
        values += [lookback, half_life]
        relations = {
            model: f"attribution('{model}', $4, $5, $1::timestamp, $2::timestamp)"
            for model in models
        }
        span = "true"
    else:
        relations = {
            model: f"(from marts.attribution_credits where model = '{model}')" for model in models
        }
        span = "converted_on >= $1 and converted_on < $2"
    parts = [
        f"select '{model}' as asked, {BY[question.by]} as name, credit_base from {relation} "
        f"where {span} and ($3 is null or vertical = $3)"
        for model, relation in relations.items()
    ]
    sums = ", ".join(f"sum(credit_base) filter (asked = '{model}')" for model in models)
    with reader(paths) as connection:
        need(connection, "attribution_credits")
        _check_vertical(connection, question.vertical)
        try:
            found = connection.execute(
                f"select name, {sums} from ({' union all '.join(parts)}) group by name "
                f"order by coalesce(sum(credit_base), 0) desc, name",
                values,
            ).fetchall()
        except duckdb.InvalidInputException as error:
            raise BadQuestion(str(error).partition("attribution: ")[2] or str(error)) from None
        row = connection.execute("select min(currency) from marts.attribution_roi").fetchone()
    assert row is not None
    return Answer(models, [(name, tuple(credit)) for name, *credit in found], row[0] or "")


def _check_vertical(connection: duckdb.DuckDBPyConnection, vertical: str | None) -> None:
    known = [
        name
        for (name,) in connection.execute(
            "select distinct vertical from marts.attribution_roi order by 1"
        ).fetchall()
    ]
    if vertical is not None and vertical not in known:
        raise BadQuestion(f"no vertical {vertical!r}{nearest(vertical, known)}")
