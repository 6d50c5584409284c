"""How many segments a text message takes (3GPP TS 23.038).

In GSM 7-bit a message holds 160 characters, or 153 in each of several segments; those of the
extension table count twice. One character outside of both makes it UCS-2: 70, or 67, UTF-16 units.
"""

from __future__ import annotations

from dataclasses import dataclass

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")

#: What typography puts in place of a plain character, and would make a message twice as dear.
_PLAIN = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "«": '"',
        "»": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "\u00a0": " ",
        "\u202f": " ",
        "\u2009": " ",
        "œ": "oe",
        "Œ": "OE",
    }
)


@dataclass(frozen=True)
class Size:
    """``encoding`` is gsm7 or ucs2; ``units`` are septets or UTF-16 units."""

    encoding: str
    units: int
    segments: int


def plain(text: str) -> str:
    """A text with typographic quotes, dashes, blanks and ligatures as plain characters."""
    return text.translate(_PLAIN)


def size(text: str) -> Size:
    """Encoding, units and segments of a message. No segment ends inside a character's pair."""
    if all(character in GSM_7 or character in EXTENSION for character in text):
        units = [2 if character in EXTENSION else 1 for character in text]
        encoding, alone, each = "gsm7", 160, 153
    else:
        units = [2 if ord(character) > 0xFFFF else 1 for character in text]
        encoding, alone, each = "ucs2", 70, 67
    total = sum(units)
    if total <= alone:
        return Size(encoding, total, 1 if total else 0)
    segments, left = 1, each
    for unit in units:
        if unit > left:
            segments, left = segments + 1, each
        left -= unit
    return Size(encoding, total, segments)
