"""A contract: how the rows of one kind become rows of one stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ingestion.contracts.fields import Field
from ingestion.errors import RowError
from workspace.identifiers import (
    Keyring,
    domain_key,
    normalise_email,
    normalise_phone,
)

#: How a second row with the same identity is judged (see `ingestion.duplicates`).
#: id: one row an id; the id may include known_at. version: an unchanged row is a duplicate.
Identity = Literal["id", "version"]

KNOWN_AT = Field("known_at", "time")


@dataclass(frozen=True)
class Key:
    """A keyed hash to fill: ``column`` from ``source``, after normalising it for its kind.

    Where the column is a field, too, what is given there stands unless the source gives one.
    """

    column: str
    kind: str
    source: str


@dataclass(frozen=True)
class Contract:
    """The shape of one kind of row.

    ``identity_columns`` leave out known_at; ``conflict`` is the reason code of a second row
    that contradicts the first. ``one_of`` names fields of which exactly one must be given;
    a change of ``passing`` columns alone makes no other row.
    """

    kind: str
    stream: str
    fields: tuple[Field, ...]
    identity: Identity
    identity_columns: tuple[str, ...]
    conflict: str = "key_conflict"
    keys: tuple[Key, ...] = ()
    one_of: tuple[str, ...] = ()
    column_map: bool = False
    passing: tuple[str, ...] = ()

    def row(self, source: Mapping[str, Any], landed_at: datetime, keys: KeyCache) -> dict[str, Any]:
        """The stream's columns for one source row. Raises :class:`RowError`."""
        row = {}
        for field in self.all_fields:
            row[field.column] = field.read(pick(source, field), landed_at)
        row["known_at"] = row["known_at"] or landed_at
        if self.one_of:
            self._resolve_identifier(row)
        for rule in _RULES.get(self.kind, ()):
            rule(row)
        for key in self.keys:
            made = keys.key(key.kind, row[key.source])
            row[key.column] = made or row.get(key.column)
        if self.one_of:
            row["identifier_key"] = keys.key(row["identifier_type"], row["identifier"])
        return row

    @property
    def all_fields(self) -> tuple[Field, ...]:
        return (*self.fields, KNOWN_AT)

    def _resolve_identifier(self, row: dict[str, Any]) -> None:
        given = {name: row.pop(name) for name in self.one_of}
        given = {name: value for name, value in given.items() if value is not None}
        if not given:
            raise RowError("missing_field", self.one_of[0], "one of " + ", ".join(self.one_of))
        if len(given) > 1:
            raise RowError(
                "ambiguous", self.one_of[1], "give one of " + ", ".join(self.one_of) + " a row"
            )
        ((row["identifier_type"], row["identifier"]),) = given.items()


def pick(source: Mapping[str, Any], field: Field) -> Any:
    """The first of the field's names that the source fills."""
    for name in field.sources:
        value = source.get(name)
        if value is not None and value != "":
            return value
    return None


class KeyCache:
    """Keyed hashes with what was already hashed remembered, for one load."""

    _NORMALISERS = {"email": normalise_email, "phone": normalise_phone}
    _LIMIT = 1_000_000

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self._known: dict[str, dict[str | None, str | None]] = {}

    def key(self, kind: str, value: str | None) -> str | None:
        return self.keys(kind, (value,))[0]

    def keys(self, kind: str, values: Iterable[str | None]) -> list[str | None]:
        """The keys of values, as they are or in the normal form of their kind."""
        known = self._known.setdefault(kind, {None: None})
        if len(known) > self._LIMIT:
            known.clear()
            known[None] = None
        values = list(values)
        new = [value for value in values if value not in known]
        if kind == "domain":
            known.update((value, domain_key(value)) for value in new if value is not None)
            return list(map(known.__getitem__, values))
        normalise = self._NORMALISERS.get(kind)
        if normalise:
            for value in new:
                known[value] = self.keyring.key(kind, normalise(value))
        else:
            known.update(zip(new, self.keyring.keys(kind, new), strict=True))
        return list(map(known.__getitem__, values))


def _attendee(row: dict[str, Any]) -> None:
    """A row with an address is an attendee and needs a status; without, the calendar entry."""
    if row["email"] is not None and row["status"] is None:
        raise RowError("missing_field", "status", "required for an attendee")
    starts_on, ends_on = row["starts_on"], row["ends_on"]
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        raise RowError("out_of_range", "ends_on", "not before starts_on")


def _survey(row: dict[str, Any]) -> None:
    if row["question_type"] == "nps":
        if row["score"] is None:
            raise RowError("missing_field", "score", "required for nps")
        if row["score"] > 10:
            raise RowError("out_of_range", "score", "nps is 0 to 10")


def _fx_rate(row: dict[str, Any]) -> None:
    if row["base_currency"] == row["currency"] and row["rate"] != 1:
        raise RowError("out_of_range", "rate", "1 between a currency and itself")


_RULES = {
    "attendees": (_attendee,),
    "surveys": (_survey,),
    "fx_rates": (_fx_rate,),
}
