"""How likely each person truly responds to each action of ours, and unsubscribes because of it.

Mail works as in :mod:`sandbox.world.mail`: it is opened and clicked by affinity, and those who care
least leave most often. What it is about appeals to roles and to how far somebody has come; a call
reaches people whether they read mail or not. Nothing here is drawn: it follows from the people.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox.world.draws import Floats
from sandbox.world.mail import CLICK, OPEN, UNSUBSCRIBE

#: Vertical -> action -> appeal by role, as a multiple of the usual click.
APPEAL: dict[str, dict[str, dict[str, float]]] = {
    "medical": {
        "medical_newsletter": {"surgeon": 1.1, "practice_manager": 1.0, "clinic_director": 0.7},
        "medical_invitation": {"surgeon": 0.9, "practice_manager": 0.3, "clinic_director": 0.5},
        "medical_welcome": {"surgeon": 0.25, "practice_manager": 0.55, "clinic_director": 0.35},
    },
    "public": {
        "public_digest": {
            **{"elected_official": 0.7, "finance_director": 0.9},
            **{"procurement_officer": 1.3, "legal": 1.4},
        },
        "public_salon": {
            **{"elected_official": 1.2, "finance_director": 0.3},
            **{"procurement_officer": 0.4, "legal": 0.2},
        },
        "public_welcome": {
            **{"elected_official": 0.2, "finance_director": 0.4},
            **{"procurement_officer": 0.5, "legal": 0.2},
        },
    },
}
#: How much further a mail that asks for a step goes with people by how far they have come.
STEP_OF_KIND = {"lead": 1.0, "stakeholder": 1.6, "subscriber": 0.3}
STEPS = ("medical_welcome", "public_welcome")
#: The share that answers a call with the next step, by kind and by role; and that forbids more.
CALL_OF_KIND = {"lead": 0.05, "stakeholder": 0.11, "subscriber": 0.01}
CALL_OF_ROLE = {"clinic_director": 1.6, "finance_director": 1.5, "procurement_officer": 1.3}
CALL_STOPS = 0.004


def true_responses(people: pl.DataFrame) -> pl.DataFrame:
    """A row per person and action of its vertical: person, action, p_response, p_stop.

    ``people`` has person, vertical, kind, role and affinity.
    """
    parts = []
    for vertical, mails in APPEAL.items():
        own = people.filter(pl.col("vertical") == vertical)
        for action, appeal in mails.items():
            parts.append(_rows(own, action, _mail(own, action, appeal), _leaves(own)))
        parts.append(_rows(own, f"{vertical}_call", _call(own), np.full(own.height, CALL_STOPS)))
    return pl.concat(parts).sort("person", "action")


def _rows(own: pl.DataFrame, action: str, response: Floats, stop: Floats) -> pl.DataFrame:
    return own.select(
        "person",
        action=pl.lit(action),
        p_response=pl.Series(response),
        p_stop=pl.Series(stop),
    )


def click(affinity: Floats) -> Floats:
    """The probability that a mail of usual appeal is opened and clicked."""
    return (1 - np.exp(-OPEN * affinity)) * CLICK * np.minimum(affinity, 2.5)


def _mail(own: pl.DataFrame, action: str, appeal: dict[str, float]) -> Floats:
    factor = own["role"].replace_strict(appeal, default=1.0, return_dtype=pl.Float64).to_numpy()
    if action in STEPS:
        factor = factor * own["kind"].replace_strict(STEP_OF_KIND).to_numpy()
    return np.minimum(0.9, factor * click(own["affinity"].to_numpy()))


def _leaves(own: pl.DataFrame) -> Floats:
    return UNSUBSCRIBE / np.maximum(own["affinity"].to_numpy(), 0.3)


def _call(own: pl.DataFrame) -> Floats:
    by_role = own["role"].replace_strict(CALL_OF_ROLE, default=1.0, return_dtype=pl.Float64)
    return (by_role * own["kind"].replace_strict(CALL_OF_KIND)).to_numpy()
