"""A file that comes to the page, before anything is published. What a run makes of it is told in
`tests/end_to_end/test_desk.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.journeys import enrolment
from tests.interfaces.desk.desks import JOURNEY, chain, seated
from workspace.lake import Lake
from workspace.locks import run_lock
from workspace.settings import Settings, load

IDS = ["0" * 32, "a" * 32]
FILE, LISTED = "contact_id\n" + "\n".join(IDS), ",".join(IDS)


def rows(settings: Settings) -> list[dict]:
    return Lake(settings.paths.lake).read("journey_enrolments").to_pylist()


def test_the_same_record_as_the_command(settings: Settings, tmp_path: Path) -> None:
    other = load(tmp_path / "by command")
    other.paths.default_as_of.write_text(settings.paths.default_as_of.read_text())
    file = tmp_path / "people.csv"
    file.write_text(FILE)
    at = seated(settings, "key-of-ana")
    words = ["journeys", "enroll", JOURNEY, str(file), "--workspace", str(other.paths.root)]
    words += ["--by", "ana", "--reason", "as agreed"]
    for said, told in (("new", "2 contacts enter"), ("already", "asked today already")):
        found = at.post("enrol", journey=JOURNEY, contacts=LISTED, do="enrol", note="as agreed")
        assert found.headers["location"].endswith(f"said={said}")
        assert "2 contacts enter" in at.client.get(found.headers["location"]).text
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0 and told in result.output
    assert chain(settings) == chain(other) and len(chain(settings)) == 1
    assert rows(settings) == rows(other) and len(rows(settings)) == 2


def test_an_enrolment_that_was_cut_off_before_its_record_is_recorded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> object:
        raise RuntimeError("killed")

    at = seated(settings)
    form = {"journey": JOURNEY, "contacts": LISTED, "do": "enrol"}
    with monkeypatch.context() as patched:
        patched.setattr("workspace.decisions.recorded", killed)
        assert at.post("enrol", **form).status_code == 500
    assert len(rows(settings)) == 2 and chain(settings) == []
    for _ in range(2):
        assert at.post("enrol", **form).headers["location"].endswith("said=already")
    assert len(rows(settings)) == 2 and len(chain(settings)) == 1


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no column contact_id"),
        (b"name\nx", "no column contact_id"),
        (b"contact_id\n", "names nobody"),
        (b"contact_id\n<b>x</b>", "line"),
        (b"contact_id\n=cmd()", "is no contact id"),
        (f"contact_id,note\n{IDS[0]},é".encode("latin-1"), "UTF-8"),
        (b"contact_id\n" + b"\x00" * 10, "is no contact id"),
        (b"x" * ((1 << 20) + 1), "larger than 1 MB"),
    ],
)
def test_files_that_are_not_taken(settings: Settings, data: bytes, told: str) -> None:
    at = seated(settings)
    files = {"file": ("people.csv", data, "text/csv")}
    found = at.post("enrol", files=files, journey=JOURNEY, do="look")
    assert found.status_code in (413, 422) and "<b>" not in found.text
    assert told == "line" or told in found.text.replace("&#x27;", "'")
    assert rows(settings) == [] and chain(settings) == []


@pytest.mark.parametrize("listed", ["", "x", f"{IDS[0]};{IDS[1]}", "<b>", f"{IDS[0]},,{IDS[1]}x"])
def test_lists_that_no_page_made(settings: Settings, listed: str) -> None:
    found = seated(settings).post("enrol", journey=JOURNEY, contacts=listed, do="enrol")
    assert found.status_code == 422 and rows(settings) == [] and chain(settings) == []


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_files_as_spreadsheets_write_them(separator: str) -> None:
    lines = [separator.join(("note", "contact_id"))]
    lines += [separator.join(("é", f" {one} ")) for one in [*IDS, IDS[0]]]
    data = "\r\n".join([*lines, ""]).encode("utf-8-sig")
    assert enrolment.contacts_of(data, "x") == IDS


def test_nobody_can_be_looked_up_before_anything_is_published(settings: Settings) -> None:
    found = seated(settings).post("enrol", journey=JOURNEY, file=FILE, do="look")
    assert found.status_code == 503 and "marketing run" in found.text


def test_other_questions(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    at = seated(settings)
    assert at.post("enrol", journey="nothing", contacts=LISTED, do="enrol").status_code == 422
    assert "<b>" not in at.get("enrol?journey=<b>&contacts=<b>&said=new").text
    monkeypatch.setattr("interfaces.desk.enrolling.WAIT_SECONDS", 0.0)
    with run_lock(settings.paths.run_lock, holder="refresh"):
        found = at.post("enrol", journey=JOURNEY, contacts=LISTED, do="enrol")
    assert found.status_code == 409 and "another run holds this workspace" in found.text
    assert rows(settings) == [] and chain(settings) == []


def test_a_dry_run_by_command_before_anything_is_published(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(FILE)
    words = ["journeys", "enroll", JOURNEY, str(file), "--dry-run"]
    result = CliRunner().invoke(app, [*words, "--workspace", str(settings.paths.root)])
    assert result.exit_code == 2 and "marketing run" in result.output and rows(settings) == []
