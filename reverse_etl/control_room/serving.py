"""The pages over HTTP, to who has a key: ``GET /control-room/<file>``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from reverse_etl.control_room import building
from reverse_etl.rights import ROLES, refusal
from workspace import http_keys
from workspace.settings import ReadKey

PATH = "/control-room"
#: Of the navigation: no text of a page holds it, since texts are escaped.
_END = "</nav>"
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
#: How a line of the navigation begins in a page. Nobody's text begins a line with it: `<` is
#: escaped in all of them.
_LINK = '<a data-right="'


class Rooms:
    """Answers with the files of ``folder``. ``keys`` open it, each the pages that its role may
    see; without any nobody is let in.

    ``desk`` is where the desk answers: the pages lead there when they are served, not on the disk.
    """

    def __init__(self, folder: Path, keys: Sequence[ReadKey], desk: str = "") -> None:
        self._folder = folder
        self._texts = [one.key for one in keys]
        self._roles = [one.role for one in keys]
        self._refused = http_keys.refusals()
        self._desk = f'<a href="{desk}">Desk</a>' if desk else ""

    async def page(self, request: Request) -> Response:
        """The route."""
        header = request.headers.get("authorization", "")
        place = http_keys.which(self._texts, header)
        if place is None:
            if wait := http_keys.wait(self._refused, header):
                late = {"retry-after": str(math.ceil(wait))}
                return PlainTextResponse("too many wrong keys\n", 429, late)
            headers = {"www-authenticate": 'Basic realm="control room"'}
            return PlainTextResponse("a key of MARKETING_READ_KEYS is needed\n", 401, headers)
        given = request.path_params["name"]
        if not given:
            return RedirectResponse(f"{PATH}/", 307)
        name, role = given[1:] or building.FIRST, self._roles[place]
        right = building.rights().get(name) if given[0] == "/" else None
        if right is not None and (told := refusal(role, right)):
            return PlainTextResponse(f"{told}\n", 403, _HEADERS)
        path = self._folder / name
        if right is None or not path.is_file():
            told = "no such page; 'marketing control-room' makes them\n"
            return PlainTextResponse(told, 404, _HEADERS)
        if path.suffix != ".html":
            return FileResponse(path, headers=_HEADERS)
        page = _for(role, await run_in_threadpool(path.read_text, encoding="utf-8"))
        page = page.replace(_END, self._desk + _END, 1)
        return Response(page, 200, _HEADERS, "text/html")


def _for(role: str, page: str) -> str:
    """A page without links to those that the role may not see."""
    hidden = tuple(f'{_LINK}{right}"' for right, roles in ROLES.items() if role not in roles)
    return "".join(line for line in page.splitlines(True) if not line.startswith(hidden))
