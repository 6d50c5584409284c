"""The links of a mail's HTML, led through an address of ours that tells us of a click.

Only for people who agreed to it (`queueing`). The text part keeps its links as they are, and so do
pages about the message itself: where it ends, its settings, its view in a browser, its confirmation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from workspace import links, tokens
from workspace.identifiers import Keyring
from workspace.links import Link

#: Below a website: pages about the message itself, and links that are led already.
OWN = (*tokens.PATHS.values(), links.PATH)

_ANCHOR = re.compile(r"""<a(?=[\s/])(?:[^"'>]|"[^"]*"|'[^']*')*+>""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")


@dataclass(frozen=True)
class Clicks:
    """How links of a message are led: its id, the key of its address, and the website below which
    the collector answers."""

    message_id: str
    recipient_key: str
    site: str

    def lead(self, keyring: Keyring, html: str) -> str:
        """``html`` with every link to a web page led through :data:`~workspace.links.PATH`.

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

        return _ANCHOR.sub(anchor, html)

    def _led(self, keyring: Keyring, written: str) -> str | None:
        """The address for an attribute's value as it is written; None where that stays."""
        quoted = written[:1] in ("'", '"')
        url = unescape(written[1:-1] if quoted else written).strip()
        own = tuple(self.site + path for path in OWN)
        if url.startswith(own) or not links.is_destination(url):
            return None
        token = links.sign(keyring, Link(self.message_id, self.recipient_key, url))
        return f"{self.site}{links.PATH}{token}"
