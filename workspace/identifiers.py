"""Normalising and hashing what identifies a person or an organisation.

A key is the first 32 hex characters of HMAC-SHA256 over ``kind:value`` under the workspace's
pepper: stable across rebuilds, useless without the pepper. Marts hold keys, never values.
SQL and Python give the same keys; both are held to ``tests/golden/identifiers.csv``, as are the
normal forms, which only Python makes (at landing).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

KINDS = (
    "email",
    "phone",
    "user_id",
    "anonymous_id",
    "crm_contact",
    "crm_company",
    "external_id",
)
KEY_LENGTH = 32

_EMAIL = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)+")
_HOST = re.compile(r"([a-z0-9_-]+\.)+[a-z0-9-]{2,}")


def normalise_email(text: str | None) -> str | None:
    """NFKC, trimmed, lower case; None when it is not an address. For matching, not for sending."""
    if text is None:
        return None
    value = unicodedata.normalize("NFKC", text).strip().lower()
    return value if _EMAIL.fullmatch(value) else None


def normalise_phone(text: str | None, country_code: str = "33") -> str | None:
    """``+`` and digits, None if not a number. A leading 0 is the trunk prefix of the country."""
    if text is None:
        return None
    value = re.sub(r"[\s().\-/ ]", "", unicodedata.normalize("NFKC", text))
    if value.startswith("00"):
        value = "+" + value[2:]
    elif value.startswith("0"):
        value = f"+{country_code}{value[1:]}"
    return value if re.fullmatch(r"\+[1-9][0-9]{6,14}", value) else None


def normalise_domain(text: str | None) -> str | None:
    """The host of a domain, URL or address, lower case, without ``www.``; None if there is none."""
    if text is None:
        return None
    value = unicodedata.normalize("NFKC", text).strip().lower()
    value = value.split("://", 1)[-1].split("/", 1)[0].split("@")[-1].split(":", 1)[0]
    value = value.removeprefix("www.").rstrip(".")
    return value if _HOST.fullmatch(value) else None


@dataclass(frozen=True)
class Keyring:
    """The workspace's pepper and what is made with it. ``link_secrets`` are numbers (1 to 255) and
    secrets of the keys that links are signed with (`workspace.tokens`), the one that signs first.
    """

    pepper: bytes
    link_secrets: tuple[tuple[int, bytes], ...] = ()

    def __repr__(self) -> str:
        return "Keyring(…)"

    def key(self, kind: str, value: str | None) -> str | None:
        return None if value is None else self.keys(kind, (value,))[0]

    def keys(self, kind: str, values: Iterable[str]) -> list[str]:
        """:meth:`key` of each value."""
        inner, outer = self._states
        start = inner.copy()
        start.update(f"{_kind(kind)}:".encode())
        inner_copy, outer_copy = start.copy, outer.copy
        keys = []
        for value in values:
            inner = inner_copy()
            inner.update(value.encode())
            outer = outer_copy()
            outer.update(inner.digest())
            keys.append(outer.hexdigest()[:KEY_LENGTH])
        return keys

    def signature(self, text: str) -> str:
        """A signature of a text, which no identifier's key can be taken for."""
        return hmac.new(self.pepper, f"link:{text}".encode(), hashlib.sha256).hexdigest()

    def seal(self, text: str) -> str:
        """64 hex digits of a text that could be guessed, which no key and no signature equals."""
        return hmac.new(self.pepper, f"seal:{text}".encode(), hashlib.sha256).hexdigest()

    def sql(self, kind: str, expression: str) -> str:
        """The same key as a DuckDB expression. It holds key material: never log or store it."""
        inner, outer = map(_blob, self._pads)
        message = f"encode('{_kind(kind)}:' || {expression})"
        return f"sha256({outer} || unhex(sha256({inner} || {message})))[1:{KEY_LENGTH}]"

    @cached_property
    def _pads(self) -> tuple[bytes, bytes]:
        """The inner and outer key blocks of HMAC (RFC 2104)."""
        block = self.pepper if len(self.pepper) <= 64 else hashlib.sha256(self.pepper).digest()
        block = block.ljust(64, b"\0")
        return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)

    @cached_property
    def _states(self) -> tuple[Any, Any]:
        """Both hashes after their first block, which every key of the workspace shares."""
        inner, outer = self._pads
        return hashlib.sha256(inner), hashlib.sha256(outer)


def domain_key(domain: str) -> str:
    """The key of an organisation's domain (:func:`normalise_domain`).

    Without the pepper: a domain names an organisation, which the marts name anyway, and dbt makes
    the same key of the domains of companies and addresses (macro ``domain_key``).
    """
    return hashlib.md5(f"domain:{domain}".encode(), usedforsecurity=False).hexdigest()


def domain_key_sql(expression: str) -> str:
    """The key of the domain, URL or address of a DuckDB expression, as :func:`normalise_domain`
    and :func:`domain_key` make it."""
    host = f"split_part(regexp_replace(lower(trim({expression})), '^.*?://', ''), '/', 1)"
    host = f"split_part(regexp_replace({host}, '^.*@', ''), ':', 1)"
    return f"md5('domain:' || rtrim(regexp_replace({host}, '^www[.]', ''), '.'))"


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"unknown kind of identifier: {kind}")
    return kind


def _blob(data: bytes) -> str:
    return "'" + "".join(f"\\x{b:02X}" for b in data) + "'::blob"
