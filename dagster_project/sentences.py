"""dbt's tests as sentences, for who looks at the checks of an asset without reading YAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_RELATION = re.compile(r"(?:ref|source)\((?:'[^']*',\s*)?'([^']*)'\)")
_SLUG = re.compile(r"[^a-z0-9]+")
_LENGTH = 90
_SIGNS = {
    **{"<=": "at most", ">=": "at least", "<>": "not", "<": "below", ">": "above", "=": "is"},
    **{"+": "plus", "-": "less", "*": "times", "/": "over"},
}
#: A sum that is 0 where there is none to sum counts as the sum.
_AGGREGATE = re.compile(r"(?:coalesce\()?(sum|count)\(([^)]*)\)(?:, 0\))?")
#: As many values or columns are named; the rest is counted.
_NAMED = 12


def sentence(test: Mapping[str, Any], model: str) -> str:
    """What a test of ``model`` holds it to: its own description where it has one."""
    if test.get("description"):
        return str(test["description"])
    metadata = test.get("test_metadata") or {}
    kind, given = metadata.get("name", ""), metadata.get("kwargs", {})
    said = _SAID.get(kind, _other)(model, {"name": kind or test["name"], **given})
    where = given.get("where") or (test.get("config") or {}).get("where")
    return f"{said}, where {_flat(where)}." if where else f"{said}."


def _unique_key(model: str, given: Mapping[str, Any]) -> str:
    columns, nullable = given["columns"], given.get("nullable", [])
    if len(columns) == 1:
        return f"Every row of {model} has its own {columns[0]}"
    said = f"No two rows of {model} have the same {_listed(columns)}, and none of these is empty"
    return f"{said} but {_listed(nullable)}" if nullable else said


def _unique(model: str, given: Mapping[str, Any]) -> str:
    return f"No two rows of {model} have the same {given['column_name']}"


def _not_null(model: str, given: Mapping[str, Any]) -> str:
    return f"Every row of {model} has a value in {given['column_name']}"


def _accepted(model: str, given: Mapping[str, Any]) -> str:
    values = _listed([str(value) for value in given["values"]], "or")
    return f"Every {given['column_name']} of {model} is {values}, or empty"


def _relationship(model: str, given: Mapping[str, Any]) -> str:
    target = f"{given['field']} of {_relation(given['to'])}"
    return f"Every {given['column_name']} of {model} is a {target}, or empty"


def _expression(model: str, given: Mapping[str, Any]) -> str:
    return f"Every row of {model} satisfies {_flat(given['expression'])}"


def _same_total(model: str, given: Mapping[str, Any]) -> str:
    other = _relation(given["compare_to"])
    mine = _flat(given.get("aggregate", "count(*)"))
    theirs = _flat(given.get("compare_aggregate") or mine)
    apart = f" (of those where {_flat(given['compare_where'])})" if "compare_where" in given else ""
    if mine == theirs == "count(*)":
        return f"There are as many rows in {model} as in {other}{apart}"
    return f"Of {model}, {mine} equals {theirs} of {other}{apart}"


def _other(model: str, given: Mapping[str, Any]) -> str:
    subject = f"{given['column_name']} of {model}" if given.get("column_name") else model
    return f"The test {given['name'].replace('_', ' ')} holds for {subject}"


_SAID: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "unique_key": _unique_key,
    "unique": _unique,
    "not_null": _not_null,
    "accepted_values": _accepted,
    "relationships": _relationship,
    "expression_is_true": _expression,
    "same_total": _same_total,
}


def _listed(words: Sequence[str], last: str = "and") -> str:
    if len(words) > _NAMED:
        words = [*words[: _NAMED - 1], f"{len(words) - _NAMED + 1} more"]
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _relation(text: str) -> str:
    """``ref('dim_dates')`` and ``source('lake', 'events')`` by their names."""
    found = _RELATION.fullmatch(text.strip())
    return found[1] if found else _flat(text)


def _flat(text: str) -> str:
    return " ".join(str(text).split()).rstrip(".")


def check_name(test: Mapping[str, Any]) -> str:
    """A test's name as a check of its model: one that its author gave, else what it holds of the
    asset, such as ``contact_id_is_in_dim_contacts``. dbt's own names are cut off in lists."""
    metadata = test.get("test_metadata") or {}
    kind, given = metadata.get("name", ""), metadata.get("kwargs", {})
    if kind not in _NAMES or not test["name"].startswith(kind):
        return str(test["name"])
    said = _SLUG.sub("_", _NAMES[kind](given).lower()).strip("_")
    return said[:_LENGTH].rstrip("_")


def _name_of_key(given: Mapping[str, Any]) -> str:
    columns = given["columns"]
    if len(columns) > 5:
        columns = [*columns[:4], f"{len(columns) - 4} more"]
    return f"{columns[0]}_is_unique" if len(columns) == 1 else f"{_listed(columns)}_are_unique"


def _name_of_total(given: Mapping[str, Any]) -> str:
    mine = given.get("aggregate", "count(*)")
    other = _relation(given["compare_to"])
    if mine == given.get("compare_aggregate", mine) == "count(*)":
        return f"it_has_as_many_rows_as_{other}"
    column = _AGGREGATE.sub(r"\1 of \2", _flat(mine))
    return f"its_{column}_agrees_with_{other}"


_NAMES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "unique_key": _name_of_key,
    "unique": lambda given: f"{given['column_name']}_is_unique",
    "not_null": lambda given: f"{given['column_name']}_is_never_empty",
    "accepted_values": lambda given: f"{given['column_name']}_is_an_accepted_value",
    "relationships": lambda given: f"{given['column_name']}_is_in_{_relation(given['to'])}",
    "expression_is_true": lambda given: f"every_row_has_{_spoken(given['expression'])}",
    "same_total": _name_of_total,
}


def _spoken(expression: str) -> str:
    """An expression with its signs in words: without them two would have one name."""
    said = expression.replace("is not null", "not empty").replace("is null", "empty")
    return re.sub("<=|>=|<>|[<>=+*/-]", lambda found: f" {_SIGNS[found[0]]} ", said)
