"""What stands for an erased person in the rows that stay: random values of the same shape.

A stand-in is as long as what it stands for wherever that leaves enough to chance, so that files
keep their size, and its key is made of it as every key is, so that whatever is computed again
agrees. Nothing keeps the pairs once an erasure has ended: `docs/adr/024-residual-rows.md`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reverse_etl.privacy import written
from reverse_etl.privacy.subjects import Subject
from workspace.identifiers import KEY_LENGTH, Keyring, normalise_email, normalise_phone
from workspace.needles import Needles

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABET = _LETTERS + "0123456789"
#: ISO 3166 never gives it to a country, nor is it a domain.
_NO_COUNTRY = "q"
#: ITU gives it to nobody.
_NO_PREFIX = "+999"
#: Shorter identifiers get a longer stand-in.
_SHORTEST = 5
_LONG = 16
#: Free text is searched for identifiers that are no common number or word.
_DISTINCT = 7
_NORMALISERS = {"email": normalise_email, "phone": normalise_phone}


def of_value(kind: str, value: str) -> str:
    """A random stand-in for an identifier in its normal form."""
    if kind == "email":
        return _address(value)
    if kind == "phone":
        digits = max(len(value) - len(_NO_PREFIX), 7)
        return _NO_PREFIX + "".join(secrets.choice("0123456789") for _ in range(digits))
    length = len(value) if len(value) >= _SHORTEST else _LONG
    return "x" + "".join(secrets.choice(_ALPHABET) for _ in range(length - 1))


def _address(value: str) -> str:
    name, _, domain = value.rpartition("@")
    *labels, country = domain.split(".")
    made = [_letters(len(label)) for label in labels]
    return f"{_letters(len(name))}@{'.'.join(made)}.{_NO_COUNTRY * len(country)}"


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


@dataclass
class StandIns:
    """``keys``: keyed hash -> its stand-in. ``values``: by kind, normal form -> its stand-in.
    ``spellings``: an identifier as it was written, in lower case -> its stand-in. ``secret`` makes
    those of anything else."""

    keys: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)
    secret: str = field(default_factory=lambda: secrets.token_hex(32))

    def __repr__(self) -> str:
        return f"StandIns({len(self.keys)} keys)"

    def __post_init__(self) -> None:
        self._pattern = written.pattern(self.spellings)
        self._numbers = written.by_ending(self.spellings)
        self._needles: Needles | None = None

    @classmethod
    def draw(cls, subjects: Iterable[Subject], keyring: Keyring) -> StandIns:
        """Stand-ins for everything that names these people."""
        made = cls()
        for subject in subjects:
            for kind, texts in subject.values.items():
                for text in sorted(texts):
                    made._add(kind, text, keyring)
            for key in subject.keys:
                made.keys.setdefault(key, secrets.token_hex(KEY_LENGTH // 2))
        made.__post_init__()
        return made

    def _add(self, kind: str, text: str, keyring: Keyring) -> None:
        normalise = _NORMALISERS.get(kind)
        value = normalise(text) if normalise else text
        if value is None:
            value = text
        known = self.values.setdefault(kind, {})
        if value not in known:
            stand_in = of_value(kind, value)
            known[value] = stand_in
            old, new = keyring.key(kind, value), keyring.key(kind, stand_in)
            assert old is not None and new is not None
            self.keys[old] = new
        for spelling in (text, value):  # a number as digits alone has a form that is distinct
            if len(spelling) >= _DISTINCT and not spelling.isdigit():
                self.spellings[spelling.lower()] = known[value]

    # ---- in rows ----------------------------------------------------------------------------

    def of(self, kind: str, value: Any) -> Any:
        """The stand-in of an identifier or key; anything else as it is."""
        if not isinstance(value, str):
            return value
        if kind == "key":
            return self.keys.get(value, value)
        if kind == "keys":
            return json.dumps([self.keys.get(key, key) for key in json.loads(value)])
        known = self.values.get(kind, {})
        if value in known:
            return known[value]
        normalise = _NORMALISERS.get(kind)
        return known.get((normalise(value) if normalise else None) or value, value)

    def token(self, text: str) -> str:
        """What stands for a text that tells rows apart and names somebody: equal for equal ones."""
        digest = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"erased-{digest[:16]}"

    def in_text(self, text: str) -> str:
        """Free text with stand-ins for every distinct identifier in it."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._spelled(found[0]), text)

    def stands_in(self, text: str) -> bool:
        """Whether free text holds a distinct identifier."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def near(self, data: bytes | memoryview) -> list[int]:
        """Where bytes may hold a distinct identifier: the ends of what looks like one, in order.

        Whatever :meth:`stands_in` finds in a text ends behind one of them or holds it.
        """
        if self._needles is None:
            self._needles = Needles(written.expressions(self.spellings))
        return [end for _, end in self._needles.find(data)]

    def in_json(self, value: Any) -> Any:
        """:meth:`in_text` in every text, name and whole number of parsed JSON."""
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return self.in_text(str(value)) if self.stands_in(str(value)) else value
        if isinstance(value, list):
            return [self.in_json(item) for item in value]
        if isinstance(value, dict):
            return {self.in_text(name): self.in_json(item) for name, item in value.items()}
        return value

    def _spelled(self, found: str) -> str:
        """The stand-in of what the pattern found, however it was written."""
        if found.lower() in self.spellings:
            return self.spellings[found.lower()]
        plain = written.decoded(found).lower()
        known = self.spellings.get(plain) or self._numbers.get(written.ending(plain))
        return known or self.token(plain)

    # ---- on disk ----------------------------------------------------------------------------

    def as_json(self) -> Mapping[str, Any]:
        return {
            "keys": self.keys,
            "values": self.values,
            "spellings": self.spellings,
            "secret": self.secret,
        }
