"""How a mail tells us of its reader: links led through an address of ours, and a pixel.

Only for people who agreed to it (`queueing`). The text part keeps its links as they are, and so do
pages about the message itself (`own_pages`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from workspace import links, tokens
from workspace.identifiers import Keyring
from workspace.links import Link, Pixel

#: Below a website: pages about the message itself, and links that are led already.
OWN = (*tokens.PATHS.values(), links.PATH)

_ANCHOR = re.compile(r"""<a(?=[\s/])(?:[^"'>]|"[^"]*"|'[^']*')*+>""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")

_PIXEL = '<img src="%s%s%s" alt="" width="1" height="1" style="border:0" />'
_PIXELS = re.compile(rf'<img src="[^">]*{links.PIXEL_PATH}[A-Za-z0-9_-]+" alt="" width="1"[^>]*>')


def without_pixel(html: str) -> str:
    """A message's HTML as it was sent, but for its pixel."""
    return _PIXELS.sub("", html)


@dataclass(frozen=True)
class Clicks:
    """How links of a message are led: its id, the key of its address, and the website below which
    the collector answers; and whether it has our pixel."""

    message_id: str
    recipient_key: str
    site: str
    has_pixel: bool = False

    def lead(self, keyring: Keyring, html: str) -> str:
        """``html`` with every link to a web page led through :data:`~workspace.links.PATH`, and
        the pixel at its end.

        What is no destination (`links.is_destination`) stays: other schemes, odd addresses.
        """

        def anchor(found: re.Match[str]) -> str:
            tag = found[0]
            for name in _ATTRIBUTE.finditer(tag, 2):
                if name[1].lower() == "href":  # the first counts
                    address = self._led(keyring, name[2] or "")
                    begin, end = name.span(2)
                    return f'{tag[:begin]}"{address}"{tag[end:]}' if address else tag
            return tag

        led = _ANCHOR.sub(anchor, html)
        if not self.has_pixel:
            return led
        pixel = links.sign_pixel(keyring, Pixel(self.message_id, self.recipient_key))
        end = led.lower().rfind("</body>")
        end = end if end >= 0 else len(led)
        return f"{led[:end]}{_PIXEL % (self.site, links.PIXEL_PATH, pixel)}{led[end:]}"

    def _led(self, keyring: Keyring, written: str) -> str | None:
        """The address for an attribute's value as it is written; None where that stays."""
        quoted = written[:1] in ("'", '"')
        url = unescape(written[1:-1] if quoted else written).strip()
        own = tuple(self.site + path for path in OWN)
        if url.startswith(own) or not links.is_destination(url):
            return None
        token = links.sign(keyring, Link(self.message_id, self.recipient_key, url))
        return f"{self.site}{links.PATH}{token}"
