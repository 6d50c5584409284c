"""The known tables as Markdown, for `docs/move-in.md`.

python -m ingestion.fivetran.describe     # writes them into the page
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ingestion.contracts import crm
from ingestion.fivetran import joins, objects
from ingestion.fivetran.catalogue import TABLES
from ingestion.fivetran.model import Table
from workspace.paths import PROJECT

PAGE = PROJECT / "docs" / "move-in.md"
_BEGIN, _END = "<!-- tables -->\n", "<!-- end of tables -->\n"


def page() -> str:
    """The page's text with its tables as the catalogue has them now."""
    before, rest = PAGE.read_text("utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    return f"{before}{_BEGIN}\n{tables_markdown()}\n{_END}{after}"


def tables_markdown() -> str:
    """One section a connector, then what the columns of objects and of flat kinds become."""
    parts = []
    for connector in dict.fromkeys(table.connector for table in TABLES.values()):
        tables = [table for table in TABLES.values() if table.connector == connector]
        parts.append(f"### {connector}\n\n{_grid(_HEAD, map(_row, tables))}")
    parts.append(f"### Columns of HubSpot's objects\n\n{_grid(_OBJECTS, _objects())}")
    parts.append(f"### Columns of other HubSpot tables\n\n{_grid(_FLAT, _flat())}")
    return "\n\n".join(parts)


_HEAD = ("table", "needs", "becomes", "")
_OBJECTS = ("object", "`property_` columns that become columns", "columns without the prefix")
_FLAT = ("table", "field: column")


def _row(table: Table) -> tuple[str, ...]:
    kinds = ", ".join(f"`{shape.kind}`" for shape in table.shapes)
    if not table.shapes:
        kinds = "looked up" if table.is_looked_up else "-"
    needs = [" or ".join(f"`{name}`" for name in names) for names in table.columns]
    needs += [f"table `{name}`, or `{'`, `'.join(instead)}`" for name, instead in table.needs]
    return f"`{table.name}`", "; ".join(needs), kinds, table.about


def _objects() -> Iterator[tuple[str, ...]]:
    own = {column for _, ids in joins.OBJECTS.values() for column in ids}
    for object_type, contract in crm.BY_TYPE.items():
        names = [field.names[0] if field.names else field.column for field in contract.fields]
        shown = [f"`{name}`" for name in names if not name.endswith("_crm_id") and name not in own]
        yield f"{object_type}", ", ".join(shown), _renamed(objects.PLAIN[object_type])


def _renamed(names: Mapping[str, str]) -> str:
    return ", ".join(f"`{column}`: `{name}`" for column, name in names.items())


def _flat() -> Iterator[tuple[str, ...]]:
    for table in TABLES.values():
        for shape in table.shapes:
            if shape.fields:
                yield f"`{table.name}`", _fields(shape.fields)


def _fields(fields: Mapping[str, str]) -> str:
    return ", ".join(
        f"`{name}`: {' or '.join(f'`{column}`' for column in columns.split(', '))}"
        for name, columns in fields.items()
    )


def _grid(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
