"""Pictures of journeys are SVG that says what the nodes are and did."""

from __future__ import annotations

import random
from xml.etree import ElementTree

import pytest

from reverse_etl.journeys.drawing import draw
from tests.reverse_etl.journeys.worlds import journey
from workspace.definitions import load
from workspace.definitions.journeys import Journey
from workspace.paths import PROJECT

SVG = "{http://www.w3.org/2000/svg}"


def boxes(picture: str) -> list[tuple[float, float]]:
    tree = ElementTree.fromstring(picture)
    found = tree.findall(f"{SVG}rect")[1:]  # the first is the background
    return [(float(box.get("x", 0)), float(box.get("y", 0))) for box in found]


@pytest.mark.parametrize("seed", range(20))
def test_every_node_has_a_place_of_its_own(seed: int) -> None:
    given = journey(random.Random(seed))
    places = boxes(draw(given))
    assert len(places) == len(set(places)) == len(given.nodes) + 1


def test_the_projects_journeys_read_downwards() -> None:
    for key, given in load(PROJECT / "marketing").journeys.journeys.items():
        counts = {node: (3, 2, 1) for node in given.nodes}
        picture = draw(given, counts)
        assert picture.count("3 in, 2 out, 1 wait") == len(given.nodes), key
        rows = [y for _, y in boxes(picture)]
        assert rows[0] == min(rows) and len(set(rows)) > 2, key


def test_names_are_text() -> None:
    given = Journey.model_validate(
        {
            "name": '<script>alert("x")</script>',
            "version": 1,
            "trigger": {"event": "</text><script>"},
            "nodes": {"z": {"exit": "completed"}},
        }
    )
    tree = ElementTree.fromstring(draw(given))
    assert not [one for one in tree.iter() if one.tag.endswith("script")]
