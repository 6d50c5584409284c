"""What definitions ask, by keys that are equal where the question is."""

from __future__ import annotations

import json
from typing import Any

from workspace.definitions.segments import (
    ContactsLeaf,
    EventLeaf,
    Happening,
    Leaf,
    SequenceLeaf,
    subject_of,
)


def key_of(unit: str, condition: Any) -> str:
    """The same for conditions that ask the same of the same unit."""
    plain = condition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps([unit, type(condition).__name__, plain], sort_keys=True)


def happening_key(happening: Happening) -> str:
    plain = Happening(event=happening.event, touch=happening.touch, where=happening.where)
    return key_of("", plain)


def happenings_of(leaf: Leaf) -> list[Happening]:
    """What a leaf counts or follows, in its order."""
    if isinstance(leaf, EventLeaf):
        return [leaf]
    return leaf.steps if isinstance(leaf, SequenceLeaf) else []


def label_of(condition: Any) -> str:
    """A leaf in words."""
    if isinstance(condition, ContactsLeaf):
        bounds = {"at least": condition.at_least, "at most": condition.at_most}
        given = [f"{name} {bound}" for name, bound in bounds.items() if bound is not None]
        return f"{' and '.join(given) or 'at least 1'} of the account's contacts"
    plain = condition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    first = subject_of(plain)
    rest = [name for name in plain if name != first]
    return ", ".join(f"{name} {_words(plain[name])}" for name in [first, *rest])


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{name} {_words(item)}" for name, item in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
