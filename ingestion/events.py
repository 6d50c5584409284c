"""Segment messages in bulk: NDJSON bytes to a table of the stream `events`.

Lines are decoded into typed structs, one kind of value after the other, and their columns are
checked together with Arrow. A line that raises the slightest doubt is read again by the contract
(`contracts/events.py`), which alone decides what is bad; a property test holds the two to the
same answer.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion import quick, screens, strict
from ingestion.chunks import HAS_TIMESTAMP, Builder, Chunk, Origin, chunk_schema
from ingestion.contracts import events as contract
from ingestion.contracts.fields import LATEST
from ingestion.contracts.model import KeyCache
from ingestion.errors import RowError
from ingestion.screens import TEXT, TIME, is_there
from workspace.clock import EARLIEST, FUTURE_TOLERANCE

STREAM = "events"
_ABSENT = msgspec.Raw()
_MONEY = pa.decimal128(18, 4)


class _Message(msgspec.Struct, gc=False):
    """The keys of a message that are counted; any other key sends the line to a recount."""

    messageId: str
    type: Literal["track", "identify", "page", "screen", "group", "alias"]
    timestamp: str
    event: str | None = None
    name: str | None = None
    userId: str | None = None
    anonymousId: str | None = None
    groupId: str | None = None
    previousId: str | None = None
    receivedAt: str | None = None
    sentAt: str | None = None
    originalTimestamp: str | None = None
    writeKey: str | None = None
    channel: str | None = None
    properties: msgspec.Raw = _ABSENT
    traits: msgspec.Raw = _ABSENT
    context: msgspec.Raw = _ABSENT
    integrations: msgspec.Raw = _ABSENT


class _Page(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    url: str | None = None
    path: str | None = None
    referrer: str | None = None
    title: str | None = None
    search: str | None = None


class _Campaign(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    source: str | None = None
    medium: str | None = None
    name: str | None = None
    term: str | None = None
    content: str | None = None


class _Library(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    name: str | None = None
    version: str | None = None


class _Context(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A browser's usual context, all of whose keys are counted; others are read untyped."""

    page: _Page | None = None
    campaign: _Campaign | None = None
    library: _Library | None = None
    userAgent: str | None = None
    ip: str | None = None
    locale: str | None = None
    timezone: str | None = None


class _Amounts(msgspec.Struct):
    revenue: msgspec.Raw = _ABSENT
    total: msgspec.Raw = _ABSENT


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_context = msgspec.json.Decoder(_Context).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_decode_amounts = msgspec.json.Decoder(_Amounts).decode

_NO_PAGE, _NO_CAMPAIGN, _NO_LIBRARY, _NO_CONTEXT = _Page(), _Campaign(), _Library(), _Context()
_COMMERCE_KEYS = frozenset(("revenue", "total", "currency", "order_id"))


def read_events(data: bytes, first_line: int, origin: Origin, keys: KeyCache) -> Chunk:
    """All rows of a chunk of NDJSON, judged one by one."""
    with _no_garbage_collection():
        bulk = _Bulk(data, first_line)
        fast = bulk.table(origin, keys)
    builder = Builder(origin)
    for index in sorted(bulk.doubtful):
        line = bulk.lines[index]
        try:
            columns = contract.row(strict.parse(line), line, origin.landed_at, keys)
        except RowError as error:
            builder.rejects.add(first_line + index, line, error)
            continue
        builder.add(STREAM, first_line + index, columns)
    slow = builder.chunk()
    if STREAM in slow.tables:
        fast = pa.concat_tables([fast, slow.tables[STREAM]]).sort_by("landing_line")
        fast = fast.combine_chunks()
    tables = {STREAM: fast} if fast.num_rows else {}
    return Chunk(bulk.received, tables, slow.rejected)


class _Bulk:
    """The fast pass over one chunk. Lists run parallel, an entry for each decoded message."""

    def __init__(self, data: bytes, first_line: int) -> None:
        self.first_line = first_line
        self.lines = data.split(b"\n")
        self.colons, self.closer = screens.count_keys_by_line(data, len(self.lines))
        self.brackets = b"[" in data
        self.received = 0
        self.doubtful: list[int] = []
        self.index: list[int] = []
        self.messages: list[_Message] = []
        #: Keys counted so far; those of typed structs are counted by column.
        self.known: list[int] = []
        self.contexts: list[_Context] = []
        self.commerce: dict[int, dict[str, Any]] = {}
        self.page_properties: dict[int, dict[str, Any]] = {}

    def table(self, origin: Origin, keys: KeyCache) -> pa.Table:
        """The rows beyond doubt; ``doubtful`` then holds the indexes of the other lines."""
        self._decode()
        columns, sound = self._columns(origin, keys)
        schema = chunk_schema(STREAM)
        table = pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
        if not sound.all():
            table = table.filter(pa.array(sound))
            self.doubtful += [self.index[i] for i in np.flatnonzero(~sound)]
        return table

    # ---- one message after another -------------------------------------------------------

    def _decode(self) -> None:
        closer = self.closer or self.brackets
        for index, line in enumerate(self.lines):
            try:
                if closer:
                    _look_closer(line)
                if len(line) > quick.CAUTIOUS_BYTES:
                    raise ValueError
                message = _decode_message(line)
                context, known = self._context(message)
                if message.properties is not _ABSENT:
                    known += self._properties(message, context.page or _NO_PAGE)
                if message.traits is not _ABSENT:
                    known += quick.count_keys(_decode_object(message.traits), 2)
                if message.integrations is not _ABSENT:
                    known += 1 + quick.count_keys(_decode_object(message.integrations), 2)
            except quick.DOUBTS:
                self.commerce.pop(len(self.messages), None)
                self.page_properties.pop(len(self.messages), None)
                if not strict.is_blank(line):
                    self.received += 1
                    self.doubtful.append(index)
                continue
            self.index.append(index)
            self.messages.append(message)
            self.contexts.append(context)
            self.known.append(known)
        self.received += len(self.messages)

    def _context(self, message: _Message) -> tuple[_Context, int]:
        """The context, and the keys in it that no column counts."""
        raw = message.context
        if raw is _ABSENT:
            return _NO_CONTEXT, 0
        try:
            context = _decode_context(raw)
        except msgspec.ValidationError:  # other keys than a browser's, or other types
            return _untyped_context(_decode_object(raw))
        known = 1 if context.page is not None else 0
        if context.campaign is not None:
            known += 1
        library = context.library
        if library is not None:
            known += 1 + (library.name is not None) + (library.version is not None)
        return context, known

    def _properties(self, message: _Message, page: _Page) -> int:
        """Remember what the columns need; the number of keys."""
        raw = message.properties
        found = _decode_object(raw)
        if not _COMMERCE_KEYS.isdisjoint(found):
            self.commerce[len(self.messages)] = _commerce(found, raw)
        if message.type == "page" and not (page.url and page.path and page.referrer and page.title):
            self.page_properties[len(self.messages)] = found
        return quick.count_keys(found, 2)

    # ---- all messages together -----------------------------------------------------------

    def _columns(self, origin: Origin, keys: KeyCache) -> tuple[dict[str, pa.Array], np.ndarray]:
        m, size = self.messages, len(self.messages)
        top = {
            "message_id": pa.array([x.messageId for x in m], TEXT),
            "type": pa.array([x.type for x in m], TEXT),
            "event": pa.array([x.event for x in m], TEXT),
            "name": pa.array([x.name for x in m], TEXT),
            "user_id": pa.array([x.userId for x in m], TEXT),
            "anonymous_id": pa.array([x.anonymousId for x in m], TEXT),
            "group_id": pa.array([x.groupId for x in m], TEXT),
            "previous_id": pa.array([x.previousId for x in m], TEXT),
        }
        times = {
            "occurred_at": pa.array([x.timestamp for x in m], TEXT),
            "known_at": pa.array([x.receivedAt for x in m], TEXT),
            "sent_at": pa.array([x.sentAt for x in m], TEXT),
            "original": pa.array([x.originalTimestamp for x in m], TEXT),
        }
        payloads = {
            "properties": _payloads([x.properties for x in m]),
            "traits": _payloads([x.traits for x in m]),
            "context": _payloads([x.context for x in m]),
        }
        context, counted = self._context_columns()
        counted += [*top.values(), *times.values(), *payloads.values()]
        counted += [pa.array([x.writeKey for x in m], TEXT), pa.array([x.channel for x in m], TEXT)]
        sound = self._keys_agree(counted)

        columns = {name: screens.no_empty(array) for name, array in (top | context).items()}
        sound &= _required(columns)
        for name, array in times.items():
            columns[name], fits = screens.cast_times(array)
            sound &= fits & screens.between(columns[name], EARLIEST, LATEST)
        landed_at = pa.scalar(origin.landed_at, TIME)
        columns["known_at"] = pc.fill_null(columns["known_at"], landed_at)
        for name in ("occurred_at", "known_at"):
            latest = origin.landed_at + FUTURE_TOLERANCE
            sound &= screens.between(columns[name], EARLIEST, latest)
        columns |= payloads | self._commerce_columns()
        columns["message_hash"] = _hashes(m)
        for column, kind in (("user", "user_id"), ("anonymous", "anonymous_id")):
            encoded = columns[f"{column}_id"].dictionary_encode()
            made = keys.keys(kind, encoded.dictionary.to_pylist())
            columns[f"{column}_key"] = pa.array(made, TEXT).take(encoded.indices)
        lines = np.asarray(self.index, dtype=np.int64) + self.first_line
        columns["landing_line"] = pa.array(lines, pa.int64())
        columns["landed_at"] = pa.repeat(landed_at, size)
        columns["landing_file"] = pa.repeat(pa.scalar(origin.landing_file, TEXT), size)
        columns[HAS_TIMESTAMP] = pa.repeat(pa.scalar(True), size)
        return columns, sound

    def _context_columns(self) -> tuple[dict[str, pa.Array], list[pa.Array]]:
        """The columns, and the arrays whose filled places are keys of a context."""
        contexts = self.contexts
        pages = [c.page or _NO_PAGE for c in contexts]
        campaigns = [c.campaign or _NO_CAMPAIGN for c in contexts]
        lists = {
            "page_url": [p.url for p in pages],
            "page_path": [p.path for p in pages],
            "page_referrer": [p.referrer for p in pages],
            "page_title": [p.title for p in pages],
            "utm_source": [c.source for c in campaigns],
            "utm_medium": [c.medium for c in campaigns],
            "utm_campaign": [c.name for c in campaigns],
            "utm_term": [c.term for c in campaigns],
            "utm_content": [c.content for c in campaigns],
            "user_agent": [c.userAgent for c in contexts],
            "ip": [c.ip for c in contexts],
            "locale": [c.locale for c in contexts],
        }
        columns = {name: pa.array(values, TEXT) for name, values in lists.items()}
        counted = list(columns.values())
        counted.append(pa.array([p.search for p in pages], TEXT))
        counted.append(pa.array([c.timezone for c in contexts], TEXT))
        if self.page_properties:
            for name, key in contract.PAGE.items():
                values = lists[name]
                for i, found in self.page_properties.items():
                    values[i] = values[i] or found.get(key)
                columns[name] = screens.texts(values)
        columns["page_host"] = pa.array(_hosts(columns["page_url"].to_pylist()), TEXT)
        return columns, counted

    def _commerce_columns(self) -> dict[str, pa.Array]:
        size, found = len(self.messages), self.commerce
        columns = {}
        for name, kind in (("order_id", TEXT), ("revenue", _MONEY), ("currency", TEXT)):
            if found:
                values: list[Any] = [None] * size
                for i, row in found.items():
                    values[i] = row[name]
                columns[name] = pa.array(values, kind)
            else:
                columns[name] = pa.nulls(size, kind)
        return columns

    def _keys_agree(self, counted: list[pa.Array]) -> np.ndarray:
        """Lines in which no key can be hidden behind an equal one."""
        known = np.asarray(self.known, dtype=np.int64)
        for array in counted:
            if array.null_count < len(array):
                known = known + is_there(array)
        agree = known == self.colons[self.index]
        for i in np.flatnonzero(~agree):  # a null, an unknown key, a deeper object: count again
            agree[i] = quick.holds(self.lines[self.index[i]])
        return agree


def _look_closer(line: bytes) -> None:
    """Raise ValueError for lines that only the strict reader may judge."""
    for mark in quick.HIDING:
        if mark in line:
            raise ValueError
    if line.count(b"[") > quick.CAUTIOUS_BRACKETS:
        raise ValueError
    line.decode()


def _untyped_context(found: dict[str, Any]) -> tuple[_Context, int]:
    """A context of any shape. What becomes a struct's field is counted by column, so not here."""
    page, campaign = found.get("page"), found.get("campaign")
    page = page if isinstance(page, dict) else {}
    campaign = campaign if isinstance(campaign, dict) else {}
    context = _Context(
        page=_Page(*(_text(page.get(key)) for key in contract.PAGE.values())),
        campaign=_Campaign(*(_text(campaign.get(key)) for key in contract.CAMPAIGN.values())),
        userAgent=_text(found.get("userAgent")),
        ip=_text(found.get("ip")),
        locale=_text(found.get("locale")),
    )
    known = quick.count_keys(found, 2)
    for struct in (context.page, context.campaign, context):
        known -= sum(isinstance(getattr(struct, f), str) for f in struct.__struct_fields__)
    return context, known


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _commerce(properties: dict[str, Any], raw: msgspec.Raw) -> dict[str, Any]:
    """order_id, revenue, currency; amounts from their text, so that no double rounds them."""
    exact = dict(properties)
    amounts = _decode_amounts(raw)
    for key, text in (("revenue", amounts.revenue), ("total", amounts.total)):
        if properties.get(key).__class__ in (float, int):
            exact[key] = contract.exact_number(bytes(text).decode())
    return contract.commerce(exact)


def _payloads(raws: list[msgspec.Raw]) -> pa.Array:
    if all(raw is _ABSENT for raw in raws):
        return pa.nulls(len(raws), TEXT)
    texts = [None if raw is _ABSENT else bytes(raw) for raw in raws]
    return pa.array(texts, pa.binary()).cast(TEXT)


def _hosts(urls: list[str | None]) -> list[str | None]:
    """:func:`ingestion.contracts.events.host` of each; few origins have many pages."""
    known: dict[str | None, str | None] = {None: None}
    found = []
    for url in urls:
        origin = url
        if url is not None:
            end = url.find("/", 8)
            if end >= 0:
                origin = url[:end]
        if origin not in known:
            known[origin] = contract.host(origin)
        found.append(known[origin])
    return found


def _required(columns: dict[str, pa.Array]) -> np.ndarray:
    sound = is_there(columns["message_id"])
    sound = sound & (is_there(columns["user_id"]) | is_there(columns["anonymous_id"]))
    for kind, column in (("track", "event"), ("alias", "previous_id"), ("group", "group_id")):
        of_kind = pc.equal(columns["type"], kind).to_numpy(zero_copy_only=False)
        sound &= ~of_kind | is_there(columns[column])
    return sound


def _hashes(messages: list[_Message]) -> pa.Array:
    """:func:`ingestion.contracts.events.message_hash` of every message."""
    md5 = partial(hashlib.md5, usedforsecurity=False)
    digests = b"".join([md5(m.messageId.encode()).digest() for m in messages])
    return pa.array(np.frombuffer(digests, dtype="<i8")[::2].astype(np.int64), pa.int64())


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """The collector walks every new object again and again, and there is no cycle to find."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
