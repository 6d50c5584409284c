"""Keys in the ``Authorization`` header of a request, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence


def which(keys: Sequence[str], header: str) -> int | None:
    """The place of the key that a header gives; None where it gives none of them.

    The key is the token of ``Bearer``, or the user name or the password of ``Basic``, as browsers
    ask for both. Every key is compared, so that the time says nothing of which one is near.
    """
    offered = _offered(header)
    found = None
    for place, key in enumerate(keys):
        if any([hmac.compare_digest(key.encode(), one) for one in offered]):
            found = place
    return found


def _offered(header: str) -> tuple[bytes, ...]:
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "bearer":
        return (given.strip().encode("latin-1", "replace"),)
    if scheme.lower() != "basic":
        return ()
    try:
        name, _, password = base64.b64decode(given, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return ()
    return name, password
