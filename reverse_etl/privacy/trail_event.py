"""One line of what is on record about a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: In the order in which lines of the same moment are told.
AREAS = (
    "identity",
    "consent",
    "segment",
    "journey",
    "experiment",
    "message",
    "delivery",
    "proof",
    "audience",
    "crm",
    "request",
    "audit",
)


@dataclass(frozen=True)
class Event:
    """``at`` is naive UTC; ``area`` one of :data:`AREAS`; ``source`` the table it stands in."""

    at: datetime
    area: str
    what: str
    source: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def order(self) -> tuple[datetime, int]:
        """Lines of one moment and area stay as they were told."""
        return (self.at, AREAS.index(self.area))


def event(at: datetime, area: str, what: str, source: str, /, **detail: Any) -> Event:
    """An event with what is known of ``detail``: nothing empty."""
    told = {name: value for name, value in detail.items() if value not in (None, "")}
    return Event(at, area, what, source, told)
