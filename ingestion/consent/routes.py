"""``/u/``, ``/p/`` and ``/o/``: where a message ends, its settings, the confirmation of a request.

Only POST changes anything: whoever looks at links ahead of their reader (scanners, previews)
changes nothing. A token is all that is needed, so that no cookie is. What a POST decides is in the
ledger, on disk, before the answer is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.collector.bodies import Bodies, Receive, Scope, Send
from ingestion.collector.envelope import Refused
from ingestion.collector.writer import Limits, Unavailable
from ingestion.consent import deciding, pages, standing
from ingestion.consent.deciding import Unreadable
from ingestion.consent.standing import Ask
from ingestion.consent.words import chosen, words
from workspace import forms, tokens
from workspace.definitions.consent import Consent
from workspace.definitions.templates import Sender
from workspace.identifiers import Keyring
from workspace.ledger import Ledger, consent
from workspace.ledger.consent import ConsentEvent
from workspace.tokens import PATHS, Token

_log = logging.getLogger(__name__)

KINDS = ("unsubscribe", "preferences", "confirm")
ONE_CLICK = ("List-Unsubscribe", "One-Click")
MAX_BODY_BYTES = 32_768

Form = Mapping[str, list[str]]
Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Office:
    """What the pages decide with. ``ledger`` gives the ledger, and ``ask`` what is published; both
    may block. ``clock`` is the workspace's present."""

    policy: Consent
    senders: Mapping[str, Sender]
    keyring: Keyring
    ledger: Callable[[], Ledger]
    ask: Ask
    clock: Callable[[], datetime]

    def sender(self, token: Token) -> Sender | None:
        return self.senders.get(token.vertical) or next(iter(self.senders.values()), None)

    def record(self, events: list[ConsentEvent]) -> None:
        """Raises :class:`Unavailable` where the ledger does not take them."""
        try:
            consent.append(self.ledger(), events, self.clock())
        except Exception as error:  # whatever it is, nobody is told that it was recorded
            _log.error("a decision about consent was not recorded: %s", type(error).__name__)
            raise Unavailable from None


class Pages:
    """The ASGI application below those paths."""

    def __init__(self, office: Office, limits: Limits | None = None) -> None:
        self._office = office
        self._bodies = Bodies(limits or Limits())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        token = self._token(scope["path"])
        accepted = headers.get(b"accept-language", b"").decode("latin-1")
        asked = _asked_language(scope["query_string"])
        language = chosen(asked, token.language if token else "", accepted)
        sender = self._office.sender(token) if token else None
        more = []
        try:
            status, body = await self._answer(scope, headers, receive, token, language)
        except Refused as refused:
            status, body = refused.status, pages.told(language, sender, "refused")
        except Unreadable:
            status, body = 400, pages.told(language, sender, "refused")
        except Unavailable:
            status, body = 503, pages.told(language, sender, "again")
            more = [(b"retry-after", b"5")]
        if status == 405:
            more = [(b"allow", b"GET, HEAD, POST")]
        if status >= 400:  # the rest of a body is not waited for
            more = [*more, (b"connection", b"close")]
        length = (b"content-length", str(len(body)).encode())
        answer = [*pages.HEADERS, length, *more]
        if scope["method"] == "HEAD":
            body = b""
        # Whoever asked may be gone by now; what was decided stands all the same.
        with contextlib.suppress(RuntimeError):
            await send({"type": "http.response.start", "status": status, "headers": answer})
            await send({"type": "http.response.body", "body": body})

    def _token(self, path: str) -> Token | None:
        for what in KINDS:
            if path.startswith(PATHS[what]):
                text = path.removeprefix(PATHS[what])
                return tokens.read(self._office.keyring, what, text)
        return None

    async def _answer(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        token: Token | None,
        language: str,
    ) -> Answer:
        if token is None:
            return 404, pages.told(language, None, "unknown")
        method = scope["method"]
        if method not in ("GET", "HEAD", "POST"):
            raise Refused(405, "method", "send GET or POST")
        form: Form | None = None
        if method == "POST":
            body = await self._bodies.read(headers, receive, MAX_BODY_BYTES)
            form = _form(headers.get(b"content-type", b""), body)
            given = (form.get("lang") or [None])[0]
            language = chosen(given, language, None)
        answer = {
            "unsubscribe": self._unsubscribe,
            "preferences": self._preferences,
            "confirm": self._confirm,
        }[token.what]
        return await asyncio.to_thread(answer, token, form, language)

    # ---- /u/ ---------------------------------------------------------------------------------

    def _unsubscribe(self, token: Token, form: Form | None, language: str) -> Answer:
        office, sender = self._office, self._office.sender(token)
        link = self._link(token, "preferences")
        seen = pages.unsubscribe_shown(language, sender, token.channel)
        if form is None:
            text = f"unsubscribe_{token.channel}"
            return 200, pages.told(
                language, sender, "unsubscribe", text, action="unsubscribe", preferences=link
            )
        name, value = ONE_CLICK
        is_one_click = form.get(name) == [value]
        if not is_one_click and form.get("do") != ["unsubscribe"]:
            raise Unreadable
        # Each time: what was granted in between may not have come by the ledger.
        office.record([deciding.left(token, office.clock(), None if is_one_click else seen)])
        return 200, pages.told(language, sender, "unsubscribed", is_done=True, preferences=link)

    # ---- /p/ ---------------------------------------------------------------------------------

    def _preferences(self, token: Token, form: Form | None, language: str) -> Answer:
        office, sender = self._office, self._office.sender(token)
        told = ""
        if form is not None:
            events = self._asked(token, form, language)
            if events:
                office.record(events)
            told = words(language)["saved" if events else "unchanged"]
        states = standing.standing(office.policy, self._published(token), self._events(token))
        return 200, pages.preferences(language, sender, office.policy, token, states, told)

    def _asked(self, token: Token, form: Form, language: str) -> list[ConsentEvent]:
        office, sender, at = self._office, self._office.sender(token), self._office.clock()
        match form.get("do"):
            case ["save"]:
                return deciding.changes(office.policy, token, form, language, at)
            case ["nothing"]:
                return [deciding.nothing_more(token, at, pages.shown(language, sender, "nothing"))]
            case ["object"] if deciding.PROFILING in office.policy.purposes:
                return [deciding.objected(token, at, pages.shown(language, sender, "object"))]
        raise Unreadable

    # ---- /o/ ---------------------------------------------------------------------------------

    def _confirm(self, token: Token, form: Form | None, language: str) -> Answer:
        office, sender = self._office, self._office.sender(token)
        # Later than the request in any case: of one moment the more restrictive would count.
        at = max(office.clock(), token.at + timedelta(microseconds=1))
        request = deciding.request_of(office.policy, token, self._events(token), language, at)
        seen, link = request.shown, self._link(token, "preferences")
        if seen is None:
            return 404, pages.told(language, sender, "unknown")
        if request.outcome in ("expired", "withdrawn"):
            days = office.policy.double_opt_in.valid_days
            return 410, pages.told(language, sender, request.outcome, days=days)
        if form is not None and form.get("do") != ["confirm"]:
            raise Unreadable
        if request.outcome == "open":
            if form is None:
                return 200, pages.told(
                    language,
                    sender,
                    "confirm",
                    "confirm_title",
                    quoted=seen.wording,
                    action="confirm",
                )
            office.record([deciding.confirmed(office.policy, token, at, seen)])
        return 200, pages.told(
            language, sender, "confirmed", is_done=True, quoted=seen.wording, preferences=link
        )

    # ---- what they share ---------------------------------------------------------------------

    def _link(self, token: Token, what: str) -> str:
        """Another page for the same person, from where this one is."""
        other = Token(**{**vars(token), "what": what})
        return f"..{PATHS[what]}{tokens.sign(self._office.keyring, other)}"

    def _events(self, token: Token) -> list[standing.Event]:
        try:
            return standing.events_of(self._office.ledger(), token.identifier_key)
        except Exception as error:
            _log.error("the ledger was not read: %s", type(error).__name__)
            raise Unavailable from None

    def _published(self, token: Token) -> standing.Published | None:
        try:
            return self._office.ask(token.identifier_key)
        except Exception as error:  # then what the ledger says is shown
            _log.warning("published consent was not read: %s", type(error).__name__)
            return None


def _form(content_type: bytes, body: bytes) -> Form:
    """The fields of a form, url-encoded or multipart. Raises :class:`Refused`."""
    kind = forms.kind_of(content_type)
    try:
        if kind == forms.URLENCODED:
            return forms.fields(body)
        if kind == forms.MULTIPART:
            found = forms.parts(content_type, body)
            return {
                name: [value.decode("utf-8", "replace") for value in values]
                for name, values in found.items()
            }
    except forms.Unreadable:
        raise Unreadable from None
    raise Refused(415, "content_type", "send a form")


def _asked_language(query: bytes) -> str | None:
    """A query is nobody's word but for this: one that cannot be read asks for nothing."""
    try:
        return (forms.fields(query).get("lang") or [None])[0]
    except forms.Unreadable:
        return None
