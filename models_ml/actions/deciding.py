"""The next best action of each contact, as rows of the streams ``action_decisions`` and
``action_models``.

A round is decided once: everybody who may get anything, with models fitted to what is known then.
Other settings decide it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import pyarrow as pa

from models_ml.actions import choosing, responses, uplift
from models_ml.actions.choosing import Flags, Floats, Ints
from models_ml.actions.reading import Reader
from models_ml.actions.responses import Encoder, Response
from models_ml.actions.rounds import round_of
from models_ml.actions.unseen import Auc, auc, folds_of, unseen
from models_ml.actions.uplift import Qini, Uplift
from workspace.definitions.actions import NOTHING, Action, Actions
from workspace.streams import STREAMS

DECISIONS, MODELS = "action_decisions", "action_models"
#: Contacts that features are encoded by; more of them move no median.
_TOLD_BY = 100_000
_CANNOT_SAY = float("nan")


@dataclass(frozen=True)
class Learnt:
    """What is known of one action, and how good that is."""

    response: Response
    stop: Response
    effect: Uplift | None
    auc: Auc
    qini: Qini
    treated: int
    control: int
    #: Exposures that a model can learn from.
    with_features: int

    @property
    def basis(self) -> str:
        return "uplift" if self.effect is not None else self.response.basis

    def probability(self, encoded: Floats) -> Floats:
        """Of a response; where the effect is modelled, of one that the action brings."""
        model = self.effect.effect if self.effect is not None else self.response.probability
        return model(encoded)

    def contributions(self, encoded: Floats, sources: list[str]) -> dict[str, Floats]:
        found = self.response if self.effect is None else self.effect
        return found.contributions(encoded, sources)


@dataclass(frozen=True)
class Decided:
    """Rows for the two streams."""

    decisions: pa.Table
    models: pa.Table


def decide(reader: Reader, sequence: int) -> Decided:
    """Fit and choose: the set of decisions of this number.

    No rows without an action, or a contact that may get one.
    """
    settings, as_of = reader.settings, reader.as_of
    empty = Decided(STREAMS[DECISIONS].schema.empty_table(), STREAMS[MODELS].schema.empty_table())
    pairs = reader.candidates() if reader.actions else pl.DataFrame()
    if not pairs.height:
        return empty
    everybody = reader.present()
    present = everybody.join(pairs.select("contact_id").unique(), "contact_id", "semi")
    if not present.height:
        return empty
    exposures, assigned = reader.exposures(), reader.held_out()
    features = everybody.drop("contact_id", "vertical")
    encoder = Encoder(features.gather_every(-(-features.height // _TOLD_BY)))
    learnt = {
        key: _learn(
            action,
            settings,
            encoder,
            exposures.filter(pl.col("action") == key),
            assigned.filter(pl.col("action") == key),
        )
        for key, action in reader.actions.items()
    }
    known = {"decided_at": as_of, "sequence": sequence, "known_at": as_of}
    rows = _choose(present, pairs, encoder, learnt, settings, as_of)
    decisions = rows.with_columns(
        **{name: pl.lit(value) for name, value in known.items()},
        round_on=pl.lit(round_of(as_of, settings.round_days)),
        is_automated=pl.lit(settings.enabled),
    )
    schema = STREAMS[DECISIONS].schema
    models = [{**known, "action": key, **_told(found)} for key, found in learnt.items()]
    return Decided(
        decisions.select(schema.names).to_arrow().cast(schema),
        pa.Table.from_pylist(models, schema=STREAMS[MODELS].schema),
    )


def _learn(
    action: Action,
    settings: Actions,
    encoder: Encoder,
    exposures: pl.DataFrame,
    assigned: pl.DataFrame,
) -> Learnt:
    least = settings.enough
    enough = responses.Enough(least.exposures, least.responses, least.prior)
    encoded = encoder.transform(exposures)
    responded = exposures["responded"].to_numpy().astype(bool)
    stopped = exposures["stopped"].to_numpy().astype(bool)
    known = exposures["has_features"].to_numpy().astype(bool)
    response = responses.fit(encoded, responded, enough, action.assumed_rate, known)
    stop = responses.fit(encoded, stopped, enough, action.assumed_stop_rate, known)
    judged = Auc(_CANNOT_SAY, _CANNOT_SAY, _CANNOT_SAY)
    if response.basis == "model":
        seen, did = encoded[known], responded[known]
        folds = folds_of(exposures["contact_id"].filter(exposures["has_features"]))
        judged = auc(unseen(seen, did, folds, enough, action.assumed_rate), did)
    treated = assigned["treated"].to_numpy().astype(bool)
    control = int((~treated).sum())
    effect, gained = None, Qini(_CANNOT_SAY, _CANNOT_SAY, _CANNOT_SAY, 0)
    if control >= least.control and treated.any():
        effect, gained = _effect(action, enough, encoder, assigned)
    counts = int(treated.sum()), control, int(known.sum())
    return Learnt(response, stop, effect, judged, gained, *counts)


def _effect(
    action: Action, enough: responses.Enough, encoder: Encoder, assigned: pl.DataFrame
) -> tuple[Uplift, Qini]:
    """What the action changes, and what that order of people is worth: of those with features."""
    encoded = encoder.transform(assigned)
    did, treated, known = (
        assigned[name].to_numpy().astype(bool) for name in ("responded", "treated", "has_features")
    )
    found = uplift.fit_two(encoded, did, treated, enough, action.assumed_rate, known)
    folds = folds_of(assigned["contact_id"].filter(assigned["has_features"]))
    encoded, did, treated = encoded[known], did[known], treated[known]
    unseen_by = uplift.unseen_effect(encoded, did, treated, folds, enough, action.assumed_rate)
    return found, uplift.qini(unseen_by, did, treated)


def _told(found: Learnt) -> dict[str, object]:
    told = {
        "basis": found.basis,
        "exposures": found.response.exposures,
        "exposures_with_features": found.with_features,
        "responses": found.response.responses,
        "response_rate": found.response.rate,
        "stops": found.stop.responses,
        "stop_rate": found.stop.rate,
        "treated_people": found.treated,
        "control_people": found.control,
        **{"auc": found.auc.value, "auc_low": found.auc.low, "auc_high": found.auc.high},
        **{"qini": found.qini.value, "qini_low": found.qini.low, "qini_high": found.qini.high},
    }
    return {name: None if value != value else value for name, value in told.items()}


def _choose(
    present: pl.DataFrame,
    pairs: pl.DataFrame,
    encoder: Encoder,
    learnt: dict[str, Learnt],
    settings: Actions,
    as_of: datetime,
) -> pl.DataFrame:
    """One row per contact and option it has, to do nothing among them."""
    options = [NOTHING, *learnt]
    encoded = encoder.transform(present)
    shape = (present.height, len(options))
    allowed = _allowed(present, pairs, options)
    p_response, p_stop, values = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for n, (key, found) in enumerate(learnt.items(), 1):
        action = settings.actions[key]
        p_response[:, n] = found.probability(encoded)
        p_stop[:, n] = found.stop.probability(encoded)
        values[:, n] = choosing.worth(
            p_response[:, n], p_stop[:, n], action.value, action.cost, settings.stop_cost
        )
    salt = f"{round_of(as_of, settings.round_days)}"
    whether, which = choosing.draws(settings.seed, salt, present["contact_id"].to_list())
    choice = choosing.choose(values, allowed, settings.exploration, whether, which)
    row, option = np.nonzero(allowed)
    own = [settings.actions[key] for key in learnt]
    worth = np.array([0.0, *(action.value for action in own)])
    costs = np.array([0.0, *(action.cost for action in own)])
    bases = np.array([None, *(found.basis for found in learnt.values())], object)
    told = _contributions(encoded, encoder, learnt, choice.taken)
    taken = choice.taken[row] == option
    return pl.DataFrame(
        {
            "contact_id": present["contact_id"].gather(row),
            "vertical": present["vertical"].gather(row),
            "action": pl.Series(options).gather(option),
            "is_taken": taken,
            "is_best": choice.best[row] == option,
            "is_exploration": choice.explored[row],
            "propensity": choice.propensities[row, option],
            "expected_gain": values[row, option],
            "response_part": p_response[row, option] * worth[option],
            "cost_part": costs[option],
            "stop_part": p_stop[row, option] * settings.stop_cost,
            "p_response": p_response[row, option],
            "p_stop": p_stop[row, option],
            "basis": pl.Series(bases[option].tolist(), dtype=pl.String),
            "contributions": pl.Series(np.where(taken, told[row], None).tolist(), dtype=pl.String),
        }
    )


def _allowed(present: pl.DataFrame, pairs: pl.DataFrame, options: list[str]) -> Flags:
    places = present.select("contact_id").with_row_index("row")
    number = pl.DataFrame({"action": options, "option": range(len(options))})
    found = pairs.join(places, "contact_id").join(number, "action")
    allowed = np.zeros((present.height, len(options)), bool)
    allowed[:, choosing.NOTHING] = True
    allowed[found["row"].to_numpy(), found["option"].to_numpy()] = True
    return allowed


def _contributions(
    encoded: Floats, encoder: Encoder, learnt: dict[str, Learnt], taken: Ints
) -> np.ndarray:
    """JSON of what made the probability of the action taken: (contacts,)."""
    told = np.full(len(taken), None, object)
    for n, found in enumerate(learnt.values(), 1):
        rows = np.flatnonzero(taken == n)
        parts = found.contributions(encoded[rows], encoder.sources)
        if parts and len(rows):
            told[rows] = responses.told(parts).to_numpy()
    return told
