"""Rights to tables: they pass to a table's successor, and stay through its absence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any

import psycopg

from reverse_etl.publish.catalogue import OPEN
from reverse_etl.publish.views import quoted

NEXT = "marts_next"


def placed(schema: str, table: str) -> str:
    """A table's name in SQL."""
    return f"{quoted(schema)}.{quoted(table)}"


def held(connection: psycopg.Connection[Any], tables: Set[str]) -> list[tuple[Any, ...]]:
    """Rights to tables of :data:`OPEN`, but for what their owner has: table, grantee in SQL, its
    id, privilege, column, grant option. A table that nobody has a right to gives a row of nulls, so
    that it does not come back with the default privileges."""
    given = {"schema": OPEN, "tables": sorted(tables)}
    found = connection.execute(_PRIVILEGES, given).fetchall()
    found += connection.execute(_COLUMN_PRIVILEGES, given).fetchall()
    bare = sorted(tables - {row[0] for row in found})
    return [*found, *((table, None, None, None, None, None) for table in bare)]


def grants(
    connection: psycopg.Connection[Any],
    incoming: Set[str],
    outgoing: Set[str],
    returning: Sequence[tuple[Any, ...]],
) -> Iterator[str]:
    """Statements that give the tables of :data:`NEXT` what the old ones had, and no more; a new one
    has the default privileges, too, of the schema that it comes to."""
    replaced = incoming & outgoing
    known = replaced | {row[0] for row in returning}
    given = {"schema": NEXT, "tables": sorted(known)}
    for table, grantee, *_ in connection.execute(_PRIVILEGES, given).fetchall():
        yield f"revoke all on {placed(NEXT, table)} from {grantee}"
    defaults = connection.execute(_DEFAULTS, [OPEN]).fetchall()
    there = _of_roles_there(connection, returning)
    had = [row for row in (*held(connection, replaced), *there) if row[1] is not None]
    had += [(table, *one) for table in sorted(incoming - known) for one in defaults]
    columns = set(connection.execute(_COLUMNS, {**given, "tables": sorted(incoming)}).fetchall())
    for table, grantee, _, privilege, column, is_grantable in had:
        if column is not None and (table, column) not in columns:
            continue
        of = f"({quoted(column)})" if column is not None else ""
        option = " with grant option" if is_grantable else ""
        yield f"grant {privilege}{of} on {placed(NEXT, table)} to {grantee}{option}"


def _of_roles_there(
    connection: psycopg.Connection[Any], returning: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    if not returning:
        return
    roles = {(0, "public"), *connection.execute(_ROLES).fetchall()}
    yield from (row for row in returning if (row[2], row[1]) in roles)


_GRANTEE = (
    "case acl.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end, "
    "acl.grantee"
)

_PRIVILEGES = f"""
select relname::text, {_GRANTEE}, privilege_type, null::text, is_grantable
from pg_class, aclexplode(relacl) as acl
where relnamespace = to_regnamespace(%(schema)s) and relname = any(%(tables)s)
    and acl.grantee <> relowner
"""

_COLUMN_PRIVILEGES = f"""
select relname::text, {_GRANTEE}, privilege_type, attname::text, is_grantable
from pg_attribute
join pg_class on pg_class.oid = attrelid, aclexplode(attacl) as acl
where relnamespace = to_regnamespace(%(schema)s) and relname = any(%(tables)s)
    and acl.grantee <> relowner and not attisdropped
"""

_COLUMNS = """
select relname::text, attname::text
from pg_attribute
join pg_class on pg_class.oid = attrelid
where relnamespace = to_regnamespace(%(schema)s) and relname = any(%(tables)s)
    and attnum > 0 and not attisdropped
"""

_DEFAULTS = f"""
select {_GRANTEE}, privilege_type, null::text, is_grantable
from pg_default_acl, aclexplode(defaclacl) as acl
where defaclnamespace = to_regnamespace(%s) and defaclobjtype = 'r'
    and defaclrole = (select oid from pg_roles where rolname = current_user)
    and acl.grantee <> defaclrole
"""

_ROLES = "select oid, quote_ident(rolname) from pg_roles"
