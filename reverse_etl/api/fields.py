"""Kinds of values, as answers have them."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from workspace.clock import iso

#: UTC, written ``2026-10-01T00:00:00Z``.
Time = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
#: An exact amount of the marts, written as text: ``"1250.0000"``.
Amount = Annotated[Decimal, WithJsonSchema({"type": "string", "format": "decimal"})]


def _day(given: Any) -> Any:
    if isinstance(given, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
        raise ValueError("a day is written 2026-01-31")
    return given


Day = Annotated[date, BeforeValidator(_day)]
#: A key of a definition: a vertical, a segment, a model.
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")]


class Row(BaseModel):
    """A row of a mart; the names are the mart's."""

    model_config = ConfigDict(extra="ignore")


def told(description: str) -> Any:
    """A field, and what it says."""
    return Field(description=description)


def columns(row: type[BaseModel]) -> str:
    """The names of a row's fields, as a statement selects them."""
    return ", ".join(row.model_fields)
