"""The second opinion of each run: another evaluation, in Polars, of a sample of the contacts.

The sample holds whole accounts, since segments ask accounts about their contacts. It is drawn by a
hash of the account, so it is the same people from run to run for as long as they stay.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import duckdb

from reverse_etl.segments.changes import folded_sql
from reverse_etl.segments.evaluator import COLUMNS, Evaluator, Tables
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segments import Segments
from workspace.lake import Lake

#: Contacts to look at, about: all of a small workspace.
CONTACTS = 2_000


@dataclass(frozen=True)
class Sample:
    """Of one segment, in members of its unit: ``used`` are those that count as members."""

    sampled: int
    used: int
    true: int
    both: int
    disagreed: list[str]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.sampled, self.used, self.true, self.both


def look_again(
    connection: duckdb.DuckDBPyConnection,
    segments: Segments,
    fields: Fields,
    lake: Lake,
    as_of: datetime,
    held: Collection[str] = (),
) -> dict[str, Sample]:
    """Evaluate a sample anew; ``disagreed`` are up to ten members of which only one is sure.

    ``held`` are segments whose members are still those of the runs before.
    """
    _draw(connection)
    tables = Tables(**{name: _rows(connection, name) for name in COLUMNS})
    evaluator = Evaluator(tables, fields, segments.segments, as_of)
    everybody = {
        unit: {
            row[0]
            for row in connection.execute(f"select {unit}_id from sampled_{unit}s").fetchall()
        }
        for unit in ("contact", "account")
    }
    evaluated = _members(connection, "select * from intermediate.int_segment_members")
    before = _members(connection, folded_sql(lake, as_of, "marts.identity_map")) if held else {}
    found = {}
    for key, segment in segments.segments.items():
        true = set(evaluator.members(key))
        sql = evaluated.get((key, segment.unit), set())
        used = before.get((key, segment.unit), set()) if key in held else sql
        found[key] = Sample(
            len(everybody[segment.unit]),
            len(used),
            len(true),
            len(used & true),
            sorted(sql ^ true)[:10],
        )
    for name in ("sampled_contacts", "sampled_accounts"):
        connection.execute(f"drop table {name}")
    return found


def _draw(connection: duckdb.DuckDBPyConnection) -> None:
    row = connection.execute("select count(*) from marts.contact_features").fetchone()
    assert row is not None
    parts = -(-row[0] // CONTACTS) or 1
    for unit, whose in (("contact", "coalesce(account_id, contact_id)"), ("account", "account_id")):
        connection.execute(
            f"""
            create or replace temp table sampled_{unit}s as
            select {unit}_id from marts.{unit}_features
            where ('0x' || substr(md5({whose}), 1, 8))::ubigint % {parts} = 0
            """
        )


_WHOSE = {
    "contact_features": "contact_id in (from sampled_contacts)",
    "account_features": "account_id in (from sampled_accounts)",
    "field_values": """
        owner = 'contact' and owner_id in (from sampled_contacts)
        or owner = 'account' and owner_id in (from sampled_accounts)
        or owner = 'event' and owner_id in (
            select message_id from marts.fct_events where contact_id in (from sampled_contacts)
        )
    """,
}


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> object:
    whose = _WHOSE.get(table, "contact_id in (from sampled_contacts)")
    columns = ", ".join(f'"{name}"' for name in COLUMNS[table])
    return connection.execute(f"select {columns} from marts.{table} where {whose}").pl()


def _members(connection: duckdb.DuckDBPyConnection, query: str) -> dict[tuple[str, str], set[str]]:
    rows = connection.execute(
        f"""
        select segment, member_type, member_id from ({query}) where
            member_type = 'contact' and member_id in (from sampled_contacts)
            or member_type = 'account' and member_id in (from sampled_accounts)
        """
    ).fetchall()
    found: dict[tuple[str, str], set[str]] = {}
    for segment, kind, member in rows:
        found.setdefault((segment, kind), set()).add(member)
    return found
