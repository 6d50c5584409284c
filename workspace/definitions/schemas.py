"""JSON Schemas of `marketing/*.yml` for editors: ``python -m workspace.definitions.schemas``.

They are written to ``marketing/schemas/`` and say the form of a file; what only the whole project
can tell (a field, a vertical that does not exist) is told when it is loaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from workspace.definitions import Definitions
from workspace.definitions.campaigns import Campaign
from workspace.definitions.journeys import Journey
from workspace.definitions.market import Market, Paths
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segments import Segment
from workspace.definitions.templates import Rules, Senders, SharedFields, Template
from workspace.paths import PROJECT

#: Kinds of files that lie in folders of their own.
OF_FOLDERS: dict[str, type[BaseModel]] = {
    "campaign": Campaign,
    "journey": Journey,
    "segment": Segment,
    "template": Template,
    "template_fields": SharedFields,
}
FOLDER = PROJECT / "marketing" / "schemas"


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON Schema (draft 2020-12), one for each kind of file."""
    models = {
        name: kind
        for name, kind in _models().items()
        if (PROJECT / "marketing" / f"{name}.yml").exists()
    }
    return {
        f"{name}.json": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(by_alias=True),
        }
        for name, model in {**models, **OF_FOLDERS}.items()
    }


_OF_TEMPLATES = {"senders": Senders, "template_rules": Rules}


def _models() -> dict[str, type[BaseModel]]:
    from typing import get_type_hints

    hints = get_type_hints(Definitions)
    found = {name: kind for name, kind in hints.items() if _is_model(kind)}
    return {**found, "market": Market, "paths": Paths, "fields": Fields, **_OF_TEMPLATES}


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def write(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        text = json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
