"""Rows of the ledger that change, as they come to the lake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from workspace.lake import Lake
from workspace.ledger import Ledger
from workspace.streams import STREAMS

#: How far an export looks back behind the last change it knows: transactions that were slow to
#: commit are found all the same.
OVERLAP = timedelta(hours=1)
_OURS = ("sequence", "known_at")


def export_changes(
    ledger: Ledger,
    lake: Lake,
    name: str,
    table: sa.Table,
    key: Sequence[str],
    changed_at: str,
    known_at: str | None = None,
) -> int:
    """Commit the rows of ``table`` that changed since the lake last knew them; how many.

    The stream ``name`` has columns of the table, ``sequence`` (which export it was) and
    ``known_at``, which is ``changed_at`` unless another column is named.
    """
    schema = STREAMS[name].schema
    state = ("state",) if "state" in schema.names else ()
    identity = [*key, *state, changed_at]
    since, known = _exported(lake, name, identity, changed_at)
    columns = [column for column in schema.names if column not in _OURS]
    query = sa.select(*(table.c[column] for column in columns)).order_by(
        table.c[changed_at], *(table.c[column] for column in key)
    )
    if since is not None:
        query = query.where(table.c[changed_at] >= since)
    sequence = len(lake.entries(name)) + 1
    with ledger.reading() as connection:
        rows = [
            {**row, "sequence": sequence, "known_at": row[known_at or changed_at]}
            for row in connection.execute(query).mappings()
            if tuple(row[column] for column in identity) not in known
        ]
    if not rows:
        return 0
    last = max(row[changed_at] for row in rows)
    lake.commit(name, f"{sequence}:{last.isoformat()}", pa.Table.from_pylist(rows, schema=schema))
    return len(rows)


def _exported(
    lake: Lake, name: str, identity: Sequence[str], changed_at: str
) -> tuple[datetime | None, set[tuple[Any, ...]]]:
    """From when on to look, and what the lake holds since then."""
    last = lake.latest(name, changed_at)
    if last is None:
        return None, set()
    since = last - OVERLAP
    table = lake.read(name, list(identity))
    recent = table.filter(pc.greater_equal(table[changed_at], pa.scalar(since)))
    return since, {tuple(row.values()) for row in recent.to_pylist()}
