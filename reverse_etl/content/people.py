"""What messages are filled with, read of contacts: one query for all of them.

The same query serves a preview of one person (published marts, and the file of identifiers) and
a batch of a run (the warehouse, which holds both).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from reverse_etl.content.values import Primitive
from reverse_etl.publish import dicts, is_published, need, pii_reader, reader
from workspace.definitions.templates import MOST_RECOMMENDATIONS, SOURCES
from workspace.paths import Paths

LANGUAGE = "contact.language"
#: Columns of ``pii.contacts``; the others of a contact are in ``marts.contact_features``.
NAMES = ("first_name", "last_name", "job_title", "organisation", "city")
_ACCOUNT_TABLES = {
    **dict.fromkeys(SOURCES["account"], "accounts"),
    "buyer_stage": "features",
    "contract_ends_on": "features",
}
_NAMES = frozenset(f"contact.{name}" for name in NAMES)
_OWN = (
    frozenset(f"{area}.{name}" for area in ("contact", "account") for name in SOURCES[area])
    - _NAMES
)
_ALL = _OWN | _NAMES | {"recommendation."}
_PLAIN = (str, int, float, date, type(None))
_FETCHED = 10_000


@dataclass(frozen=True)
class Person:
    """What is known of a contact: ``values`` by source, and the segments it is in."""

    contact_id: str
    values: dict[str, Primitive] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()

    @property
    def language(self) -> str | None:
        found = self.values.get(LANGUAGE)
        return found if isinstance(found, str) else None


def people(
    marts: duckdb.DuckDBPyConnection,
    contacts: Sequence[str],
    pii: duckdb.DuckDBPyConnection | None = None,
    approved_items: Collection[str] | None = (),
    sources: Collection[str] | None = None,
) -> dict[str, Person]:
    """Contacts by id, those that exist. ``pii``: where ``pii.contacts`` is; left out, the same.

    A recommendation that needs approval counts only where its content id is in
    ``approved_items``; with None, as for a preview, all of them do. ``sources``: only these are
    read, and the language; all where None.
    """
    if not contacts:
        return {}
    wanted = {LANGUAGE, *(_ALL if sources is None else sources)}
    own = sorted(wanted & _OWN)
    names = sorted(wanted & _NAMES)
    found = {
        contact_id: Person(
            contact_id, dict.fromkeys(names) | _values(own, rest), frozenset(segments or ())
        )
        for contact_id, segments, *rest in _rows(marts, _marts_query(marts, own), contacts)
    }
    if names:
        for contact_id, *rest in _rows(pii or marts, _names_query(names), contacts):
            if contact_id in found:
                found[contact_id].values.update(_values(names, rest))
    if any(source.startswith("recommendation.") for source in wanted):
        recommended = _recommendations(marts, contacts, approved_items)
        for contact_id, its in recommended.items():
            if contact_id in found:
                found[contact_id].values.update(its)
    return found


def published_person(paths: Paths, contact_id: str) -> Person | None:
    """A contact as last published, with what is recommended to it whether approved or not; or None.

    Raises :class:`~reverse_etl.publish.NothingPublished`.
    """
    with reader(paths) as marts, pii_reader(paths) as pii:
        need(marts, "contact_features", "account_features", "dim_accounts")
        return people(marts, [contact_id], pii, approved_items=None).get(contact_id)


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, contacts: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    cursor = connection.execute(query, [list(contacts)])
    while rows := cursor.fetchmany(_FETCHED):
        yield from rows


def _marts_query(marts: duckdb.DuckDBPyConnection, sources: Sequence[str]) -> str:
    columns = "".join(f', {_column(source)} as "{source}"' for source in sources)
    memberships = (
        "select contact_id, list(segment order by segment) as segments "
        "from marts.segment_memberships where contact_id in (select unnest($1)) group by contact_id"
        if _has(marts, "segment_memberships")
        else "select '' as contact_id, []::varchar[] as segments where false"
    )
    return f"""
        with memberships as ({memberships})
        select contacts.contact_id, memberships.segments{columns}
        from marts.contact_features as contacts
        left join marts.dim_accounts as accounts on contacts.account_id = accounts.account_id
        left join marts.account_features as features on contacts.account_id = features.account_id
        left join memberships on contacts.contact_id = memberships.contact_id
        where contacts.contact_id in (select unnest($1))
    """


def _column(source: str) -> str:
    area, _, name = source.partition(".")
    return f"contacts.{name}" if area == "contact" else f"{_ACCOUNT_TABLES[name]}.{name}"


def _names_query(sources: Sequence[str]) -> str:
    columns = ", ".join(source.partition(".")[2] for source in sources)
    return f"select contact_id, {columns} from pii.contacts where contact_id in (select unnest($1))"


def _recommendations(
    marts: duckdb.DuckDBPyConnection,
    contacts: Sequence[str],
    approved: Collection[str] | None,
) -> dict[str, dict[str, Primitive]]:
    if not (_has(marts, "content_recommendations") and _has(marts, "dim_content")):
        return {}
    rows = dicts(
        marts,
        """
        select
            recommended.contact_id, items.title, items.url, items.content_type, items.topic
        from marts.content_recommendations as recommended
        join marts.dim_content as items on recommended.content_id = items.content_id
        where recommended.contact_id in (select unnest($1))
            and recommended.channel = 'email'
            and ($2 or not recommended.needs_approval
                or recommended.content_id in (select unnest($3)))
        order by recommended.contact_id, recommended.recommendation_rank
        """,
        [list(contacts), approved is None, sorted(approved or ())],
    )
    found: dict[str, dict[str, Primitive]] = {}
    places: Counter[str] = Counter()
    for row in rows:
        contact = row["contact_id"]
        places[contact] += 1
        if places[contact] <= MOST_RECOMMENDATIONS:
            its = found.setdefault(contact, {})
            for name in SOURCES["recommendation"]:
                its[f"recommendation.{places[contact]}.{name}"] = row[name]
    return found


def _values(sources: Sequence[str], row: Sequence[Any]) -> dict[str, Primitive]:
    return {
        source: value if isinstance(value, _PLAIN) else str(value)
        for source, value in zip(sources, row, strict=True)
    }


def _has(connection: duckdb.DuckDBPyConnection, view: str) -> bool:
    if is_published(connection, view):
        return True
    row = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'marts' and table_name = ?",
        [view],
    ).fetchone()
    return row is not None and row[0] > 0
