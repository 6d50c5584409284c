"""Rounds: what is decided together, and by which settings."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta

from workspace.definitions.actions import Actions

#: Raised by whoever changes what the same facts and settings decide.
VERSION = 2
_EPOCH = date(1970, 1, 1)


def round_of(as_of: datetime, days: int) -> date:
    """The first day of the round that ``as_of`` lies in; rounds are counted from 1970."""
    return _EPOCH + timedelta(days=(as_of.date() - _EPOCH).days // days * days)


def fit_id(actions: Actions) -> str:
    """Names what decisions follow from beside the facts."""
    text = f"{VERSION} {actions.model_dump_json(exclude={'lookalikes'})}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
