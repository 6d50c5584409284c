"""Experiments as files: what is wrong with one is told with file, line and field."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reverse_etl.campaigns.worlds import campaign
from workspace import definitions
from workspace.buckets import BUCKETS, ranges
from workspace.definitions.campaign_files import Known
from workspace.definitions.campaigns import Campaign
from workspace.definitions.caps import Caps
from workspace.definitions.consent import Consent
from workspace.definitions.experiment_files import load_experiments
from workspace.definitions.experiments import ABSOLUTE, RELATIVE, Experiments
from workspace.definitions.journeys import Journey
from workspace.definitions.reading import DefinitionError
from workspace.definitions.templates import Template
from workspace.paths import PROJECT

GOOD = """\
name: A welcome
journey: welcome
node: first
starts_on: 2026-01-01
variants:
  mail: {share: 80}
  holdout: {share: 20}
metric: {event: demo_booked, within_days: 30}
"""
JOURNEY = Journey.model_validate(
    {
        "name": "Welcome",
        "version": 1,
        "trigger": {"manual": True},
        "nodes": {
            "first": {"action": "send", "channel": "email", "template": "a", "next": "second"},
            "second": {"action": "send", "channel": "sms", "template": "a", "next": "tag"},
            "tag": {"action": "add_tag", "tag": "x", "next": "done"},
            "done": {"exit": "completed"},
        },
    }
)
CAPS = Caps.model_validate(
    {"classes": {"marketing": {"name": "x"}, "owed": {"name": "y", "skips": ["holdout"]}}}
)


TEMPLATES = {
    name: Template.model_validate(
        {
            "name": name,
            "vertical": "medical",
            "class": "marketing",
            "purpose": "marketing",
            "channels": channels,
            "fields": fields,
        }
    )
    for name, channels, fields in (
        ("a", ["email", "sms"], {}),
        ("b", ["sms"], {}),
        ("needing", ["email"], {"stand": {"from": "event.stand"}}),
    )
}


def folder_with(folder: Path, **files: str) -> Path:
    """Definitions of experiments by key."""
    (folder / "experiments").mkdir(exist_ok=True)
    for key, text in files.items():
        (folder / "experiments" / f"{key}.yml").write_text(text)
    return folder


def load(
    folder: Path, journey: Journey = JOURNEY, campaigns: dict[str, Campaign] | None = None
) -> Experiments:
    known = Known(set(), {"medical"}, Consent(), CAPS, TEMPLATES, {"welcome": journey})
    return load_experiments(folder, known, campaigns or {})


def faults(folder: Path, **files: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        load(folder_with(folder, **files))
    return [fault.removeprefix(f"{folder}/experiments/") for fault in caught.value.faults]


def test_a_good_experiment_and_its_defaults(tmp_path: Path) -> None:
    found = load(folder_with(tmp_path, one=GOOD)).experiments["one"]
    assert found.control_variant == "holdout" and found.rails == list(ABSOLUTE)
    assert (found.tau, found.min_per_arm, found.min_days, found.alpha) == (0.02, 500, 7, 0.05)
    rows = {(r.collection, r.key): r.value for r in Experiments(experiments={"one": found}).rows()}
    assert rows["experiments", "one"]["salt"] == "one"
    assert rows["experiment_variants", "one/holdout"]["is_control"]
    shown = GOOD.replace("holdout", "other") + "control: mail\n"
    assert load(folder_with(tmp_path, one=shown)).experiments["one"].rails == list(RELATIVE)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("share: 20", "share: 25", "one.yml:1: the shares sum to 105, not to 100"),
        ("share: 80", "share: 79.999", "one.yml:1: the shares sum to 99.999"),
        ("node: first", "node: frist", "one.yml:3: node: welcome sends nothing at 'frist'; did"),
        ("node: first", "node: tag", "one.yml:3: node: welcome sends nothing at 'tag'"),
        ("journey: welcome", "journey: welcom", "one.yml:2: journey: no journey 'welcom'; did"),
        ("journey: welcome", "", "one.yml:1: give campaign or journey"),
        ("journey: welcome\nnode: first", "campaign: spring", "one.yml:2: campaign: no campaign"),
        ("{share: 80}", "{share: 80, template: c}", "one.yml:6: variants.mail.template: no temp"),
        ("{share: 80}", "{share: 80, template: b}", "variants.mail.template: b has no email"),
        ("node: first\n", "", None),
        ("{share: 20}", "{share: 20, template: a}", "the holdout gets nothing"),
        ("holdout:", "other:", "one.yml:1: name the control, or call a variant holdout"),
        ("name: A", "control: mail\nname: A", "where there is a holdout, it is the control"),
        ("{event: demo_booked,", "{", "one.yml:8: metric: give one of event, touch and goal"),
        ("{event: demo_booked,", "{touch: opened,", "one.yml:8: metric.touch: Input should be"),
        (", within_days: 30", "", "one.yml:8: metric.within_days: Field required"),
        ("name: A", "method: fixed_horizon\nname: A", "fixed_horizon and plan stand together"),
        ("name: A", "ends_on: 2025-01-01\nname: A", "ends on 2025-01-01, before it starts"),
        ("name: A", "vertical: medcal\nname: A", "one.yml:1: vertical: no vertical 'medcal'"),
        ("name: A", "guard_rails: [{rail: complaint}]\nname: A", "give worse_by or at_most"),
        ("name: A", "nmae: x\nname: A", "one.yml:1: nmae: unknown field; did you mean 'name'?"),
    ],
)
def test_faults_name_file_line_and_field(
    tmp_path: Path, old: str, new: str, told: str | None
) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    if told is None:
        assert load(folder_with(tmp_path, one=text)).experiments
        return
    found = faults(tmp_path, one=text)
    assert any(told in fault for fault in found), found


def test_a_template_for_several_nodes_needs_a_node(tmp_path: Path) -> None:
    text = GOOD.replace("node: first\n", "").replace("{share: 80}", "{share: 80, template: a}")
    assert faults(tmp_path, one=text) == [
        "one.yml:5: variants.mail.template: welcome sends at several nodes: first, second; name one"
    ]


def test_nobody_is_held_out_of_what_passes_the_hold_out_by(tmp_path: Path) -> None:
    owed = Journey.model_validate({**JOURNEY.plain, "class": "owed"})
    folder = folder_with(tmp_path, one=GOOD)
    with pytest.raises(DefinitionError) as caught:
        load(folder, owed)
    assert "one.yml:7: variants.holdout: owed messages pass" in str(caught.value)


def test_a_key_is_a_split_of_a_journey_or_a_file(tmp_path: Path) -> None:
    nodes = {**JOURNEY.plain["nodes"]}
    nodes["tag"] = {
        "split": {"a": {"share": 50, "next": "done"}, "b": {"share": 50, "next": "done"}},
        "experiment": "one",
    }
    split = Journey.model_validate({**JOURNEY.plain, "nodes": nodes})
    folder = folder_with(tmp_path, one=GOOD)
    with pytest.raises(DefinitionError, match="a split of the journey 'welcome' is called so"):
        load(folder, split)


def test_an_experiment_about_a_campaign(tmp_path: Path) -> None:
    text = GOOD.replace("journey: welcome\nnode: first", "campaign: spring")
    spring = campaign(**{"class": "marketing", "template": "a"})

    def told(new: str, given: Campaign = spring) -> str:
        folder = folder_with(tmp_path, one=text.replace("{share: 80}", f"{{share: 80{new}}}"))
        with pytest.raises(DefinitionError) as caught:
            load(folder, campaigns={"spring": given})
        return str(caught.value)

    folder = folder_with(tmp_path, one=text)
    found = load(folder, campaigns={"spring": spring}).experiments["one"]
    assert found.source == ("campaign", "spring")
    assert "variants.mail.template: b has no email" in told(", template: b")
    assert "give stand: template needing needs it" in told(", template: needing")
    owed = campaign(**{"class": "owed", "template": "a"})
    assert "owed messages pass the hold-out by" in told("", owed)
    of_journey = {"name": "x", "objective": spring.plain["objective"], "journey": "welcome"}
    assert "give journey: welcome" in told("", Campaign.model_validate(of_journey))


def test_no_message_is_part_of_two_experiments(tmp_path: Path) -> None:
    later = GOOD.replace("2026-01-01", "2026-02-01")
    first, whole = GOOD + "ends_on: 2026-01-31\n", later.replace("node: first\n", "")
    assert load(folder_with(tmp_path, a=first, b=later)).experiments
    assert load(folder_with(tmp_path, b=whole.replace("2026-02", "2026-03"))).experiments
    told = "b.yml:3: starts_on: the experiment 'a' has the same messages"
    assert faults(tmp_path, a=GOOD, b=whole) == [told]


def test_a_fixed_horizon_says_how_many(tmp_path: Path) -> None:
    fixed = GOOD + "method: fixed_horizon\nplan: "
    folder_with(tmp_path, one=fixed + "{base_rate: 0.1, minimum_effect: 0.02}\n")
    assert load(tmp_path).experiments["one"].plan
    for wrong in ("{base_rate: 0.1}", "{per_arm: 9, base_rate: 0.1, minimum_effect: 0.1}"):
        assert "per_arm" in faults(tmp_path, one=fixed + wrong)[0]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=10))
def test_ranges_fill_the_buckets(parts: list[int]) -> None:
    total = sum(parts)
    whole = [part * BUCKETS // total for part in parts]
    whole[0] += BUCKETS - sum(whole)
    found = list(ranges({f"v{n}": part / 100 for n, part in enumerate(whole)}).values())
    assert [end - start for start, end in found] == whole
    assert found[0][0] == 0 and found[-1][1] == BUCKETS
    assert all(one[1] == other[0] for one, other in pairwise(found))


def test_the_shipped_experiments_are_of_both_verticals() -> None:
    shipped = definitions.load(PROJECT / "marketing").experiments.experiments
    assert {e.vertical for e in shipped.values()} == {"medical", "public"}
    assert shipped["public_welcome_wording"].control_variant == "steps"
