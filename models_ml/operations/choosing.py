"""A person's decision which version of a model scores: from the next scoring on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from models_ml.operations import records
from models_ml.registry import decisions as deciding
from models_ml.registry import store
from models_ml.registry.decisions import Decision
from models_ml.registry.store import NotLoaded
from workspace.identifiers import Keyring
from workspace.lake import Lake

WITHOUT_REASON = "no reason given"


class Refused(ValueError):
    """A decision that cannot be made; the message says why."""


def champion(lake: Lake, model: str, as_of: datetime) -> str | None:
    """The version that is to score."""
    return deciding.champion(records.decisions(lake, as_of), model)


def promote(
    lake: Lake,
    keyring: Keyring,
    model: str,
    version: str,
    as_of: datetime,
    actor: str,
    reason: str | None,
) -> Decision:
    """Make a version champion, whatever its figures. Raises :class:`Refused` where its files are
    not what was stored, where it is champion already, or where decisions lie after ``as_of``."""
    return _decide(lake, keyring, model, version, as_of, actor, reason, goes_back=False)


def roll_back(
    lake: Lake,
    keyring: Keyring,
    model: str,
    version: str | None,
    as_of: datetime,
    actor: str,
    reason: str | None,
) -> Decision:
    """Return to ``version``, or to the champion before. Raises :class:`Refused`."""
    return _decide(lake, keyring, model, version, as_of, actor, reason, goes_back=True)


def card(lake: Lake, keyring: Keyring, model: str, version: str) -> Path:
    """The path of a version's card, its files verified. Raises :class:`Refused`."""
    root = records.registry(lake)
    try:
        store.manifest(root, model, version, keyring)
    except NotLoaded as error:
        raise Refused(f"{model} {version}: {error}") from None
    return root / model / version / "card.html"


def _decide(
    lake: Lake,
    keyring: Keyring,
    model: str,
    version: str | None,
    as_of: datetime,
    actor: str,
    reason: str | None,
    goes_back: bool,
) -> Decision:
    if unseen := records.unseen(lake, model, as_of):
        raise Refused(unseen)
    known = records.decisions(lake, as_of)
    why = reason or WITHOUT_REASON
    try:
        if goes_back:
            decision = deciding.roll_back(known, model, as_of, actor, why, version)
        else:
            decision = deciding.promote(known, model, version or "", as_of, actor, why)
    except ValueError as error:
        raise Refused(str(error)) from None
    card(lake, keyring, model, decision.version)
    records.decide(lake, decision)
    return decision
