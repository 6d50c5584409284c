"""What values decide of a source, apart from what is always there.

Most of a mail is the same for everybody. Only its merge tags go to a worker and only their results
come back, between marks that no value and no source can hold; the rest is put in here. What filters
make of a field again and again, as in the links of a newsletter, is asked of them once.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import jinja2

#: Around the number of a text that is always there. Values and sources with it are refused.
MARK = "\x1f"
#: Shorter texts go along: they come and go faster than they are put back.
SHORTEST = 1024

_FILTERED = re.compile(r"\w+(\s*\|\s*\w+)+")

_LEXER = jinja2.Environment(keep_trailing_newline=True)


@dataclass(frozen=True)
class Skeleton:
    """``source`` is what the engine is given; ``texts`` what goes between, by its number."""

    source: str
    texts: dict[str, str]

    def filled(self, rendered: str) -> str:
        """The whole text from what the engine made of the source."""
        if not self.texts:
            return rendered
        bits = rendered.split(MARK)
        bits[1::2] = [self.texts[number] for number in bits[1::2]]
        return "".join(bits)


def skeleton(source: str, shortest: int = SHORTEST) -> Skeleton:
    """Split a source that `language.read_source` found no fault in.

    It may ask for any value anywhere: all that a source names are given.
    """
    tokens = [(kind, text) for _, kind, text in _LEXER.lex(source)]
    tags = _filtered_tags(tokens)
    asked = Counter(tags.values())
    # No source can name these: its own names do not begin so.
    names = {text: f"_{n}" for n, text in enumerate(t for t, count in asked.items() if count > 1)}
    bits = [f"{{% set {name} = {text} %}}" for text, name in names.items()]
    texts: dict[str, str] = {}
    inside: str | None = None  # the variable that stands for the tag that is read
    for place, (kind, text) in enumerate(tokens):
        if kind == "data" and len(text) >= shortest:
            number = str(len(texts))
            texts[number] = text
            bits.append(f"{MARK}{number}{MARK}")
        elif kind == "variable_begin" and (inside := names.get(tags.get(place, ""))):
            bits.append(f"{text} {inside} ")
        elif kind == "variable_end":
            inside = None
            bits.append(text)
        elif not inside and not kind.startswith("comment"):
            bits.append(text)
    return Skeleton("".join(bits), texts)


def _filtered_tags(tokens: list[tuple[str, str]]) -> dict[int, str]:
    """Place of a tag's beginning -> what it says, of tags that are a field and its filters."""
    found = {}
    begin = 0
    for place, (kind, _) in enumerate(tokens):
        if kind == "variable_begin":
            begin = place
        elif kind == "variable_end":
            said = "".join(text for _, text in tokens[begin + 1 : place]).strip()
            if _FILTERED.fullmatch(said):
                found[begin] = said
    return found
