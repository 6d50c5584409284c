"""Signed addresses of links in messages: what was clicked, in which message, by whose address.

A token is base64url, without padding, of

    version (1 byte) | message id (32) | keyed hash of the recipient (16) | signature (16) | URL

The signature is the first half of an HMAC-SHA256 over all the rest under the workspace's pepper
(`Keyring.signature`). The version says how it was signed: another key or layout takes another
one, and old links stay good for as long as theirs is known. A token does not expire and holds
nothing that identifies a person without the pepper.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from workspace.identifiers import KEY_LENGTH, Keyring

#: Where tokens are answered, below a vertical's website and in the collector.
PATH = "/c/"
LONGEST_URL = 2000

_VERSION = b"\x01"
_ID_BYTES, _KEY_BYTES, _PROOF_BYTES = 32, KEY_LENGTH // 2, 16
_HEAD = len(_VERSION) + _ID_BYTES + _KEY_BYTES
_LONGEST_TOKEN = (_HEAD + _PROOF_BYTES + LONGEST_URL) * 4 // 3 + 1
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
    message_id, key = bytes.fromhex(link.message_id), bytes.fromhex(link.recipient_key)
    if (len(message_id), len(key)) != (_ID_BYTES, _KEY_BYTES):
        raise ValueError("a message id has 64 hexadecimal digits, a recipient's key 32")
    head = _VERSION + message_id + key
    url = link.url.encode()
    return _text(head + _proof(keyring, head, url) + url)


def read(keyring: Keyring, token: str) -> Link | None:
    """The link of a token that this workspace signed; None for any other text."""
    data = _data(token)
    if data is None:
        return None
    head, proof, url = _parts(data)
    if not hmac.compare_digest(proof, _proof(keyring, head, url)):
        return None
    link = unproven(token)
    return link if link and is_destination(link.url) else None


def unproven(token: str) -> Link | None:
    """What a token says, whoever made it: for those that :func:`read` has let pass before."""
    data = _data(token)
    if data is None:
        return None
    head, _, url = _parts(data)
    message_id = head[len(_VERSION) : -_KEY_BYTES]
    try:
        return Link(message_id.hex(), head[-_KEY_BYTES:].hex(), url.decode("ascii"))
    except UnicodeDecodeError:
        return None


def _parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    end = _HEAD + _PROOF_BYTES
    return data[:_HEAD], data[_HEAD:end], data[end:]


def _proof(keyring: Keyring, head: bytes, url: bytes) -> bytes:
    return bytes.fromhex(keyring.signature("click:" + (head + url).hex()))[:_PROOF_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _data(token: str) -> bytes | None:
    """A token's bytes; None unless it is the one text for them, of this version and length."""
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if _text(data) != token or data[:1] != _VERSION or len(data) <= _HEAD + _PROOF_BYTES:
        return None
    return data
