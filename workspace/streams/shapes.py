"""What a stream is, and the types of its columns."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TEXT = pa.string()
INT = pa.int64()
BOOL = pa.bool_()
FLOAT = pa.float64()
DATE = pa.date32()
TIME = pa.timestamp("us")  # always UTC
MONEY = pa.decimal128(18, 4)
RATE = pa.decimal128(18, 8)
BYTES = pa.binary()

#: Where a row came from; on every stream that is loaded from landed bytes.
LINEAGE = [("landed_at", TIME), ("landing_file", TEXT), ("landing_line", INT)]


@dataclass(frozen=True)
class Stream:
    """One append-only stream.

    ``key`` names the columns that identify a version of a thing; ``occurred`` the column of
    the first clock, where the row is something that happened and not the state of something.
    ``decided`` streams hold what runs themselves found or decided, or what the machines took, and
    are no input of a run.
    """

    name: str
    area: str
    schema: pa.Schema
    key: tuple[str, ...]
    description: str
    occurred: str | None = None
    decided: bool = False

    @property
    def path(self) -> str:
        return f"{self.area}/{self.name}"


def stream(
    area: str,
    name: str,
    key: str,
    columns: list[tuple[str, pa.DataType]],
    description: str,
    *,
    occurred: str | None = None,
    lineage: bool | None = None,
    decided: bool = False,
) -> Stream:
    is_landed = not decided if lineage is None else lineage
    fields = columns + [("known_at", TIME)] + (LINEAGE if is_landed else [])
    schema = pa.schema(fields)
    return Stream(name, area, schema, tuple(key.split()), description, occurred, decided)
