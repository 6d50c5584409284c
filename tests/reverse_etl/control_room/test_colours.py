"""Colours of drawings, seen by eyes that lack a kind of cone."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from reverse_etl.control_room.definitions import HERE

#: Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]
WHITE = [0.95047, 1.0, 1.08883]


def lab(colour: str, eye: str) -> np.ndarray:
    """CIE L*a*b* (D65) of `#rrggbb` as an eye sees it."""
    given = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(EYES[eye]) @ linear, 0, 1)
    ratio = np.array(TO_XYZ) @ seen / WHITE
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("text", ["#1b1f24", "#e8ebee"])
def test_any_eye_tells_two_colours_apart(eye: str, text: str) -> None:
    static = HERE / "static"
    listed = re.search(r"COLOURS = \[(.*?)\]", (static / "drawing.js").read_text())
    assert listed and text in (static / "room.css").read_text()
    colours = [*re.findall(r"#[0-9a-f]{6}", listed[1]), text]
    assert len(colours) == 7
    for one, other in itertools.combinations(colours, 2):
        assert np.linalg.norm(lab(one, eye) - lab(other, eye)) > 11, (one, other)
