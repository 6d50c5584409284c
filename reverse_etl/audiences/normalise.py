"""How each platform wants an address or a number before it is hashed, as DuckDB expressions.

A version names the rules that made what was sent; what was sent is kept, so a removal after a
change of the rules takes back what the old ones had made. An identifier that the platform's rules
do not take is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: What goes at both ends by the rules that say "strip", and by Meta's.
_BLANK = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"
_META_ENDS = "' .' || chr(0) || chr(9) || chr(10) || chr(11) || chr(13)"
#: Nothing that cannot be seen; nor İ, whose lower case is another text wherever one asks.
_UNSEEN = r"İ\x{00AD}\x{200B}-\x{200F}\x{2028}-\x{202E}\x{2060}\x{FEFF}\x00"
_ADDRESS = rf"^[^\s@{_UNSEEN}]+@[^\s@{_UNSEEN}]+\.[^\s@.{_UNSEEN}]+$"
_E164 = r"^\+[1-9][0-9]{6,14}$"


@dataclass(frozen=True)
class Normaliser:
    """``email`` and ``phone`` make an expression of one; a platform without one has None."""

    version: str
    email: Callable[[str], str]
    phone: Callable[[str], str] | None = None
    hashes: bool = True

    def sql(self, kind: str, column: str) -> str:
        """An expression of what is sent for a column; NULL where it does not fit."""
        rule = self.email if kind == "email" else self.phone
        if rule is None:
            raise ValueError(f"{self.version} takes no {kind}")
        value = rule(column)
        return f"sha256({value})" if self.hashes else value


def _matching(value: str, pattern: str) -> str:
    return f"nullif(regexp_extract({value}, '{pattern}'), '')"


def _plain_email(column: str, ends: str = _BLANK) -> str:
    return f"lower({_matching(f'trim({column}, {ends})', _ADDRESS)})"


def _google_email(column: str) -> str:
    """Dots before gmail.com and googlemail.com do not count there; what follows + does."""
    value = _plain_email(column)
    return (
        f"case when ends_with({value}, '@gmail.com') or ends_with({value}, '@googlemail.com') "
        f"then replace(split_part({value}, '@', 1), '.', '') || '@' || split_part({value}, '@', 2) "
        f"else {value} end"
    )


def _meta_email(column: str) -> str:
    """Dots at the ends go with the blanks; those inside stay."""
    return _plain_email(column, _META_ENDS)


def _e164(column: str) -> str:
    return _matching(f"translate({column}, ' ().-/' || chr(9), '')", _E164)


def _digits(column: str) -> str:
    return f"substr({_e164(column)}, 2)"


GOOGLE = Normaliser("google-1", _google_email, _e164)
META = Normaliser("meta-1", _meta_email, _digits)
LINKEDIN = Normaliser("linkedin-1", _plain_email)
HASHED = Normaliser("hashed-1", _plain_email, _e164)
PLAIN = Normaliser("plain-1", _plain_email, _e164, hashes=False)
KNOWN = {one.version: one for one in (GOOGLE, META, LINKEDIN, HASHED, PLAIN)}


def identifiers_sql(normaliser: Normaliser, kinds: Sequence[str]) -> str:
    """Of columns ``email`` and ``phone``: the JSON of what is sent, NULL where nothing fits."""
    made = {kind: normaliser.sql(kind, kind) for kind in sorted(kinds)}
    parts = " || ".join(
        f"coalesce(',\"{kind}\":[' || to_json({sql}) || ']', '')" for kind, sql in made.items()
    )
    return f"nullif('{{' || substr({parts}, 2) || '}}', '{{}}')"
