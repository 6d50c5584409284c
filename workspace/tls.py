"""What every connection out of here is made with: TLS 1.2 or newer, and certificates that count.

The system's authorities vouch for certificates (OpenSSL's own variables ``SSL_CERT_FILE`` and
``SSL_CERT_DIR`` name others). A server that speaks nothing newer than TLS 1.1, and one whose
certificate is not its own, is refused in the handshake: no byte of a request has left then.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """A context of its own, so that a caller may change it. ``ca_file``: PEM of the only
    authorities that count. Raises ``OSError`` for a file that cannot be read as such."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def mount(session: requests.Session) -> requests.Session:
    """Let a session of requests speak TLS with such a context only; returns it."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options, ssl_context=client_context())

    session.mount("https://", Adapter())
    return session
