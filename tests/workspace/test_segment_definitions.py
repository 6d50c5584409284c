from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workspace import definitions
from workspace.definitions.reading import DefinitionError, read
from workspace.definitions.segment_fields import Fields, plain_name
from workspace.definitions.segment_files import load_segments
from workspace.definitions.segments import Segment, Segments
from workspace.paths import PROJECT

VERTICALS = {"medical": None, "public": None}
FIELDS = Fields.model_validate({"contact": {"age": {"type": "number"}}, "event": {"plan": {}}})


def load(folder: Path, **files: str) -> Segments:
    (folder / "segments").mkdir(exist_ok=True)
    for key, text in files.items():
        (folder / "segments" / f"{key}.yml").write_text(text)
    return load_segments(folder, FIELDS, VERTICALS)


def faults(folder: Path, **files: str) -> list[str]:
    with pytest.raises(DefinitionError) as error:
        load(folder, **files)
    return [fault.replace(f"{folder}/segments/", "") for fault in error.value.faults]


def one(where: str) -> str:
    return f"name: One\nwhere: {where}\n"


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (
            "{field: contact.rol, is: x}",
            "where.field: no field 'contact.rol'; did you mean 'contact.role'?",
        ),
        ("{field: contact.age, is: x}", "where: contact.age: is: 'x' is not a number"),
        ("{field: contact.age, contains: x}", "contains does not go with a number"),
        ("{field: account.is_customer, is: 1}", "is: 1 is not a boolean"),
        ("{field: contact.created_at, at_least: soon}", "where.at_least"),
        ("{field: contact.role}", "give one of is, is_not"),
        ("{field: contact.role, is: a, in: [b]}", "is and in cannot stand together"),
        ("{field: contact.age, at_least: 5, above: 4}", "give at_least or above"),
        ("{field: contact.age, at_least: 50, below: 40}", "nothing is between 50 and 40"),
        ("{field: contact.age, is: .nan}", "a number between -1e15 and 1e15"),
        ("{field: contact.age, at_least: 1.0e+300}", "a number between -1e15 and 1e15"),
        ("{score: engagment, at_least: 1}", "no score 'engagment'; did you mean 'engagement'?"),
        ("{event: x, within_days: -1}", "where.within_days: Input should be greater than 0"),
        ("{event: x, within_days: 5, older_than_days: 5}", "older_than_days is below within_days"),
        ("{event: x, at_least: 3, at_most: 2}", "no count is at least 3 and at most 2"),
        (
            "{event: x, where: {page_pth: {is: a}}}",
            "where.where.page_pth: no field 'page_pth'; did you mean 'page_path'?",
        ),
        ("{touch: x, sum_at_least: 2}", "only events have a revenue to sum"),
        ("{sequence: [a]}", "at least 2 items"),
        ("{segment: self}", "segments refer to one another in a circle: self -> self"),
        ("{segment: slef}", "where.segment: no segment 'slef'; did you mean 'self'?"),
        ("{all: []}", "where.all: List should have at least 1 item"),
        ("{feild: x}", "a condition is a mapping with one of all, any, not"),
        ("[]", "a condition is a mapping with one of all, any, not"),
        ("{contacts: {field: contact.role, is: x}}", "contacts: goes with unit: account"),
        (
            "{consent: given, purpose: p, channel: email}",
            "where.consent: Input should be 'granted'",
        ),
        ("{field: contact.role, is: x, colour: red}", "where.colour: unknown field"),
    ],
)
def test_a_fault_names_file_line_and_field(tmp_path: Path, where: str, told: str) -> None:
    found = faults(tmp_path, self=one(where))
    assert all(fault.startswith(("self.yml:2:", "self.yml:1:")) for fault in found)
    assert any(told in fault for fault in found)


def test_a_fault_deep_inside_has_its_own_line(tmp_path: Path) -> None:
    text = """\
name: Deep
where:
  all:
    - {field: contact.role, is: surgeon}
    - not:
        any:
          - {event: x}
          - {field: contact.agee, below: 4}
"""
    (found,) = faults(tmp_path, deep=text)
    assert found.startswith("deep.yml:8: where.all.1.not.any.1.field: no field 'contact.agee'")


def test_account_segments_ask_accounts(tmp_path: Path) -> None:
    head = "name: A\nunit: account\n"
    told = faults(tmp_path, a=head + "where: {field: contact.role, is: x}")[0]
    assert "'contact.role' is of a contact: put it into contacts:" in told
    told = faults(tmp_path, a=head + "where: {consent: granted, purpose: p, channel: email}")[0]
    assert "ask its contacts with contacts:" in told
    assert (
        "roles go with unit: account" in faults(tmp_path, a="roles: [x]\n" + one("{event: x}"))[0]
    )
    load(tmp_path, a=head + "where: {contacts: {field: contact.role, is: x}, at_least: 2}")


def test_circles_are_named(tmp_path: Path) -> None:
    told = faults(
        tmp_path,
        a=one("{not: {segment: b}}"),
        b=one("{all: [{segment: c}, {event: x}]}"),
        c=one("{any: [{event: y}, {segment: a}]}"),
        d=one("{segment: a}"),
    )
    assert told == ["a.yml:1: segments refer to one another in a circle: a -> b -> c -> a"]


def nested(depth: int) -> dict[str, Any]:
    condition: dict[str, Any] = {"event": "x"}
    for level in range(depth):
        condition = [{"all": [condition]}, {"any": [condition]}, {"not": condition}][level % 3]
    return condition


def test_conditions_nest_fifty_deep_and_more(tmp_path: Path) -> None:
    found = load(tmp_path, deep=f"name: Deep\nwhere: {json.dumps(nested(90))}")
    assert len(list(found.segments["deep"].leaves())) == 1


@pytest.mark.parametrize("depth", [150, 400, 5000])
def test_what_nobody_wrote_by_hand_is_refused(tmp_path: Path, depth: int) -> None:
    # Pydantic checks as deep as Python recurses, and the reader stops at its own depth.
    text = "{not: " * depth + "{event: x}" + "}" * depth
    assert faults(tmp_path, deep=f"name: Deep\nwhere: {text}")


def test_a_version_is_what_decides_membership() -> None:
    first = Segment.model_validate({"name": "A", "where": {"event": "x", "at_least": 2}})
    same = Segment.model_validate(
        {"name": "B", "priority": 3, "where": {"at_least": 2, "event": "x"}, "max_change": 1}
    )
    other = Segment.model_validate({"name": "A", "where": {"event": "x", "at_least": 3}})
    assert first.hash == same.hash != other.hash
    assert first.hash != first.model_copy(update={"vertical": "medical"}).hash


def test_the_project_has_the_segments_of_both_businesses() -> None:
    segments = definitions.load(PROJECT / "marketing").segments.segments
    assert len(segments) >= 20
    assert {s.vertical for s in segments.values()} == {None, "medical", "public"}
    assert {s.unit for s in segments.values()} == {"contact", "account"}
    for key, segment in segments.items():
        stored = Segment.model_validate_json(json.dumps(segment.plain))
        assert (stored.hash, stored.plain) == (segment.hash, segment.plain), key


@pytest.mark.parametrize(
    ("event", "plain"),
    [
        ("Pricing Viewed", "pricing_viewed"),
        ("Démonstration demandée !", "demonstration_demandee"),
        ("$mp_web_page_view", "mp_web_page_view"),
        ("  ", ""),
        ("ROI—Calculator  (v2)", "roi_calculator_v2"),
        ("Заказ оформлен", "заказ_оформлен"),
    ],
)
def test_plain_names(event: str, plain: str) -> None:
    assert plain_name(event) == plain


def test_a_file_that_is_no_mapping_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("- 1\n- 2\n")
    with pytest.raises(DefinitionError, match=r"x.yml:1"):
        read(path, Segment)
