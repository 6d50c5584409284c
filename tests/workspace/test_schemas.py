"""The JSON Schemas for editors: up to date, fitting what is shipped, and refusing what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from workspace.definitions.schemas import FOLDER, write
from workspace.paths import PROJECT

MARKETING = PROJECT / "marketing"


def test_they_are_up_to_date(tmp_path: Path) -> None:
    write(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        path.name: path.read_text() for path in FOLDER.iterdir()
    }, "run: python -m workspace.definitions.schemas"


def test_editors_know_every_schema() -> None:
    settings = json.loads((PROJECT / ".vscode" / "settings.json").read_text())
    assert {Path(name).name for name in settings["yaml.schemas"]} == {
        path.name for path in FOLDER.iterdir()
    }


def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(json.loads((FOLDER / f"{name}.json").read_text()))


def read(path: Path) -> Any:
    return json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))


@pytest.mark.parametrize("path", sorted(MARKETING.glob("*.yml")), ids=lambda path: path.stem)
def test_what_is_shipped_fits(path: Path) -> None:
    assert not list(validator(path.stem).iter_errors(read(path)))


def test_templates_fit_and_faults_do_not() -> None:
    check = validator("template")
    folder = MARKETING / "templates"
    for path in sorted(folder.glob("[!_]*/template.yml")):
        assert check.is_valid(read(path)), path.parent.name
    assert validator("template_fields").is_valid(read(folder / "_shared" / "fields.yml"))
    good = {"name": "x", "vertical": "medical", "class": "marketing", "channels": ["email"]}
    assert check.is_valid(good)
    for fault in (
        {"class": "spam"},
        {"channels": []},
        {"channels": ["fax"]},
        {"colour": "red"},
        {"fields": {"a": {"fallback": "x"}}},
        {"blocks": {"a": []}},
    ):
        assert not check.is_valid({**good, **fault}), fault


def test_segments_fit_and_faults_do_not() -> None:
    check = validator("segment")
    for path in sorted((MARKETING / "segments").glob("*.yml")):
        assert check.is_valid(read(path)), path.name
    for where in (
        {"feild": "x"},
        {"event": "x", "at_least": -1},
        {"field": "contact.role", "is": "x", "colour": "red"},
        {"all": []},
        {"sequence": ["a"]},
        {"not": {"any": [{"consent": "maybe", "purpose": "p", "channel": "email"}]}},
    ):
        assert not check.is_valid({"name": "x", "where": where}), where
