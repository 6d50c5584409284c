"""Journeys as files: what is wrong with one is told with file, line and field."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from workspace.definitions import load
from workspace.definitions.consent import Consent
from workspace.definitions.journey_files import load_journeys
from workspace.definitions.journey_nodes import Split, branches_of
from workspace.definitions.journeys import Journey
from workspace.definitions.reading import DefinitionError
from workspace.definitions.segment_fields import Fields
from workspace.definitions.templates import Template
from workspace.paths import PROJECT

GOOD = """\
name: Welcome
version: 1
trigger: {event: form_submitted}
nodes:
  mail: {action: send, channel: email, template: welcome, next: wait}
  wait: {wait: {days: 1}, next: ask}
  ask:
    condition: {event: opened}
    then: done
    else: parts
  parts:
    split:
      a: {share: 50, next: done}
      b: {share: 50, next: wait}
  done: {exit: completed}
"""
CONSENT = Consent.model_validate(
    yaml.safe_load((PROJECT / "marketing" / "consent.yml").read_text(encoding="utf-8"))
)


TEMPLATES = {
    "welcome": Template.model_validate(
        {
            "name": "Welcome",
            "vertical": "medical",
            "class": "marketing",
            "purpose": "marketing",
            "channels": ["email", "sms"],
            "fields": {"stand": {"from": "event.stand"}},
        }
    )
}


def faults(folder: Path, text: str, name: str = "welcome") -> list[str]:
    (folder / "journeys").mkdir(exist_ok=True)
    (folder / "journeys" / f"{name}.yml").write_text(text)
    try:
        load_journeys(folder, Fields(), {"customers"}, {"medical"}, CONSENT, TEMPLATES)
    except DefinitionError as error:
        return [fault.removeprefix(f"{folder}/journeys/") for fault in error.faults]
    return []


def test_a_good_journey_has_no_faults(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("next: wait}", "next: wiat}", "welcome.yml:5: nodes.mail.next: no node 'wiat'"),
        ("then: done", "then: nowhere", "welcome.yml:9: nodes.ask.then: no node 'nowhere'"),
        ("share: 50, next: wait", "share: 49, next: wait", "the shares sum to 99, not to 100"),
        ("wait: {days: 1}", "wait: {days: 0}", "welcome.yml:6: nodes.wait.wait.days:"),
        ("wait: {days: 1}", 'wait: {until: "25:00"}', "a time of day"),
        ("wait: {days: 1}", 'wait: {until: "09:00"}', "a circle without a wait for a span"),
        ("event: form_submitted", "segment: custommers", "did you mean 'customers'?"),
        ("channel: email", "channel: fax", "welcome.yml:5: nodes.mail.channel:"),
        ("channel: email", "channel: email, purpose: newslettre", "no purpose 'newslettre'"),
        ("{exit: completed}", "{exit: maybe}", "welcome.yml:15: nodes.done.exit:"),
        ("{exit: completed}", "{leave: now}", "a node has one of wait, condition"),
        ("version: 1", "version: 0", "welcome.yml:2: version:"),
        ("name: Welcome", "name: Welcome\ncolour: red", "welcome.yml:2: colour: unknown field"),
        ("{event: opened}", "{field: contact.nothing, is: 1}", "no field 'contact.nothing'"),
        ("template: welcome", "template: welcom", "did you mean 'welcome'?"),
        ("channel: email", "channel: push", "welcome is not for push (its template.yml)"),
        ("event: form_submitted", "manual: true", "give stand: template welcome needs it"),
        ("next: ask", "next: done", "nothing leads to 'ask'"),
        ("trigger: {event: form_submitted}", "trigger: {date: contact.role}", "is a text, not"),
    ],
)
def test_each_fault_names_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    found = faults(tmp_path, GOOD.replace(old, new))
    assert any(told in fault for fault in found), found


def test_no_exit_and_a_bad_name(tmp_path: Path) -> None:
    text = "name: x\nversion: 1\ntrigger: {manual: true}\nnodes:\n  a: {wait: {days: 1}, next: a}\n"
    assert any("no exit can be reached from 'a'" in fault for fault in faults(tmp_path, text))
    assert any("the journey's key" in fault for fault in faults(tmp_path, GOOD, "Bad-Name"))


def test_ten_thousand_nodes_and_one_more(tmp_path: Path) -> None:
    def chain(count: int) -> dict:
        nodes: dict = {
            f"n{n}": {"action": "add_tag", "tag": "x", "next": f"n{n + 1}"}
            for n in range(count - 1)
        }
        return {
            "name": "Long",
            "version": 1,
            "trigger": {"manual": True},
            "nodes": {**nodes, f"n{count - 1}": {"exit": "completed"}},
        }

    assert list(Journey.model_validate(chain(10_000)).faults()) == []
    found = faults(tmp_path, json.dumps(chain(10_001)))
    assert len(found) == 1 and "at most 10000" in found[0]


@settings(deadline=None)
@given(st.lists(st.integers(1, 9_999), min_size=2, max_size=8))
def test_branches_share_all_buckets(weights: list[int]) -> None:
    cuts = sorted({0, 10_000, *(weight for weight in weights)})
    shares = [(end - start) / 100 for start, end in pairwise(cuts)]
    if len(shares) < 2:
        return
    split = Split.model_validate(
        {"split": {f"b{n}": {"share": share, "next": "x"} for n, share in enumerate(shares)}}
    )
    parts = branches_of(split)
    assert [part[1] for part in parts] == cuts[:-1] and [part[2] for part in parts] == cuts[1:]


def test_a_name_decides_nothing_and_a_wait_does() -> None:
    plain = yaml.safe_load(GOOD)
    one = Journey.model_validate(plain)
    assert Journey.model_validate({**plain, "name": "Other", "version": 2}).hash == one.hash
    plain["nodes"]["wait"]["wait"]["days"] = 2
    assert Journey.model_validate(plain).hash != one.hash
    assert Journey.model_validate_json(one.text) == one


def test_the_projects_own_journeys() -> None:
    found = load(PROJECT / "marketing").journeys.journeys
    templates = {path.name for path in (PROJECT / "marketing" / "templates").iterdir()}
    assert len(found) >= 12
    for key, journey in found.items():
        used = {node.template for node in journey.nodes.values() if hasattr(node, "template")}
        assert used <= templates, key
