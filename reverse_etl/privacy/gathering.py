"""Every row about one person: from the lake, the ledger and what is published.

The catalogue says which columns name people; a row is the person's where one of them does. Rows of
a message, which only its id ties to a person, are found by that id. Published tables are taken by
their columns, so that a mart added later is not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import sqlalchemy as sa

from reverse_etl.privacy.subjects import Subject
from reverse_etl.publish import NothingPublished, dicts, pii_reader, reader
from workspace import catalogue
from workspace.catalogue import Holding, Store
from workspace.lake import Lake, read_files
from workspace.ledger import Ledger, schema
from workspace.paths import Paths
from workspace.streams import STREAMS

Row = dict[str, Any]

#: Rows that a message ties to a person: store and name, its column, and the rows that it is of.
_OF_MESSAGES: tuple[tuple[Store, str, str, str], ...] = (
    ("lake", "message_decisions", "intent_id", "message_intents"),
    ("ledger", "message_attempts", "message_id", "messages"),
    ("ledger", "message_payloads", "message_id", "messages"),
)
#: Columns of published tables that may name a person, besides all that end with ``_key``.
_PERSON_COLUMNS = ("contact_id", "member_id", "customer_id")
_ASSOCIATED = (
    "list_has_any(json_extract_string(associations, '$.contacts.results[*].id'), "
    "(select coalesce(list(value), []) from own_values where kind = 'crm_contact'))"
)
#: Rejected rows are read this many at a time: their originals may be a megabyte each.
_AT_ONCE = 1_000


@dataclass(frozen=True)
class Dataset:
    """The rows about a person from one place. ``place``: lake, ledger, marts or pii; ``category``
    is one of ``privacy.yml``; ``kinds`` says which columns name people, and how; ``when``, of some
    of them, in which rows only: another column and its values."""

    place: str
    name: str
    category: str
    rows: list[Row]
    kinds: dict[str, str] = field(default_factory=dict)
    description: str = ""
    when: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{self.place}/{self.name}"


def gather(
    paths: Paths, lake: Lake, ledger: Ledger, subject: Subject, spoken_of: Callable[[bytes], bool]
) -> list[Dataset]:
    """All rows about ``subject``; places without any are left out.

    ``spoken_of`` tells of the bytes of a rejected row whether they name the person.
    """
    found = [*_of_lake(lake, subject, spoken_of), *_of_ledger(ledger, subject)]
    found += _of_messages(lake, ledger, found)
    found += _published(paths, subject)
    return [dataset for dataset in found if dataset.rows]


# ---- the lake ------------------------------------------------------------------------------------


def _of_lake(lake: Lake, subject: Subject, spoken_of: Callable[[bytes], bool]) -> Iterator[Dataset]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        _stage(connection, subject)
        for name, holdings in _by_name("lake").items():
            if name == "rejected_rows":
                rows = _rejected(connection, lake, spoken_of)
            else:
                source = read_files(STREAMS[name], lake.files(name))
                conditions = " or ".join(_condition(holding) for holding in holdings)
                rows = dicts(connection, f"select * from {source} where {conditions}")
            description = STREAMS[name].description
            when = {
                column: limit
                for its in holdings
                for column in (*its.owners, *its.mentions)
                for limit in its.when.items()
            }
            yield Dataset(
                "lake", name, holdings[0].category, rows, _kinds(holdings), description, when
            )


def _by_name(store: Store) -> dict[str, list[Holding]]:
    found: dict[str, list[Holding]] = {}
    for holding in catalogue.HOLDINGS:
        if holding.store == store:
            found.setdefault(holding.name, []).append(holding)
    return found


def _kinds(holdings: Iterable[Holding]) -> dict[str, str]:
    return {name: kind for its in holdings for name, kind in {**its.owners, **its.mentions}.items()}


def _stage(connection: duckdb.DuckDBPyConnection, subject: Subject) -> None:
    """The person's identifiers as tables ``own_keys`` and ``own_values``."""
    connection.execute("create table own_keys as select unnest($1) as key", [sorted(subject.keys)])
    pairs = [(kind, value) for kind, values in subject.values.items() for value in values]
    connection.execute(
        "create table own_values as select unnest($1::varchar[]) as kind, "
        "unnest($2::varchar[]) as value",
        [[kind for kind, _ in pairs], [value for _, value in pairs]],
    )


def _condition(holding: Holding) -> str:
    """Whether a row names the person, as an owner or in passing."""
    tests = [
        _names(column, kind) for column, kind in {**holding.owners, **holding.mentions}.items()
    ]
    if (
        "contact_crm_id" in holding.mentions
        and "associations" in STREAMS[holding.name].schema.names
    ):
        tests.append(_ASSOCIATED)  # the column names the first of them only
    named = " or ".join(tests)
    limits = " and ".join(
        f"{column} in ({', '.join(repr(value) for value in values)})"
        for column, values in holding.when.items()
    )
    return f"(({named}) and {limits})" if limits else f"({named or 'false'})"


def _names(column: str, kind: str) -> str:
    if kind == "key":
        return f"{column} in (select key from own_keys)"
    if kind == "email":
        values = "select lower(value) from own_values where kind = 'email'"
        return f"lower(trim({column})) in ({values})"
    return f"{column} in (select value from own_values where kind = '{kind}')"


def _rejected(
    connection: duckdb.DuckDBPyConnection, lake: Lake, spoken_of: Callable[[bytes], bool]
) -> list[Row]:
    source = read_files(STREAMS["rejected_rows"], lake.files("rejected_rows"))
    cursor = connection.execute(f"select * from {source}")
    names = [column[0] for column in cursor.description or []]
    found = []
    while some := cursor.fetchmany(_AT_ONCE):
        rows = (dict(zip(names, values, strict=True)) for values in some)
        found += [row for row in rows if row["original"] and spoken_of(row["original"])]
    return found


# ---- the ledger ----------------------------------------------------------------------------------


def _of_ledger(ledger: Ledger, subject: Subject) -> Iterator[Dataset]:
    keys = sorted(subject.keys)
    with ledger.reading() as connection:
        for name, holdings in _by_name("ledger").items():
            table = schema.metadata.tables[name]
            tests = [
                table.c[column].in_(keys)
                if kind == "key"
                else sa.or_(*(table.c[column].contains(f'"{key}"') for key in keys))
                for holding in holdings
                for column, kind in holding.owners.items()
            ]
            rows = _select(connection, table, sa.or_(*tests)) if tests else []
            yield Dataset("ledger", name, holdings[0].category, rows, _kinds(holdings))


def _select(
    connection: sa.Connection, table: sa.Table, condition: sa.ColumnElement[bool]
) -> list[Row]:
    query = sa.select(table).where(condition).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def _of_messages(lake: Lake, ledger: Ledger, found: Sequence[Dataset]) -> Iterator[Dataset]:
    for place, name, column, owner in _OF_MESSAGES:
        ids = sorted({row[column] for its in found if its.name == owner for row in its.rows})
        if not ids:
            continue
        if place == "lake":
            source = read_files(STREAMS[name], lake.files(name))
            query = f"select * from {source} where {column} in (select unnest($1))"
            with duckdb.connect() as connection:
                yield Dataset(place, name, "messages", dicts(connection, query, [ids]))
        else:
            table = schema.metadata.tables[name]
            with ledger.reading() as reading:
                rows = []
                for start in range(0, len(ids), _AT_ONCE):
                    some = table.c[column].in_(ids[start : start + _AT_ONCE])
                    rows += _select(reading, table, some)
            yield Dataset(place, name, "messages", rows)


# ---- what is published ---------------------------------------------------------------------------


def _published(paths: Paths, subject: Subject) -> Iterator[Dataset]:
    keys = sorted(subject.keys)
    try:
        with reader(paths) as connection:
            yield from _views(connection, "marts", keys)
            yield _credits(connection, keys)
        with pii_reader(paths) as connection:
            yield from _views(connection, "pii", keys)
    except (NothingPublished, duckdb.CatalogException):
        return


def _views(connection: duckdb.DuckDBPyConnection, place: str, keys: list[str]) -> Iterator[Dataset]:
    columns = connection.execute(
        """
        select
            columns.table_name,
            list(columns.column_name order by columns.column_index),
            any_value(views.comment)
        from duckdb_columns() as columns
        join duckdb_views() as views
            on columns.schema_name = views.schema_name and columns.table_name = views.view_name
        where
            columns.schema_name = $1
            and columns.data_type = 'VARCHAR'
            and (columns.column_name in (select unnest($2)) or columns.column_name like '%\\_key'
            escape '\\')
        group by columns.table_name
        order by columns.table_name
        """,
        [place, list(_PERSON_COLUMNS)],
    ).fetchall()
    for view, named, description in columns:
        condition = " or ".join(f'"{name}" in (select unnest($1))' for name in named)
        rows = dicts(connection, f'select * from {place}."{view}" where {condition}', [keys])
        yield Dataset(
            place, view, category_of(view), rows, dict.fromkeys(named, "key"), description or ""
        )


def _credits(connection: duckdb.DuckDBPyConnection, keys: list[str]) -> Dataset:
    """What was credited to the person's own touches."""
    rows = dicts(
        connection,
        """
        select distinct credits.*
        from marts.attribution_credits as credits
        join marts.attribution_touchpoints as touches using (conversion_id, touch_id)
        where touches.contact_id in (select unnest($1))
        """,
        [keys],
    )
    return Dataset("marts", "attribution_credits", "behaviour", rows)


#: What a published table is filed under, by how its name begins; the first that fits.
_CATEGORIES = (
    ("consent", "consent"),
    ("unsubscribes", "consent"),
    ("lead_score", "scores"),
    ("engagement_scores", "scores"),
    ("buyer_stages", "scores"),
    ("contact_personas", "scores"),
    ("content_recommendations", "scores"),
    ("predictions", "scores"),
    ("next_best_actions", "scores"),
    ("send_times", "scores"),
    ("lookalikes", "scores"),
    ("customer_values", "scores"),
    ("contact_feature", "scores"),
    ("contact_events_daily", "behaviour"),
    ("segment", "decisions"),
    ("journey", "decisions"),
    ("experiment", "decisions"),
    ("contact_tags", "decisions"),
    ("field_values", "decisions"),
    ("list_members", "decisions"),
    ("reachable_contacts", "consent"),
    ("message", "messages"),
    ("why_not_sent", "messages"),
    ("delivery", "messages"),
    ("fct_emails", "messages"),
    ("audience", "audiences"),
    ("audit", "operations"),
    ("data_deletion", "operations"),
    ("rejected", "rejected"),
    ("fct_support", "support"),
    ("fct_product", "product_usage"),
    ("fct_surveys", "feedback"),
    ("fct_deals", "sales"),
    ("fct_orders", "sales"),
    ("fct_meetings", "sales"),
    ("fct_sales", "sales"),
    ("fct_crm", "sales"),
    ("mrr", "sales"),
    ("crm", "sales"),
    ("fct_form", "behaviour"),
    ("fct_", "behaviour"),
    ("attribution", "behaviour"),
    ("contacts", "contact_details"),
)


def category_of(view: str) -> str:
    """The category of ``privacy.yml`` that a published table is shown under."""
    return next((category for start, category in _CATEGORIES if view.startswith(start)), "identity")
