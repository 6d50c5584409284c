"""The audit chain: who decided or read what, when and why, each entry sealed by the one before.

An entry names objects, never the values of people: a subject stands as a keyed hash, and what
stood before and after as a digest. :func:`append` is the only way in; the table refuses updates
and deletes, and :func:`verify` finds whatever was changed all the same. ``docs/audit.md`` says
what the chain proves and what it does not.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa

from workspace.identifiers import Keyring
from workspace.ledger import CHUNK_ROWS, Ledger, schema

#: What the first entry follows.
GENESIS = "0" * 64
#: Who did what no person decided.
PIPELINE = "pipeline"

_TABLE = schema.audit_chain
_APPENDING = 7_201_987  # Postgres advisory lock: any fixed number
_KEYS_A_QUERY = 10_000  # SQLite takes 32,766 parameters
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUBJECT = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
_ACTION = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)+")
_LENGTHS = {
    column.name: column.type.length
    for column in _TABLE.columns
    if isinstance(column.type, sa.String) and column.type.length
}


class Refused(ValueError):
    """What does not belong in the chain; the message names the field."""


@dataclass(frozen=True)
class Entry:
    """One decision or reading.

    ``at`` is naive UTC. ``actor`` is who did it (`workspace.settings.actor`), ``action`` what, as
    ``subject.verb`` (``campaign.approve``), ``object`` on what, as ``kind:key``
    (``campaign:spring``). ``subject_key`` is the contact id or the keyed hash of an identifier
    (`workspace.identifiers`) where it is about one person. ``before`` and ``after`` are
    :func:`digest` of what stood before and after, None where there was or is nothing.
    ``reason`` is what a person gave. Raises :class:`Refused` for what does not fit, an address
    above all.
    """

    at: datetime
    actor: str
    action: str
    object: str
    subject_key: str | None = None
    before: str | None = None
    after: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is not None:
            raise Refused("at: naive UTC is wanted")
        for name in ("before", "after"):
            value = getattr(self, name)
            if value is not None and not _DIGEST.fullmatch(value):
                raise Refused(f"{name}: a digest is wanted, not what it is of")
        if self.subject_key is not None and not _SUBJECT.fullmatch(self.subject_key):
            raise Refused("subject_key: a keyed hash is wanted, not the identifier")
        if not _ACTION.fullmatch(self.action):
            raise Refused(f"action: {self.action!r} is not like campaign.approve")
        names = ("actor", "action", "object", "reason")
        check(**{name: getattr(self, name) for name in names})


def check(**texts: str | None) -> None:
    """Raises :class:`Refused` for a text that no entry may hold in the field of its name."""
    for name, value in texts.items():
        if value is not None:
            _check_text(name, value)


def _check_text(name: str, value: str) -> None:
    if not value or "\0" in value or any("\ud800" <= one <= "\udfff" for one in value):
        raise Refused(f"{name}: text is wanted")
    if len(value) > _LENGTHS.get(name, 2_000):
        raise Refused(f"{name}: longer than {_LENGTHS.get(name, 2_000)} characters")
    if _ADDRESS.search(unicodedata.normalize("NFKC", value)):
        raise Refused(f"{name}: an address does not belong here")


class Link(NamedTuple):
    """An entry as it stands in the chain. ``position`` counts from 1, without a gap."""

    position: int
    at: datetime
    actor: str
    action: str
    object: str
    subject_key: str | None
    before_hash: str | None
    after_hash: str | None
    reason: str | None
    previous: str
    digest: str


class Tail(NamedTuple):
    """How far a chain goes: the last position (0 of an empty chain) and its digest."""

    position: int
    digest: str


class Broken(NamedTuple):
    """The first link that does not hold."""

    position: int
    problem: str

    def __str__(self) -> str:
        return f"position {self.position}: {self.problem}"


class Verdict(NamedTuple):
    """How many entries were read, where the chain ends, and what is broken, None of a whole one."""

    entries: int
    tail: Tail
    broken: Broken | None


class Anchor(NamedTuple):
    """What a place outside the chain remembers of it; ``where`` says to people what place."""

    position: int
    digest: str
    where: str


def digest(value: Any, keyring: Keyring | None = None) -> str | None:
    """SHA-256 in hex of ``value`` as canonical JSON; None of None.

    With a ``keyring`` it is an HMAC under the workspace's pepper, which is wanted wherever the
    value could be guessed: whatever belongs to a person. Definitions need none, and anybody who
    holds the file can then check it.
    """
    if value is None:
        return None
    text = json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
        allow_nan=False,
        default=_plain,
    )
    if keyring is not None:
        return keyring.seal(text)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """What JSON has no form for, as text."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"no digest of a {type(value).__name__}")


def append(connection: sa.Connection, entry: Entry) -> Tail:
    """Add an entry within an open ``ledger.writing()`` transaction; where the chain ends then.

    Call it last in the transaction: on Postgres other writers wait for it from here on.
    """
    return append_all(connection, [entry])


def append_all(connection: sa.Connection, entries: Iterable[Entry]) -> Tail:
    """:func:`append` of many, in their order, with one read and few writes."""
    if not connection.get_execution_options().get("ledger_write", False):
        raise RuntimeError("the audit chain is written within ledger.writing()")
    if connection.dialect.name == "postgresql":
        # One writer at a time until it has committed, as on SQLite: no gap and no fork.
        connection.execute(sa.text(f"select pg_advisory_xact_lock({_APPENDING})"))
    end = tail_of(connection)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        link = _link(entry, end)
        end = Tail(link.position, link.digest)
        rows.append(link._asdict())
    for start in range(0, len(rows), CHUNK_ROWS):
        connection.execute(_TABLE.insert(), rows[start : start + CHUNK_ROWS])
    return end


def record(ledger: Ledger, entry: Entry) -> Tail:
    """:func:`append` in a transaction of its own: for what changes nothing else in the ledger."""
    with ledger.writing() as connection:
        return append(connection, entry)


def _link(entry: Entry, after: Tail) -> Link:
    link = Link(
        after.position + 1,
        entry.at,
        entry.actor,
        entry.action,
        entry.object,
        entry.subject_key,
        entry.before,
        entry.after,
        entry.reason,
        after.digest,
        "",
    )
    return link._replace(digest=seal(link))


def seal(link: Link) -> str:
    """The digest that an entry must have: SHA-256 over all its fields and the digest before it,
    separated by NUL, an empty one where there is none. `audit_link_digest` says the same in SQL."""
    at = link.at.isoformat(timespec="microseconds")
    fields = (str(link.position), at, *(text or "" for text in link[2:-1]))
    return hashlib.sha256("\0".join(fields).encode()).hexdigest()


def tail(ledger: Ledger) -> Tail:
    """Where the chain ends."""
    with ledger.reading() as connection:
        return tail_of(connection)


def tail_of(connection: sa.Connection) -> Tail:
    """:func:`tail`, within a transaction."""
    query = (
        sa.select(_TABLE.c.position, _TABLE.c.digest).order_by(_TABLE.c.position.desc()).limit(1)
    )
    row = connection.execute(query).first()
    return Tail(*row) if row else Tail(0, GENESIS)


def links(connection: sa.Connection, after: int = 0) -> Iterator[Link]:
    """The chain in order, from the position behind ``after`` on."""
    query = sa.select(_TABLE).where(_TABLE.c.position > after).order_by(_TABLE.c.position)
    for row in connection.execute(query.execution_options(yield_per=CHUNK_ROWS)):
        yield Link(*row)


def verify(ledger: Ledger, anchors: Iterable[Anchor] = ()) -> Verdict:
    """Read the whole chain and name the first link that does not hold.

    ``anchors`` are what is remembered of it elsewhere: without them a chain that was cut off or
    written anew from some position on looks whole.
    """
    known: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        known.setdefault(anchor.position, []).append(anchor)
    end, count = Tail(0, GENESIS), 0
    with ledger.reading() as connection:
        for link in links(connection):
            problem = _problem(link, end, known.get(link.position, ()))
            if problem is not None:
                return Verdict(count, end, problem)
            end, count = Tail(link.position, link.digest), count + 1
    return Verdict(count, end, _cut(end, known))


def _problem(link: Link, end: Tail, anchors: Iterable[Anchor]) -> Broken | None:
    """What is wrong with a link that comes after ``end``."""
    if link.position != end.position + 1:
        return Broken(end.position + 1, "missing")
    if seal(link) != link.digest:
        return Broken(link.position, "changed: its digest is not that of what it says")
    if link.previous != end.digest:
        if not end.position:
            return Broken(link.position, "the first entry follows another")
        return Broken(end.position, f"rewritten: position {link.position} follows another")
    for anchor in anchors:
        if anchor.digest != link.digest:
            return Broken(link.position, f"rewritten: {anchor.where} knows another")
    return None


def _cut(end: Tail, known: dict[int, list[Anchor]]) -> Broken | None:
    later = [position for position in known if position > end.position]
    if not later:
        return None
    last = max(later)
    return Broken(
        end.position + 1, f"missing: {known[last][0].where} knows entries up to position {last}"
    )


def of_subject(connection: sa.Connection, keys: Sequence[str]) -> list[Link]:
    """The entries about a person by all keys that they are or were known by, in order."""
    found: list[Link] = []
    for start in range(0, len(keys), _KEYS_A_QUERY):
        some = keys[start : start + _KEYS_A_QUERY]
        query = sa.select(_TABLE).where(_TABLE.c.subject_key.in_(some))
        found += [Link(*row) for row in connection.execute(query)]
    return sorted(found)
