"""The application: its routes, its OpenAPI document and the page that shows that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from reverse_etl.api import problems
from reverse_etl.api.access import Door
from reverse_etl.api.heads import Heads
from reverse_etl.api.published import Versions
from reverse_etl.api.routes import (
    accounts,
    attribution,
    audit,
    campaigns,
    contacts,
    kpis,
    messages,
    scores,
    segments,
)
from reverse_etl.rights import ROLES, Right
from workspace.paths import Paths
from workspace.settings import ReadKey

PREFIX = "/api/v1"
_STATIC = Path(__file__).parent / "static"
_FILES = {"docs": "docs.html", "docs.js": "docs.js", "docs.css": "docs.css"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_ANSWERS = {
    200: "The answer.",
    304: "The answer is the one whose ETag was sent.",
    401: "No key, or an unknown one.",
    403: "The role of the key may not see this.",
    404: "The published version has nothing of this id.",
    422: "A parameter is not as it must be.",
    429: "Too many requests of this key; ask again after Retry-After.",
    503: "Nothing is published, or the answer took too long.",
}
_SUBJECTS = (
    *(kpis, campaigns, segments, contacts, accounts, scores, attribution, messages),
    audit,
)


def create(paths: Paths, keys: Sequence[ReadKey], door: Door | None = None) -> FastAPI:
    """The application over what is published in ``paths``, for who has one of ``keys``.

    ``state.versions`` is to be closed at the end.
    """
    app = FastAPI(
        title="Read API",
        version="1",
        description="What is published: pseudonymous, read-only, by key.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.versions = Versions(paths)
    app.state.door = door or Door(keys)
    problems.install(app)
    app.add_middleware(Heads)
    for subject in _SUBJECTS:
        app.include_router(subject.router, prefix=PREFIX, responses=_responses())
    document: list[dict[str, Any]] = []

    async def openapi(_: Request) -> Response:
        if not document:
            document.append(_document(app))
        return JSONResponse(document[0], headers=_HEADERS)

    async def shown(request: Request) -> Response:
        return FileResponse(_STATIC / _FILES[request.url.path.rpartition("/")[2]], headers=_HEADERS)

    app.add_route(f"{PREFIX}/openapi.json", openapi)
    for name in _FILES:
        app.add_route(f"{PREFIX}/{name}", shown)
    return app


def _responses() -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    content = {"content": {problems.MEDIA_TYPE: {"schema": schema}}}
    return {
        code: {"description": text, **({} if code < 400 else content)}
        for code, text in _ANSWERS.items()
    }


def _document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, with who may ask each path."""
    made = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    parts = made["components"]
    problem = problems.ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["schemas"] |= {**problem.pop("$defs"), "ProblemDetails": problem}
    parts["securitySchemes"] = {
        kind: {"type": "http", "scheme": kind} for kind in ("bearer", "basic")
    }
    made["security"] = [{"bearer": []}, {"basic": []}]
    for subject in _SUBJECTS:
        for route in subject.router.routes:
            one = made["paths"][PREFIX + route.path]["get"]
            one["x-roles"] = list(ROLES[_right(route, subject.router)])
    return made


def _right(*parts: Any) -> Right:
    """What a route, or its router, asks for."""
    asked = [one.dependency for part in parts for one in part.dependencies]
    return next(one.right for one in asked if isinstance(getattr(one, "right", None), Right))
