"""Identifiers of several people in one regular expression, however texts and URLs write them.

What `reverse_etl.privacy.forms` finds in texts is found by these expressions, too: an erasure
has to change what its scan looks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

_NUMBER = re.compile(r"\+[0-9]{9,15}")
#: Digits of a number that tell it from others, whatever its country is written like.
_ENDING = 8
_MARK = (
    r"(?:[ .\x2d\xa0\u202f]|\x5c+u(?:00a0|202f|0020|002d|002e)"
    r"|%(?:25)*(?:20|2e|2d|c2%(?:25)*a0|e2%(?:25)*80%(?:25)*af))?"
)
_ESCAPED = r"%[0-9a-f]{2}|\x5c[nrtbfv]|\x5cu[0-9a-f]{4}"
_UNICODE = re.compile(r"\\u([0-9a-f]{4})", re.IGNORECASE)
#: What of an identifier is looked for; a character outside ASCII counts as three.
_ENOUGH = 24
#: Marks between the digits of a number; of those that URLs and JSON escape, only where one begins:
#: the expressions of many numbers with escapes would be slow.
_MARKS = rb"(?:[ .\-\xa0]|\xc2\xa0|\xe2\x80\xaf)?"
_ESCAPED_MARK = rb"[0-9](?:%(?:25)*(?:2[0de]|c2|e2)|\\+u(?:00a0|202f|0020|002d|002e))"


def is_number(spelling: str) -> bool:
    """Whether a spelling is a phone number in its normal form."""
    return _NUMBER.fullmatch(spelling) is not None


def by_ending(spellings: Mapping[str, str]) -> dict[str, str]:
    """The stand-ins of phone numbers by the numbers' last digits."""
    return {ending(one): stand_in for one, stand_in in spellings.items() if is_number(one)}


def ending(number: str) -> str:
    return "".join(filter(str.isdigit, number))[-_ENDING:]


def decoded(text: str) -> str:
    """A text without the escapes of URLs and of JSON."""
    for _ in range(3):
        text = unquote(text)
    return _UNICODE.sub(lambda found: chr(int(found[1], 16)), text)


def pattern(spellings: Iterable[str]) -> re.Pattern[str] | None:
    """Any of the spellings where it is no part of a longer one; None without spellings."""
    found = []
    for kind, any_of in _alternatives(spellings).items():
        before, after = _BESIDE[kind]
        escaped = "|".join(f"(?<={one})" for one in _ESCAPED.split("|"))
        found.append(f"(?:{before}|{escaped})(?:{any_of}){after}")
    # ASCII: by Unicode's rules a dotless i would be an i, which no other search takes it for.
    return re.compile("|".join(found), re.IGNORECASE | re.ASCII) if found else None


def expressions(spellings: Iterable[str]) -> list[bytes]:
    """For :class:`workspace.needles.Needles`: what any bytes with one of the spellings have."""
    found = []
    for text in spellings:
        if is_number(text):
            found.append(_MARKS.join(bytes([digit]) for digit in ending(text).encode()))
        else:
            found.append(b"".join(map(_bytes, _beginning(_telling(text)))))
    if any(is_number(text) for text in spellings):
        found.append(_ESCAPED_MARK)
    return found


def _telling(text: str) -> str:
    """Without the end of an address that other addresses and pages have, too: Hyperscan looks for
    ends first, and would stop at each of them."""
    name, at, domain = text.rpartition("@")
    host, dot, _ = domain.rpartition(".")
    return f"{name}@{host}" if at and dot else text


def _beginning(text: str) -> str:
    """What of a text is enough to look at the place: longer expressions are too large."""
    left = _ENOUGH
    for length, one in enumerate(text):
        left -= 1 if one.isascii() else 3
        if left < 0:
            return text[:length]
    return text


def _bytes(one: str) -> bytes:
    if one.isascii() and (one.isalnum() or one == "_"):
        return one.encode()
    if one.isascii():
        code = b"%02x" % ord(one)
        return rb"(?:\\*\x" + code + b"|%[25]*" + code + rb"|\\+u00" + code + b")"
    found = []
    for other in _cases(one):
        inside = other.encode("utf-8", "surrogatepass")
        found.append(b"".join(b"\\x%02x" % byte for byte in inside))
        found.append(b"".join(b"%%[25]*%02x" % byte for byte in inside))
        found.append(b"".join(rb"\\+u" + unit.encode() for unit in _units(other)))
    return b"(?:" + b"|".join(found) + b")"


def _cases(one: str) -> list[str]:
    """A character in upper and lower case, where that is one character."""
    return sorted({case for case in (one, one.lower(), one.upper()) if len(case) == 1})


def _units(one: str) -> list[str]:
    """A character's code units in UTF-16, in hexadecimal digits, as JSON writes them."""
    units = one.encode("utf-16-be", "surrogatepass").hex()
    return [units[at : at + 4] for at in range(0, len(units), 4)]


#: By kind: what may stand before and behind; the same as `forms` has.
_BESIDE = {
    "email": (r"(?<![a-z0-9._\x2d])", r"(?![a-z0-9\x2d]|\.[a-z0-9])"),
    "phone": (r"(?<![0-9])(?<![0-9]\.)", r"(?![0-9])"),
    "other": (r"(?<![a-z0-9_\x2d])", r"(?![a-z0-9_\x2d])"),
}


def _alternatives(spellings: Iterable[str]) -> dict[str, str]:
    listed: dict[str, list[str]] = {}
    for text in sorted(spellings, key=lambda one: (-len(one), one)):
        if is_number(text):
            listed.setdefault("phone", []).append(_number(text[1:]))
        else:
            kind = "email" if "@" in text else "other"
            listed.setdefault(kind, []).append("".join(map(_character, text)))
    return {kind: "|".join(found) for kind, found in listed.items()}


def _number(digits: str) -> str:
    """With and without its country, whose code has one to three digits, and marks between."""
    found = []
    for length in (1, 2, 3):
        country, rest = digits[:length], digits[length:]
        if len(rest) >= _ENDING:
            code = rf"(?:\x2b|00|%(?:25)*2b)?{_MARK.join(country)}{_MARK}(?:\(0\){_MARK})?"
            found.append(f"(?:{code}|0{_MARK}){_MARK.join(rest)}")
    return "|".join(found) or digits


def _character(one: str) -> str:
    if one.isascii() and (one.isalnum() or one == "_"):
        return one
    found = []
    for other in _cases(one):
        found.append(other if ord(other) > 127 else f"\\x{ord(other):02x}")
        inside = other.encode("utf-8", "surrogatepass")
        found.append("".join(f"%(?:25)*{byte:02x}" for byte in inside))
        found.append("".join(f"\\x5cu{unit}" for unit in _units(other)))
    return f"(?:{'|'.join(found)})"
