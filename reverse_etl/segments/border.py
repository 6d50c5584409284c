"""The border between definitions and the warehouse: what compiled SQL may read and call.

The compiler writes nothing else; this reads its output again, so that a fault in it cannot get
out. What passes is one SELECT over the marts below, with functions from a short list.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import sqlglot
from sqlglot import exp

DIALECT = "duckdb"

RELATIONS = frozenset(
    {
        "account_features",
        "consent_states",
        "contact_features",
        "fct_events",
        "fct_touchpoints",
        "field_values",
        "list_members",
        "segment_snapshots",
    }
)
_FUNCTIONS = (
    exp.And,
    exp.BitwiseOrAgg,
    exp.Case,
    exp.Cast,
    exp.Coalesce,
    exp.Count,
    exp.EndsWith,
    exp.Filter,
    exp.If,
    exp.Max,
    exp.Min,
    exp.Or,
    exp.StartsWith,
    exp.StrPosition,
    exp.Sum,
)


_NEVER = (exp.Into, exp.Placeholder, exp.Parameter, exp.Lambda)


class BorderError(Exception):
    """Compiled SQL that is not what the compiler may write: a fault of the compiler."""


def checked(query: exp.Expression, relations: Mapping[str, str]) -> str:
    """The query's text, after reading it again."""
    text = query.sql(dialect=DIALECT)
    check(text, relations)
    return text


def check(text: str, relations: Mapping[str, str] | None = None) -> None:
    """Raises :class:`BorderError` unless the text is one SELECT over what is allowed.

    ``relations`` are tables besides the marts that the compiler was told of.
    """
    try:
        statements = duckdb.extract_statements(text)
        trees = sqlglot.parse(text, read=DIALECT)
    except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
        raise BorderError(f"compiled SQL cannot be read: {error}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BorderError("compiled SQL is not one SELECT")
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise BorderError("compiled SQL is not one SELECT")
    tree = trees[0]
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    given = set((relations or {}).values())
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.catalog:
            raise BorderError(f"compiled SQL reads {table.sql()}")
        named = f"{table.db}.{table.name}" if table.db else table.name
        allowed = (
            table.name in RELATIONS
            if table.db == "marts"
            else named in given or (not table.db and named in own)
        )
        if not allowed:
            raise BorderError(f"compiled SQL reads {named}")
    for node in tree.find_all(exp.Func, *_NEVER, exp.Subquery):
        if isinstance(node, exp.Func) and not isinstance(node, _FUNCTIONS):
            raise BorderError(f"compiled SQL calls {node.sql()[:80]}")
        is_query = isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query)
        if isinstance(node, (*_NEVER, exp.Subquery)) and not is_query:
            raise BorderError(f"compiled SQL holds {type(node).__name__}")
