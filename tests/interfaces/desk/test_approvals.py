"""What waits for approval, and deciding it: the same as the command, on the same record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.campaigns import versions
from tests.interfaces.desk.desks import CAMPAIGN, JOURNEY, WEEKLY, At, chain, field, seated
from workspace.definitions import load as load_definitions
from workspace.lake import Lake
from workspace.ledger import approvals, open_ledger
from workspace.settings import Settings, load

PAGE = f"approvals/campaign/{CAMPAIGN}"
HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}"


def standing(settings: Settings) -> dict[str, str]:
    ledger = open_ledger(settings.ledger_url)
    found = approvals.standing(ledger)
    ledger.close()
    return found


def edit(folder: Path, path: str, before: str, after: str) -> None:
    file = folder / path
    assert before in file.read_text("utf-8")
    file.write_text(file.read_text("utf-8").replace(before, after, 1), "utf-8")


def asking(folder: Path) -> None:
    """A journey that needs an approval."""
    edit(folder, f"journeys/{JOURNEY}.yml", "version: 1", "version: 1\nneeds_approval: true")


def each(folder: Path) -> None:
    """A campaign of which each occurrence needs one."""
    path = folder / "campaigns" / f"{WEEKLY}.yml"
    path.write_text(path.read_text("utf-8") + "\napproval: each\n", "utf-8")


def test_before_anything_ran(settings: Settings) -> None:
    at = seated(settings)
    listed = at.get("approvals").text
    assert CAMPAIGN in listed and WEEKLY in listed
    found = at.get(PAGE)
    assert found.status_code == 200 and "marketing run" in found.text
    assert "It never ran" in found.text and "iframe" in found.text
    assert "Nothing is published yet" in at.get("").text


def test_what_differs_from_what_ran(settings: Settings, folder: Path) -> None:
    campaigns = load_definitions(settings.definitions).campaigns
    versions.store(campaigns, Lake(settings.paths.lake), settings.present())
    at = seated(settings)
    assert "As it ran last." in at.get(PAGE).text
    edit(folder, f"campaigns/{CAMPAIGN}.yml", "priority: 200", "priority: 201")
    (shown,) = re.findall("<pre[^>]*>(--- ran last.*?)</pre>", at.get(PAGE).text, re.DOTALL)
    changed = [line for line in shown.splitlines() if line[0] in "+-" and line[1] not in "+-"]
    assert changed == ["-priority: 200", "+priority: 201"]


def test_the_same_record_as_the_command(settings: Settings, folder: Path, tmp_path: Path) -> None:
    asking(folder)
    other = load(tmp_path / "by command")
    other.paths.default_as_of.write_text(settings.paths.default_as_of.read_text())
    at = seated(settings)
    for kind, key in (("campaign", CAMPAIGN), ("journey", JOURNEY)):
        for do, flag in (("approved", ""), ("rejected", "--reject"), ("withdrawn", "--withdraw")):
            found = at.decide(f"approvals/{kind}/{key}", do, note="as agreed")
            assert found.status_code == 303 and f"said={do}" in found.headers["location"]
            words = [f"{kind}s", "approve", key, "--workspace", str(other.paths.root)]
            words += ["--by", "max", "--note", "as agreed", *([flag] if flag else [])]
            assert CliRunner().invoke(app, words).exit_code == 0
    rows = chain(settings)
    assert [row["action"] for row in rows[:3]] == [
        "campaign.approve",
        "campaign.reject",
        "campaign.withdraw",
    ]
    assert rows == chain(other) and len(rows) == 6
    assert {row["actor"] for row in rows} == {"max"} and standing(settings) == standing(other)


def test_a_double_submit_decides_once(settings: Settings) -> None:
    at = seated(settings)
    page = at.get(PAGE).text
    form = {name: field(page, name) for name in ("token", "shown", "occurrence")}
    first, second = (at.post(PAGE, **form, do="approved", note="n") for _ in range(2))
    assert "said=approved" in first.headers["location"]
    assert "said=already" in second.headers["location"]
    assert len(chain(settings)) == 1
    page = at.client.get(first.headers["location"]).text
    assert "Approved: its messages go out" in page and "<strong>approved</strong>" in page
    assert ">Withdraw<" in page and ">Approve<" not in page


@pytest.mark.parametrize("what", ["template", "definition", "shared"])
def test_what_changed_since_it_was_shown_is_not_approved(
    settings: Settings, folder: Path, what: str
) -> None:
    at = seated(settings)
    page = at.get(PAGE).text
    form = {name: field(page, name) for name in ("token", "shown", "occurrence")}
    if what == "template":
        path = next((folder / "templates" / "public_salon_des_maires").rglob("subject.txt"))
        path.write_text(path.read_text("utf-8").strip() + " !\n", "utf-8")
    elif what == "definition":
        edit(folder, f"campaigns/{CAMPAIGN}.yml", "priority: 200", "priority: 201")
    else:
        path = folder / "senders.yml"
        path.write_text(path.read_text("utf-8").replace("postal_address: ", "postal_address: X "))
    found = at.post(PAGE, **form, do="approved")
    assert found.status_code == 409 and "changed since it was shown" in found.text
    assert standing(settings) == {} and chain(settings) == []
    assert at.decide(PAGE).status_code == 303 and set(standing(settings).values()) == {"approved"}


def test_a_change_needs_a_new_approval(settings: Settings, folder: Path) -> None:
    at = seated(settings)
    assert at.decide(PAGE).status_code == 303
    assert "<strong>approved</strong>" in at.get(PAGE).text
    edit(folder, f"campaigns/{CAMPAIGN}.yml", "priority: 200", "priority: 201")
    page = at.get(PAGE).text
    assert "<strong>waiting</strong>" in page and "Decided before" in page


def test_each_occurrence_by_itself(settings: Settings, folder: Path) -> None:
    each(folder)
    at = seated(settings)
    listed = at.get("approvals").text
    found = re.search(rf"{WEEKLY}\?occurrence=(2026-W\d\d)", listed)
    assert found
    path = f"approvals/campaign/{WEEKLY}?occurrence={found[1]}"
    assert at.get(path).status_code == 200
    answer = at.decide(path)
    assert f"occurrence={found[1]}&said=approved" in answer.headers["location"]
    (row,) = chain(settings)
    assert row["object"] == f"campaign:{WEEKLY} {found[1]}"
    assert at.get(f"approvals/campaign/{WEEKLY}").status_code == 422
    assert at.get(f"approvals/campaign/{WEEKLY}?occurrence=<b>").status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "approvals/campaign/nothing",
        "approvals/journey/nothing",
        "approvals/segment/x",
        "approvals/campaign",
        f"approvals/campaign/{CAMPAIGN}/x",
        "approvals/campaign/..%2f..%2fsenders",
    ],
)
def test_what_there_is_not(settings: Settings, path: str) -> None:
    assert seated(settings).get(path).status_code == 404


def test_what_needs_no_approval(settings: Settings) -> None:
    at = seated(settings)
    assert "marketing journeys approve" in at.get("approvals/campaign/medical_welcome").text
    found = at.get("approvals/journey/medical_welcome")
    assert found.status_code == 422 and "needs no approval" in found.text


@pytest.mark.parametrize("fields", [{"do": "sent"}, {"note": "to eve@x.fr"}, {"shown": "é"}])
def test_forms_that_say_something_else(settings: Settings, fields: dict[str, Any]) -> None:
    at = seated(settings)
    found = at.decide(PAGE, **fields)
    assert found.status_code in (409, 422) and chain(settings) == []


def test_definitions_with_faults_decide_nothing(settings: Settings, folder: Path) -> None:
    at = seated(settings)
    page = at.get(PAGE).text
    form = {name: field(page, name) for name in ("token", "shown", "occurrence")}
    (folder / "campaigns" / "broken.yml").write_text("name: <b>x</b>\n")
    for found in (at.get("approvals"), at.post(PAGE, **form, do="approved")):
        assert found.status_code == 503 and "broken.yml:1" in found.text
    assert "broken.yml:1" in at.get("").text and chain(settings) == []
    # What ran can be held back all the same, and so can everything.
    assert at.post("pauses", what="all:", do="pause", reason="now").status_code == 303


def test_nobodys_text_is_markup(settings: Settings, folder: Path) -> None:
    said = json.dumps(HOSTILE)
    edit(folder, f"campaigns/{CAMPAIGN}.yml", "stand: 3 C 42", f"stand: {said}")
    edit(folder, f"campaigns/{CAMPAIGN}.yml", "name: Invitation to the", f"name: {said} #")
    at = seated(settings)
    for path in ("approvals", PAGE):
        page = at.get(path).text
        assert "<script" not in page and "&lt;script&gt;alert(1)" in page and "7 * 7" in page
    src = re.search(r'<iframe sandbox="" [^>]*src="([^"]+)"', page)
    assert src
    inner = at.client.get(src[1].replace("&#x2f;", "/"))
    assert "<script>" not in inner.text and "&lt;script&gt;" in inner.text
    assert inner.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in inner.headers["content-security-policy"]
    assert at.decide(PAGE, note=HOSTILE).status_code == 303
    assert "<script" not in at.get(PAGE).text and chain(settings)[0]["reason"] == HOSTILE


def test_a_frame_is_of_one_session(settings: Settings) -> None:
    at = seated(settings)
    src = re.search(r'src="([^"]+)"', at.get(PAGE).text)
    assert src
    path = src[1].replace("&#x2f;", "/")
    assert at.client.get(path).status_code == 200
    assert seated(settings).client.get(path).status_code == 404
    assert At(at.client).get("frame/x").status_code == 404
