"""`touchpoints.yml` and `scoring.yml`: their rows and their faults."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workspace import definitions
from workspace.definitions import DefinitionError
from workspace.paths import PROJECT

MARKETING = PROJECT / "marketing"


def load(folder: Path, name: str = "", old: str = "", new: str = "") -> definitions.Definitions:
    """The shipped definitions with one edit."""
    shutil.copytree(MARKETING, folder / "marketing")
    if name:
        path = folder / "marketing" / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return definitions.load(folder / "marketing")


def test_rules_become_rows(tmp_path: Path) -> None:
    rows = load(tmp_path).rows()
    found = {
        (row.collection, row.key): row.value
        for part in (rows["touchpoints"], rows["scoring"])
        for row in part
    }
    assert found["touch_types", "email_open"] == {"depth": 0, "channel": "email"}
    assert found["touch_events", "Demo Booked"]["touch"] == "demo_booked"
    assert found["lead_bands", "warm"] == {"lowest": 50, "below": 80, "route": "inside_sales"}
    assert found["lead_bands", "hot"]["below"] is None
    assert found["lead_touch_rules", "left_list/email_unsubscribe"]["half_life_days"] == 180
    assert found["lead_touch_rules", "forms/form_submit"]["half_life_days"] == 30
    assert found["buyer_stage_touches", "consideration/pricing_view"]["at_least"] == 2


def test_a_type_without_settings_has_the_defaults(tmp_path: Path) -> None:
    rows = load(tmp_path, "touchpoints.yml", "  roi_calculator: {depth: 1}\n", "").rows()
    values = {row.key: row.value for row in rows["touchpoints"] if row.collection == "touch_types"}
    assert values["roi_calculator"] == {"depth": 0.5, "channel": None}


def test_falling_at_once_is_one_day(tmp_path: Path) -> None:
    rows = load(tmp_path, "scoring.yml", "down_after_days: 3", "down_after_days: 0").rows()
    held = [row.value["days_held"] for row in rows["scoring"] if row.collection == "lead_settings"]
    assert held == [1]


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("touchpoints.yml", "{touch: demo_booked}", "{touch: demo}", "events.Demo Booked.touch"),
        ("touchpoints.yml", "pricing_view: {depth: 0.5}", "pricing_view: {depth: 2}", "depth"),
        ("touchpoints.yml", "meeting: {depth", "meetings: {depth", "types.meetings"),
        ("touchpoints.yml", "depth_scale: 100", "depth_scale: 0", "depth_scale"),
        ("scoring.yml", "recency: 0.25", "recency: 0.35", "the weights sum to 1.1, not 1"),
        ("scoring.yml", "fit: 30}", "fit: 40}", "the caps sum to 100"),
        ("scoring.yml", "from: 80, route", "from: 40, route", "bands go down"),
        ("scoring.yml", "from: 0, route", "from: 5, route", "bands go down"),
        ("scoring.yml", "{id: forms,", "{id: visits,", "rule 'visits' is given twice"),
        ("scoring.yml", "points: 5, cap: 10, ", "points: 5, ", "a rule of touches needs a cap"),
        ("scoring.yml", "field: role, in: [practice_manager, legal]", "field: role", "give one of"),
        ("scoring.yml", "from: 1, below: 15", "from: 15, below: 15", "below is not above from"),
        ("scoring.yml", "field: employees, from: 1", "field: role, from: 1", "role is no number"),
        ("scoring.yml", "at_least: {pricing_view: 2}", "at_least: {session: 2}", "not among"),
        ("scoring.yml", "weight: 1, decides", "weight: 0.1, decides", "accounts.roles.surgeon"),
        ("scoring.yml", "half_life_days: 30 #", "half_live_days: 30 #", "mean 'half_life_days'?"),
        ("scoring.yml", "full_intent_points: 40", "full_intent_points: .nan", "full_intent_points"),
    ],
)
def test_a_fault_names_file_line_and_field(
    tmp_path: Path, name: str, old: str, new: str, expected: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, name, old, new)
    assert expected in str(caught.value)
    assert f"{name}:" in caught.value.faults[0]
