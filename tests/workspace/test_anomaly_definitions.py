"""anomalies.yml: rows and faults."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from models_ml.anomalies.settings import Settings
from tests.workspace.test_scoring_definitions import load
from workspace.definitions import DefinitionError
from workspace.definitions.anomalies import Anomalies

SEASON = "{name: Salon des Maires, vertical: public, months: [11]}"


def edited(folder: Path, old: str, new: str) -> dict[str, dict]:
    rows = load(folder, "anomalies.yml", old, new).rows()["anomalies"]
    return {f"{row.collection}/{row.key}": json.loads(row.json) for row in rows}


def test_defaults_are_those_of_the_models() -> None:
    given = Anomalies()
    for field in fields(Settings):
        if field.name != "seasons":
            assert getattr(given, field.name) == field.default


def test_seasons_become_rows(tmp_path: Path) -> None:
    rows = edited(tmp_path, "months: [11]", "months: [11, 12]")
    assert rows["anomaly_settings/anomaly_settings"]["least_z"] == 3.5
    assert rows["anomaly_seasons/public/12"] == {
        "vertical": "public", "month": 12, "name": "Salon des Maires"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("least_weeks: 4", "least_weeks: 9", "least_weeks is more than weeks"),
        ("weeks: 8", "weeks: 3", "greater than or equal to 4"),
        (SEASON, "{name: S, vertical: pubic, months: [11]}", "no vertical 'pubic'"),
        (SEASON, "{name: S, vertical: public, months: [13]}", "less than or equal to 12"),
    ],
)
def test_faults(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        edited(tmp_path, old, new)
