"""Every mart and column in one document, written from the YAML beside the models.

`python -m reverse_etl.publish.dictionary` writes `docs/data-dictionary.md` anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from workspace.paths import PROJECT

MARTS = PROJECT / "dbt" / "models" / "marts"
_SEEDS = PROJECT / "dbt" / "seeds"
#: Seeds of the schema marts, and the subject of each.
SEEDS = {"kpi_metrics": "kpis"}
DOCUMENT = PROJECT / "docs" / "data-dictionary.md"
_HEAD = """\
# Data dictionary

Each mart of the published version, by subject: what one row is, its key, and what each column
holds. `python -m reverse_etl.publish.dictionary` writes it from the YAML in `dbt/models/marts` and
`dbt/seeds`: change it there. The published file has the same texts as comments: `select * from
duckdb_columns()`. Columns end in their unit; what ends in `_base` is in the base currency, `_at` is
a time in UTC, `_on` a day ([names](naming.md)).
"""


def document(marts: Path = MARTS) -> str:
    """The whole text, in Markdown."""
    subjects: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(marts.rglob("*.yml")):
        for model in _models(path):
            subjects.setdefault(path.relative_to(marts).parts[0], []).append(model)
    for seed, subject in SEEDS.items():
        described = _read(_SEEDS / f"{seed}.yml")["seeds"]
        subjects.setdefault(subject, []).extend(one for one in described if one["name"] == seed)
    lines = [_HEAD]
    for subject, models in subjects.items():
        links = ", ".join(f"[{model['name']}](#{model['name']})" for model in models)
        lines.append(f"- **{_titled(subject)}**: {links}")
    for subject, models in subjects.items():
        lines.append(f"\n## {_titled(subject)}")
        for model in models:
            lines += _table(model)
    return "\n".join(lines) + "\n"


def _models(path: Path) -> Iterator[dict[str, Any]]:
    """The models that a file describes; one that only holds unit tests describes none."""
    yield from sorted(_read(path).get("models", []), key=lambda model: model["name"])


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _table(model: dict[str, Any]) -> Iterator[str]:
    yield f"\n### {model['name']}\n\n{_cell(model['description'])}"
    if key := _key(model):
        yield f"\nKey: {', '.join(f'`{name}`' for name in key)}."
    columns = model.get("columns", [])
    if columns:
        yield "\n| column | holds |\n|---|---|"
        for column in columns:
            yield f"| `{column['name']}` | {_cell(column.get('description', ''))} |"


def _key(model: dict[str, Any]) -> list[str]:
    for test in model.get("data_tests", []):
        if isinstance(test, dict) and "unique_key" in test:
            return list(test["unique_key"]["arguments"]["columns"])
    return []


def _cell(text: str) -> str:
    """Text in one line; in Markdown ``<`` begins markup, which is not shown."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _titled(subject: str) -> str:
    return {"crm": "CRM", "kpis": "KPIs"}.get(subject, subject.capitalize())


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
