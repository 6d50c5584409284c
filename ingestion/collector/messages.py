"""A sealed segment as lines of the kind `events`: one message a line, in the order of receipt.

A line has what the sender gave and what only the collector knows: the call's type, when it was
received, and the batch's own clock. The sender's `timestamp` becomes `originalTimestamp`, so the
contract sets its clock right (received - (sent - original)). An item that is no JSON object
becomes a line as it is, for the contract to reject.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import msgspec

from ingestion import strict
from ingestion.collector import envelope
from ingestion.collector.segments import Record
from ingestion.errors import RowError
from workspace.clock import iso

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_DOUBTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_NULL = b"null"
_CONTROL = re.compile(rb"[\x00-\x1f]")
#: White space that may stand between a key and its colon, and so hide the key from a count.
_HIDING = (b'" ', b'"\t', b'"\r', b'"\n')


def record_lines(record: Record) -> Iterator[bytes]:
    """The messages of one request."""
    headers = dict(record.headers)
    body = envelope.unpacked(record.body, headers.get(b"content-encoding"))
    received = _encode(iso(record.received_at))
    if record.path == envelope.CONSENTS:
        from ingestion.consent.requests import identify

        yield _line(identify(body, record.request_id), {"receivedAt": received}, {}, record, 0)
        return
    call = envelope.PATHS[record.path]
    if call != "batch":
        yield _line(body, {"type": _encode(call), "receivedAt": received}, {}, record, 0)
        return
    batch = envelope.batch_of(body)
    if batch is None:
        raise ValueError("a kept request is no batch")
    outer = {"sentAt": bytes(batch.sentAt), "context": bytes(batch.context)}
    outer = {name: text for name, text in outer.items() if text and text != _NULL}
    for number, item in enumerate(batch.batch):
        yield _line(bytes(item), {"receivedAt": received}, outer, record, number)


def _line(
    item: bytes, known: dict[str, bytes], outer: dict[str, bytes], record: Record, number: int
) -> bytes:
    """``known`` replaces what the item says; ``outer`` fills what it leaves out."""
    try:
        found = {key: bytes(raw) for key, raw in _decode(item).items()}
        inside = sum(text.count(b'":') for text in found.values())
        doubtful = _CONTROL.search(item) or any(mark in item for mark in _HIDING)
        if doubtful or item.count(b'":') != inside + len(found):
            strict.parse(item)  # a key may have been given twice, or a text hold a line feed
    except (*_DOUBTS, RowError):
        return _unfit(item)
    message = {**outer, **{key: text for key, text in found.items() if text != _NULL}, **known}
    if "timestamp" in message:
        timestamp = message.pop("timestamp")
        message.setdefault("originalTimestamp", timestamp)
    if message.get("messageId", b'""') == b'""':
        message["messageId"] = _encode(_made_id(record, number))
    pairs = [_encode(key) + b":" + text for key, text in message.items()]
    return _one_line(b"{" + b",".join(pairs) + b"}")


def _made_id(record: Record, number: int) -> str:
    """The id of a message that came without: the same whenever the segment is read again."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{record.request_id} {number} ".encode())
    digest.update(record.body)
    return f"collector-{digest.hexdigest()}"


def _unfit(item: bytes) -> bytes:
    """A line that the contract rejects, as it would the item."""
    line = _one_line(item)
    try:
        strict.parse(line)
    except RowError:
        return line
    # A line feed inside a text was the fault: it must not be mended on the way.
    return item.replace(b"\n", b"\0").replace(b"\r", b"\0")


def _one_line(text: bytes) -> bytes:
    """Between the tokens of JSON a line feed is white space, and inside them there is none."""
    return text.replace(b"\n", b" ").replace(b"\r", b" ")
