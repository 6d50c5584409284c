"""Keys of requests."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.http_keys import which

KEYS = ["first", "clé", "third:with a colon"]


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("Bearer first", 0),
        ("bearer  first ", 0),
        ("Bearer " + "clé".encode().decode("latin-1"), 1),
        (basic("first:"), 0),
        (basic("first"), 0),
        (basic("anne:clé"), 1),
        (basic("anne:third:with a colon"), 2),
        (basic("anne:firs"), None),
        ("Basic first", None),
        ("Digest first", None),
        ("first", None),
        ("Bearer", None),
        ("", None),
    ],
)
def test_which(header: str, place: int | None) -> None:
    assert which(KEYS, header) == place
    assert which([], header) is None


@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_is_read(header: str) -> None:
    for scheme in ("", "Basic ", "Bearer "):
        found = which(KEYS, scheme + header)
        assert found is None or (
            scheme == "Bearer "
            and header.strip().encode("latin-1") in [key.encode() for key in KEYS]
        )
