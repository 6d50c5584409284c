"""Segment messages in bulk: NDJSON bytes to a table of the stream `events`.

Lines are decoded into typed structs, one kind of value after the other, and their columns are
checked together with Arrow. A line that raises the slightest doubt is read again by the contract
(`contracts/events.py`), which alone decides what is bad; a property test holds the two to the
same answer.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from ingestion import quick, screens, strict
from ingestion.chunks import HAS_TIMESTAMP, Builder, Chunk, Origin, Rejects, chunk_schema
from ingestion.contracts import events as contract
from ingestion.contracts.fields import LATEST
from ingestion.contracts.model import KeyCache
from ingestion.errors import RowError
from ingestion.event_contracts import violations
from ingestion.screens import TEXT, TIME, is_there

try:  # without OpenSSL's machinery it takes half the time
    from _md5 import md5 as _md5
except ImportError:
    from hashlib import md5 as _md5
from workspace.clock import EARLIEST, FUTURE_TOLERANCE

STREAM = "events"
_ABSENT = msgspec.Raw(b"{}")
_MONEY = pa.decimal128(18, 4)

#: The keys of a browser's usual context; lines with others are counted again, untyped.
_CONTEXT = pa.schema(
    [
        ("page", pa.struct([(key, TEXT) for key in (*contract.PAGE.values(), "search")])),
        ("campaign", pa.struct([(key, TEXT) for key in contract.CAMPAIGN.values()])),
        ("library", pa.struct([("name", TEXT), ("version", TEXT)])),
        *((key, TEXT) for key in (*contract.CONTEXT.values(), "timezone")),
    ]
)
_CONTEXT_OPTIONS = pj.ParseOptions(
    explicit_schema=_CONTEXT, newlines_in_values=False, unexpected_field_behavior="ignore"
)


class _Message(msgspec.Struct, gc=False):
    """The keys of a message that are counted; any other key sends the line to a recount."""

    messageId: str
    type: Literal["track", "identify", "page", "screen", "group", "alias"]
    timestamp: str | None = None
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


class _Amounts(msgspec.Struct):
    revenue: msgspec.Raw = msgspec.Raw()
    total: msgspec.Raw = msgspec.Raw()


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_decode_amounts = msgspec.json.Decoder(_Amounts).decode

_NO_MESSAGE = _Message("", "track")
_COMMERCE_KEYS = frozenset(("revenue", "total", "currency", "order_id"))


def read_events(data: bytes, first_line: int, origin: Origin, keys: KeyCache) -> Chunk:
    """All rows of a chunk of NDJSON, judged one by one."""
    with _no_garbage_collection():
        bulk = _Bulk(data, first_line)
        fast = bulk.table(origin, keys)
    builder = Builder(origin)
    blank = 0
    for index in np.flatnonzero(~bulk.sound):
        line, number = bulk.lines[index], first_line + int(index)
        if strict.is_blank(line):
            blank += 1
            continue
        try:
            columns = contract.row(strict.parse(line), line, origin.landed_at, keys)
        except RowError as error:
            builder.rejects.add(number, line, error)
            continue
        builder.add(STREAM, number, columns)
    slow = builder.chunk()
    if STREAM in slow.tables:
        fast = pa.concat_tables([fast, slow.tables[STREAM]]).sort_by("landing_line")
        fast = fast.combine_chunks()
    rejected = slow.rejected
    broken = violations(fast)
    if broken:
        fast, quarantined = _set_apart(fast, broken, bulk.lines, first_line, origin)
        rejected = pa.concat_tables([rejected, quarantined])
    tables = {STREAM: fast} if fast.num_rows else {}
    return Chunk(len(bulk.lines) - blank, tables, rejected)


def _set_apart(
    table: pa.Table,
    broken: list[tuple[int, RowError]],
    lines: list[bytes],
    first_line: int,
    origin: Origin,
) -> tuple[pa.Table, pa.Table]:
    """The table without the rows that break a schema, and those as quarantined rows."""
    rejects = Rejects(origin)
    numbers = table["landing_line"]
    kept = np.ones(table.num_rows, dtype=bool)
    for row, error in broken:
        line = numbers[row].as_py()
        rejects.add(line, lines[line - first_line], error, "quarantined")
        kept[row] = False
    return table.filter(pa.array(kept)), rejects.table()


class _Bulk:
    """The fast pass over one chunk. Lists and arrays run parallel to ``lines``.

    Values are decoded kind by kind, all messages at a time: a list comprehension over a C
    function costs a fraction of a loop that goes through one message after the other. What
    cannot be read gets a stand-in, and its line is no longer ``sound``.
    """

    def __init__(self, data: bytes, first_line: int) -> None:
        self.first_line = first_line
        self.lines = data.split(b"\n")
        self.seen, self.closer = screens.count_keys_by_line(data, self.lines)
        self.closer |= b"[" in data
        if not self.lines[-1]:
            self.lines.pop()
        self.size = len(self.lines)
        self.seen = self.seen[: self.size]
        self.sound = np.ones(self.size, dtype=bool)
        #: Keys of each line that found a place, those inside the context apart.
        self.known = np.zeros(self.size, dtype=np.int64)
        self.known_in_context = np.zeros(self.size, dtype=np.int64)

    def table(self, origin: Origin, keys: KeyCache) -> pa.Table:
        """The rows beyond doubt; all other lines are then not ``sound``."""
        self._decode()
        columns = self._columns(origin, keys)
        schema = chunk_schema(STREAM)
        table = pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
        return table if self.sound.all() else table.filter(pa.array(self.sound))

    # ---- one kind of value after another -------------------------------------------------

    def _decode(self) -> None:
        careful = self.closer or max(map(len, self.lines), default=0) > quick.CAUTIOUS_BYTES
        decode = _decode_with_care if careful else _decode_message
        self.messages = self._each(decode, self.lines, _NO_MESSAGE)
        self.contexts = [m.context for m in self.messages]
        self.raw_properties = _given([m.properties for m in self.messages])
        self.raw_traits = _given([m.traits for m in self.messages])
        self.integrations = self._objects(_given([m.integrations for m in self.messages]))
        self.properties = self._objects(self.raw_properties)
        self.traits = self._objects(self.raw_traits)

    def _each(self, read: Callable[[Any], Any], items: list[Any], stand_in: Any) -> list[Any]:
        try:
            return [read(item) for item in items]
        except quick.DOUBTS:
            found = []
        for i, item in enumerate(items):
            try:
                found.append(read(item))
            except quick.DOUBTS:
                found.append(stand_in)
                self.sound[i] = False
        return found

    def _objects(self, raws: list[msgspec.Raw]) -> list[dict[str, Any]]:
        return self._each(_decode_object, raws, {})

    def _payloads(self, raws: list[msgspec.Raw]) -> pa.Array:
        if not raws:
            return pa.nulls(self.size, TEXT)
        return pa.array([None if raw is _ABSENT else bytes(raw) for raw in raws], TEXT)

    # ---- all messages together -----------------------------------------------------------

    def _columns(self, origin: Origin, keys: KeyCache) -> dict[str, pa.Array]:
        m = self.messages
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
            "timestamp": pa.array([x.timestamp for x in m], TEXT),
            "known_at": pa.array([x.receivedAt for x in m], TEXT),
            "sent_at": pa.array([x.sentAt for x in m], TEXT),
            "original": pa.array([x.originalTimestamp for x in m], TEXT),
        }
        payloads = {
            "properties": self._payloads(self.raw_properties),
            "traits": self._payloads(self.raw_traits),
            "context": self._payloads(self.contexts),
        }
        context = self._context_columns(top["type"])
        only_counted = [[x.writeKey for x in m], [x.channel for x in m]]
        if self.integrations:
            only_counted.append([None if x.integrations is _ABSENT else "" for x in m])
        for array in (*top.values(), *times.values(), *payloads.values()):
            _count(array, self.known)
        for values in only_counted:
            missing = values.count(None)
            if missing < self.size:
                self.known += np.fromiter((v is not None for v in values), bool, self.size)
        self._compare_keys()

        columns = {name: screens.no_empty(array) for name, array in (top | context).items()}
        self.sound &= _required(columns)
        for name, array in times.items():
            columns[name], fits = screens.cast_times(array)
            self.sound &= fits & screens.between(columns[name], EARLIEST, LATEST)
        landed_at = pa.scalar(origin.landed_at, TIME)
        given = columns["timestamp"]
        columns["occurred_at"] = given if given.null_count == 0 else _moments(columns, landed_at)
        columns["known_at"] = pc.fill_null(columns["known_at"], landed_at)
        for name in ("occurred_at", "known_at"):
            latest = origin.landed_at + FUTURE_TOLERANCE
            self.sound &= screens.between(columns[name], EARLIEST, latest)
        columns |= payloads | self._commerce_columns()
        columns["message_hash"] = _hashes(m)
        columns |= self._trait_columns()
        for column, (kind, name) in (contract.KEYS | contract.TRAITS).items():
            encoded = columns[name].dictionary_encode()
            made = keys.keys(kind, encoded.dictionary.to_pylist())
            columns[column] = pa.array(made, TEXT).take(encoded.indices)
        lines = np.arange(self.first_line, self.first_line + self.size, dtype=np.int64)
        columns["landing_line"] = pa.array(lines, pa.int64())
        columns["landed_at"] = pa.repeat(landed_at, self.size)
        columns["landing_file"] = pa.repeat(pa.scalar(origin.landing_file, TEXT), self.size)
        columns[HAS_TIMESTAMP] = given.is_valid()
        return columns

    def _trait_columns(self) -> dict[str, pa.Array]:
        """The person's traits that become keys, from the few messages that have some."""
        own = [m.type == "identify" for m in self.messages] if self.traits else []
        wanted = {i for i, is_own in enumerate(own) if is_own and self.traits[i]}
        if b'"traits"' in b"".join(self.contexts):
            wanted |= {i for i, raw in enumerate(self.contexts) if b'"traits"' in bytes(raw)}
        names = [name for _, name in contract.TRAITS.values()]
        found: dict[str, list[str | None]] = {name: [None] * self.size for name in names}
        for i in wanted:
            try:
                context = _decode_object(self.contexts[i])
            except quick.DOUBTS:
                self.sound[i] = False
                continue
            traits = self.traits[i] if self.traits else {}
            read = contract.person_traits(self.messages[i].type, traits, context)
            for name in names:
                found[name][i] = read(name)
        return {name: pa.array(values, TEXT) for name, values in found.items()}

    def _context_columns(self, types: pa.Array) -> dict[str, pa.Array]:
        table = self._context_table()
        for name in _CONTEXT.names:
            _count(table[name], self.known_in_context)
            if pa.types.is_struct(table[name].type):
                for field in table[name].flatten():
                    _count(field, self.known_in_context)
        columns = {c: pc.struct_field(table["page"], k) for c, k in contract.PAGE.items()}
        self._fill_from_page_calls(columns, types)
        columns |= {c: pc.struct_field(table["campaign"], k) for c, k in contract.CAMPAIGN.items()}
        columns |= {c: table[k] for c, k in contract.CONTEXT.items()}
        urls = columns["page_url"].to_numpy(zero_copy_only=False)
        columns["page_host"] = pa.array([url and _host(url) for url in urls], TEXT)
        return columns

    def _context_table(self) -> dict[str, pa.Array]:
        """The contexts' usual keys, one row a message; values of other types are NULL."""
        data = b"\n".join(self.contexts)
        options = pj.ReadOptions(use_threads=False, block_size=len(data) + 1)
        try:
            table = pj.read_json(pa.BufferReader(data), options, _CONTEXT_OPTIONS)
        except pa.ArrowInvalid:
            table = None
        if table is None or table.num_rows != self.size:
            contexts = self._each(_decode_object, self.contexts, {})
            rows = [_usual(context, _CONTEXT) for context in contexts]
            table = pa.Table.from_pylist(rows, _CONTEXT)
        return {name: table[name].combine_chunks() for name in _CONTEXT.names}

    def _fill_from_page_calls(self, columns: dict[str, pa.Array], types: pa.Array) -> None:
        """A page call may say in its properties what its context does not."""
        if not self.properties:
            return
        calls = pc.equal(types, "page")
        for name, key in contract.PAGE.items():
            column = columns[name]
            empty = pc.and_(calls, pc.fill_null(pc.equal(column, ""), True))
            if pc.any(empty).as_py():
                second = screens.texts([properties.get(key) for properties in self.properties])
                columns[name] = pc.if_else(empty, second, column)

    def _commerce_columns(self) -> dict[str, pa.Array]:
        found: dict[int, dict[str, Any]] = {}
        none = _COMMERCE_KEYS.isdisjoint
        for i in [i for i, properties in enumerate(self.properties) if not none(properties)]:
            try:
                found[i] = _commerce(self.properties[i], self.messages[i].properties)
            except quick.DOUBTS:
                self.sound[i] = False
        columns = {}
        for name, kind in (("order_id", TEXT), ("revenue", _MONEY), ("currency", TEXT)):
            if found:
                values: list[Any] = [None] * self.size
                for i, row in found.items():
                    values[i] = row[name]
                columns[name] = pa.array(values, kind)
            else:
                columns[name] = pa.nulls(self.size, kind)
        return columns

    def _compare_keys(self) -> None:
        """Only lines in which no key can be hidden behind an equal one stay sound."""
        objects = [o for o in (self.properties, self.traits, self.integrations) if o]
        known = self.known
        for values in objects:
            known += np.fromiter(map(len, values), dtype=np.int64, count=self.size)
        for i in np.flatnonzero((known + self.known_in_context != self.seen) & self.sound):
            # Objects in objects, a null, a key we do not know: look again, ever more closely.
            try:
                deeper = sum(quick.count_keys(values[i], 2) - len(values[i]) for values in objects)
                deeper += quick.count_keys(_decode_object(self.contexts[i]), 2)
            except quick.DOUBTS:
                self.sound[i] = False
                continue
            if known[i] + deeper != self.seen[i]:
                self.sound[i] = quick.holds(self.lines[i])


def _count(array: pa.Array, known: np.ndarray) -> None:
    """Count a key wherever a column is filled."""
    if array.null_count < len(array):
        known += is_there(array)


def _decode_with_care(line: bytes) -> _Message:
    """Raises ValueError for lines that only the strict reader may judge."""
    if len(line) > quick.CAUTIOUS_BYTES or line.count(b"[") > quick.CAUTIOUS_BRACKETS:
        raise ValueError
    for mark in quick.HIDING:
        if mark in line:
            raise ValueError
    line.decode()
    return _decode_message(line)


def _usual(found: dict[str, Any], fields: Iterable[pa.Field]) -> dict[str, Any]:
    """The fields of an object that have the type that is usual for them."""
    row: dict[str, Any] = {}
    for field in fields:
        value = found.get(field.name)
        if pa.types.is_struct(field.type):
            row[field.name] = _usual(value, field.type) if isinstance(value, dict) else None
        else:
            row[field.name] = value if isinstance(value, str) else None
    return row


def _commerce(properties: dict[str, Any], raw: msgspec.Raw) -> dict[str, Any]:
    """order_id, revenue, currency; amounts from their text, so that no double rounds them."""
    exact = dict(properties)
    amounts = _decode_amounts(raw)
    for key, text in (("revenue", amounts.revenue), ("total", amounts.total)):
        if properties.get(key).__class__ in (float, int):
            exact[key] = contract.exact_number(bytes(text).decode())
    return contract.commerce(exact)


def _given(raws: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The same list; an empty one when no message has such a value."""
    if raws and raws[0] is _ABSENT and all([raw is _ABSENT for raw in raws]):
        return []
    return raws


@lru_cache(1 << 16)
def _host(url: str) -> str | None:
    """:func:`ingestion.contracts.events.host`; few origins have many pages."""
    end = url.find("/", url.find("://") + 3)
    return _host_of_origin(url[:end] if end >= 0 else url)


_host_of_origin = lru_cache(1 << 12)(contract.host)


def _moments(columns: dict[str, pa.Array], landed_at: pa.Scalar) -> pa.Array:
    """When it happened: as the sender says, or by its clock set right (see the contract)."""
    sent, received, original = columns["sent_at"], columns["known_at"], columns["original"]
    corrected = pc.subtract(received, pc.subtract(sent, original))
    return pc.coalesce(columns["timestamp"], corrected, original, received, landed_at)


def _required(columns: dict[str, pa.Array]) -> np.ndarray:
    sound = is_there(columns["message_id"])
    sound = sound & (is_there(columns["user_id"]) | is_there(columns["anonymous_id"]))
    for kind, column in (("track", "event"), ("alias", "previous_id"), ("group", "group_id")):
        of_kind = pc.equal(columns["type"], kind).to_numpy(zero_copy_only=False)
        sound &= ~of_kind | is_there(columns[column])
    return sound


def _hashes(messages: list[_Message]) -> pa.Array:
    """:func:`ingestion.contracts.events.message_hash` of every message."""
    digests = b"".join([_md5(m.messageId.encode()).digest() for m in messages])
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
