"""`freshness.yml`: how old a stream's newest row, and a source's last answer, may be."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from workspace.definitions.reading import Key, Strict, nearest
from workspace.streams import STREAMS

#: Stands for every source that is not named.
DEFAULT = "default"

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
#: A run writes these itself, so they promise nothing about what comes in.
_OWN = ("rejected_rows", "parameters", "consent_events")
_KNOWN = [name for name in STREAMS if name not in _OWN]


def _stream(name: str) -> str:
    if name in _OWN:
        raise ValueError(f"the stream {name!r} is written by the runs; nothing feeds it")
    if name not in STREAMS:
        raise ValueError(f"no stream {name!r}{nearest(name, _KNOWN)}")
    return name


def _duration(value: object) -> timedelta:
    found = re.fullmatch(r"([1-9]\d{0,4})([mhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("give a duration such as 30m, 24h or 3d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


StreamName = Annotated[str, AfterValidator(_stream)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Freshness(Strict):
    """Limits by name. What is not named, and has no default, is not expected to be fresh."""

    streams: dict[StreamName, Duration] = {}
    sources: dict[Key, Duration] = {}

    def of_stream(self, name: str) -> timedelta | None:
        return self.streams.get(name)

    def of_source(self, name: str) -> timedelta | None:
        return self.sources.get(name, self.sources.get(DEFAULT))
