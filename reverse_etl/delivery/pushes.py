"""What push notifications share, whoever sends them."""

from __future__ import annotations

from reverse_etl.delivery.protocol import Outgoing, Unsupported

#: Of title, body and what an app is given with them: Apple's and Google's limit.
PAYLOAD_BYTES = 4096


def parts(message: Outgoing) -> tuple[str, str, str]:
    """Title, body and link, the last empty where there is none. Raises :class:`Unsupported`."""
    title, body = message.content.get("title", ""), message.content.get("body", "")
    if not message.destination:
        raise Unsupported("a push without a destination")
    if not title.strip() and not body.strip():
        raise Unsupported("a push without title and body")
    return title, body, message.content.get("link", "")
