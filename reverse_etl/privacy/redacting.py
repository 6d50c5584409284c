"""What is handed to a person says nothing of other people (GDPR article 15(4)).

Columns that name people lose whatever is not the person's own. In texts, JSON and originals
addresses, phone numbers and the names of people who stand in the same rows are replaced. Who of
our employees did something is left out: a person has a right to know what was done and why, not
by which employee (CJEU C-579/21).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from reverse_etl.privacy.gathering import Dataset, Row
from reverse_etl.privacy.subjects import Subject
from workspace.identifiers import KEY_LENGTH, Keyring, normalise_email, normalise_phone

SOMEBODY = "[another person]"
EMPLOYEE = "[an employee]"
_WORD = r"[^\s@\"'<>(),;:\\/=&?]"
_ADDRESS = re.compile(rf"{_WORD}+@[^\s@\"'<>(),;:\\/=&?.]+(?:\.[^\s@\"'<>(),;:\\/=&?.]+)+")
_PHONE = re.compile(
    r"(?<![\w.+])(?:\+[1-9](?:[ .()-]{0,2}\d){6,14}|0[1-9](?:[ .-]?\d{2}){4})(?![\w])"
)
_KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")
_LETTERS = r"[^\W\d_]"
#: Columns with a key or a name of something that is no person.
_NO_PERSON = ("company_key", "source_key", "event_key", "dedup_key", "account_key", "cap_key")
#: Columns of a published table that name another person than the row is about, besides all that end
#: with ``_key``.
_OTHERS = ("nearest_member_id",)
_EMPLOYEES = {
    ("ledger", "audit_chain"): ("actor", "reason"),
    ("marts", "audit_logs"): ("actor", "reason"),
    ("ledger", "privacy_requests"): ("actor", "reason"),
    ("marts", "data_deletion_requests"): ("actor", "reason"),
}
#: Of other people in a list: HubSpot's objects by this name hold contacts.
_CONTACTS = ("contacts", "contact", "0-1")


@dataclass(frozen=True)
class Redactor:
    """What is the person's own, and which names are somebody else's.

    ``kept`` are addresses of ours that stand in every message; ``names`` full names of people who
    may be named beside the person.
    """

    subject: Subject
    keyring: Keyring
    kept: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    counts: dict[str, int] = field(default_factory=dict)

    def dataset(self, dataset: Dataset) -> list[Row]:
        """The rows of a dataset as they may be handed over."""
        employees = _EMPLOYEES.get((dataset.place, dataset.name), ())
        return [self._row(row, _kinds_in(dataset, row), employees) for row in dataset.rows]

    def _row(self, row: Row, kinds: Mapping[str, str], employees: Iterable[str]) -> Row:
        found = {}
        for column, value in row.items():
            if column in employees and value is not None:
                found[column] = EMPLOYEE
            elif column in kinds:
                found[column] = self._named(value, kinds[column])
            elif isinstance(value, bytes):
                found[column] = self.original(value)
            elif isinstance(value, str):
                found[column] = self._said(column, value)
            else:
                found[column] = value
        return found

    def _named(self, value: Any, kind: str) -> Any:
        """A column that names a person: as it is where it is this one."""
        if not isinstance(value, str):
            return value
        if kind == "key":
            is_foreign = _KEY.fullmatch(value) and value not in self.subject.keys
            return SOMEBODY if is_foreign else value
        if kind == "keys":
            return [key if key in self.subject.keys else SOMEBODY for key in json.loads(value)]
        return value if self._is_own(kind, value) else SOMEBODY

    def _is_own(self, kind: str, value: str) -> bool:
        if kind == "email":
            address = normalise_email(value)
            if address is None:  # a phone number, where a column holds either
                return self._is_own("phone", value)
            return self.keyring.key("email", address) in self.subject.keys
        if kind == "phone":
            number = normalise_phone(value)
            return number is not None and self.keyring.key("phone", number) in self.subject.keys
        own = value in self.subject.values.get(kind, frozenset())
        return own or self.keyring.key(kind, value) in self.subject.keys

    def _said(self, column: str, value: str) -> Any:
        names = column in _OTHERS or (column.endswith("_key") and column not in _NO_PERSON)
        if names and _KEY.fullmatch(value):
            return value if value in self.subject.keys else SOMEBODY
        if value[:1] in ("{", "["):
            try:
                parsed = json.loads(value, parse_float=Decimal)
            except ValueError:
                return self.text(value)
            return self.tree(parsed)
        return self.text(value)

    def tree(self, value: Any, under: str = "") -> Any:
        """JSON as it may be handed over; ``under`` is the name it stands under."""
        if isinstance(value, dict):
            if under in _CONTACTS and "id" in value and not self._is_contact(value["id"]):
                return {"id": SOMEBODY}
            return {
                self.text(str(key)): self.tree(item, under if key == "results" else str(key))
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.tree(item, under) for item in value]
        if isinstance(value, str):
            if under in _CONTACTS and not self._is_contact(value):
                return SOMEBODY
            return self.text(value)
        return value

    def _is_contact(self, crm_id: Any) -> bool:
        return self._is_own("crm_contact", str(crm_id))

    def original(self, data: bytes) -> str:
        """Bytes as received: JSON object by object, other text as text. What is no UTF-8 is shown
        with its bytes escaped."""
        text = data.decode("utf-8", errors="backslashreplace")
        try:
            parsed = json.loads(text, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return self.text(text)
        said = self.tree(parsed)
        # Nobody else in it: exactly what came.
        return text if said == parsed else json.dumps(said, ensure_ascii=False)

    def text(self, text: str) -> str:
        """A text without the addresses, numbers and names of others."""
        if "@" in text:
            text = _ADDRESS.sub(self._address, text)
        text = _PHONE.sub(self._phone, text)
        if self._others is not None:
            text = self._others.sub(SOMEBODY, text)
        return text

    def _address(self, match: re.Match[str]) -> str:
        address = normalise_email(match[0].rstrip("."))
        if address is None or address in self.kept or self._is_own("email", address):
            return match[0]
        return SOMEBODY

    def _phone(self, match: re.Match[str]) -> str:
        number = normalise_phone(match[0].replace("(0)", ""))
        return match[0] if number is None or self._is_own("phone", number) else SOMEBODY

    @cached_property
    def _others(self) -> re.Pattern[str] | None:
        names = sorted(self.names, key=len, reverse=True)
        if not names:
            return None
        listed = "|".join(re.escape(name) for name in names)
        return re.compile(rf"(?<!{_LETTERS})(?:{listed})(?!{_LETTERS})", re.IGNORECASE)


def _kinds_in(dataset: Dataset, row: Row) -> Mapping[str, str]:
    """Which columns of this row name people: an association's end may be no contact."""
    if not dataset.when:
        return dataset.kinds
    return {
        column: kind
        for column, kind in dataset.kinds.items()
        if column not in dataset.when or row[dataset.when[column][0]] in dataset.when[column][1]
    }


def speaks_of(subject: Subject) -> Callable[[bytes], bool]:
    """Whether bytes of an unknown shape name the person, by an address, a number or an id.

    Short ids count only as the value of a field, since they stand for anything else besides.
    """
    tests = []
    for kind, values in subject.values.items():
        for value in values:
            if kind == "phone":
                tests.append(_digits(value))
            elif kind == "email" or len(value) >= 8:
                tests.append(rf"(?<![\w.+%-]){re.escape(value)}(?![\w])")
            else:
                tests.append(
                    rf'"(?:id|userId|user_id|anonymousId|external_id|crm_id|contact)"\s*:\s*'
                    rf'"?{re.escape(value)}(?![\w])'
                )
    if not tests:
        return lambda data: False
    pattern = re.compile("|".join(tests), re.IGNORECASE)

    def spoken_of(data: bytes) -> bool:
        return pattern.search(data.decode("utf-8", errors="replace")) is not None

    return spoken_of


def _digits(phone: str) -> str:
    """A number in any of the ways it is written: its last nine digits, apart or not."""
    digits = re.sub(r"\D", "", phone)[-9:]
    return r"(?:\+|\b)[\d .()-]*?" + r"[ .()-]?".join(digits) + r"(?!\d)"
