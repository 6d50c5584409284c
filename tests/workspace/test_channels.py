"""channels.yml and actors.yml: faults by line and field, and what becomes of them in rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspace.test_definitions import folder
from workspace import definitions
from workspace.definitions import DefinitionError
from workspace.definitions.actors import Actors
from workspace.definitions.channels import Channels

CHANNELS = """\
channels: [social, direct]
click_ids: [gclid]
sites:
  social: {names: [Fb], domains: [linkedin.com, t.co, google.*]}
rules:
  - {id: social_site, channel: social, when: {source_in: social}}
  - {id: nothing, channel: direct, when: {nothing: true}}
"""
ACTORS = """\
agents:
  - {id: bot, confidence: 0.9, patterns: ["bot"]}
networks:
  - {id: cloud, confidence: 0.5, ranges: [10.0.0.0/8]}
"""


def load(tmp_path: Path, channels: str = CHANNELS, actors: str = ACTORS) -> definitions.Definitions:
    (tmp_path / "channels.yml").write_text(channels, encoding="utf-8")
    (tmp_path / "actors.yml").write_text(actors, encoding="utf-8")
    return definitions.load(folder(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "channel: social, when",
            "channel: socail, when",
            "channels.yml:6: rules.social_site.channel: no channel 'socail' in channels; did you",
        ),
        (
            "source_in: social",
            "source_in: socials",
            "channels.yml:6: rules.social_site.when.source_in: no sites 'socials'; did you mean",
        ),
        (
            "source_in: social",
            "click_id: [gcld]",
            "channels.yml:6: rules.social_site.when.click_id: no click id 'gcld' in click_ids; did",
        ),
        (
            "{source_in: social}",
            '{medium: "("}',
            "channels.yml:6: rules.0.when.medium: '(' is no regular expression",
        ),
        (
            "{source_in: social}",
            '{medium: "a(?=b)"}',
            "channels.yml:6: rules.0.when.medium: 'a(?=b)' uses look-around",
        ),
        ("{source_in: social}", "{}", "channels.yml:6: rules.0.when: a rule needs a condition"),
        (
            "{nothing: true}",
            "{nothing: true, source_in: social}",
            "channels.yml:7: rules.1.when: `nothing` stands alone",
        ),
        (
            "{source_in: social}",
            "{referer_in: social}",
            "channels.yml:6: rules.0.when.referer_in: unknown field; did you mean 'referrer_in'?",
        ),
        ("id: nothing", "id: social_site", "channels.yml:1: rule id 'social_site' is given twice"),
        (
            "t.co",
            "https://t.co",
            "channels.yml:4: sites.social.domains.1: 'https://t.co' is no domain",
        ),
        ("  social:", "  press:", "channels.yml:3: sites: the sites 'press' are listed in"),
    ],
)
def test_a_fault_of_the_channels_is_told(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in CHANNELS
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, channels=CHANNELS.replace(old, new))
    assert caught.value.faults[0].removeprefix(f"{tmp_path}/").startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0.9", "1.5", "actors.yml:2: agents.0.confidence: Input should be less than or equal"),
        ("10.0.0.0/8", "10.0.0.1/8", "actors.yml:4: networks.0.ranges.0: '10.0.0.1/8' is no IPv4"),
        ("10.0.0.0/8", '"::/0"', "actors.yml:4: networks.0.ranges.0: '::/0' is no IPv4 range"),
        ("id: cloud", "id: bot", "actors.yml:1: rule id 'bot' is given twice"),
        ("id: cloud", "id: pages_at_once", "actors.yml:1: rule id 'pages_at_once' is given twice"),
        (
            "agents:",
            "machine_from: 0.3\nagents:",
            "actors.yml:1: unsure_from is above machine_from",
        ),
    ],
)
def test_a_fault_of_the_actors_is_told(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, actors=ACTORS.replace(old, new))
    assert caught.value.faults[0].removeprefix(f"{tmp_path}/").startswith(expected)


def test_rows(tmp_path: Path) -> None:
    rows = load(tmp_path).rows()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in [*rows["channels"], *rows["actors"]]:
        found.setdefault(row.collection, []).append(row.value)
    sites = {site.get("name") or site.get("domain") or "*" for site in found["channel_sites"]}
    # t.co names nothing, since a single letter is no site's name.
    assert sites == {"fb", "linkedin", "google", "linkedin.com", "t.co", "*"}
    assert found["session_settings"][0]["inactivity_minutes"] == 30
    assert found["actor_networks"] == [
        {
            "rule": "cloud",
            "confidence": 0.5,
            "first_address": 10 << 24,
            "last_address": (11 << 24) - 1,
        }
    ]
    assert found["actor_agents"][0]["is_visit"] and found["actor_agents"][0]["is_open"]


def test_keys_are_unique_and_order_is_kept() -> None:
    loaded = definitions.load(Path(definitions.PROJECT) / "marketing")
    rows = [*loaded.rows()["channels"], *loaded.rows()["actors"]]
    assert len({(row.collection, row.key) for row in rows}) == len(rows)
    rules = [row.key for row in rows if row.collection == "channel_rules"]
    assert rules == [rule.id for rule in loaded.channels.rules]
    # Every channel has a rule that gives it.
    assert {rule.channel for rule in loaded.channels.rules} | {"unknown"} == set(
        loaded.channels.channels
    )


def test_without_a_file_the_projects_own_is_taken(tmp_path: Path) -> None:
    loaded = definitions.load(folder(tmp_path))
    shipped = definitions.load(Path(definitions.PROJECT) / "marketing")
    assert loaded.channels == shipped.channels
    assert loaded.actors == shipped.actors


def test_an_empty_file_is_a_definition(tmp_path: Path) -> None:
    loaded = load(tmp_path, channels="", actors="")
    assert (loaded.channels, loaded.actors) == (Channels(), Actors())


@given(host=st.from_regex(r"[a-z.]{0,6}google(\.[a-z]{1,7}){0,4}", fullmatch=True))
def test_any_ending_is_no_other_site(host: str) -> None:
    """google.* takes google.fr and google.co.uk, and nothing that somebody else can register."""
    (row,) = [
        row
        for row in Channels(sites={"search": {"domains": ["google.*"]}}).rows()
        if row.collection == "channel_sites" and "pattern" in row.value
    ]
    matched = re.search(row.value["pattern"], host) is not None
    labels = host.split(".")
    ending = labels[len(labels) - labels[::-1].index("google") :] if "google" in labels else []
    single = len(ending) == 1 and 2 <= len(ending[0]) <= 6
    double = len(ending) == 2 and ending[0] in ("com", "co", "net", "org") and len(ending[1]) == 2
    assert matched == (single or double)
