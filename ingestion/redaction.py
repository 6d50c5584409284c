"""Erased people out of what landed: the only rewrite of landed bytes.

A line that gave an erased person's row becomes blank, which no reader counts; in a line that only
names them, stand-ins take their place. Line numbers, the file's time and, wherever it can be, its
size stay, and the manifests are told of its new digest and batch before the file is put in place:
killed at any moment, doing it again ends the same.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote
from uuid import uuid4

import polars as pl

from ingestion import strict
from ingestion.collector import segments
from ingestion.collector.segments import MAGIC, Record
from ingestion.contracts import KINDS, STREAMS_OF, TABLES, crm
from ingestion.contracts import events as event_contract
from ingestion.contracts.model import KeyCache
from ingestion.csvs import CsvFile
from ingestion.errors import IngestError, RowError
from ingestion.landing import LandedFile, column_map_of, landed_files
from ingestion.sources.lines import KEPT_LINES
from ingestion.unpack import plain, segment_record_lines
from workspace import catalogue, durable
from workspace.identifiers import Keyring
from workspace.lake import Entry, Lake

#: Lines that are looked through at once.
_LINES = 20_000
_NUMBER = re.compile('"\\\\u0000([^"]+)"')
#: The last digits of a phone number, which people write with marks between them.
_PHONE, _ENDING = re.compile(r"\+[0-9]{9,15}"), 8
_MARK = (
    r"(?:[ .\-\x{a0}\x{202f}]|\\u(?:00a0|202f)"
    r"|%(?:25)*(?:20|2e|2d|c2%(?:25)*a0|e2%(?:25)*80%(?:25)*af))?"
)
#: Names under which JSON holds the id of a contact.
_CONTACT_ID = re.compile(r"(contact|^from|^to|object|associat).*id|^(crm_)?id$|vid", re.IGNORECASE)


class Names(Protocol):
    """Who is erased, and what stands for them; `reverse_etl.privacy.stand_ins`."""

    spellings: dict[str, str]

    def of(self, kind: str, value: Any) -> Any: ...

    def in_text(self, text: str) -> str: ...

    def stands_in(self, text: str) -> bool: ...

    def in_json(self, value: Any) -> Any: ...


@dataclass
class Redacted:
    """``lines`` were made blank, in ``files``; ``mended`` lines name somebody who is erased."""

    files: int = 0
    lines: int = 0
    mended: int = 0
    unread: list[str] = field(default_factory=list)


def redact(
    landing: Path,
    lake: Lake,
    keyring: Keyring,
    names: Names,
    lines: Mapping[str, frozenset[int]],
    kinds: Sequence[str] = KINDS,
) -> Redacted:
    """Take the people of ``names`` out of every landed file; ``lines`` are known to concern them.

    Segments that collectors hold are sealed first. Call it with the run lock held.
    """
    found = Redacted()
    for kind in kinds:
        segments.request_rotation(landing, kind)
        segments.seal_abandoned(landing, kind)
        for file in landed_files(kind, landing):
            try:
                _redact(
                    file, lake, keyring, names, lines.get(file.landing_file, frozenset()), found
                )
            except IngestError:
                found.unread.append(file.landing_file)
    return found


def redact_buried(file: LandedFile, lake: Lake, keyring: Keyring, lines: frozenset[int]) -> None:
    """Take erased people out of a file that came after their erasure; ``lines`` have their rows."""
    _redact(file, lake, keyring, _Buried(lake.buried(), keyring), lines, Redacted())


def _redact(
    file: LandedFile,
    lake: Lake,
    keyring: Keyring,
    names: Names,
    lines: frozenset[int],
    found: Redacted,
) -> None:
    editor = _Editor(file, keyring, names, lines, lake.staging())
    target = lake.staging() / f"{uuid4().hex}.redacted"
    try:
        if editor.write(target):
            _put_in_place(file.kind, file, target, lake)
            found.files += 1
            found.lines += editor.blanked
            found.mended += editor.mended
    finally:
        target.unlink(missing_ok=True)


class _Buried:
    """Erased people by their keyed hashes alone: nothing else is known of them any more."""

    def __init__(self, keys: frozenset[str], keyring: Keyring) -> None:
        self.spellings: dict[str, str] = {}
        self._erased, self._keys = keys, KeyCache(keyring)

    def of(self, kind: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        key = value if kind == "key" else self._keys.key(kind, value)
        return None if key in self._erased else value

    def in_text(self, text: str) -> str:
        return text

    def stands_in(self, text: str) -> bool:
        return False

    def in_json(self, value: Any) -> Any:
        return value


def _put_in_place(kind: str, file: LandedFile, target: Path, lake: Lake) -> None:
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    status = file.path.stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.chmod(target, status.st_mode & 0o777)
    size = target.stat().st_size
    batch = file.batch.replace(f"__{file.size_bytes}__", f"__{size}__", 1)
    if file.batch == file.path.name:  # a landed name says nothing of the size
        batch = file.batch

    def told(entry: Entry) -> Entry:
        if entry.batch not in (file.batch, f"{kind}/{file.batch}"):
            return entry
        meta = dict(entry.meta)
        if meta.get("landing_file") == file.landing_file:
            meta |= {"sha256": digest, "size_bytes": size}
        return replace(entry, batch=entry.batch.replace(file.batch, batch), meta=meta)

    for stream in (*STREAMS_OF[kind], "rejected_rows"):
        lake.amend(stream, told)
    durable.replace(target, file.path)


class _Editor:
    """One landed file, read as its loader does and written without the people."""

    def __init__(
        self,
        file: LandedFile,
        keyring: Keyring,
        names: Names,
        concerned: frozenset[int],
        staging: Path,
    ) -> None:
        self.file, self.names, self.concerned, self.staging = file, names, concerned, staging
        self.blanked = self.mended = 0
        self._keys = KeyCache(keyring)
        self._search = _search(names.spellings)

    def write(self, target: Path) -> bool:
        """The file's new bytes; False where nothing is to change."""
        with open(self.file.path, "rb") as handle:
            is_segment = handle.read(len(MAGIC)) == MAGIC
        if is_segment:
            return self._segment(target)
        with plain(self.file.path, self.file.file_name, self.staging) as source:
            data = source.path.read_bytes()
            is_packed = source.path != self.file.path
            if source.format == "csv":
                changed = self._csv(data, source.path)
            else:
                changed = self._ndjson(data.split(b"\n"), 1)
            if source.broken is not None and self._flags([source.broken.original])[0]:
                changed = changed or data.split(b"\n")  # what cannot be read goes
            if changed is None:
                return False
            text = b"\n".join(changed)
        target.write_bytes(gzip.compress(text, mtime=0) if is_packed else text)
        return True

    # ---- lines of JSON ----------------------------------------------------------------------

    def _ndjson(self, lines: list[bytes], first: int) -> list[bytes] | None:
        """The lines as they are to be; None where all may stay."""
        changed = False
        for start in range(0, len(lines), _LINES):
            some = lines[start : start + _LINES]
            for i, flagged in enumerate(self._flags(some)):
                number = first + start + i
                if flagged or number in self.concerned:
                    new = self._line(some[i])
                    if new != some[i]:
                        lines[start + i], changed = new, True
        return lines if changed else None

    def _line(self, line: bytes) -> bytes:
        if strict.is_blank(line):
            return line
        try:
            value = json.loads(line, parse_float=lambda text: f"\0{text}")
        except (ValueError, RecursionError):
            return self._unreadable(line)
        if isinstance(value, dict) and isinstance(value.get("results"), list):
            shared = {"objectType": value["objectType"]} if "objectType" in value else {}
            items = [item for item in value["results"] if not self._is_own(item, shared)]
            if len(items) < len(value["results"]):
                value, self.blanked = {**value, "results": items}, self.blanked + 1
        elif self._is_own(value, {}):
            self.blanked += 1
            return b" " * len(line)
        mended = self._mend(value)
        text = json.dumps(mended, ensure_ascii=False, separators=(",", ":"))
        plain_text = json.dumps(
            json.loads(line, parse_float=lambda text: f"\0{text}"),
            ensure_ascii=False,
            separators=(",", ":"),
        )
        if text == plain_text:
            return line
        self.mended += 1
        new = _NUMBER.sub(r"\1", text).encode("utf-8", "surrogatepass")
        return new.ljust(len(line))

    def _unreadable(self, line: bytes) -> bytes:
        """A line that no reader takes was rejected as a whole; so it goes as a whole."""
        if not self._flags([line])[0]:
            return line
        self.blanked += 1
        return b" " * len(line)

    def _is_own(self, value: Any, shared: Mapping[str, Any]) -> bool:
        """Whether an item is an erased person's: by its contract's columns."""
        if not isinstance(value, dict):
            return self.names.stands_in(json.dumps(value, ensure_ascii=False))
        try:
            stream, row = self._row({**shared, **_numbers(value)})
        except RowError:
            return self.names.stands_in(json.dumps(value, ensure_ascii=False))
        return self._owns(stream, row)

    def _row(self, value: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        kind, at = self.file.kind, self.file.received_at
        if kind == "events":
            raw = json.dumps(value, default=str).encode("utf-8", "surrogatepass")
            return "events", event_contract.row(value, raw, at, self._keys)
        if kind == "crm":
            contract = crm.contract_for(value, self.file.file_name)
            return contract.stream, contract.row(value, at, self._keys)
        table = TABLES[kind]
        column_map = column_map_of(self.file.path)
        renamed = {column_map.get(key, key): item for key, item in value.items()}
        return table.stream, table.row(renamed, at, self._keys)

    def _owns(self, stream: str, row: Mapping[str, Any]) -> bool:
        for holding in catalogue.of("lake", stream):
            if any(row.get(name) not in values for name, values in holding.when.items()):
                continue
            for name, kind in holding.owners.items():
                value = row.get(name)
                if value is not None and self.names.of(kind, value) != value:
                    return True
        return False

    def _mend(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {self._mend(key): self._mend(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self._mend(item, name) for item in value]
        if isinstance(value, bool) or not isinstance(value, str | int):
            return value
        if _CONTACT_ID.search(name):
            stand_in = self.names.of("crm_contact", str(value))
            if stand_in != str(value):
                return stand_in
        return self.names.in_json(value)

    # ---- CSV --------------------------------------------------------------------------------

    def _csv(self, data: bytes, path: Path) -> list[bytes] | None:
        lines = data.split(b"\n")
        flagged = {i + 1 for i, flag in enumerate(self._flags(lines)) if flag}
        wanted = flagged | self.concerned
        if not wanted:
            return None
        contract = TABLES[self.file.kind]
        changed = False
        file = CsvFile(path, self.file.path, contract, column_map_of(self.file.path))
        for row in file.rows():
            span = range(row.line, row.line + row.original.count(b"\n") + 1)
            if wanted.isdisjoint(span):
                continue
            if isinstance(row.value, RowError):
                own = self.names.stands_in(row.original.decode("utf-8", "replace"))
            else:
                own = self._is_own(row.value, {})
            for number in span:
                new = b" " * len(lines[number - 1]) if own else self._cells(lines[number - 1])
                changed = changed or new != lines[number - 1]
                lines[number - 1] = new
            self.blanked += own
        return lines if changed else None

    def _cells(self, line: bytes) -> bytes:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return line
        mended = self.names.in_text(text)
        self.mended += mended != text
        return mended.encode()

    # ---- segments ---------------------------------------------------------------------------

    def _segment(self, target: Path) -> bool:
        changed = False
        number = 1
        with open(self.file.path, "rb") as handle, open(target, "xb") as out:
            out.write(MAGIC)
            for record in segments.records(handle):
                lines = segment_record_lines(record, self.file.path)
                new = self._record(record, lines, number)
                changed = changed or new is not record
                out.write(segments.frame(new))
                number += len(lines)
            rest = segments.rest(handle)
            if rest and self._flags([rest])[0]:
                rest, changed = b"", True
            out.write(rest)
        return changed

    def _record(self, record: Record, lines: list[bytes], first: int) -> Record:
        """A record as it is to be: one with a line to change becomes its lines."""
        around = [record.body, *(text for pair in record.headers for text in pair)]
        new = self._ndjson(list(lines), first)
        if new is None and not any(self._flags([record.path.encode(), *around])):
            return record
        body = b"\n".join(lines if new is None else new)
        if record.path == KEPT_LINES and body == record.body:
            return record
        return Record(record.received_at, record.source, KEPT_LINES, [], body, record.request_id)

    # ---- finding ----------------------------------------------------------------------------

    def _flags(self, lines: Sequence[bytes]) -> list[bool]:
        return self._search([line.decode("utf-8", "replace") for line in lines])


def _search(spellings: Mapping[str, str]) -> Callable[[list[str]], list[bool]]:
    """Which of some texts may hold one of the spellings, as it is or as URLs and JSON write it."""
    patterns = sorted({form for text in spellings for form in _forms(text)})
    if not patterns:
        return lambda texts: [False] * len(texts)
    wanted = pl.Series([patterns], dtype=pl.List(pl.String))
    endings = {text[-_ENDING:] for text in spellings if _PHONE.fullmatch(text)}
    numbers = "|".join(_MARK.join(one) for one in sorted(endings))

    def search(texts: list[str]) -> list[bool]:
        series = pl.Series(texts, dtype=pl.String)
        found = series.str.contains_any(wanted, ascii_case_insensitive=True)
        if numbers:
            found |= series.str.contains(f"(?i){numbers}")
        return [bool(one) for one in found]

    return search


def _forms(text: str) -> Iterator[str]:
    yield text
    yield text.replace("@", "%40").replace("+", "%2b")
    yield json.dumps(text)[1:-1]
    yield text.replace("@", "\\u0040").replace("+", "\\u002b")
    for safe in ("", "/", "@+ "):
        yield quote(text, safe=safe)
    yield quote(quote(text, safe=""), safe="")
    yield quote(quote(quote(text, safe=""), safe=""), safe="")


def _numbers(value: Any) -> Any:
    """Parsed JSON with its fractions as texts: contracts read both."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value.removeprefix("\0") if isinstance(value, str) else value
