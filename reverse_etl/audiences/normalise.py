"""How each platform wants an address or a number before it is hashed, as DuckDB expressions.

A version names the rules that made what was sent; what was sent is kept, so a removal after a
change of the rules takes back what the old ones had made. An identifier that the platform's rules
do not take is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: What is left at both ends by the rules that say "strip".
_BLANK = r"[ \t\r\n\f\x0B]"
#: One at least of each part, no blank inside, nothing that cannot be seen; nor İ, whose lower case
#: is another text wherever one asks.
_ADDRESS = r"^[^\s@]+@[^\s@]+\.[^\s@.]+$"
_UNSEEN = r"[İ\x{00AD}\x{200B}-\x{200F}\x{2028}-\x{202E}\x{2060}\x{FEFF}\x00]"
_META_ENDS = r"[ \t\r\n\x00\x0B.]"
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


def _regexp(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _valid_email(value: str) -> str:
    return f"case when regexp_matches({value}, {_regexp(_ADDRESS)}) then {value} end"


def _stripped(column: str, characters: str = _BLANK) -> str:
    seen = f"case when not regexp_matches({column}, {_regexp(_UNSEEN)}) then {column} end"
    return f"regexp_replace({seen}, {_regexp(f'^{characters}+|{characters}+$')}, '', 'g')"


def _plain_email(column: str) -> str:
    return _valid_email(f"lower({_stripped(column)})")


def _google_email(column: str) -> str:
    """Dots before gmail.com and googlemail.com do not count there; what follows + does."""
    value = f"lower({_stripped(column)})"
    without = (
        f"case when regexp_matches({value}, '@(gmail|googlemail)\\.com$') "
        f"then replace(split_part({value}, '@', 1), '.', '') || '@' || split_part({value}, '@', 2) "
        f"else {value} end"
    )
    return f"case when ({_valid_email(value)}) is not null then {without} end"


def _meta_email(column: str) -> str:
    """Dots at the ends go with the blanks; those inside stay."""
    return _valid_email(f"lower({_stripped(column, _META_ENDS)})")


def _e164(column: str) -> str:
    value = f"regexp_replace({column}, '[\\s().\\-/]', '', 'g')"
    return f"case when regexp_matches({value}, {_regexp(_E164)}) then {value} end"


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
