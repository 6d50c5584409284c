"""The pages over HTTP, to who has a key: ``GET /control-room/<file>``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from reverse_etl.control_room import building
from workspace import http_keys

PATH = "/control-room"
#: Of the navigation: no text of a page holds it, since texts are escaped.
_END = b"</nav>"
#: Plotly sets styles on what it draws, and draws pictures from data.
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "private, no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Rooms:
    """Answers with the files of ``folder``. ``keys`` open it; without any nobody is let in.

    ``desk`` is where the desk answers: the pages lead there when they are served, not on the disk.
    """

    def __init__(self, folder: Path, keys: Collection[str], desk: str = "") -> None:
        self._folder = folder
        self._keys = list(keys)
        self._desk = f'<a href="{desk}">Desk</a>'.encode() if desk else b""

    async def page(self, request: Request) -> Response:
        """The route."""
        header = request.headers.get("authorization", "")
        if http_keys.which(self._keys, header) is None:
            headers = {"www-authenticate": 'Basic realm="control room"'}
            return PlainTextResponse("a key of MARKETING_READ_KEYS is needed\n", 401, headers)
        name = request.path_params["name"]
        if not name:
            return RedirectResponse(f"{PATH}/", 307)
        path = self._folder / (name[1:] or building.FIRST)
        if name[0] != "/" or name[1:] not in {"", *building.names()} or not path.is_file():
            told = "no such page; 'marketing control-room' makes them\n"
            return PlainTextResponse(told, 404, _HEADERS)
        if path.suffix == ".html":
            page = await run_in_threadpool(path.read_bytes)
            page = page.replace(_END, self._desk + _END, 1)
            return Response(page, 200, _HEADERS, "text/html")
        return FileResponse(path, headers=_HEADERS)
