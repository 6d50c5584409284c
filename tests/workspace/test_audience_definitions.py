"""`audiences.yml`: what is wrong is told with file, line and field."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workspace import definitions
from workspace.definitions import DefinitionError
from workspace.paths import PROJECT

GOOD = """\
audiences:
  one:
    name: One
    segment: newsletter_readers
    destination: file
    purpose: newsletter
    identifiers: [email]
crm:
  purpose: profiling
  creates: [medical_hot_leads]
  tasks:
    inside_sales: {title: Call, verticals: [medical]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", made)
    return made


def test_what_is_left_out_has_its_default(folder: Path) -> None:
    (folder / "audiences.yml").write_text(GOOD)
    found = definitions.load(folder)
    one = found.audiences.audiences["one"]
    assert (one.live, one.hashed) == (False, True)
    assert found.audiences.channel_of("one", found.consent) == "email"
    assert found.audiences.breaker_of("one").share == 0.3
    (folder / "audiences.yml").unlink()
    assert definitions.load(folder).audiences.audiences == {}


def test_one_s_own_breaker_counts(folder: Path) -> None:
    text = GOOD.replace("[email]\n", "[email]\n    breaker: {share: 0.5}\n")
    (folder / "audiences.yml").write_text(text)
    found = definitions.load(folder).audiences
    assert (found.breaker_of("one").share, found.breaker_of("crm_contacts").share) == (0.5, 0.3)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("newsletter_readers", "newsleter_readers", 4, "did you mean 'newsletter_readers'"),
        ("destination: file", "destination: fax", 5, "destination"),
        ("purpose: newsletter", "purpose: spam", 6, "no purpose 'spam'"),
        ("purpose: newsletter", "purpose: marketing", 6, "several channels"),
        ("purpose: newsletter", "purpose: newsletter\n    channel: sms", 7, "no channel 'sms'"),
        ("[email]", "[]", 7, "identifiers"),
        ("[email]", "[fax]", 7, "identifiers"),
        ("[medical_hot_leads]", "[hot]", 10, "no segment 'hot'"),
        ("[medical]", "[medicine]", 12, "no vertical 'medicine'"),
        ("name: One", "name: One\n    lve: true", 4, "did you mean 'live'"),
        ("title: Call", "title: Call, due_days: -1", 12, "due_days"),
        ("purpose: profiling", "properties: [score]", 9, "properties"),
        ("purpose: profiling", "properties: [persona, persona]", 9, "given twice"),
    ],
)
def test_faults_name_their_place(folder: Path, old: str, new: str, line: int, told: str) -> None:
    (folder / "audiences.yml").write_text(GOOD.replace(old, new))
    with pytest.raises(DefinitionError) as caught:
        definitions.load(folder)
    text = str(caught.value)
    assert told in text and (f"audiences.yml:{line}:" in text or told == "given twice"), text


def test_a_journey_names_an_audience_that_there_is(folder: Path) -> None:
    (folder / "audiences.yml").write_text(GOOD)
    path = folder / "journeys" / "medical_referral.yml"
    text = path.read_text()
    assert "ended:" in text or "done:" in text
    end = "ended" if "ended:" in text else "done"
    first = text.index("nodes:\n") + len("nodes:\n")
    for audience, is_known in (("one", True), ("ones", False)):
        node = f"  put: {{action: add_to_audience, audience: {audience}, next: {{}}}}\n"
        name = text[first:].split(":")[0].strip()
        path.write_text(text[:first] + node.replace("{}", name) + text[first:])
        if is_known:
            definitions.load(folder)
            continue
        with pytest.raises(DefinitionError, match="did you mean 'one'") as caught:
            definitions.load(folder)
        assert f"medical_referral.yml:{text[:first].count(chr(10)) + 1}: nodes.put" in str(
            caught.value
        ), end
