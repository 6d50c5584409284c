"""The desk over HTTP, below ``/control-room/desk/``: who may come in, which page answers, and what
is said where one cannot."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from ingestion.collector.bodies import Bodies
from ingestion.collector.envelope import Refused
from ingestion.collector.writer import Limits, Unavailable
from interfaces.desk import approvals, enrolling, home, pages, pausing, previews
from interfaces.desk.office import PATH, Answer, Ask, Office, Refusal
from interfaces.desk.sessions import ROLES, Keys, Right, TooMany
from reverse_etl.publish import TookTooLong
from workspace import forms, restored
from workspace.definitions import DefinitionError
from workspace.ledger import audit
from workspace.locks import RunInProgress
from workspace.settings import ReadKey, Settings, is_here

_log = logging.getLogger(__name__)

COOKIE = "desk"
MAX_BODY_BYTES = 2 << 20
Page = Callable[[Office, Ask], Answer]
#: By the first part of the path: what GET answers, what POST does, and the right that either needs.
PAGES: dict[str, tuple[Page | None, Page | None, Right | None]] = {
    "": (home.shown, None, None),
    "approvals": (approvals.shown, approvals.decided, Right.PLAN),
    "preview": (previews.asked, previews.shown, Right.PREVIEW),
    "frame": (previews.frame, None, Right.PREVIEW),
    "enrol": (enrolling.asked, enrolling.done, Right.ENROL),
    "pauses": (pausing.shown, pausing.done, Right.PAUSE),
}


class Desk:
    """The ASGI application. ``clock`` is that of sessions, naive UTC."""

    def __init__(
        self, settings: Settings, keys: Sequence[ReadKey], clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._keys = Keys(keys, settings.keyring, clock)
        self._office = Office(settings, self._keys)
        self._bodies = Bodies(Limits())

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        method = scope["method"]
        more: dict[str, str] = {}
        try:
            form = await self._form(headers, receive) if method == "POST" else {}
            if method not in ("GET", "HEAD", "POST"):
                raise Refusal(405, "Pages are asked for by GET, and forms sent by POST.")
            answer, more = await run_in_threadpool(self._answer, scope, headers, form)
        except Refusal as refusal:
            answer = _told(refusal.status, refusal.text)
        except Unavailable:
            answer = _told(503, "The server has too much to do. Try again.")
        common = pages.FRAME_HEADERS if answer.is_frame else pages.HEADERS
        if answer.status == 405:
            more["allow"] = "GET, HEAD, POST"
        if answer.status >= 400 and method == "POST":
            more["connection"] = "close"  # the rest of a body is not waited for
        body = b"" if method == "HEAD" else answer.body
        response = Response(body, answer.status, {**common, **answer.headers, **more})
        with contextlib.suppress(RuntimeError):  # who asked may be gone
            await response(scope, receive, send)

    async def _form(self, headers: Mapping[bytes, bytes], receive: Any) -> dict[str, bytes]:
        """The first value of each field. Raises :class:`Refusal`."""
        kind = headers.get(b"content-type", b"")
        try:
            body = await self._bodies.read(headers, receive, MAX_BODY_BYTES)
            if forms.kind_of(kind) == forms.MULTIPART:
                return {name: values[0] for name, values in forms.parts(kind, body).items()}
            if forms.kind_of(kind) == forms.URLENCODED:
                found = forms.fields(body)
                return {
                    name: values[0].encode("utf-8", "replace") for name, values in found.items()
                }
        except Refused as refused:
            raise Refusal(refused.status, f"The form was not taken: {refused}.") from None
        except forms.Unreadable:
            raise Refusal(400, "The form cannot be read.") from None
        raise Refusal(415, "Send a form.")

    # ---- who asks ----------------------------------------------------------------------------

    def _answer(
        self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes], form: Mapping[str, bytes]
    ) -> tuple[Answer, dict[str, str]]:
        """The answer, and the headers of the session."""
        try:
            restored.check(self._settings.paths.root)
        except restored.NotReplayed as error:
            return _told(503, str(error)), {}
        path = scope["path"].removeprefix(PATH)
        if not path:
            return Answer(307, headers={"location": f"{PATH}/"}), {}
        first, *rest = path.removeprefix("/").split("/")
        if not self._keys.can_write:
            return Answer(503, pages.draw("keyless.html", title="The desk", path=PATH)), {}
        is_post = scope["method"] == "POST"
        if is_post and headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
            raise Refusal(403, "A form of another site was sent. Nothing was done.")
        if first == "sign-in":
            return self._sign_in(scope, headers, form) if is_post else (self._door(200), {})
        found = self._keys.of_cookie(_cookie(headers))
        if found is None:
            query = scope["query_string"]
            told = "" if not is_post else "Your session has ended. Nothing was done."
            if query == b"signed-in":
                told = (
                    "Your browser did not keep the session. Away from this machine the desk is "
                    "used by https."
                )
            return self._door(401 if is_post else 200, told), {}
        session, is_old = found
        kept = {"set-cookie": self._set(headers, self._keys.cookie(session))} if is_old else {}
        if is_post and not self._keys.is_own(session, form.get("token", b"").decode("latin-1")):
            raise Refusal(403, "The form is not one of this session. Nothing was done.")
        if first == "sign-out" and is_post:
            gone = {"set-cookie": self._set(headers, "", 0)}
            return Answer(303, headers={"location": f"{PATH}/"}), gone
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=20))
        ask = Ask(session, tuple(rest), query, form)
        return self._page(ask, first, is_post), kept

    def _sign_in(
        self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes], form: Mapping[str, bytes]
    ) -> tuple[Answer, dict[str, str]]:
        given = form.get("key", b"").decode("utf-8", "replace").strip()
        client = scope.get("client")
        try:
            key = self._keys.sign_in(given, client[0] if client else "")
        except TooMany as error:
            told = f"Too many tries. Try again in {error.wait} seconds."
            return self._door(429, told), {"retry-after": str(error.wait)}
        if key is None:
            return self._door(401, "That is no key of MARKETING_READ_KEYS."), {}
        if key.role not in ROLES:
            needed = " or ".join(ROLES)
            told = f"A key of role {key.role} only reads; the desk takes one of role {needed}."
            return self._door(403, told), {}
        try:
            session = self._keys.begin(key)
        except audit.Refused as error:
            told = f"The key's name cannot stand in the audit chain ({error}); give it another."
            return self._door(403, told), {}
        cookie = self._set(headers, self._keys.cookie(session))
        return Answer(303, headers={"location": f"{PATH}/?signed-in"}), {"set-cookie": cookie}

    def _door(self, status: int, told: str = "") -> Answer:
        return Answer(status, pages.draw("door.html", title="The desk", path=PATH, told=told))

    def _set(self, headers: Mapping[bytes, bytes], text: str, age: int | None = None) -> str:
        """A cookie for this session of the browser. Only a browser on this machine may send it
        back without TLS."""
        host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname or ""
        secure = "" if is_here(host) else "; Secure"
        until = "" if age is None else f"; Max-Age={age}"
        return f"{COOKIE}={text}; Path={PATH}; HttpOnly; SameSite=Strict{secure}{until}"

    # ---- what is asked for -------------------------------------------------------------------

    def _page(self, ask: Ask, first: str, is_post: bool) -> Answer:
        get, post, right = PAGES.get(first, (None, None, None))
        page = post if is_post else get
        try:
            if page is None:
                raise Refusal(404, "There is no such page.")
            if right is not None:
                ask.needs(right)
            return page(self._office, ask)
        except Refusal as refusal:
            return self._refused(ask, refusal.status, refusal.text)
        except DefinitionError as error:
            told = f"The definitions have faults, and nothing can be decided before:\n{error}"
            return self._refused(ask, 503, told)
        except audit.Refused as error:
            return self._refused(ask, 422, f"{error}. Nothing was done.")
        except RunInProgress as error:
            return self._refused(ask, 409, f"{error}. Nothing was done.")
        except TookTooLong as error:
            return self._refused(ask, 503, f"{error}. Nothing was done.")
        except Exception as error:
            _log.error("an unexpected %s at the desk", type(error).__name__, exc_info=error)
            return self._refused(ask, 500, "Something went wrong; the server's log says what.")

    def _refused(self, ask: Ask, status: int, text: str) -> Answer:
        return self._office.page(ask, "told.html", "Not done", status, text=text)


def _told(status: int, text: str) -> Answer:
    return Answer(status, pages.draw("alone.html", title="The desk", path=PATH, text=text))


def _cookie(headers: Mapping[bytes, bytes]) -> str:
    try:
        found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
