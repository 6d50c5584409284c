"""What a request must be before it is kept: small enough, JSON, and of the tracking API's shape.

Only the envelope is looked at. An item of a batch that is no good lands with its neighbours and
is judged from landing, so that one poison event takes no other with it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

import msgspec

#: Of a body, as sent and unpacked. (A message of Segment's API has 32 KB, a batch 500 KB.)
MAX_BODY_BYTES = 512_000

CALLS = ("track", "identify", "page", "screen", "group", "alias")
PATHS = {f"/v1/{call}": call for call in (*CALLS, "batch")}
#: A site's own request for consent (`ingestion.consent.requests`), which lands among events.
CONSENTS = "/v1/consents"
#: analytics.js sends text/plain, so that browsers ask for no permission first.
_TYPES = (b"application/json", b"text/plain")
#: A string without its end reaches to the end of the body, so that nothing is scanned twice.
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


#: Not kept with a request: they are credentials, or a browser's cookies of other pages.
_SECRET_HEADERS = frozenset(
    (b"authorization", b"cookie", b"proxy-authorization", b"x-webhook-secret")
)

Header = tuple[bytes, bytes]


def kept(headers: Iterable[Header]) -> list[Header]:
    """The headers that are kept with a request."""
    return [pair for pair in headers if pair[0] not in _SECRET_HEADERS]


class Refused(Exception):
    """A request that is not kept. ``status`` is the HTTP status, ``reason`` a metric's label."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


class Batch(msgspec.Struct, frozen=True):
    """A batch call; its items may be anything."""

    batch: list[msgspec.Raw]
    sentAt: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.Raw()
    writeKey: str | None = None


_decode_single = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_batch = msgspec.json.Decoder(Batch).decode
_decode_text = msgspec.json.Decoder(str).decode


def check_type(content_type: bytes | None) -> None:
    kind = (content_type or _TYPES[0]).split(b";", 1)[0].strip().lower()
    if kind not in _TYPES:
        raise Refused(415, "content_type", "send application/json")


def unpacked(body: bytes, encoding: bytes | None) -> bytes:
    """The body without its gzip; a bomb is left after the first bytes too many."""
    coding = (encoding or b"identity").strip().lower()
    if coding == b"identity":
        return body
    if coding != b"gzip":
        raise Refused(415, "content_encoding", "send gzip or no encoding")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise Refused(400, "bad_gzip", "the gzip stream is damaged") from None
    if len(data) > MAX_BODY_BYTES:
        raise Refused(413, "too_large", f"at most {MAX_BODY_BYTES:,} bytes unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise Refused(400, "bad_gzip", "the gzip stream is damaged")
    return data


def check(call: str, body: bytes) -> tuple[int, str | None]:
    """How many messages a body holds, and the write key inside it. Raises :class:`Refused`."""
    if call == "batch":
        found = batch_of(body)
        if found is None:
            raise Refused(400, "bad_json", "the body is not JSON with a list named batch")
        return len(found.batch), found.writeKey
    try:
        key = _decode_single(body).get("writeKey")
        return 1, None if key is None else _decode_text(key)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "bad_json", "the body is not a JSON object") from None


def batch_of(body: bytes) -> Batch | None:
    """The batch in a body; when an item is no JSON, its neighbours are still told apart."""
    if body.count(b'"batch"') > 1:  # a key given twice hides one of its values
        return _split(body)
    try:
        return _decode_batch(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _split(body)


def _split(body: bytes) -> Batch | None:
    """Cut a batch at the commas of its outer levels, without reading what lies between."""
    fields: dict[bytes, bytes] = {}
    items: list[bytes] = []
    depth, start, name, last = 0, 0, b"", b""
    in_batch = has_batch = False
    for token in _STRUCTURE.finditer(body):
        mark = token[0]
        if mark[:1] == b'"':
            if len(mark) < 2 or mark[-1:] != b'"':
                return None
            last = mark
            continue
        at, end = token.span()
        if mark in b"[{":
            depth += 1
            if depth == 1:
                if mark != b"{" or body[:at].strip():
                    return None
                start = end
            elif depth == 2 and not in_batch and mark == b"[" and last == b'"batch"':
                if has_batch:
                    return None
                in_batch, start = True, end
            continue
        if mark == b",":
            if depth == 2 and in_batch:
                items.append(body[start:at].strip())
                start = end
            elif depth == 1:
                name, _, value = body[start:at].partition(b":")
                fields.setdefault(name.strip(), value.strip())
                start = end
            continue
        if depth == 2 and in_batch and mark == b"]":
            last_item = body[start:at].strip()
            if last_item or items:
                items.append(last_item)
            in_batch, start = False, end
            has_batch = True
        elif depth == 1:
            name, _, value = body[start:at].partition(b":")
            fields.setdefault(name.strip(), value.strip())
            if body[end:].strip():
                return None
        depth -= 1
        if depth < 0:
            return None
    if depth or not has_batch:
        return None
    return Batch(
        batch=[msgspec.Raw(item or b"null") for item in items],
        sentAt=msgspec.Raw(fields.get(b'"sentAt"', b"")),
        context=msgspec.Raw(fields.get(b'"context"', b"")),
        writeKey=_text(fields.get(b'"writeKey"')),
    )


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else _decode_text(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
