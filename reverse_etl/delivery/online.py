"""A message as it was sent, in a browser: ``GET /v/<token>``.

What is shown are the bytes that the ledger keeps, but for the pixel: who looks again is not
counted. Links stay as they were sent, so those that end messages work. Nothing runs, and nothing
is loaded but the pictures of our own messages. A message whose text is no longer kept, since its
recipient was erased or its time has passed, is gone for good (410).
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reverse_etl.content.clicks import without_pixel
from reverse_etl.delivery import envelope
from reverse_etl.delivery.seeing import is_erased, keys_of
from workspace import tokens
from workspace.definitions.templates import Sender
from workspace.identifiers import Keyring
from workspace.ledger import Ledger, schema
from workspace.tokens import Token

PATH = tokens.PATHS["view"]

_PAGE = (
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
    "<body>{body}</body></html>"
)
#: By language: what is gone, and that there is no such page.
_WORDS = {
    "fr": ("Ce message n'est plus conservé.", "Cette page n'existe pas."),
    "en": ("This message is no longer kept.", "There is no such page."),
}


@dataclass(frozen=True)
class Gone:
    """A message whose text is no longer kept."""


def shown(ledger: Ledger, token: Token) -> str | Gone:
    """The HTML of a message as it was sent, without its pixel; its text as a page of its own
    where it has no HTML."""
    payloads = schema.message_payloads
    query = sa.select(payloads.c.payload).where(payloads.c.message_id == token.reference)
    with ledger.reading() as connection:
        payload = connection.execute(query).scalar()
        keys = {token.identifier_key, *keys_of(connection, token.reference)}
        if payload is None or is_erased(connection, keys):
            return Gone()
    content = envelope.content_of(payload)
    if content.get("html"):
        return without_pixel(content["html"])
    text = content.get("text") or "\n\n".join(
        content[name] for name in ("title", "body") if content.get(name)
    )
    return _page(token.language, content.get("subject", ""), f"<pre>{html.escape(text)}</pre>")


def _page(language: str, title: str, body: str) -> str:
    return _PAGE.format(language=language or "en", title=html.escape(title), body=body)


class Online:
    """The ASGI application below :data:`PATH`. ``ledger`` opens it, and may block."""

    def __init__(
        self, keyring: Keyring, ledger: Callable[[], Ledger], senders: Iterable[Sender]
    ) -> None:
        self._keyring, self._ledger = keyring, ledger
        hosts = sorted({_origin(sender.assets_url) for sender in senders})
        self._headers = {
            "content-security-policy": (
                f"default-src 'none'; img-src {' '.join(('data:', *hosts))}; "
                "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox "
                "allow-top-navigation-by-user-activation"
            ),
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-robots-tag": "noindex, nofollow, noarchive",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        token = tokens.read(self._keyring, "view", scope["path"].removeprefix(PATH))
        if token is None or request.method not in ("GET", "HEAD"):
            status, page = 404, _told("", 1)
        else:
            found = await run_in_threadpool(lambda: shown(self._ledger(), token))
            status = 410 if isinstance(found, Gone) else 200
            page = _told(token.language, 0) if isinstance(found, Gone) else found
        response = Response(page, status, self._headers, "text/html; charset=utf-8")
        await response(scope, receive, send)


def _told(language: str, what: int) -> str:
    """A sentence in the language, or in all of them."""
    chosen = [language] if language in _WORDS else list(_WORDS)
    said = [_WORDS[each][what] for each in chosen]
    body = "".join(f'<p lang="{each}">{text}</p>' for each, text in zip(chosen, said, strict=True))
    return _page(chosen[0], said[0], f"<main>{body}</main>")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
