"""The fields of every kind as Markdown, for `docs/add-a-file-kind.md`.

python -m ingestion.contracts.describe     # writes them into the page
"""

from __future__ import annotations

from collections.abc import Iterable

from ingestion.contracts import TABLES, crm
from ingestion.contracts.fields import Field
from workspace.paths import PROJECT

PAGE = PROJECT / "docs" / "add-a-file-kind.md"
_BEGIN, _END = "<!-- fields -->\n", "<!-- end of fields -->\n"


def page() -> str:
    """The page's text with its tables as the contracts have them now."""
    before, rest = PAGE.read_text("utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    return before + _BEGIN + fields_markdown() + _END + after


def fields_markdown() -> str:
    """One section per flat kind and per CRM object, with a table of its fields."""
    parts = []
    for kind, contract in TABLES.items():
        notes = [f"One row per `{'`, `'.join(contract.identity_columns)}`."]
        if contract.one_of:
            notes.append(f"One of `{'`, `'.join(contract.one_of)}` a row.")
        if contract.column_map:
            notes.append("Takes `--map`.")
        parts.append(_section(kind, " ".join(notes), contract.all_fields))
    for name, contract in crm.BY_TYPE.items():
        note = "Fields of `properties`."
        parts.append(_section(f"crm: {name}", note, contract.fields))
    return "\n".join(parts)


def _section(title: str, note: str, fields: Iterable[Field]) -> str:
    rows = [f"| `{f.column}` | {_names(f)} | {f.type} | {_limits(f)} |" for f in fields]
    head = ["| field | or | type | |", "|---|---|---|---|"]
    return "\n".join([f"### {title}\n\n{note}\n", *head, *rows]) + "\n"


def _names(field: Field) -> str:
    return ", ".join(f"`{name}`" for name in field.names)


def _limits(field: Field) -> str:
    found = ["required"] if field.required else []
    found += [", ".join(f"`{value}`" for value in field.allowed)] if field.allowed else []
    if field.minimum is not None:
        found.append(f"{'more than' if field.above else 'at least'} {field.minimum}")
    if field.maximum is not None:
        found.append(f"at most {field.maximum}")
    if field.default is not None:
        found.append(f"default `{field.default}`")
    return "; ".join(found)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
