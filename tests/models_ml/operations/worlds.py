"""A warehouse of one model's marts: organisations that leave the likelier, the less they use it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from models_ml.operations import choosing
from models_ml.operations.retraining import Place, retrain
from models_ml.operations.scoring import Scored, score_all
from workspace.definitions.models import Models
from workspace.identifiers import Keyring
from workspace.lake import Lake

AS_OF = datetime(2026, 10, 1)
TRAINED_AT = datetime(2026, 10, 2)
MONTHS = [datetime(2025, month, 1) for month in range(1, 13)] + [
    datetime(2026, month, 1) for month in range(1, 7)
]
KEYRING = Keyring(b"a pepper of sixteen or more bytes")
CHURN_ONLY = Models.model_validate(
    {
        "models": {name: {"enabled": False} for name in ("engagement", "conversion", "lead_score")},
        "training": {"replicates": 50},
    }
)


@dataclass
class World:
    """A warehouse and the place it is scored in."""

    connection: duckdb.DuckDBPyConnection
    place: Place

    def later(self, days: int = 1) -> World:
        """The same features a day later."""
        as_of = self.place.as_of + timedelta(days=days)
        self.connection.execute(
            "update marts.account_feature_snapshots set snapshot_at = $1 where snapshot_at = $2",
            [as_of, self.place.as_of],
        )
        return World(self.connection, replace(self.place, as_of=as_of))


def features(accounts: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Snapshots of every month and of :data:`AS_OF`, and the outcomes of the months."""
    chance = np.random.default_rng(seed)
    uses = chance.uniform(0, 4, accounts)
    parts, labels = [], []
    for month in [*MONTHS, AS_OF]:
        seen = np.clip(uses + chance.normal(0, 0.3, accounts), 0, None)
        ids = [f"a{n:04}" for n in range(accounts)]
        rows = {
            "account_id": ids,
            "snapshot_at": [month] * accounts,
            "vertical": np.where(np.arange(accounts) % 2, "medical", "public"),
            "mrr_base": np.where(np.arange(accounts) % 50 == 0, 0.0, 100.0),
            "uses_30d": seen,
            "days_since_touch": chance.uniform(0, 180, accounts),
        }
        parts.append(pl.DataFrame(rows))
        left = chance.uniform(size=accounts) < 1 / (1 + np.exp(2 * seen - 1))
        labels.append(pl.DataFrame({"account_id": ids, "snapshot_at": month, "is_positive": left}))
    return pl.concat(parts), pl.concat(labels[:-1])


def world(folder: Path, accounts: int = 300, seed: int = 1, keyring: Keyring = KEYRING) -> World:
    """Its lake is ``folder/lake``."""
    connection = duckdb.connect()
    connection.execute("create schema marts; create schema intermediate")
    snapshots, labels = features(accounts, seed)
    connection.register("snapshots", snapshots.to_arrow())
    connection.register("labels", labels.to_arrow())
    connection.execute("create table marts.account_feature_snapshots as from snapshots")
    connection.execute("create table intermediate.int_churn_labels as from labels")
    lake = Lake(folder / "lake")
    return World(connection, Place(lake, keyring, CHURN_ONLY, AS_OF, "snapshot"))


def scored(found: World) -> Scored:
    (one,) = score_all(found.connection, found.place)
    return one


def second_version(found: World) -> str:
    """Train again, without some of the outcomes, and make that the champion."""
    found.connection.execute("delete from intermediate.int_churn_labels where account_id < 'a0020'")
    (done,) = retrain(found.connection, found.place, lambda: TRAINED_AT)
    assert done.version is not None
    place = found.place
    if choosing.champion(place.lake, "churn", place.as_of) != done.version:
        choosing.promote(place.lake, KEYRING, "churn", done.version, place.as_of, "test", None)
    return done.version
