"""What a source is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from workspace.clock import iso, parse_time

if TYPE_CHECKING:
    import pyarrow as pa
    from requests.auth import AuthBase

    from ingestion.sources.session import Session

#: Where a pull stands, as JSON: ``until`` once it is complete, whatever the resource needs
#: to go on before that, and in ``keep`` what it wants to find again after a complete one.
State = Mapping[str, Any]
#: What a record is, once its page is parsed; the parent object beside it where it has one.
Row = dict[str, Any]


class PullError(Exception):
    """A source that cannot be asked, or answers what it must not. Never holds a secret."""


class NotDue(Exception):
    """Raised by a resource that is asked for more seldom than its source."""


@dataclass(frozen=True)
class Variable:
    """An environment variable. A source without one that is ``required`` is skipped; when one of
    its ``scope`` changes, everything is asked for from the beginning."""

    name: str
    what: str
    required: bool = True
    default: str | None = None
    scope: bool = False


@dataclass(frozen=True)
class Page:
    """One answer: the body as received and what was asked for (no secret in it).

    ``parent`` is the JSON of the object that the records belong to, where the answer does not
    say. ``state`` is where to go on once this page is on disk; None: not from here. ``side``
    names another resource of the source that the page belongs to: what had to be asked along.
    """

    body: bytes
    request: str
    parent: bytes | None = None
    state: State | None = None
    side: str | None = None


@dataclass(frozen=True)
class Window:
    """Times of change, naive UTC: from ``start`` up to and with ``end``."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Rows:
    """How the records of a page become rows of the resource's kind.

    ``records`` is the path of the list in the page ("" when the page is the list), or a function
    of the page's bytes; ``with_parent`` a function of the bytes and the parent instead. ``fields``
    says for each field of the kind where it is: a path, with ``parent.`` for the parent object, or
    a function of the :class:`Record`. ``constants`` are the same for all. The record itself goes
    with the row as ``payload``. A kind that takes the vendor's own objects has ``whole`` instead,
    a function that gives the row.
    """

    records: str | Callable[[bytes], Iterable[Any]] = ""
    fields: Mapping[str, str | Callable[[Record], Any]] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    whole: Callable[[Record], Row] | None = None
    with_parent: Callable[[bytes, Any], Iterable[Any]] | None = None


@dataclass(frozen=True)
class Record:
    """One object of a page. Indexing takes a dotted path and gives None where nothing is."""

    value: Any
    parent: Any = None

    def __getitem__(self, path: str) -> Any:
        found = self.value
        if path.startswith("parent."):
            found, path = self.parent, path.removeprefix("parent.")
        for part in path.split("."):
            if found is None:
                return None
            if isinstance(found, list) and part.isdigit():
                found = found[int(part)] if int(part) < len(found) else None
            elif isinstance(found, dict):
                found = found.get(part)
            else:
                raise TypeError(f"{part} of something that is no object")
        return found


@dataclass(frozen=True)
class Resource:
    """One thing to ask for.

    ``kind`` is the landed kind of its rows; ``endpoint`` is for people to read. ``look_back``
    is how much of what was pulled before is asked for again, since it may have changed unseen.
    Without ``pages`` it is filled by the side pages of others. ``keeps_time`` lands where a pull
    stands though it brought nothing.
    """

    name: str
    kind: str
    description: str
    endpoint: str
    pages: Callable[[Pull], Iterator[Page]] | None
    rows: Rows
    look_back: timedelta = timedelta()
    keeps_time: bool = False


@dataclass(frozen=True)
class Source:
    """A vendor's API.

    ``module`` is where it is declared; ``url`` its address, changed by ``MARKETING_<NAME>_URL``;
    ``auth`` makes the credentials of a request from the variables; ``per_second`` and ``burst``
    are what we allow ourselves; ``every`` is how often a schedule asks.
    """

    name: str
    title: str
    module: str
    url: str
    variables: tuple[Variable, ...]
    resources: tuple[Resource, ...]
    auth: Callable[[Mapping[str, str]], AuthBase] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    per_second: float = 5.0
    burst: int = 5
    every: timedelta = timedelta(hours=1)

    @property
    def url_variable(self) -> str:
        return f"MARKETING_{self.name.upper()}_URL"

    @property
    def variable_names(self) -> list[str]:
        """Every variable it looks at."""
        return [*(variable.name for variable in self.variables), self.url_variable]

    def scope(self, values: Mapping[str, str]) -> str:
        """A name for what is asked for: accounts, properties, words."""
        parts = [values.get(v.name, "") for v in self.variables if v.scope]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(resource.kind for resource in self.resources))

    def missing(self, values: Mapping[str, str]) -> list[str]:
        """The required variables that are not set."""
        return [v.name for v in self.variables if v.required and not values.get(v.name)]

    def resource(self, name: str) -> Resource:
        return next(resource for resource in self.resources if resource.name == name)


@dataclass
class Pull:
    """One pull of one resource: what its pages are asked with.

    ``state`` is what the last pull left on disk ({} at first), ``first`` where history begins
    for us, ``present`` the time of asking, naive UTC. ``known`` reads columns of a lake stream.
    """

    source: Source
    resource: Resource
    url: str
    values: Mapping[str, str]
    session: Session
    state: State
    first: datetime
    present: datetime
    known: Callable[[str, list[str]], pa.Table]

    @property
    def window(self) -> Window:
        """What to ask for: an unfinished window again, else from the last one's end on."""
        if "from" in self.state:
            return Window(parse_time(self.state["from"]), parse_time(self.state["to"]))
        until = self.state.get("until")
        start = parse_time(until) - self.resource.look_back if until else self.first
        return Window(min(start, self.present), self.present)

    def unfinished(self, **position: Any) -> State:
        """The state in the midst of a window; ``position`` is what the resource needs there."""
        window = self.window
        return {"from": iso(window.start), "to": iso(window.end), **position}

    def auth(self) -> AuthBase | None:
        return self.source.auth(self.values) if self.source.auth else None
