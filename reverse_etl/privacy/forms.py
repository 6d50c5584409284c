"""How an identifier may be written in bytes, and whether bytes that look like it are it.

Addresses, numbers and names are found in any case of ASCII letters, as UTF-8, Latin-1, UTF-16,
in URLs (once and twice), JSON (once and twice), HTML and quoted-printable, as hexadecimal digits
and as base64 at each of its three offsets. What is part of a longer one (``anna@example.fr`` in
``joanna@example.fr``) is another's.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import json
import quopri
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from workspace.identifiers import KINDS, normalise_phone

#: Kinds besides those of :mod:`workspace.identifiers`: words of a person's name, keyed hashes in
#: hexadecimal digits, and any other text, which is found in the middle of words too.
NAME, KEY, TEXT = "name", "key", "text"
#: What is shorter, in bytes, is in everything.
SHORTEST = 5
#: Bytes beside a hit that are looked at.
BESIDE = 96

_ESCAPE = re.compile(
    rb"(?:\\[nrtbfv]|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|%(?:25)*[0-9a-f]{2}|&#?\w+;|(?-i:=[0-9A-F]{2}))\Z",
    re.IGNORECASE,
)
_HEX = re.compile(rb"[0-9a-fA-F]*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]*")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
#: By kind: what makes an identifier another, longer one, before it and behind it.
_LONGER = {
    "email": (re.compile(rb"[a-z0-9._-]\Z", re.I), re.compile(rb"[a-zA-Z0-9-]|\.[a-z0-9]")),
    "phone": (re.compile(rb"[0-9]\.?\Z"), re.compile(rb"[0-9]")),
    NAME: (re.compile(rb"[a-z\x80-\xff]\Z", re.I), re.compile(rb"[a-z\x80-\xff]", re.I)),
}
_LONGER |= {
    kind: (re.compile(rb"[a-z0-9_-]\Z", re.I), re.compile(rb"[a-z0-9_-]", re.I))
    for kind in KINDS
    if kind not in _LONGER
}
#: The decoded bytes before a hit, of it and behind it.
Window = tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class Identifier:
    """What is looked for. ``kind`` is one of :data:`~workspace.identifiers.KINDS`, :data:`NAME`,
    :data:`KEY` or :data:`TEXT`."""

    kind: str
    value: str

    def __post_init__(self) -> None:
        if self.kind not in (*KINDS, NAME, KEY, TEXT):
            raise ValueError(f"unknown kind of identifier: {self.kind}")

    def __repr__(self) -> str:
        return f"Identifier({self.kind}, …)"


@dataclass(frozen=True)
class Pattern:
    """Bytes an identifier may be found by: its number, the name of the form, what it says
    (UTF-8), and how the bytes around a hit are read."""

    identifier: int
    kind: str
    form: str
    pattern: bytes
    says: bytes
    read: Callable[[bytes, int, int], Window | None]

    def stands(self, data: bytes, start: int) -> bool | None:
        """Whether the identifier stands at ``start`` of ``data``: True where it does, None where
        a longer one does, False where it only looked like it."""
        window = self.read(data, start, start + len(self.pattern))
        if window is None or window[1].lower() != self.says.lower():
            return False
        if self.kind not in _LONGER:
            return True
        before, after = _LONGER[self.kind]
        is_part = before.search(_ESCAPE.sub(b" ", window[0])) or after.match(window[2])
        return None if is_part else True


def patterns(number: int, identifier: Identifier) -> Iterator[Pattern]:
    """Every form of an identifier that is long enough to tell anything; none where it is not."""
    for spelling in _spellings(identifier):
        for form, pattern, says, read in _forms(spelling):
            if len(pattern) >= SHORTEST and len(says) >= SHORTEST:
                yield Pattern(number, identifier.kind, form, pattern, says, read)
    if identifier.kind == KEY:
        raw = bytes.fromhex(identifier.value)
        yield Pattern(number, KEY, "binary", raw, raw, _plain)
        for form, pattern, says, read in _base64(raw):
            yield Pattern(number, KEY, form, pattern, says, read)


def _spellings(identifier: Identifier) -> set[str]:
    value = identifier.value.strip()
    found = {value, value.lower()}
    if not value.isascii():
        found |= {value.upper(), value.title()}
        found |= {unicodedata.normalize(form, each) for form in ("NFC", "NFD") for each in found}
    if identifier.kind == "email":
        local, _, domain = value.lower().rpartition("@")
        with contextlib.suppress(UnicodeError):
            found.add(f"{local}@{domain.encode('idna').decode()}")
    if identifier.kind == "phone":
        found |= _numbers(normalise_phone(value) or value)
    return found


def _numbers(number: str) -> set[str]:
    """A number as people write it: with and without its country, in pairs or threes."""
    if not number.startswith("+"):
        return {number}
    found = {number[1:], f"00{number[1:]}"}
    for length in (1, 2, 3):  # of the country's code
        country, rest = number[1 : 1 + length], number[1 + length :]
        if len(rest) >= 8:
            found.add("0" + rest)
            for groups in (_pairs(rest), _threes(rest)):
                for mark in (" ", ".", "-", "\u00a0", "\u202f"):
                    found |= {
                        mark.join(("0" + groups[0], *groups[1:])),
                        mark.join((country, *groups)),
                    }
    return found


def _pairs(digits: str) -> list[str]:
    odd = len(digits) % 2
    return [d for d in (digits[:odd], *_cut(digits[odd:], 2)) if d]


def _threes(digits: str) -> list[str]:
    return _cut(digits, 3)


def _cut(digits: str, width: int) -> list[str]:
    return [digits[at : at + width] for at in range(0, len(digits), width)]


def _forms(
    text: str,
) -> Iterator[tuple[str, bytes, bytes, Callable[[bytes, int, int], Window | None]]]:
    plain = text.encode()
    written: dict[bytes, str] = {plain: "plain"}

    def more(form: str, *texts: str | bytes) -> None:
        for each in texts:
            written.setdefault(each.encode() if isinstance(each, str) else each, form)

    once = json.dumps(text)[1:-1]
    safe = re.sub("[<>&']", lambda mark: f"\\u{ord(mark[0]):04x}", once)
    more("json", once, json.dumps(text, ensure_ascii=False)[1:-1], safe)
    more("json twice", *(json.dumps(each)[1:-1] for each in (once, safe)))
    more("url", quote(text, safe=""), quote(text), quote_plus(text), quote(text, safe="@+ "))
    more("url twice", quote(quote(text, safe=""), safe=""), quote_plus(quote_plus(text)))
    entities = html.escape(text).encode("ascii", "xmlcharrefreplace")
    more("html", html.escape(text), html.escape(text, quote=False), entities)
    more("quoted-printable", quopri.encodestring(plain).replace(b"=\n", b""))
    with contextlib.suppress(UnicodeEncodeError):
        more("latin-1", text.encode("latin-1"))
    for pattern, form in written.items():
        yield form, pattern, pattern, _plain
    yield "utf-16", text.encode("utf-16-le"), text.encode("utf-16-le"), _wide(0)
    yield "utf-16", text.encode("utf-16-be"), text.encode("utf-16-be"), _wide(1)
    yield "hex", plain.hex().encode(), plain, _from_hex
    yield from _base64(plain)
    if not text.isascii() or quote(text, safe="") != text:
        yield from _base64(quote(text, safe="").encode())


def _base64(
    plain: bytes,
) -> Iterator[tuple[str, bytes, bytes, Callable[[bytes, int, int], Window | None]]]:
    """The characters that ``plain`` alone decides, at each offset, in both alphabets."""
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + plain)
        skipped = (0, 2, 3)[offset]
        certain = whole[skipped : (offset + len(plain)) * 8 // 6]
        alphabets = {certain, certain.replace(b"+", b"-").replace(b"/", b"_")}
        for pattern in alphabets:
            yield "base64", pattern, plain, _from_base64(offset, skipped, plain)


def _plain(data: bytes, start: int, end: int) -> Window:
    return data[max(0, start - BESIDE) : start], data[start:end], data[end : end + BESIDE]


def _wide(low: int) -> Callable[[bytes, int, int], Window]:
    """Beside a hit in UTF-16 the characters below 256, and blanks for others; ``low`` is which
    byte of two has them."""

    def characters(data: bytes) -> bytes:
        pairs = zip(data[low::2], data[1 - low :: 2], strict=False)
        return bytes(least if most == 0 else 0x20 for least, most in pairs)

    def read(data: bytes, start: int, end: int) -> Window:
        before = data[max(start % 2, start - BESIDE) : start]
        return characters(before), data[start:end], characters(data[end : end + BESIDE])

    return read


def _from_hex(data: bytes, start: int, end: int) -> Window | None:
    begin = start
    while begin >= max(2, start - 32) and _HEX.fullmatch(data, begin - 2, begin):
        begin -= 2
    found = _HEX.match(data, end, end + 32)
    last = end + (len(found[0]) if found else 0) // 2 * 2
    before, says = binascii.unhexlify(data[begin:start]), binascii.unhexlify(data[start:end])
    return before, says, binascii.unhexlify(data[end:last])


def _from_base64(
    offset: int, skipped: int, plain: bytes
) -> Callable[[bytes, int, int], Window | None]:
    def read(data: bytes, start: int, end: int) -> Window | None:
        begin = start - skipped
        if begin < 0 or not _BASE64.fullmatch(data, begin, end):
            return None
        while begin >= max(4, start - 32) and _BASE64.fullmatch(data, begin - 4, begin):
            begin -= 4
        found = _BASE64.match(data, end, end + 32)
        text = data[begin : found.end() if found else end].translate(_URL_SAFE)
        if len(text) % 4 == 1:
            text = text[:-1]
        decoded = base64.b64decode(text + b"=" * (-len(text) % 4))
        at = (start - skipped - begin) // 4 * 3 + offset
        if at + len(plain) > len(decoded):  # the last character was cut off
            return None
        return decoded[:at], decoded[at : at + len(plain)], decoded[at + len(plain) :]

    return read
