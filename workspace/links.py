"""Signed addresses in messages that tell of their reader: links led through us, and the pixel.

A token is sealed as all are (`workspace.tokens`), for one of the two uses; its body is the
message's id (32 bytes), the keyed hash of the recipient (16) and, of a link, the URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from workspace import tokens
from workspace.identifiers import KEY_LENGTH, Keyring

#: Where tokens are answered, below a vertical's website and in the collector.
PATH = "/c/"
PIXEL_PATH = tokens.PATHS["pixel"]
LONGEST_URL = 2000

_WHAT, _PIXEL = "click", "pixel"
_ID_BYTES, _KEY_BYTES = 32, KEY_LENGTH // 2
_HEAD = _ID_BYTES + _KEY_BYTES
_LONGEST = _HEAD + LONGEST_URL
#: Visible ASCII: a header can hold it, and no reader takes it for two lines or another host.
_VISIBLE = re.compile(r"[!-~]+")
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?(?=[/?#]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    """A link of one message: its id (64 hexadecimal digits), the recipient's key, and where it
    leads."""

    message_id: str
    recipient_key: str
    url: str


@dataclass(frozen=True)
class Pixel:
    """The pixel of one message: its id (64 hexadecimal digits), and the recipient's key."""

    message_id: str
    recipient_key: str


def is_destination(url: str) -> bool:
    """Whether a link may lead there: http or https with a plain host (a name or IPv4 address), in
    visible ASCII, without user information or a backslash, of at most :data:`LONGEST_URL`
    characters."""
    if len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url) or "\\" in url:
        return False
    try:
        port = urlsplit(url).port
    except ValueError:
        return False
    # Written out: a browser also takes "https:host" and "https:///host" for an address there.
    return port != 0 and _ORIGIN.match(url) is not None


def sign(keyring: Keyring, link: Link) -> str:
    """The token of a link. Raises ``ValueError`` where it may not lead there, or for other ids."""
    if not is_destination(link.url):
        raise ValueError("no link may lead there")
    return tokens.seal(keyring, _WHAT, _head(link) + link.url.encode())


def read(keyring: Keyring, token: str) -> Link | None:
    """The link of a token that this workspace signed; None for any other text."""
    link = _link(tokens.unseal(keyring, _WHAT, token, _LONGEST))
    return link if link and is_destination(link.url) else None


def unproven(token: str) -> Link | None:
    """What a token says, whoever made it: for those that :func:`read` has let pass before."""
    return _link(tokens.unproven(token, _LONGEST))


def sign_pixel(keyring: Keyring, pixel: Pixel) -> str:
    """The token of a pixel. Raises ``ValueError`` for other ids."""
    return tokens.seal(keyring, _PIXEL, _head(pixel))


def read_pixel(keyring: Keyring, token: str) -> Pixel | None:
    """The pixel of a token that this workspace signed; None for any other text."""
    return _pixel(tokens.unseal(keyring, _PIXEL, token, _HEAD))


def unproven_pixel(token: str) -> Pixel | None:
    """As :func:`unproven`, of a pixel."""
    return _pixel(tokens.unproven(token, _HEAD))


def _head(what: Link | Pixel) -> bytes:
    message_id, key = bytes.fromhex(what.message_id), bytes.fromhex(what.recipient_key)
    if (len(message_id), len(key)) != (_ID_BYTES, _KEY_BYTES):
        raise ValueError("a message id has 64 hexadecimal digits, a recipient's key 32")
    return message_id + key


def _pixel(body: bytes | None) -> Pixel | None:
    if body is None or len(body) != _HEAD:
        return None
    return Pixel(body[:_ID_BYTES].hex(), body[_ID_BYTES:].hex())


def _link(body: bytes | None) -> Link | None:
    if body is None or len(body) <= _HEAD:
        return None
    try:
        url = body[_HEAD:].decode("ascii")
    except UnicodeDecodeError:
        return None
    return Link(body[:_ID_BYTES].hex(), body[_ID_BYTES:_HEAD].hex(), url)
