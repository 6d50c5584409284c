"""What definitions ask, by keys that are equal where the question is."""

from __future__ import annotations

import json
from typing import Any

from workspace.definitions.segments import EventLeaf, Happening, Leaf, SequenceLeaf


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
