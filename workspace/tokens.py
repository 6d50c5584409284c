"""Signed tokens of links: what a link may do, for whom, without a cookie and without a look-up.

A sealed text is base64url, without padding, of

    number of the key (1 byte) | signature (16) | body

The signature is the first half of an HMAC-SHA256 over what the link is for, the number and the
body. Keys are made of the workspace's pepper and, but for number 0, of a secret of
``MARKETING_LINK_KEYS``: the first of those signs, all of them and number 0 verify. A token of
another workspace, or for something else, is therefore no token. None expires by itself, and none
holds anything that identifies a person without the pepper.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

from workspace.identifiers import KEY_LENGTH, Keyring

#: Where a token of each kind is answered, below a vertical's website and by `marketing serve`.
PATHS = {
    "unsubscribe": "/u/",
    "preferences": "/p/",
    "confirm": "/o/",
    "view": "/v/",
    "pixel": "/i/",
}
IDENTIFIERS = ("email", "phone", "user_id", "anonymous_id", "crm_contact", "external_id")
CHANNELS = ("email", "sms", "push")
SIGNATURE_BYTES = 16

_HEAD = struct.Struct(f">B{KEY_LENGTH // 2}sBqB")
_EPOCH = datetime(1970, 1, 1)
_WORDS = ("purpose", "brand", "vertical", "language", "text_version")
_WORD = re.compile(r"[A-Za-z0-9_.:-]{0,64}")
_REFERENCE = re.compile(r"([0-9a-f]{32}|[0-9a-f]{64})")
_LONGEST_BODY = _HEAD.size + 32 + len(_WORDS) * 65


@dataclass(frozen=True)
class Token:
    """What a link says. ``what`` is a key of :data:`PATHS`.

    ``reference`` is a message's id, or that of a request for consent (64 or 32 hexadecimal
    digits); ``identifier_type`` and ``identifier_key`` say for whom (a keyed hash), ``channel``
    over which the message went. ``at`` is when the request was made or the message composed, naive
    UTC. ``purpose`` is that of the message or request, ``vertical`` who speaks, ``language`` the
    person's; a request also has its ``brand`` and the ``text_version`` that was shown.
    Raises ``ValueError`` for what does not fit.
    """

    what: str
    reference: str
    identifier_type: str
    identifier_key: str
    channel: str
    at: datetime
    purpose: str = ""
    brand: str = ""
    vertical: str = ""
    language: str = ""
    text_version: str = ""

    def __post_init__(self) -> None:
        if self.what not in PATHS:
            raise ValueError(f"no kind of link is called {self.what!r}")
        if not _REFERENCE.fullmatch(self.reference):
            raise ValueError("reference: 64 or 32 hexadecimal digits")
        if self.identifier_type not in IDENTIFIERS or self.channel not in CHANNELS:
            raise ValueError("identifier_type or channel is none of those that are known")
        if not re.fullmatch(f"[0-9a-f]{{{KEY_LENGTH}}}", self.identifier_key):
            raise ValueError("identifier_key: a keyed hash is wanted, not the identifier")
        if self.at.tzinfo is not None:
            raise ValueError("at: naive UTC is wanted")
        for name in _WORDS:
            if not _WORD.fullmatch(getattr(self, name)):
                raise ValueError(f"{name}: at most 64 of A-Z, a-z, 0-9 and _.:-")


def sign(keyring: Keyring, token: Token) -> str:
    """The text of a token, in visible ASCII."""
    reference = bytes.fromhex(token.reference)
    head = _HEAD.pack(
        IDENTIFIERS.index(token.identifier_type),
        bytes.fromhex(token.identifier_key),
        CHANNELS.index(token.channel),
        (token.at - _EPOCH) // timedelta(microseconds=1),
        len(reference),
    )
    words = "\0".join(getattr(token, name) for name in _WORDS)
    return seal(keyring, token.what, head + reference + words.encode())


def read(keyring: Keyring, what: str, text: str) -> Token | None:
    """The token of a text that this workspace signed for that; None for any other text."""
    body = unseal(keyring, what, text, _LONGEST_BODY)
    if body is None:
        return None
    try:
        kind, key, channel, at, length = _HEAD.unpack_from(body)
        end = _HEAD.size + length
        words = body[end:].decode("ascii").split("\0")
        return Token(
            what=what,
            reference=body[_HEAD.size : end].hex(),
            identifier_type=IDENTIFIERS[kind],
            identifier_key=key.hex(),
            channel=CHANNELS[channel],
            at=_EPOCH + timedelta(microseconds=at),
            **dict(zip(_WORDS, words, strict=True)),
        )
    except (struct.error, IndexError, ValueError, OverflowError):
        return None


# ---- sealing any body ----------------------------------------------------------------------------


def seal(keyring: Keyring, what: str, body: bytes) -> str:
    """``body`` with its proof, for one use: the one text for them."""
    kid = keyring.link_secrets[0][0] if keyring.link_secrets else 0
    return _text(bytes([kid]) + _proof(keyring, kid, what, body) + body)


def unseal(keyring: Keyring, what: str, text: str, longest: int) -> bytes | None:
    """The body of a text that was sealed here for that use; None for any other."""
    data = _data(text, longest)
    if data is None:
        return None
    kid, proof, body = data[0], data[1 : 1 + SIGNATURE_BYTES], data[1 + SIGNATURE_BYTES :]
    known = kid == 0 or any(kid == number for number, _ in keyring.link_secrets)
    # An unknown number costs as much time as a known one.
    wanted = _proof(keyring, kid if known else 0, what, body)
    return body if hmac.compare_digest(proof, wanted) and known else None


def unproven(text: str, longest: int) -> bytes | None:
    """The body of a text, whoever sealed it: for those that :func:`unseal` has let pass before."""
    data = _data(text, longest)
    return None if data is None else data[1 + SIGNATURE_BYTES :]


def _proof(keyring: Keyring, kid: int, what: str, body: bytes) -> bytes:
    secret = dict(keyring.link_secrets).get(kid, b"") if kid else b""
    # Of both: the same secret in two workspaces makes two keys.
    key = hmac.digest(keyring.pepper, b"link key:%d:" % kid + secret, hashlib.sha256)
    text = what.encode() + b"\0" + bytes([kid]) + body
    return hmac.digest(key, text, hashlib.sha256)[:SIGNATURE_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _data(text: str, longest: int) -> bytes | None:
    """The bytes of a text; None unless it is the one text for them, and of such a length."""
    if len(text) > (1 + SIGNATURE_BYTES + longest) * 4 // 3 + 1 or not text.isascii():
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) > 1 + SIGNATURE_BYTES and _text(data) == text else None
