"""`content.yml` and `personas.yml`: their rows and their faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace.test_definitions import MINIMAL
from workspace import definitions
from workspace.definitions import DefinitionError

CONTENT = """\
stages: [early, late]
recommendations:
  weights: {stage: 0.5, persona: 0.5, topic: 0, performance: 0, freshness: 0, novelty: 0}
  approved_statuses: [Live]
"""
PERSONAS = """\
personas:
  parents: {name: Parents, vertical: shop, written_for: [parent], topics: {toys: 1}}
rules:
  - {id: by_role, persona: parents, when: {roles: [mother, father], age_from: 20, age_below: 60}}
audiences:
  families: {name: Families, when: {personas: [parents]}, expected_size: 10}
"""
FILES = {"content.yml": CONTENT, "personas.yml": PERSONAS}


def load(folder: Path, **changed: str) -> definitions.Definitions:
    (folder / "verticals.yml").write_text(MINIMAL, encoding="utf-8")
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.split(".")[0], text), encoding="utf-8")
    return definitions.load(folder)


def test_each_definition_becomes_rows(tmp_path: Path) -> None:
    rows = load(tmp_path).rows()
    found = {(row.collection, row.key): row.value for part in rows.values() for row in part}
    settings = found["recommendation_settings", "settings"]
    assert settings["stage_weight"] == 0.5 and settings["next_stage"] == 0.6
    assert settings["meeting_window_days"] == 30 and "weights" not in settings
    assert found["content_stages", "late"]["stage"] == "late"
    assert found["recommendation_lists", "approved_status/live"]["name"] == "live"
    cases = [value for key, value in found.items() if key[0] == "persona_rules"]
    assert [case["role"] for case in cases] == ["mother", "father"]
    assert {case["age_below"] for case in cases} == {60} and cases[0]["vertical"] is None
    assert found["audience_cases", "families/1"]["persona"] == "parents"
    assert found["audiences", "families"]["expected_unit"] == "contacts"
    assert found["persona_weights", "parents/written_for/parent"]["weight"] == 1


def test_missing_files_mean_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "verticals.yml").write_text(MINIMAL, encoding="utf-8")
    loaded = definitions.load(tmp_path)
    assert loaded.content.recommendations.exploration == 0.1
    assert loaded.personas.personas == {}


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("content", "persona: 0.5", "persona: 0.4", "content.yml:3: recommendations.weights: the"),
        ("content", "stage: 0.5", "stage: -1", "content.yml:3: recommendations.weights.stage"),
        ("content", "late", "early", "stage 'early' is given twice"),
        ("content", "approved_statuses", "approved_status", "did you mean 'approved_statuses'?"),
        ("personas", "persona: parents", "persona: parent", "did you mean 'parents'?"),
        ("personas", "age_from: 20", "age_from: 60", "personas.yml:4: rules.0.when: age_from"),
        ("personas", "{personas: [parents]}", "{}", "families.when: no condition"),
        ("personas", "vertical: shop", "vertical: shops", "no vertical 'shops' in verticals.yml"),
        ("personas", "{toys: 1}", "{toys: 2}", "personas.parents.topics.toys"),
    ],
)
def test_faults_name_their_place(
    tmp_path: Path, name: str, old: str, new: str, expected: str
) -> None:
    text = FILES[f"{name}.yml"]
    assert old in text
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, **{name: text.replace(old, new, 1)})
    assert expected in str(caught.value)
