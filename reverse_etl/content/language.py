"""The border of the template language: what a merge tag may say.

Allowed are fields and blocks, a few filters, ``{% if %}`` with comparisons, and nothing else: no
call, no loop, no arithmetic, no attribute. So what a template can cost is bounded by its length,
and what it can name is what it declared. Every source passes here before an engine sees it; the
engine's own limits (`worker`) stand behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import jinja2
from jinja2 import nodes

FILTERS = frozenset(["upper", "lower", "capitalize", "title", "trim", "urlencode"])
COMPARISONS = frozenset(["eq", "ne", "in", "notin"])
MOST_CHARACTERS = 200_000
LONGEST_LITERAL = 200
LONGEST_LIST = 50
DEEPEST = 20

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PARSER = jinja2.Environment(keep_trailing_newline=True)


@dataclass
class Reading:
    """What a source names, each with its first line, and what it must not say."""

    names: dict[str, int] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)
    has_conditions: bool = False


@lru_cache(maxsize=512)  # what templates share is read for each of them
def read_source(text: str) -> Reading:
    """Read one source. Faults are pairs of line and text. The reading is not to be changed."""
    found = Reading()
    if len(text) > MOST_CHARACTERS:
        found.faults.append((1, f"longer than {MOST_CHARACTERS:,} characters"))
        return found
    control = _CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        found.faults.append((line, "holds a control character"))
        return found
    try:
        kinds = {kind: line for line, kind, _ in _PARSER.lex(text)}
        if "raw_begin" in kinds:
            found.faults.append((kinds["raw_begin"], "raw is no part of the template language"))
            return found
        tree = _PARSER.parse(text)
    except jinja2.TemplateSyntaxError as error:
        found.faults.append((error.lineno, error.message or "is no template"))
        return found
    except RecursionError:
        found.faults.append((1, f"is nested deeper than {DEEPEST}"))
        return found
    for line, fault in _walk(tree, 0, found):
        found.faults.append((line, fault))
    return found


def _walk(node: nodes.Node, depth: int, found: Reading) -> Iterator[tuple[int, str]]:
    if depth > DEEPEST:
        yield node.lineno, f"is nested deeper than {DEEPEST}"
        return
    fault = _fault(node)
    if fault is not None:
        yield node.lineno, fault
        return
    if isinstance(node, nodes.Name):
        found.names.setdefault(node.name, node.lineno)
    found.has_conditions |= isinstance(node, nodes.If)
    deeper = not isinstance(node, nodes.Template | nodes.Output)
    for child in node.iter_child_nodes():
        yield from _walk(child, depth + deeper, found)


def _fault(node: nodes.Node) -> str | None:
    match node:
        case nodes.Filter():
            if node.name not in FILTERS:
                return f"no filter {node.name!r}; there are {', '.join(sorted(FILTERS))}"
            if node.node is None or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
                return f"the filter {node.name} takes no arguments"
        case nodes.Const():
            if isinstance(node.value, str) and len(node.value) > LONGEST_LITERAL:
                return f"a text longer than {LONGEST_LITERAL} characters"
        case nodes.List() | nodes.Tuple():
            if len(node.items) > LONGEST_LIST:
                return f"a list of more than {LONGEST_LIST}"
            if not all(isinstance(item, nodes.Const) for item in node.items):
                return "a list holds texts and numbers only"
        case nodes.Operand():
            if node.op not in COMPARISONS:
                return f"no comparison {node.op!r}"
        case nodes.Name():
            if node.ctx != "load" or node.name.startswith("_"):
                return f"{node.name!r} cannot be used"
        case (
            nodes.Template()
            | nodes.Output()
            | nodes.TemplateData()
            | nodes.If()
            | nodes.CondExpr()
            | nodes.Compare()
            | nodes.And()
            | nodes.Or()
            | nodes.Not()
        ):
            return None
        case _:
            return f"{type(node).__name__} is no part of the template language"
    return None
