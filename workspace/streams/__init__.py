"""The lake's streams: their names, pyarrow schemas, clocks and keys.

A stream is append-only. Writers commit tables of exactly this schema
(:func:`workspace.lake.Lake.commit`), and a run exposes each one to dbt as the view
``lake.<stream>`` cut at its ``as_of`` (``docs/adr/001-two-clocks.md``).
What belongs here: shapes only. How a file becomes rows is `ingestion/contracts`.
"""

from __future__ import annotations

from workspace.streams import (
    actions,
    audiences,
    business,
    content,
    crm,
    customers,
    delivery,
    events,
    experiments,
    messages,
    models,
    reach,
    runs,
)
from workspace.streams.shapes import (
    BOOL,
    BYTES,
    DATE,
    FLOAT,
    INT,
    LINEAGE,
    MONEY,
    RATE,
    TEXT,
    TIME,
    Stream,
)

__all__ = [
    "BOOL",
    "BYTES",
    "DATE",
    "FLOAT",
    "INT",
    "LINEAGE",
    "MONEY",
    "RATE",
    "STREAMS",
    "TEXT",
    "TIME",
    "Stream",
]

_AREAS = (
    events,
    crm,
    reach,
    customers,
    business,
    content,
    delivery,
    audiences,
    messages,
    experiments,
    models,
    runs,
    actions,
)

STREAMS: dict[str, Stream] = {s.name: s for area in _AREAS for s in area.STREAMS}
