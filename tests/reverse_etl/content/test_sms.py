"""Segments of text messages, by the standard's examples and by a slow count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.content.sms import EXTENSION, GSM_7, plain, size


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "gsm7", 0, 0),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 81, "gsm7", 162, 2),
        # A pair of the extension is not torn apart: 152 and a pair leave one septet empty.
        ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3),
        ("éèàùìòÇñ@£¥\n", "gsm7", 12, 1),
        ("ê", "ucs2", 1, 1),
        ("ç", "ucs2", 1, 1),
        ("ê" * 70, "ucs2", 70, 1),
        ("ê" * 71, "ucs2", 71, 2),
        ("ê" * 134, "ucs2", 134, 2),
        ("ê" * 135, "ucs2", 135, 3),
        ("😀" * 35, "ucs2", 70, 1),
        ("😀" * 36, "ucs2", 72, 2),
        # 33 pairs fill 66 of 67.
        ("😀" * 67, "ucs2", 134, 3),
        ("`", "ucs2", 1, 1),
        ("\t", "ucs2", 1, 1),
    ],
)
def test_sizes(text: str, encoding: str, units: int, segments: int) -> None:
    found = size(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


def test_the_alphabets_are_the_standards() -> None:
    """128 places, of which one is the escape to the extension; there nine and the form feed."""
    assert len(GSM_7) == 127 and len(EXTENSION) == 10 and not GSM_7 & EXTENSION


def test_typography_is_made_plain() -> None:
    assert plain("L’œuvre « à » 1\u202f200 € – “oui”…") == 'L\'oeuvre " à " 1 200 € - "oui"...'
    assert size(plain("L’œuvre – “oui”…")).encoding == "gsm7"


@given(st.text(st.sampled_from("aé€[êç😀"), max_size=400))
def test_a_slow_count_agrees(text: str) -> None:
    """Segments laid out one character at a time, as a handset would receive them."""
    is_gsm = not set(text) & set("êç😀")
    cost = (
        (lambda c: 2 if c in "€[" else 1) if is_gsm else lambda c: len(c.encode("utf-16-be")) // 2
    )
    alone, each = (160, 153) if is_gsm else (70, 67)
    laid: list[list[str]] = []
    for character in text:
        if not laid or sum(map(cost, laid[-1])) + cost(character) > each:
            laid.append([])
        laid[-1].append(character)
    fits = sum(map(cost, text)) <= alone
    assert size(text).segments == (min(1, len(text)) if fits else len(laid))
