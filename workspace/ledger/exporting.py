"""Rows of the ledger that change, as they come to the lake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def columns_of(name: str) -> list[str]:
    """A stream's columns but those that an export adds: ``sequence`` and ``known_at``."""
    return [column for column in STREAMS[name].schema.names if column not in _OURS]


def export_rows(
    ledger: Ledger,
    lake: Lake,
    name: str,
    query: Callable[[datetime | None], sa.Select[Any]],
    told: Sequence[str],
    changed_at: str,
) -> int:
    """Commit the rows of ``query`` that the lake does not know by their columns ``told``; how many.

    ``query`` is given from when on to look (None: from the beginning) and has all columns but
    ``sequence``, which says which export it was; ``changed_at`` is the stream's column it looks at.
    """
    schema = STREAMS[name].schema
    since, known = _exported(lake, name, told, changed_at)
    sequence = len(lake.entries(name)) + 1
    with ledger.reading() as connection:
        rows = [
            {**row, "sequence": sequence}
            for row in connection.execute(query(since)).mappings()
            if tuple(row[column] for column in told) not in known
        ]
    if not rows:
        return 0
    last = max(row[changed_at] for row in rows)
    lake.commit(name, f"{sequence}:{last.isoformat()}", pa.Table.from_pylist(rows, schema=schema))
    return len(rows)


def export_changes(
    ledger: Ledger,
    lake: Lake,
    name: str,
    table: sa.Table,
    key: Sequence[str],
    changed_at: str,
    known_at: str | None = None,
    where: Sequence[sa.ColumnElement[bool]] = (),
) -> int:
    """Commit the rows of ``table`` that changed since the lake last knew them; how many.

    The stream ``name`` has columns of the table, ``sequence`` and ``known_at``, which is
    ``changed_at`` unless another column is named. ``where``: only these rows.
    """
    columns = columns_of(name)
    state = ("state",) if "state" in columns else ()

    def query(since: datetime | None) -> sa.Select[Any]:
        found = (
            sa.select(
                *(table.c[column] for column in columns),
                table.c[known_at or changed_at].label("known_at"),
            )
            .where(*where)
            .order_by(table.c[changed_at], *(table.c[column] for column in key))
        )
        return found if since is None else found.where(table.c[changed_at] >= since)

    return export_rows(ledger, lake, name, query, (*key, *state, changed_at), changed_at)


def _exported(
    lake: Lake, name: str, told: Sequence[str], changed_at: str
) -> tuple[datetime | None, set[tuple[Any, ...]]]:
    """From when on to look, and what the lake holds since then."""
    last = lake.latest(name, changed_at)
    if last is None:
        return None, set()
    since = last - OVERLAP
    table = lake.read(name, list(dict.fromkeys([*told, changed_at])))
    recent = table.filter(pc.greater_equal(table[changed_at], pa.scalar(since)))
    return since, {tuple(row[column] for column in told) for row in recent.to_pylist()}
