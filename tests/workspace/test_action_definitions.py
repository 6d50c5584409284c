"""`actions.yml`: its rows and its faults."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workspace import definitions
from workspace.definitions import DefinitionError
from workspace.paths import PROJECT

ACTIONS = """\
enabled: true
lookalikes: {young_surgeons: {most: 5}}
actions:
  news:
    name: News
    vertical: medical
    campaign: medical_weekly_newsletter
    purpose: newsletter
    response: {touches: [email_click], within_days: 7}
    value: 3
  call:
    name: Call
    kind: task
    vertical: medical
    purpose: events
    done_by: [meeting]
    response: {touches: [demo_booked]}
    value: 100
    stages: [interest]
"""


def load(folder: Path, text: str) -> definitions.Definitions:
    if not (folder / "m").exists():
        shutil.copytree(PROJECT / "marketing", folder / "m")
    (folder / "m" / "actions.yml").write_text(text, encoding="utf-8")
    return definitions.load(folder / "m")


def test_actions_become_rows(tmp_path: Path) -> None:
    rows = load(tmp_path, ACTIONS).rows()["actions"]
    found = {(row.collection, row.key): row.value for row in rows}
    assert found["action_settings", "settings"]["enabled"] is True
    news = found["actions", "news"]
    assert news["campaign"] == "medical_weekly_newsletter" and news["value"] == 3
    assert found["actions", "call"]["kind"] == "task" and len(found) == 3


def test_without_a_file_nothing_is_decided_or_enabled(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "marketing", tmp_path / "m")
    assert definitions.load(tmp_path / "m").actions.enabled is False  # as shipped
    (tmp_path / "m" / "actions.yml").unlink()
    assert definitions.load(tmp_path / "m").actions.actions == {}


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("young_surgeons", "yong_surgeons", "no segment 'yong_surgeons'; did you mean"),
        ("vertical: medical\n    campaign", "vertical: x\n    campaign", "no vertical 'x'"),
        ("medical_weekly_newsletter", "weekly", "actions.news.campaign: no campaign 'weekly'"),
        ("purpose: events", "purpose: evnts", "no purpose 'evnts'; did you mean 'events'?"),
        ("stages: [interest]", "stages: [hot]", "actions.call.stages.0: no buyer stage 'hot'"),
        ("kind: task", "kind: message", "a message has a campaign, and a task has none"),
        ("done_by: [meeting]", 'mailings: ["x"]', "mailings go with a message"),
        ("    value: 3\n", "    value: 3\n    done_by: [meeting]\n", "done_by goes with a task"),
        ("  call:", "  nothing:", "'nothing' is the option that is always there"),
        ("enabled: true", "exploration: 1", "exploration"),
        ("enabled: true", "enable: true", "unknown field; did you mean 'enabled'?"),
    ],
)
def test_faults_are_told_with_their_place(
    tmp_path: Path, was: str, becomes: str, told: str
) -> None:
    assert was in ACTIONS
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, ACTIONS.replace(was, becomes, 1))
    assert "actions.yml:" in str(caught.value) and told in str(caught.value)


def test_a_draft_template_is_no_approved_action(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "marketing", tmp_path / "m")
    template = tmp_path / "m" / "templates" / "medical_weekly_newsletter" / "template.yml"
    text = template.read_text(encoding="utf-8")
    template.write_text(text + "\napproved: false\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match="'medical_weekly_newsletter' is not approved"):
        load(tmp_path, ACTIONS)
    draft = ACTIONS.replace("value: 3", "value: 3\n    approved: false")
    assert not load(tmp_path, draft).actions.actions["news"].approved
