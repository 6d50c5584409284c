"""What `campaigns new` writes is valid as it stands, whatever was asked for."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from reverse_etl.campaigns.scaffold import CannotBegin, scaffold
from workspace.definitions import Definitions, load
from workspace.paths import PROJECT

TODAY = date(2026, 10, 1)


@pytest.fixture
def loaded(tmp_path: Path) -> Definitions:
    return load(shutil.copytree(PROJECT / "marketing", tmp_path / "marketing"))


@pytest.mark.parametrize("kind", ["broadcast", "recurring", "triggered"])
@pytest.mark.parametrize("vertical", ["medical", "public"])
def test_valid_as_it_stands(loaded: Definitions, kind: str, vertical: str) -> None:
    path = scaffold(loaded, "spring", kind, vertical, TODAY)
    found = load(loaded.folder).campaigns.campaigns["spring"]
    assert path.stem == "spring" and (found.kind, found.vertical) == (kind, vertical)


def test_every_template_for_mails_can_be_begun_with(loaded: Definitions) -> None:
    for number, path in enumerate(sorted((loaded.folder / "templates").glob("[!_]*/"))):
        vertical = path.name.partition("_")[0]
        scaffold(loaded, f"c{number}", "broadcast", vertical, TODAY, template=path.name)
    assert len(load(loaded.folder).campaigns.campaigns) >= 14 + 12


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"key": "Spring!"}, "is no key"),
        ({"key": "medical_welcome"}, "is there already"),
        ({"kind": "brodcast"}, "did you mean 'broadcast'"),
        ({"vertical": "medicine"}, "did you mean 'medical'"),
        ({"segment": "advocate"}, "did you mean 'advocates'"),
        ({"template": "medical_welcom"}, "did you mean 'medical_welcome'"),
        ({"kind": "triggered", "journey": "nothing"}, "no journey 'nothing'"),
    ],
)
def test_what_cannot_be_begun_leaves_no_file(
    loaded: Definitions, given: dict[str, str], told: str
) -> None:
    before = sorted((loaded.folder / "campaigns").iterdir())
    plain = {"key": "spring", "kind": "broadcast", "vertical": "medical", **given}
    with pytest.raises(CannotBegin, match=told.replace("?", r"\?")):
        scaffold(loaded, today=TODAY, **plain)  # type: ignore[arg-type]
    assert sorted((loaded.folder / "campaigns").iterdir()) == before
