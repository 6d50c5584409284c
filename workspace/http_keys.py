"""Keys in the ``Authorization`` header of a request, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence

from workspace.limiter import Limiter

#: Of wrong keys in one worker.
WRONG_PER_SECOND, WRONG_BURST = 5.0, 20


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


def refusals() -> Limiter:
    """A bucket of answers to wrong keys."""
    return Limiter(WRONG_PER_SECOND, WRONG_BURST)


def wait(refused: Limiter, header: str) -> float:
    """Seconds until another wrong key is answered; 0 where one is, or where none was sent. A right
    key is never asked to wait for what others send: behind a proxy all have one address."""
    return refused.missing() if header.strip() else 0.0


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
