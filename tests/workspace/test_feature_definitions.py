"""`features.yml`: its rows and its faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace.test_definitions import MINIMAL
from workspace import definitions
from workspace.definitions import DefinitionError


def load(folder: Path, text: str | None) -> list[tuple[str, str, object]]:
    (folder / "verticals.yml").write_text(MINIMAL, encoding="utf-8")
    if text is not None:
        (folder / "features.yml").write_text(text, encoding="utf-8")
    rows = definitions.load(folder).rows()["features"]
    return [(row.collection, row.key, row.value) for row in rows]


def test_it_becomes_rows(tmp_path: Path) -> None:
    text = "months: 6\nevents: {tickets: [Help Asked, Help Asked], trainings: [Course Done]}\n"
    assert load(tmp_path, text) == [
        (
            "feature_settings",
            "feature_settings",
            {"months": 6, "training_contacts": 20_000, "uses": "events"},
        ),
        ("feature_events", "Help Asked", {"family": "tickets"}),
        ("feature_events", "Course Done", {"family": "trainings"}),
    ]


def test_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    ((_, _, settings),) = load(tmp_path, None)
    assert settings == {"months": 24, "training_contacts": 20_000, "uses": "events"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("months: 0", "features.yml:1: months"),
        ("training_contacts: 0.5", "features.yml:1: training_contacts"),
        ("event: {tickets: [a]}", "features.yml:1: event"),
        ("events: {tickets: [a], trainings: [b, a]}", "'a' is under tickets and under trainings"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        load(tmp_path, text)
