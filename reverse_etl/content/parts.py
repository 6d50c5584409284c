"""A template's parts: what one channel says in one language, ready for the engine.

A part is plain data. What decides its bytes is in it, so a part that was stored is rendered alike
ever after, whatever became of the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from reverse_etl.content import values
from reverse_etl.content.markup import ESCAPED
from workspace.definitions.templates import Variant

#: To be raised when the same part would be rendered to other bytes.
RENDERER = 1
#: Pieces that are one line where they arrive.
LINES = frozenset(["subject", "preheader", "title"])

Values = Mapping[str, values.Primitive]


class Incomplete(ValueError):
    """A value is missing, or cannot stand where it is asked for."""

    def __init__(self, reason: str, field: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.field, self.detail = reason, field, detail


@dataclass(frozen=True)
class Need:
    """A field that a part is filled with, and what stands for a missing value."""

    name: str
    source: str
    kind: str = "text"
    decimals: int | None = None
    fallback: str | None = None
    is_constant: bool = False  # the fallback is the value
    in_line: bool = False
    in_html_link: bool = False

    @property
    def is_required(self) -> bool:
        return self.fallback is None


@dataclass(frozen=True)
class Part:
    """``pieces`` maps what arrives (subject, html, text, …) to its source and whether it is HTML;
    ``blocks`` the variables whose value is a variant's name."""

    channel: str
    language: str
    pieces: dict[str, tuple[str, bool]]
    needs: tuple[Need, ...] = ()
    blocks: tuple[tuple[str, tuple[Variant, ...]], ...] = ()
    deciding: tuple[Need, ...] = ()  # fields that blocks ask about

    @cached_property
    def _constants(self) -> dict[str, str]:
        found = {}
        for need in self.needs:
            if need.is_constant:
                found[need.name] = need.fallback or ""
                if need.in_html_link:
                    found[need.name + ESCAPED] = values.escaped(found[need.name])
        return found

    @cached_property
    def _asked(self) -> tuple[Need, ...]:
        return tuple(need for need in self.needs if not need.is_constant)

    @property
    def plain(self) -> dict[str, Any]:
        return {
            "renderer": RENDERER,
            "channel": self.channel,
            "language": self.language,
            "pieces": {name: list(piece) for name, piece in self.pieces.items()},
            "needs": [asdict(need) for need in self.needs],
            "blocks": [
                [name, [variant.model_dump(by_alias=True) for variant in variants]]
                for name, variants in self.blocks
            ],
            "deciding": [asdict(need) for need in self.deciding],
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Part:
        return cls(
            channel=plain["channel"],
            language=plain["language"],
            pieces={name: (source, is_html) for name, (source, is_html) in plain["pieces"].items()},
            needs=tuple(Need(**need) for need in plain["needs"]),
            blocks=tuple(
                (name, tuple(Variant.model_validate(variant) for variant in variants))
                for name, variants in plain["blocks"]
            ),
            deciding=tuple(Need(**need) for need in plain["deciding"]),
        )

    def filled(self, given: Values, segments: Collection[str]) -> dict[str, str]:
        """What the engine is given for one person. Raises :class:`Incomplete`."""
        found = dict(self._constants)
        for need in self._asked:
            text = self._one(need, given)
            found[need.name] = text
            if need.in_html_link:
                found[need.name + ESCAPED] = values.escaped(text)
        for name, variants in self.blocks:
            found[name] = self._chosen(variants, given, segments)
        return found

    def _one(self, need: Need, given: Values) -> str:
        try:
            text = values.written(given.get(need.source), need.kind, self.language, need.decimals)
            if need.in_line and text is not None:
                values.check_line(text)
        except values.BadValue as error:
            detail = f"{need.name} ({need.source}) {error}"
            raise Incomplete("bad_value", need.name, detail) from None
        if text is not None:
            return text
        if need.fallback is None:
            detail = f"{need.name} ({need.source}) is missing and has no fallback"
            raise Incomplete("missing_value", need.name, detail)
        return need.fallback

    def _chosen(
        self, variants: tuple[Variant, ...], given: Values, segments: Collection[str]
    ) -> str:
        sources = {need.name: need.source for need in self.deciding}
        for variant in variants:
            if variant.segment is not None:
                is_met = variant.segment in segments
            elif variant.field is not None:
                value = given.get(sources[variant.field])
                is_met = value is not None and str(value) in (variant.in_ or ())
            else:
                is_met = True
            if is_met:
                return variant.name
        raise AssertionError("the last variant has no condition")


def version_of(parts: Collection[Part], message_class: str, purpose: str | None) -> str:
    """A hash of all that decides what is sent: 32 hexadecimal digits."""
    plain = [message_class, purpose, [part.plain for part in parts]]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
