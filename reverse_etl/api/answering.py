"""From a question to an answer: its version, its ETag, its rows, its page."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.responses import Response

from reverse_etl.api.fields import Time, columns, told
from reverse_etl.api.problems import Problem, wrong
from reverse_etl.api.published import Version

#: Grows when the same rows are answered otherwise.
FORMAT = 1
_HEADERS = {
    "cache-control": "private, no-cache",
    "vary": "Authorization",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
T = TypeVar("T")


class Question(BaseModel):
    """Parameters; one that a resource does not have is refused."""

    model_config = ConfigDict(extra="forbid")


class Paging(Question):
    """Of every list."""

    limit: int = Field(100, ge=1, le=1000, description="Rows of a page")
    cursor: str | None = Field(
        None, max_length=2000, description="next_cursor of the page before, as it is"
    )

    def filters(self) -> dict[str, Any]:
        """What a list adds to these, by the names of its fields."""
        return self.model_dump(exclude={"limit", "cursor"})


class Page(BaseModel, Generic[T]):
    """A part of a list, in the order of its key."""

    version: str = told("The published version that it is from")
    as_of: Time = told("The moment that version tells of")
    items: list[T] = told("The rows")
    next_cursor: str | None = told("cursor of the next page; null on the last")


class One(BaseModel, Generic[T]):
    """A single thing."""

    version: str = told("The published version that it is from")
    as_of: Time = told("The moment that version tells of")
    item: T = told("What was asked for")


@dataclass(frozen=True)
class Listing:
    """A list: rows of ``source``, which lie in the order of ``key``. ``conditions`` are constants
    that name the parameter they are for, as ``$parameter``."""

    row: type[BaseModel]
    source: str
    key: dict[str, Any]
    conditions: dict[str, str]
    tables: tuple[str, ...]
    is_descending: bool = False

    @property
    def beyond(self) -> str:
        """The condition of the rows behind a cursor."""
        sign, marks = "<" if self.is_descending else ">", ", ".join(map(_mark, self.key))
        if len(self.key) == 1:
            return f"{', '.join(self.key)} {sign} {marks}"
        return f"({', '.join(self.key)}) {sign} ({marks})"

    def position(self, cursor: str) -> tuple[Any, ...]:
        """The key that a cursor stands at."""
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
            return _adapter(tuple[*self.key.values()]).validate_json(text)
        except (ValueError, binascii.Error, ValidationError):
            raise wrong("cursor", "it is no next_cursor of this list") from None

    def after(self, row: dict[str, Any]) -> str:
        """The cursor that stands at a row."""
        values = [row[name] for name in self.key]
        text = json.dumps(values, default=str, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(text).decode().rstrip("=")


class Asked:
    """A request, and the version that answers it."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @cached_property
    def version(self) -> Version:
        """The same for all that the answer is made of."""
        return self._request.app.state.versions.in_force()

    def page(self, listing: Listing, query: Paging, **filters: Any) -> Response:
        """A page of ``listing``; ``filters`` that are None are none."""
        at = listing.position(query.cursor) if query.cursor is not None else None
        version = self.version
        if unchanged := self.unchanged(version):
            return unchanged
        values = {name: value for name, value in filters.items() if value is not None}
        parts = [listing.conditions[name] for name in values]
        if at is not None:
            parts.append(listing.beyond)
            values |= {_mark(name)[1:]: value for name, value in zip(listing.key, at, strict=True)}
        where = f" where {' and '.join(parts)}" if parts else ""
        version.hold(*listing.tables)
        rows = version.rows(
            f"select {columns(listing.row)} from {listing.source}{where} limit $most",
            {**values, "most": query.limit + 1},
        )
        return self.paged(version, listing, rows, query.limit)

    def paged(
        self, version: Version, listing: Listing, rows: list[dict[str, Any]], limit: int
    ) -> Response:
        """The first ``limit`` of rows; where there are more, with a cursor."""
        shown = rows[:limit]
        following = listing.after(shown[-1]) if len(rows) > len(shown) else None
        body = {"items": shown, "next_cursor": following}
        return self.answer(version, Page[listing.row], body)  # type: ignore[name-defined]

    def unchanged(self, version: Version) -> Response | None:
        """304 for who has the answer of this version already."""
        known = self._request.headers.get("if-none-match", "")
        tag = self._tag(version)
        if tag.removeprefix("W/") in {one.strip().removeprefix("W/") for one in known.split(",")}:
            return Response(status_code=304, headers=self._headers(version))
        return None

    def answer(self, version: Version, model: Any, body: dict[str, Any]) -> Response:
        adapter = _adapter(model)
        whole = {"version": version.name, "as_of": version.as_of, **body}
        content = adapter.dump_json(adapter.validate_python(whole))
        return Response(content, media_type="application/json", headers=self._headers(version))

    def _headers(self, version: Version) -> dict[str, str]:
        return {**_HEADERS, "etag": self._tag(version), "x-published-version": version.name}

    def _tag(self, version: Version) -> str:
        """Weak: the same figures, whatever a proxy does to the bytes."""
        query = sorted(self._request.query_params.multi_items())
        path = self._request.url.path
        asked = json.dumps([FORMAT, version.name, path, query]).encode()
        return f'W/"{hashlib.sha256(asked).hexdigest()[:32]}"'


def first(rows: list[dict[str, Any]], what: str) -> dict[str, Any]:
    """The one row. Raises :class:`Problem`, 404."""
    if not rows:
        raise Problem(404, what, f"there is no such {what} in the published version")
    return rows[0]


def _mark(name: str) -> str:
    return f"$after_{name}"


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


async def _asked(request: Request) -> Asked:
    """Raises `RequestValidationError` for a parameter that is given twice: one would be lost."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(names) > len(set(names)):
        raise wrong("", "each parameter is given once")
    return Asked(request)


Asking = Annotated[Asked, Depends(_asked)]


#: For a resource without parameters: any is refused.
Alone = Annotated[Question, Query()]
