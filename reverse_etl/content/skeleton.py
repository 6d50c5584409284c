"""What values decide of a source, apart from what is always there.

Most of a mail is the same for everybody. Only its merge tags go to a worker and only their results
come back, between marks that no value and no source can hold; the rest is put in here.
"""

from __future__ import annotations

from dataclasses import dataclass

import jinja2

#: Around the number of a text that is always there. Values and sources with it are refused.
MARK = "\x1f"
#: Shorter texts go along: the engine copies them faster than they are put back.
SHORTEST = 256

_LEXER = jinja2.Environment(keep_trailing_newline=True)


@dataclass(frozen=True)
class Skeleton:
    """``source`` is what the engine is given; ``texts`` what goes between, by its number."""

    source: str
    texts: dict[str, str]

    def filled(self, rendered: str) -> str:
        """The whole text from what the engine made of the source."""
        bits = rendered.split(MARK)
        bits[1::2] = [self.texts[number] for number in bits[1::2]]
        return "".join(bits)


def skeleton(source: str, shortest: int = SHORTEST) -> Skeleton:
    """Split a source that `language.read_source` found no fault in."""
    bits: list[str] = []
    texts: dict[str, str] = {}
    for _, kind, text in _LEXER.lex(source):
        if kind == "data" and len(text) >= shortest:
            number = str(len(texts))
            texts[number] = text
            bits.append(f"{MARK}{number}{MARK}")
        elif not kind.startswith("comment"):
            bits.append(text)
    return Skeleton("".join(bits), texts)
