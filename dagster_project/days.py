"""Tables of which a build makes only the days again that changed."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from dagster_project.standing import Built, hashed


@dataclass
class Days:
    """A table whose rows of one day come from one parent's rows of that day.

    ``meta: {days_of: PARENT, day_column: COLUMN}`` of a model says so; both have the column.
    Where nothing else changed, only the days are made again whose rows in the parent did.
    """

    parent: str
    column: str
    text: str
    rest: str
    found: dict[str, str] | None = None

    def contents(self, cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
        if self.found is None:
            self.found = _day_contents(cursor, self.parent, self.column)
        return self.found

    def write(self, cursor: duckdb.DuckDBPyConnection, name: str, before: Built) -> str | None:
        """Make the changed days again; what was done, or None where the whole must be made."""
        if before.rest != self.rest:
            return None
        found = self.contents(cursor)
        changed = {day for day in {*found, *before.days} if found.get(day) != before.days.get(day)}
        if len(changed) > len(found) // 2:
            return None
        dates = ", ".join(f"date '{day}'" for day in sorted(changed) if day)
        conditions = [f"{self.column} in ({dates})"] if dates else []
        conditions += [f"{self.column} is null"] if "" in changed else []
        if conditions:
            chosen = " or ".join(conditions)
            made = f"select * from (\n{self.text}\n) as made where {chosen}"
            cursor.execute("begin")
            try:
                cursor.execute(f"delete from {name} where {chosen}")
                cursor.execute(f"insert into {name} by name {made}")
            except BaseException:
                cursor.execute("rollback")
                raise
            cursor.execute("commit")
        return f"{len(changed)} of {len(found)} days"


def _day_contents(
    connection: duckdb.DuckDBPyConnection, relation: str, column: str
) -> dict[str, str]:
    """Day (ISO, or empty for none) -> fingerprint of the relation's rows of that day."""
    rows = connection.execute(
        f"select coalesce({column}::date::varchar, ''), count(*), bit_xor(hash(t)), "
        f"sum(hash(t)::hugeint) from {relation} as t group by all"
    ).fetchall()
    return {day: hashed(duckdb.__version__, str(rest)) for day, *rest in rows}
