"""`attribution.yml`, and the conversions of `channels.yml`: their rows and their faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workspace.test_scoring_definitions import load
from workspace.definitions import DefinitionError
from workspace.definitions.attribution import MODELS, Attribution


def rows(folder: Path, old: str = "", new: str = "") -> dict[tuple[str, str], dict]:
    found = load(folder, "attribution.yml" if old else "", old, new)
    return {(row.collection, row.key): row.value for row in found.rows()["attribution"]}


def test_rules_become_rows(tmp_path: Path) -> None:
    found = rows(tmp_path)
    medical = {"lookback_days": 90, "half_life_days": 7, "unit": "account"}
    assert found["attribution_verticals", "medical"] == medical
    assert found["attribution_verticals", "public"] == {
        "lookback_days": 180,
        "half_life_days": 14,
        "unit": "account",
    }
    nobody = {"lookback_days": 30, "half_life_days": 7, "unit": "contact"}
    assert found["attribution_verticals", "unassigned"] == nobody
    settings = found["attribution_settings", "settings"]
    assert settings["collapse_seconds"] == 1800 and settings["is_exclusive"] is True
    assert [key for name, key in found if name == "attribution_models"] == list(MODELS)
    assert found["attribution_models", "position"]["parameters"]["middle"] == 0.2
    assert json.dumps(found["attribution_models", "markov"]["parameters"]) == '{"order": 1}'


def test_a_vertical_may_differ_from_its_market(tmp_path: Path) -> None:
    found = rows(tmp_path, "verticals: {}", "verticals: {medical: {lookback_days: 120}}")
    medical = {"lookback_days": 120, "half_life_days": 7, "unit": "account"}
    assert found["attribution_verticals", "medical"] == medical


def test_the_defaults_are_the_shipped_ones(tmp_path: Path) -> None:
    defaults, shipped = Attribution(), load(tmp_path).attribution
    for part in ("position", "w_shaped", "markov", "shapley", "bootstrap", "confidence"):
        assert getattr(defaults, part) == getattr(shipped, part), part
    assert defaults.primary_model == shipped.primary_model


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("half_life_days: 14", "half_life_days: 0", "markets.b2g.half_life_days", "greater than 0"),
        ("lookback_days: 30", "lookback_days: -30", "markets.b2c.lookback_days", "greater than 0"),
        ("lookback_days: 30", "lookback_days: 366", "markets.b2c.lookback_days", "less than or"),
        ("lookback_days: 30", "lookback_days: .nan", "markets.b2c.lookback_days", "finite"),
        ("primary_model: markov", "primary_model: markow", "primary_model", "'markov'"),
        ("position, markov, shapley]", "position, u_shaped]", "compared_models", "Input should be"),
        ("order: 1", "order: 4", "markov.order", "less than or equal to 3"),
        ("middle: 0.2", "middle: 0.3", "position", "sum to 1.1, not 1"),
        ("identity: 0.30", "identity: 0.5", "confidence.weights", "sum to 1.2, not 1"),
        ("replicates: 50", "replicates: 1", "bootstrap.replicates", "greater than or equal to 10"),
        ("verticals: {}", "verticals: {medcal: {}}", "vertical", "did you mean 'medical'?"),
        ("collapse_minutes", "colapse_minutes", "", "did you mean 'collapse_minutes'?"),
    ],
)
def test_faults_name_file_line_and_field(
    tmp_path: Path, old: str, new: str, place: str, message: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, "attribution.yml", old, new)
    path = tmp_path / "marketing" / "attribution.yml"
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(n for n, text in enumerate(lines, 1) if new in text)
    fault = "\n".join(caught.value.faults)
    assert f"{path}:{line}: " in fault and place in fault and message in fault


def test_events_are_declared_conversions(tmp_path: Path) -> None:
    declared = "conversions: {Trial Started: {value: 120}, Deposit Paid: {}}"
    found = load(tmp_path, "channels.yml", "conversions: {}", declared)
    events = {
        row.key: row.value for row in found.rows()["channels"] if row.collection.startswith("conv")
    }
    assert json.dumps(events, default=float) == (
        '{"Trial Started": {"value": 120.0}, "Deposit Paid": {"value": null}}'
    )


def test_a_conversion_is_worth_something(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"conversions\.Trial Started\.value"):
        load(
            tmp_path, "channels.yml", "conversions: {}", "conversions: {Trial Started: {value: x}}"
        )
