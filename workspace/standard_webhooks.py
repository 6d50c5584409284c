"""Signatures by Standard Webhooks (https://www.standardwebhooks.com), symmetric: version 1."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

#: What a secret has, decoded.
SECRET_BYTES = range(24, 65)


def secret(text: str) -> bytes:
    """A secret as it is handed out: ``whsec_`` and base64. Raises ``ValueError`` without it."""
    coded = text.removeprefix("whsec_")
    try:
        found = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) not in SECRET_BYTES:
        raise ValueError("no base64 of 24 to 64 bytes")
    return found


def sign(key: bytes, ident: str, at: int, body: bytes) -> str:
    """The header ``webhook-signature``: version and base64 of HMAC-SHA256 over id, time, body.

    ``at`` is in seconds since 1970.
    """
    signed = f"{ident}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(key: bytes, ident: str, at: int, body: bytes) -> dict[str, str]:
    """What a signed request has beside its body."""
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(key, ident, at, body),
    }
