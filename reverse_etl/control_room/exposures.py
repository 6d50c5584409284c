"""What pages read, told to dbt: ``python -m reverse_etl.control_room.exposures``.

Each page is an exposure of ``dbt/models/exposures.yml``, which depends on the marts that its SQL
names: dbt's lineage and documentation end where somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlglot
import yaml
from sqlglot import exp

from reverse_etl.control_room import definitions
from reverse_etl.control_room.building import CURRENCIES
from reverse_etl.control_room.definitions import Page
from workspace.paths import PROJECT

FILE = PROJECT / "dbt" / "models" / "exposures.yml"
MARTS = "marts"
_HEAD = "# Written by `python -m reverse_etl.control_room.exposures`.\n"


class NoMartError(ValueError):
    """A statement that reads something else than published marts."""


def marts(sql: str) -> set[str]:
    """The marts that a statement names. Raises :class:`NoMartError`."""
    parsed = sqlglot.parse_one(sql, dialect="duckdb")
    found = {table for table in parsed.find_all(exp.Table) if table.db}
    for table in found:
        if table.db != MARTS or table.catalog:
            raise NoMartError(f"{table.sql()} is no published mart")
    return {table.name for table in found}


def text() -> str:
    """The file, as it should stand."""
    content = {"version": 2, "exposures": list(_exposures())}
    made = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return _HEAD + made


def write(path: Path = FILE) -> None:
    path.write_text(text(), encoding="utf-8")


def _exposures() -> Iterator[dict[str, Any]]:
    for key, page in definitions.pages().items():
        yield {
            "name": f"control_room_{key}",
            "type": "dashboard",
            "label": page.title,
            "description": page.about,
            "owner": {"name": "data team"},
            "depends_on": [f"ref('{name}')" for name in sorted(_read(key, page))],
        }


def _read(key: str, page: Page) -> set[str]:
    """What a page's figures read, and its choice of currencies."""
    statements = [definitions.sql(key, figure.key) for figure in page.figures]
    return set().union(*map(marts, [CURRENCIES, *statements]))


if __name__ == "__main__":
    write()
