"""Contacts outside a segment who resemble its members: the nearest ones by what is known of them.

Distances are Euclidean in standardised features; a contact's is its mean distance to the nearest
members. Who objects to profiling has no features, and so neither seeds nor is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from sklearn.neighbors import NearestNeighbors

from models_ml.actions.choosing import Floats, Ints
from models_ml.actions.reading import SNAPSHOTS
from models_ml.actions.responses import Encoder
from models_ml.actions.tables import LOOKALIKES
from workspace.definitions.actions import LookAlikes

#: Members that distances are taken to; more of them tell little more and take long.
_SEEDS = 5_000


def found(
    connection: duckdb.DuckDBPyConnection, wanted: Mapping[str, LookAlikes], as_of: datetime
) -> pa.Table:
    """A row per segment and contact, of the same vertical as some member. None for a segment
    without members of whom anything is known."""
    tables = [LOOKALIKES.empty_table()]
    if wanted:
        present = connection.execute(
            f"select * exclude (account_id, snapshot_at) from {SNAPSHOTS} "
            "where snapshot_at = $as_of order by contact_id",
            {"as_of": as_of},
        ).pl()
        members = connection.execute(
            "select segment, member_id as contact_id from intermediate.int_segment_members "
            "where member_type = 'contact' and list_contains($segments, segment)",
            {"segments": list(wanted)},
        ).pl()
        for key, asked in wanted.items():
            own = members.filter(pl.col("segment") == key)["contact_id"]
            tables.append(_of_segment(key, asked, present, own))
    return pa.concat_tables(tables)


def _of_segment(key: str, asked: LookAlikes, present: pl.DataFrame, members: pl.Series) -> pa.Table:
    inside = pl.col("contact_id").is_in(members.implode())
    seeds = present.filter(inside)
    others = present.filter(~inside, pl.col("vertical").is_in(seeds["vertical"].implode()))
    if not seeds.height or not others.height:
        return LOOKALIKES.empty_table()
    encoder = Encoder(pl.concat([seeds, others]).drop("contact_id", "vertical"))
    if not encoder.sources:
        return LOOKALIKES.empty_table()
    step = max(1, -(-seeds.height // _SEEDS))
    used = seeds.gather_every(step)
    distance, nearest = distances(
        encoder.transform(used), encoder.transform(others), asked.neighbours
    )
    order = np.lexsort((others["contact_id"].to_numpy(), distance.round(9)))[: asked.most]
    return pa.table(
        {
            "segment": [key] * len(order),
            "contact_id": others["contact_id"].gather(order).to_list(),
            "similarity_rank": np.arange(1, len(order) + 1),
            "distance": distance[order],
            "nearest_member_id": used["contact_id"].gather(nearest[order]).to_list(),
            "seed_members": [seeds.height] * len(order),
        },
        schema=LOOKALIKES,
    )


def distances(members: Floats, others: Floats, neighbours: int) -> tuple[Floats, Ints]:
    """Of each of ``others`` (rows, columns) the mean distance to the nearest members, and which
    member is nearest."""
    search = NearestNeighbors(n_neighbors=min(neighbours, len(members))).fit(members)
    found, which = search.kneighbors(others)
    mean: Floats = found.mean(axis=1)
    return mean, which[:, 0]
