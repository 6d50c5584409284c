"""What text messages share, whoever sends them."""

from __future__ import annotations

import re

from reverse_etl.content import sms
from reverse_etl.delivery.protocol import Outgoing, Unsupported

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


def text(message: Outgoing, most_segments: int, most_characters: int | None = None) -> str:
    """A message's text. Raises :class:`Unsupported` where there is none, where it is too long,
    and for a destination that is no number with its country code."""
    if not NUMBER.fullmatch(message.destination):
        raise Unsupported("the destination is no number with its country code")
    found = message.content.get("text", "")
    if not found.strip():
        raise Unsupported("a text message without text")
    if most_characters is not None and len(found) > most_characters:
        raise Unsupported(f"longer than {most_characters:,} characters")
    if sms.size(found).segments > most_segments:
        raise Unsupported(f"longer than {most_segments} segments")
    return found
