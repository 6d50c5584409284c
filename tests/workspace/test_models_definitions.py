"""`models.yml`: its rows and faults, and the switch for journeys that act on scores."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models_ml.operations.retraining import settings
from models_ml.operations.specs import PLANS
from workspace import definitions
from workspace.definitions import DefinitionError
from workspace.definitions.models import SUBJECTS, Models, load_models
from workspace.paths import PROJECT

AUTOMATED = "medical_churn_save"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT / "marketing", tmp_path / "marketing"))


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "models.yml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_model_that_is_switched_off_is_none_that_scores(folder: Path) -> None:
    change(folder, "engagement: {enabled: true}", "engagement: {enabled: false}")
    found = load_models(folder)
    assert found.enabled == ["churn", "conversion", "lead_score"]
    rows = {row.key: row.value for row in found.rows()}
    assert rows["engagement"] == {"subject_type": "contact", "enabled": False}
    assert rows["churn"] == {"subject_type": "account", "enabled": True}


def test_without_a_file_every_model_is_on_and_nothing_acts(tmp_path: Path) -> None:
    found = load_models(tmp_path)
    assert found == Models() and found.enabled == list(SUBJECTS)
    assert not found.automated_actions.enabled


def test_the_models_of_the_file_are_those_there_are() -> None:
    assert {name: plan.subject for name, plan in PLANS.items()} == SUBJECTS


def test_settings_reach_the_training(folder: Path) -> None:
    change(folder, "seed: 7", "seed: 8")
    change(folder, "least_positives: 10", "least_positives: 33")
    found = settings(load_models(folder))
    assert (found.seed, found.least_positives, found.level) == (8, 33, 0.9)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("churn: {enabled: true}", "chrun: {enabled: true}", "models.yml:6: models.chrun"),
        ("level: 0.9", "level: 90", "training.level"),
        ("least_change: 0.1", "least_chance: 0.1", "did you mean 'least_change'?"),
        ("{enabled: false}", "{enabled: perhaps}", "automated_actions.enabled"),
    ],
)
def test_a_fault_names_its_field(folder: Path, old: str, new: str, told: str) -> None:
    change(folder, old, new)
    with pytest.raises(DefinitionError) as caught:
        load_models(folder)
    assert told in str(caught.value)


def test_automated_journeys_take_people_in_only_where_they_are_switched_on(folder: Path) -> None:
    loaded = definitions.load(folder)
    assert loaded.journeys.journeys[AUTOMATED].automated
    assert loaded.journeys.journeys.keys() - loaded.journeys_in_use.journeys.keys() == {AUTOMATED}
    change(folder, "automated_actions: {enabled: false}", "automated_actions: {enabled: true}")
    loaded = definitions.load(folder)
    assert loaded.journeys_in_use == loaded.journeys
