"""Tables of which a build makes only those slices again that a change can have touched.

A model says in its `meta` which rows of its own come from which rows of what it reads:

    slices:
      key: [visitor_number]            # columns of the model, or expressions over them
      of:
        int_sessions: [visitor_number]               # the same key, over the rows it reads
        int_identity_members:                        # or a query for the keys
          told: [identifier_key, contact_id]
          find: select visitor_number from {int_sessions}
            where user_key in (select identifier_key from {changed})

        int_traffic_sources: {told: [source_key]}    # or nothing: any such change makes the whole
        fct_sessions: {key: [session_id], told: […], find: …}    # or both
      within: occurred_at              # a time that rows of one key share, to read less

Its rows of one key then come from nothing but the rows of that key in each relation of the first
kind, from any row of the others, and of all else that it reads. When only relations below `of`
changed, and it is known by which rows, the keys are made again that these rows name. `told` leaves
out of account rows that differ in other columns only. Where a row has several keys, each is a list
of its own. A key whose first column is NULL is none. Views are seen through: `of` names tables,
and streams as `lake.NAME`.

A model of sums that only grow says `folds: {column: aggregate}` in place of `key`: what came is
added to the rows with the same other columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from dagster_project.relations import Relations

#: Where the rows stand that a table's last change put in (``__came``) or took out.
CHANGES = "changes"
CAME = "__came"
#: Of a table that changed in more than one row of so many, nobody wants to know in which.
DENSE = 3
#: Longer tables that were made whole are not compared with what they were.
COMPARED_ROWS = 20_000_000

_numbers = itertools.count()


@dataclass(frozen=True)
class Spec:
    """What a model's `meta` says, by unique ids; see the module."""

    key: list[str]
    of: dict[str, list[list[str]]]
    find: dict[str, tuple[list[str], str | None]]
    folds: dict[str, str] | None
    within: str | None

    @classmethod
    def of_node(cls, node: Mapping[str, Any], relations: Relations) -> Spec | None:
        """None where it says nothing. Raises KeyError when it names what there is not."""
        given = node["config"].get("meta", {}).get("slices")
        if given is None:
            return None
        same: dict[str, list[list[str]]] = {}
        find = {}
        for name, how in given["of"].items():
            parent = relations.known[name]
            if isinstance(how, dict):
                find[parent] = (list(how["told"]), how.get("find"))
                how = how.get("key")
            if how:
                same[parent] = [list(key) for key in how] if _nested(how) else [list(how)]
        return cls(
            list(given.get("key", [])),
            same,
            find,
            given.get("folds"),
            given.get("within"),
        )

    @property
    def parents(self) -> frozenset[str]:
        return frozenset({*self.of, *self.find})


def changes_of(relation: str) -> str:
    """The table of the changes of `"schema"."name"`: its columns and ``__came``."""
    *_, schema, name = relation.replace('"', "").split(".")
    return f'"{CHANGES}"."{schema}.{name}"'


def remake(
    cursor: duckdb.DuckDBPyConnection,
    relations: Relations,
    unique_id: str,
    spec: Spec,
    sql: str,
    changed: Mapping[str, str],
) -> int | None:
    """Make the touched slices of a table again; the rows that thereby changed, which are noted.

    None where the whole must be made. ``sql`` is the table's text without views; ``changed`` holds
    for each parent that changed a query for its changed rows, with the column ``__came``.
    """
    own = relations.names[unique_id]
    if spec.folds is not None:
        return _fold(cursor, relations, own, spec, sql, changed)
    columns = [f"k{n}" for n in range(len(spec.key))]
    named = [
        f"select {', '.join(key)}, false from {rows} as changed"
        for parent, rows in changed.items()
        for key in spec.of.get(parent, [])
    ]
    sought = []
    for parent, rows in changed.items():
        if parent in spec.find:
            told, find = spec.find[parent]
            differing = _differing(told, rows)
            if find:
                query = find.format_map(_Names(relations, own, differing))
                sought.append(f"select *, true from ({query}) as found")
            elif parent not in spec.of and _count(cursor, f"{differing} as differing"):
                return None
    if not named + sought:
        return 0
    every = f"({' union all '.join(named + sought)}) as every({', '.join(columns)}, sought)"
    touched = (
        f"select {', '.join(columns)}, bool_and(sought) as sought from {every} "
        "where k0 is not null group by all"
    )
    with _table(cursor, touched) as keys:
        touched_keys = _count(cursor, keys)
        if not touched_keys:
            return 0
        mine = _pairs(spec.key, keys, columns)
        gone = f"{own} as p semi join {keys} on {mine}"
        alone = _only_new_rows(cursor, relations, spec, changed, keys)
        if alone is not None and len(spec.of) == 1:
            gone = f"{own} as p where false"
        read = [own, *(relations.names[parent] for parent in spec.of)]
        if alone is None and not any(
            touched_keys <= _count(cursor, name) // DENSE for name in read
        ):
            return None
        near = _near(cursor, spec, gone, changed) if alone is None else ""
        parts = {}
        for parent, ways in spec.of.items():
            if parent == alone:
                parts[parent] = f"select * exclude ({CAME}) from {changed[parent]}"
                continue
            name = relations.names[parent]
            span = near if spec.within in _columns(cursor, name) else ""
            parts[parent] = " union ".join(
                f"select p.* from {name} as p semi join {keys} on "
                f"{_pairs(key, keys, columns)}{span}"
                for key in ways
            )
        made = f"({relations.replace(sql, parts)}) as p semi join {keys} on {mine}"
        return _put(cursor, own, gone + near, f"from {made}{near}")


def _only_new_rows(
    cursor: duckdb.DuckDBPyConnection,
    relations: Relations,
    spec: Spec,
    changed: Mapping[str, str],
    keys: str,
) -> str | None:
    """The one parent that changed, where it has one row a slice and rows came to it only.

    Of that parent, there is then nothing to read but these rows.
    """
    if len(changed) != 1:
        return None
    (parent,) = changed
    if parent not in spec.of or not relations.is_key(parent, spec.of[parent][0]):
        return None
    went = _count(cursor, f"{changed[parent]} as changed where not {CAME}")
    return None if went or _count(cursor, f"{keys} where sought") else parent


def _near(
    cursor: duckdb.DuckDBPyConnection, spec: Spec, gone: str, changed: Mapping[str, str]
) -> str:
    """A condition that lets a scan pass by what lies before and after all that is touched."""
    if spec.within is None:
        return ""
    spans = [f"select min({spec.within}) as first, max({spec.within}) as last from {gone}"]
    spans += [
        f"select min({spec.within}) as first, max({spec.within}) as last from {rows} as changed"
        for parent, rows in changed.items()
        if parent in spec.of and spec.within in _columns(cursor, f"select * from {rows}")
    ]
    row = cursor.execute(
        "select min(first)::varchar, max(last)::varchar, any_value(typeof(first)) "
        f"from ({' union all '.join(spans)})"
    ).fetchone()
    assert row is not None
    if row[0] is None:
        return ""
    first, last, kind = row
    span = f"between '{first}'::{kind} and '{last}'::{kind}"
    return f" where (p.{spec.within} {span} or p.{spec.within} is null)"


def _fold(
    cursor: duckdb.DuckDBPyConnection,
    relations: Relations,
    own: str,
    spec: Spec,
    sql: str,
    changed: Mapping[str, str],
) -> int | None:
    parts = {}
    for parent in spec.parents:
        rows = changed.get(parent)
        if rows is None:
            parts[parent] = f"select * from {relations.names[parent]} limit 0"
        elif _count(cursor, f"{rows} as changed where not {CAME}"):
            return None  # a sum does not tell what it would be without a row
        else:
            parts[parent] = f"select * exclude ({CAME}) from {rows} as changed"
    names = _columns(cursor, own)
    assert spec.folds is not None
    key = [name for name in names if name not in spec.folds]
    with _table(cursor, f"from {own} limit 0") as new:
        cursor.execute(f"insert into {new} by name ({relations.replace(sql, parts)})")
        matching = _pairs([f"p.{name}" for name in key], new, key)
        gone = f"{own} as p semi join {new} on {matching}"
        folded = [f"{how}({name}) as {name}" for name, how in spec.folds.items()]
        both = f"select * from {new} union all select p.* from {gone}"
        return _put(
            cursor, own, gone, f"select {', '.join(key + folded)} from ({both}) group by all"
        )


def compare(cursor: duckdb.DuckDBPyConnection, own: str, new: str) -> int | None:
    """Note in which rows a table that was made whole differs from the one that it replaces.

    Returns their number, or None where it is not known or too large to go by.
    """
    described = [cursor.execute(f"describe {name}").fetchall() for name in (own, new)]
    longest = max(_count(cursor, own), _count(cursor, new))
    if described[0] != described[1] or longest > COMPARED_ROWS:
        return None
    with (
        _table(cursor, f"select t.rowid as place, hash(t) as hashed from {own} as t") as old_rows,
        _table(cursor, f"select t.rowid as place, hash(t) as hashed from {new} as t") as new_rows,
    ):
        if not (_distinct(cursor, old_rows) and _distinct(cursor, new_rows)):
            return None
        went, came = (
            f"select *, {told} as {CAME} from {name} where rowid in (select m.place from {mine} "
            f"as m anti join {theirs} as o on m.hashed = o.hashed)"
            for told, name, mine, theirs in (
                ("false", own, old_rows, new_rows),
                ("true", new, new_rows, old_rows),
            )
        )
        with _table(cursor, f"{went} union all {came}") as differing:
            count = _count(cursor, differing)
            if count > longest // DENSE:
                return None
            if count:
                cursor.execute(f"create or replace table {changes_of(own)} as from {differing}")
            return count


def _put(cursor: duckdb.DuckDBPyConnection, own: str, gone: str, came: str) -> int | None:
    """Put rows into a table in place of others; the number that differ, which are noted."""
    listed = ", ".join(f"m.{name}" for name in _columns(cursor, own))
    with (
        _table(cursor, f"select p.*, p.rowid as place, hash(p) as hashed from {gone}") as old_rows,
        _table(cursor, f"from {own} limit 0") as made,
    ):
        cursor.execute(f"insert into {made} by name ({came})")
        with _table(cursor, f"select *, hash(t) as hashed from {made} as t") as new_rows:
            if not (_distinct(cursor, old_rows) and _distinct(cursor, new_rows)):
                return None
            less = f"from {old_rows} as m anti join {new_rows} as o on m.hashed = o.hashed"
            more = f"from {new_rows} as m anti join {old_rows} as o on m.hashed = o.hashed"
            count = _count(cursor, f"(select 1 {less} union all select 1 {more})")
            if count:
                noted = changes_of(own)
                cursor.execute("begin")
                try:
                    cursor.execute(
                        f"create or replace table {noted} as select {listed}, false as {CAME} "
                        f"{less} union all select {listed}, true as {CAME} {more}"
                    )
                    cursor.execute(f"delete from {own} where rowid in (select m.place {less})")
                    cursor.execute(f"insert into {own} by name (select {listed} {more})")
                except BaseException:
                    cursor.execute("rollback")
                    raise
                cursor.execute("commit")
            return count


def _differing(told: list[str], rows: str) -> str:
    """Of changed rows, those that differ in some columns; one row often differs in others."""
    listed = ", ".join(told)
    went, came = (
        f"select {listed} from {rows} as changed where {condition}"
        for condition in (f"not {CAME}", CAME)
    )
    return f"(({went} except all {came}) union all ({came} except all {went}))"


class _Names(dict[str, str]):
    """What stands for the braces of a `find`."""

    def __init__(self, relations: Relations, own: str, differing: str) -> None:
        super().__init__(this=own, changed=f"{differing} as changed")
        self.relations = relations

    def __missing__(self, name: str) -> str:
        known = self.relations.known
        return self.relations.names[
            known.get(name) or known[name.replace("_", ".", 1)]  # lake_events: a brace has no dots
        ]


def _nested(how: list[Any]) -> bool:
    return isinstance(how[0], list)


def _pairs(expressions: list[str], keys: str, columns: list[str]) -> str:
    return " and ".join(
        f"{expression} is not distinct from {keys}.{column}"
        for expression, column in zip(expressions, columns, strict=True)
    )


@contextmanager
def _table(cursor: duckdb.DuckDBPyConnection, query: str) -> Iterator[str]:
    """The rows of a query, as a temporary table."""
    name = f"temp.part_{next(_numbers)}"
    cursor.execute(f"create temp table {name.removeprefix('temp.')} as {query}")
    try:
        yield name
    finally:
        cursor.execute(f"drop table {name}")


def _columns(cursor: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    return [row[0] for row in cursor.execute(f"describe {relation}").fetchall()]


def _count(cursor: duckdb.DuckDBPyConnection, relation: str) -> int:
    return _number(cursor, f"select count(*) from {relation}")


def _distinct(cursor: duckdb.DuckDBPyConnection, rows: str) -> bool:
    """Whether no two rows look the same: of such, nobody could say which one went."""
    return not _number(cursor, f"select count(*) - count(distinct hashed) from {rows}")


def _number(cursor: duckdb.DuckDBPyConnection, query: str) -> int:
    row = cursor.execute(query).fetchone()
    assert row is not None
    return int(row[0])
