"""A landed row without the people who are erased: blank, or with stand-ins, or as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ingestion import strict
from ingestion.chunks import SourceRow
from ingestion.contracts import TABLES, crm
from ingestion.contracts import events as event_contract
from ingestion.contracts.model import KeyCache
from ingestion.errors import RowError
from ingestion.landing import LandedFile, column_map_of
from workspace import catalogue
from workspace.identifiers import Keyring

_NUMBER = re.compile('"\\\\u0000([^"]+)"')
#: What JSON writes before a character that it need not escape.
_ESCAPED = re.compile(r'\\+(?=["\\/])')
#: Bytes around the end of what looks like an identifier that hold it, however it is escaped.
_BESIDE = 4096
#: Names under which JSON holds the id of a contact.
_CONTACT_ID = re.compile(r"(contact|^from|^to|object|associat).*id|^(crm_)?id$|vid", re.IGNORECASE)


class Names(Protocol):
    """Who is erased, and what stands for them; `reverse_etl.privacy.stand_ins`."""

    def of(self, kind: str, value: Any) -> Any: ...

    def in_text(self, text: str) -> str: ...

    def stands_in(self, text: str) -> bool: ...

    def near(self, data: bytes) -> list[int]: ...

    def in_json(self, value: Any) -> Any: ...


class Mender:
    """The rows of one landed file. ``blanked`` counts those that went, ``mended`` those with
    stand-ins."""

    def __init__(self, file: LandedFile, keyring: Keyring, names: Names) -> None:
        self.file, self.names = file, names
        self.blanked = self.mended = 0
        self._keys = KeyCache(keyring)

    def says(self, data: bytes) -> bool:
        """Whether bytes that no reader takes, or that no row is of, name somebody."""
        spans: list[tuple[int, int]] = []
        for end in self.names.near(data):
            start = max(end - _BESIDE, 0)
            if spans and start <= spans[-1][1]:
                start = spans.pop()[0]
            spans.append((start, end + _BESIDE))
        return any(map(self.names.stands_in, _readings(data, spans)))

    # ---- JSON -------------------------------------------------------------------------------

    def line(self, line: bytes) -> bytes:
        """A line of NDJSON as it is to be."""
        if strict.is_blank(line):
            return line
        try:
            value = json.loads(line, parse_float=lambda text: f"\0{text}")
        except (ValueError, RecursionError):
            return self._unreadable(line)
        plain_text = _compact(value)
        if isinstance(value, dict) and isinstance(value.get("results"), list):
            shared = {"objectType": value["objectType"]} if "objectType" in value else {}
            items = [item for item in value["results"] if not self._is_own(item, shared)]
            if len(items) < len(value["results"]):
                value, self.blanked = {**value, "results": items}, self.blanked + 1
        elif self._is_own(value, {}):
            self.blanked += 1
            return b" " * len(line)
        text = _compact(self._mend(value))
        if text == plain_text:
            return line
        self.mended += 1
        new = _NUMBER.sub(r"\1", text).encode("utf-8", "surrogatepass")
        return new.ljust(len(line))

    def _unreadable(self, line: bytes) -> bytes:
        """A line that no reader takes was rejected as a whole; so it goes as a whole."""
        if not self.says(line):
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

    def owns(self, row: SourceRow) -> bool:
        """Whether a record is an erased person's."""
        if isinstance(row.value, RowError):
            return self.names.stands_in(row.original.decode("utf-8", "replace"))
        return self._is_own(row.value, {})

    def cells(self, line: bytes) -> bytes:
        """A line of somebody else's record as it is to be."""
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return line
        mended = self.names.in_text(text)
        self.mended += mended != text
        return mended.encode()


def _readings(data: bytes, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    for start, end in spans:
        some = data[start:end]
        texts = {some.decode("utf-8", "replace"), some.decode("latin-1")}
        yield from texts | {_ESCAPED.sub("", text) for text in texts}


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _numbers(value: Any) -> Any:
    """Parsed JSON with its fractions as texts: contracts read both."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value.removeprefix("\0") if isinstance(value, str) else value
