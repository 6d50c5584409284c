"""What a destination is, what it is given, and how it can fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from workspace.ledger.audiences import Outcome

__all__ = ["Capabilities", "Destination", "Item", "Outcome", "Paused", "RowsRefused", "Unavailable"]


@dataclass(frozen=True)
class Capabilities:
    """What a destination can do, as its documentation says or its stand-in was seen to.

    ``batch_size`` is members a request; ``minimum_members`` is what the platform wants before it
    uses an audience; an ``asynchronous`` one answers later. ``per_second`` are requests.
    ``url_name`` is the variable of its address where it is not called as the destination is.
    """

    name: str
    title: str
    batch_size: int
    identifiers: tuple[str, ...]
    normaliser: str
    variables: tuple[str, ...]
    url: str
    operations: tuple[str, ...] = ("add", "remove")
    minimum_members: int = 0
    asynchronous: bool = False
    needs_list: bool = True
    per_second: float = 5.0
    optional: tuple[str, ...] = ()
    note: str = ""
    url_name: str = ""

    @property
    def url_variable(self) -> str:
        return self.url_name or f"MARKETING_{self.name.upper()}_URL"

    @property
    def variable_names(self) -> list[str]:
        return [*self.variables, *self.optional, self.url_variable]


@dataclass(frozen=True)
class Item:
    """One member in a request: for an addition what it shall have, for a removal everything that
    the destination may know it by."""

    contact_id: str
    identifiers: Mapping[str, Sequence[str]]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    remote_id: str | None = None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Type and value of each identifier."""
        return [(kind, one) for kind, values in self.identifiers.items() for one in values]


class Destination(Protocol):
    """Somewhere members go. Every operation may be repeated."""

    capabilities: Capabilities

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        """By contact, how each ended. Raises the faults of this module."""
        ...

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]: ...

    def poll(self, batch_id: str) -> Outcome | None:
        """Of an asynchronous destination: how a batch ended, None while it has not."""
        ...


class Fault(Exception):
    """Why a request brought nothing. ``code`` is short; neither holds a secret or an address."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code, self.message = code, message


class Paused(Fault):
    """Nothing more can be sent there until somebody mends it; what was not sent stays due."""


class Unavailable(Fault):
    """No answer, or one to come back later for; another request may be answered."""


class RowsRefused(Fault):
    """The request was refused for some of its rows, and does not say which."""
