"""How landed pages of tables are read. Nothing here is asked: the pages come from files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ingestion.fivetran.catalogue import TABLES
from ingestion.fivetran.model import Shape, Table
from ingestion.fivetran.pages import page_values
from ingestion.sources.model import Resource, Rows, Source

NAME = "fivetran"


def _resource(table: Table, shape: Shape) -> Resource:
    read: Callable[[bytes, Any], list[Any]] = partial(page_values, shape)
    return Resource(
        name=table.resource(shape),
        kind=shape.kind,
        description=table.about,
        endpoint=f"table {table.full_name}",
        pages=None,
        rows=Rows(with_parent=read, whole=lambda record: record.value),
    )


SOURCE = Source(
    name=NAME,
    title="Fivetran tables",
    module=__name__,
    url="",
    variables=(),
    resources=tuple(_resource(table, shape) for table in TABLES.values() for shape in table.shapes),
)
