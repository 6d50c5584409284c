"""Contracts of single events: what the properties of a track call must look like.

`contracts/schemas/*.json` are JSON Schemas of an event's ``properties``; a schema's title is the
event's name. A message that breaks its schema is whole and readable, so it is quarantined and
not bad: once schema or sender is put right, ``marketing replay events`` takes it in. Events
without a schema pass.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.errors import RowError

FOLDER = Path(__file__).parent / "contracts" / "schemas"
MAX_DETAIL = 200


@cache
def validators() -> dict[str, jsonschema_rs.Draft202012Validator]:
    """Event name -> its validator. Raises ValueError for a file that is no schema."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        try:
            schema = json.loads(path.read_bytes())
            name = schema["title"]
            validator = jsonschema_rs.Draft202012Validator(schema)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: no JSON Schema with a title ({error})") from None
        if name in found:
            raise ValueError(f"{path}: a second schema for {name!r}")
        found[name] = validator
    return found


def violations(table: pa.Table) -> list[tuple[int, RowError]]:
    """Row numbers of a table of events whose properties break their event's schema."""
    schemas = validators()
    named = pc.and_(
        pc.equal(table["type"], "track"),
        pc.is_in(table["event"], pa.array(list(schemas), pa.string())),
    )
    rows = np.flatnonzero(np.asarray(named.fill_null(False)))
    if not len(rows):
        return []
    some = table.select(["event", "properties"]).take(pa.array(rows))
    found = []
    for row, event, text in zip(
        rows.tolist(), some["event"].to_pylist(), some["properties"].to_pylist(), strict=True
    ):
        error = _first(schemas[event], json.loads(text) if text else {})
        if error is not None:
            found.append((row, error))
    return found


def _first(validator: jsonschema_rs.Draft202012Validator, properties: Any) -> RowError | None:
    """The first violation, with the path of the field; the value itself is not told."""
    if validator.is_valid(properties):
        return None
    error = next(iter(validator.iter_errors(properties)))
    path = ["properties", *map(str, error.instance_path)]
    rule = str(error.schema_path[-1])
    if rule == "required":
        path.append(str(error.kind.property))
        return RowError("event_contract", ".".join(path), "required by the event's schema")
    return RowError("event_contract", ".".join(path)[:MAX_DETAIL], f"{rule} of the event's schema")
