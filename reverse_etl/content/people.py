"""What messages are filled with, read of contacts: one query for all of them.

The same query serves a preview of one person (published marts, and the file of identifiers) and
a batch of a run (the warehouse, which holds both).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from reverse_etl.content.values import Primitive
from reverse_etl.publish import dicts, is_published, need, pii_reader, reader
from workspace.definitions.templates import MOST_RECOMMENDATIONS, SOURCES
from workspace.paths import Paths

#: Columns of ``pii.contacts``; the others of a contact are in ``marts.contact_features``.
NAMES = ("first_name", "last_name", "job_title", "organisation", "city")
_ACCOUNT_TABLES = {
    **dict.fromkeys(SOURCES["account"], "accounts"),
    "buyer_stage": "features",
    "contract_ends_on": "features",
}


@dataclass(frozen=True)
class Person:
    """What is known of a contact: ``values`` by source, and the segments it is in."""

    contact_id: str
    values: dict[str, Primitive] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()

    @property
    def language(self) -> str | None:
        found = self.values.get("contact.language")
        return found if isinstance(found, str) else None


def people(
    marts: duckdb.DuckDBPyConnection,
    contacts: Sequence[str],
    pii: duckdb.DuckDBPyConnection | None = None,
    approved_items: Collection[str] | None = (),
) -> dict[str, Person]:
    """Contacts by id, those that exist. ``pii``: where ``pii.contacts`` is; left out, the same.

    A recommendation that needs approval counts only where its content id is in
    ``approved_items``; with None, as for a preview, all of them do.
    """
    if not contacts:
        return {}
    found = {row["contact_id"]: row for row in dicts(marts, _marts_query(marts), [list(contacts)])}
    names = {row["contact_id"]: row for row in dicts(pii or marts, _NAMES_QUERY, [list(contacts)])}
    recommended = _recommendations(marts, contacts, approved_items)
    return {
        contact: Person(
            contact,
            {
                **_values("contact", names.get(contact, {}), NAMES),
                **_values("contact", row, SOURCES["contact"] - set(NAMES)),
                **{
                    f"account.{name}": _plain(row[f"account_{name}"])
                    for name in sorted(SOURCES["account"])
                },
                **recommended.get(contact, {}),
            },
            frozenset(row["segments"] or ()),
        )
        for contact, row in found.items()
    }


def published_person(paths: Paths, contact_id: str) -> Person | None:
    """A contact as last published, with what is recommended to it whether approved or not; or None.

    Raises :class:`~reverse_etl.publish.NothingPublished`.
    """
    with reader(paths) as marts, pii_reader(paths) as pii:
        need(marts, "contact_features", "account_features", "dim_accounts")
        return people(marts, [contact_id], pii, approved_items=None).get(contact_id)


def _marts_query(marts: duckdb.DuckDBPyConnection) -> str:
    own = ", ".join(f"contacts.{name}" for name in sorted(SOURCES["contact"] - set(NAMES)))
    account = ", ".join(
        f"{table}.{name} as account_{name}" for name, table in sorted(_ACCOUNT_TABLES.items())
    )
    memberships = (
        "select contact_id, list(segment order by segment) as segments "
        "from marts.segment_memberships where contact_id in (select unnest($1)) group by contact_id"
        if _has(marts, "segment_memberships")
        else "select '' as contact_id, []::varchar[] as segments where false"
    )
    return f"""
        with memberships as ({memberships})
        select contacts.contact_id, {own}, {account}, memberships.segments
        from marts.contact_features as contacts
        left join marts.dim_accounts as accounts on contacts.account_id = accounts.account_id
        left join marts.account_features as features on contacts.account_id = features.account_id
        left join memberships on contacts.contact_id = memberships.contact_id
        where contacts.contact_id in (select unnest($1))
    """


_NAMES_QUERY = f"""
    select {", ".join(("contact_id", *NAMES))}
    from pii.contacts
    where contact_id in (select unnest($1))
"""


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


def _values(area: str, row: Mapping[str, Any], names: Collection[str]) -> dict[str, Primitive]:
    return {f"{area}.{name}": _plain(row.get(name)) for name in sorted(names)}


def _plain(value: Any) -> Primitive:
    return value if isinstance(value, str | int | float | date | None) else str(value)


def _has(connection: duckdb.DuckDBPyConnection, view: str) -> bool:
    if is_published(connection, view):
        return True
    row = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'marts' and table_name = ?",
        [view],
    ).fetchone()
    return row is not None and row[0] > 0
