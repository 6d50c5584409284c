"""Which settings of a definition differ, one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: What tells the parts of a list apart, where they are named.
_NAMES = ("id", "band", "key")


@dataclass(frozen=True)
class Setting:
    """``before`` or ``after`` is None where the setting is not there."""

    path: str
    before: Any
    after: Any


def differing(before: Any, after: Any, path: str = "") -> Iterator[Setting]:
    """The leaves that differ between two trees of dicts and lists, in the order of ``before``.

    The parts of a list are told apart by their id, where they have one; other lists are leaves.
    """
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        if before != after:
            yield Setting(path, before, after)
        return
    for name in dict.fromkeys([*old, *new]):
        inner = f"{path}.{name}" if path else str(name)
        yield from differing(old.get(name), new.get(name), inner)


def shown(value: Any) -> str:
    """A setting's value as the command line prints it; nothing for one that is not there."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _by_name(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        for name in _NAMES:
            if value and all(isinstance(part, Mapping) and name in part for part in value):
                return {part[name]: part for part in value}
    return None
