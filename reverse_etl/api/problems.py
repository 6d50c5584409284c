"""Answers of RFC 9457: what went wrong, without a word of what was sent."""

from __future__ import annotations

import logging
from typing import Any

import duckdb
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from reverse_etl.publish import NothingPublished, TookTooLong

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)
_KINDS = {404: ("path", "there is no such path"), 405: ("method", "ask by GET")}
#: What is said of a parameter that a resource does not have: its name may be anything.
_UNKNOWN = "extra_forbidden"


class Fault(BaseModel):
    """A parameter that is not as it must be."""

    parameter: str = Field(description="Its name; empty for one that is unknown or given twice")
    detail: str = Field(description="What it must be")


class ProblemDetails(BaseModel):
    """What an answer other than 200 and 304 says."""

    type: str = Field(description="/problems/KIND; the kind is stable")
    status: int = Field(description="The status of the answer")
    detail: str = Field(description="For people")
    errors: list[Fault] | None = Field(None, description="With 422: each wrong parameter")


class Problem(Exception):
    """``kind`` is stable, ``detail`` is for people."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.headers = status, kind, detail, headers


def wrong(parameter: str, detail: str) -> RequestValidationError:
    """A fault of one parameter that only the question itself shows."""
    return RequestValidationError([{"type": "value", "loc": ("query", parameter), "msg": detail}])


def install(app: FastAPI) -> None:
    """Every error of the application becomes a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(NothingPublished, _unpublished)
    app.add_exception_handler(TookTooLong, _late)
    for unread in (duckdb.Error, ValidationError):  # a row that is not as the models say is one
        app.add_exception_handler(unread, _unread)
    app.add_exception_handler(Exception, _failed)


def _answer(
    status: int, kind: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    body = {"type": f"/problems/{kind}", "status": status, "detail": detail, **more}
    known = {"cache-control": "no-store", "x-content-type-options": "nosniff", **(headers or {})}
    return JSONResponse(body, status, headers=known, media_type=MEDIA_TYPE)


async def _problem(_: Request, error: Any) -> Response:
    return _answer(error.status, error.kind, error.detail, error.headers)


async def _invalid(_: Request, error: Any) -> Response:
    faults = []
    for one in error.errors():
        is_known = one["type"] != _UNKNOWN
        name = str(one["loc"][1]) if is_known and len(one["loc"]) > 1 else ""
        faults.append({"parameter": name, "detail": one["msg"] if is_known else "not a parameter"})
    return _answer(422, "parameter", "a parameter is not as it must be", errors=faults)


async def _http(_: Request, error: Any) -> Response:
    kind, detail = _KINDS.get(error.status_code, ("request", "the request cannot be answered"))
    return _answer(error.status_code, kind, detail, dict(error.headers or {}))


async def _unpublished(_: Request, error: Any) -> Response:
    # Not the error's own words, which name the folder.
    told = "nothing is published that has this; 'marketing run' makes and publishes it"
    return _answer(503, "unpublished", told)


async def _late(_: Request, error: Any) -> Response:
    return _answer(503, "too_long", f"{error}; ask for less", {"retry-after": "5"})


async def _unread(_: Request, error: Any) -> Response:
    _LOG.error("the published version cannot be read: %s", type(error).__name__)
    told = "the published version could not be read; ask again"
    return _answer(503, "unreadable", told, {"retry-after": "5"})


async def _failed(_: Request, error: Any) -> Response:
    _LOG.error("an unexpected %s", type(error).__name__, exc_info=error)
    return _answer(500, "unexpected", "something went wrong; the server's log says what")
