"""Holding back and letting go: the same record as the commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from tests.interfaces.desk.desks import CAMPAIGN, JOURNEY, chain, field, seated
from workspace.ledger import open_ledger, pauses
from workspace.settings import Settings, load

#: What a page is told, and the command that does the same.
SAME = [
    ("pause", f"campaign:{CAMPAIGN}", ["campaigns", "pause", CAMPAIGN]),
    ("resume", f"campaign:{CAMPAIGN}", ["campaigns", "resume", CAMPAIGN]),
    ("pause", "campaign:medical_welcome", ["campaigns", "pause", "medical_welcome"]),
    ("resume", f"journey:{JOURNEY}", ["journeys", "resume", JOURNEY]),
    ("pause", "all:", ["stop-all"]),
    ("resume", "all:", ["stop-all", "--resume"]),
]


def held(settings: Settings) -> list[tuple[str, str, str]]:
    ledger = open_ledger(settings.ledger_url)
    found = [(one.scope, one.source_key, one.event) for one in pauses.held(ledger)]
    ledger.close()
    return found


def test_the_same_record_as_the_commands(settings: Settings, tmp_path: Path) -> None:
    other = load(tmp_path / "by command")
    other.paths.default_as_of.write_text(settings.paths.default_as_of.read_text())
    at = seated(settings)
    for event, what, words in SAME:
        found = at.post("pauses", what=what, do=event, reason="a fault")
        assert found.headers["location"].endswith(f"said={event}")
        words = [*words, "--workspace", str(other.paths.root), "--by", "max"]
        assert CliRunner().invoke(app, [*words, "--reason", "a fault"]).exit_code == 0
        assert held(settings) == held(other)
    assert chain(settings) == chain(other) and len(chain(settings)) == len(SAME)
    # A campaign that is a journey is held back by its journey's messages.
    assert chain(settings)[2]["object"] == f"journey:{JOURNEY}"


def test_stopped_and_shown_to_everybody(settings: Settings) -> None:
    at = seated(settings)
    page = at.get("pauses").text
    form = {"token": field(page, "token"), "what": "all:", "do": "pause", "reason": "a leak"}
    first, second = at.post("pauses", **form), at.post("pauses", **form)
    assert first.headers["location"].endswith("said=pause")
    assert second.headers["location"].endswith("said=already") and len(chain(settings)) == 1
    other = seated(settings, "key-of-ana")
    assert "Everything is held back" in other.get("").text
    page = other.get("pauses").text
    assert "an approver resumes" in page and "everything" in page and ">max<" in page


def test_what_was_stopped_for_good_stays_so(settings: Settings) -> None:
    words = ["campaigns", "stop", CAMPAIGN, "--workspace", str(settings.paths.root)]
    assert CliRunner().invoke(app, words).exit_code == 0
    at = seated(settings)
    page = at.get("pauses").text
    assert "stopped for good" in page and f'campaign:{CAMPAIGN}"><input' not in page
    for event in ("pause", "resume"):
        found = at.post("pauses", what=f"campaign:{CAMPAIGN}", do=event, reason="x")
        assert found.status_code == 409 and "was stopped" in found.text


@pytest.mark.parametrize(
    "fields",
    [
        {"what": "all:", "do": "pause", "reason": ""},
        {"what": "all:", "do": "stop", "reason": "x"},
        {"what": "campaign:nothing", "do": "pause", "reason": "x"},
        {"what": "journey:nothing", "do": "pause", "reason": "x"},
        {"what": "", "do": "pause", "reason": "x"},
        {"what": "segment:x", "do": "resume", "reason": "x"},
        {"what": "all:x", "do": "resume", "reason": "from max@x.fr"},
        {"what": f"campaign:{CAMPAIGN}", "do": "pause", "reason": "y" * 2001},
    ],
)
def test_forms_that_say_something_else(settings: Settings, fields: dict[str, str]) -> None:
    found = seated(settings).post("pauses", **fields)
    assert found.status_code == 422 and held(settings) == [] and chain(settings) == []
