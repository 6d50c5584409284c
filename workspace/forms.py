"""Forms as browsers send them, read without a parser of all that mails may hold."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

MOST_FIELDS = 300
URLENCODED, MULTIPART = b"application/x-www-form-urlencoded", b"multipart/form-data"
_BOUNDARY = re.compile(
    rb"""[; ]boundary=(?:"([ -!#-~]{1,70})"|([!#-+\--:<-~]{1,70}))""", re.IGNORECASE
)
_NAME = re.compile(
    rb"""\r\ncontent-disposition: *form-data *;(?:[^\r"]|"[^"\r]*")*?(?<=[; ])name="""
    rb"""(?:"([^"\r]+)"|([^\s";]+))""",
    re.IGNORECASE,
)


class Unreadable(ValueError):
    """A body that is no form."""


def kind_of(content_type: bytes) -> bytes:
    """The media type of a body, without its parameters."""
    return content_type.split(b";", 1)[0].strip().lower()


def fields(text: bytes) -> dict[str, list[str]]:
    """The fields of a url-encoded body or query. Raises :class:`Unreadable`."""
    try:
        return parse_qs(
            text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise Unreadable from None


def parts(content_type: bytes, body: bytes) -> dict[str, list[bytes]]:
    """The values of a multipart body by name, files among them. Raises :class:`Unreadable`.

    Of a part's head only the name counts, so that no parser is at the mercy of whoever sends.
    """
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise Unreadable
    found: dict[str, list[bytes]] = {}
    mark = b"\r\n--" + (boundary[1] or boundary[2])
    for part in (b"\r\n" + body).split(mark, MOST_FIELDS + 1)[1:]:
        head, blank, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head + b"\r\n")
        if blank and name is not None:
            text = (name[1] or name[2]).decode("utf-8", "replace")
            found.setdefault(text, []).append(value)
    return found
