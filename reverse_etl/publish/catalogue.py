"""What is published, and what is said about it: read from dbt's manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Schemas of the warehouse that are published, and who may read them.
OPEN = "marts"
CLOSED = "pii"


@dataclass(frozen=True)
class Relation:
    """One mart. ``month_column`` (a date) splits a large fact into one file a month. ``pack``:
    what a pseudonymous pack does with columns whose YAML says so (``reverse_etl.packing``)."""

    schema: str
    name: str
    description: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    month_column: str | None = None
    pack: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    relations: list[Relation]

    def of(self, schema: str) -> list[Relation]:
        return [relation for relation in self.relations if relation.schema == schema]


def read_catalogue(manifest: Path) -> Catalogue:
    """Models in the published schemas, with their descriptions; ``meta.month_column`` as given."""
    nodes = json.loads(manifest.read_bytes())["nodes"].values()
    relations = [
        Relation(
            schema=node["schema"],
            name=node["alias"],
            description=node["description"].strip(),
            columns={
                name: column["description"].strip()
                for name, column in node["columns"].items()
                if column["description"].strip()
            },
            month_column=node["config"].get("meta", {}).get("month_column"),
            pack={
                name: meta["pack"]
                for name, column in node["columns"].items()
                if "pack" in (meta := _meta(column))
            },
        )
        for node in nodes
        if node["resource_type"] in ("model", "seed", "snapshot")
        and node["schema"] in (OPEN, CLOSED)
        and node["config"].get("enabled", True)
    ]
    return Catalogue(sorted(relations, key=lambda relation: (relation.schema, relation.name)))


def _meta(column: dict[str, Any]) -> dict[str, Any]:
    """dbt reads it at a column's top or below its ``config``."""
    return {**column.get("meta", {}), **column.get("config", {}).get("meta", {})}
