"""Reading YAML so that every fault is told with its file, line and field."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
Key = Annotated[str, Field(pattern=rf"^{KEY.pattern}$")]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

Model = TypeVar("Model", bound=BaseModel)
MAX_DEPTH = 300


class DefinitionError(ValueError):
    """A definition that cannot be used; ``faults`` holds one ``file:line: field: text`` each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Strict(BaseModel):
    """The base of every definition: unknown fields are faults, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


@dataclass(frozen=True)
class Row:
    """One parameter: a JSON ``value`` under (collection, key); ``position`` keeps the order."""

    collection: str
    key: str
    position: int
    value: dict[str, Any]

    @property
    def json(self) -> str:
        return json.dumps(self.value, default=_plain, ensure_ascii=False, sort_keys=True)


def read(
    path: Path,
    model: type[Model],
    check: Callable[[Model], Iterable[tuple[Sequence[str | int], str]]] | None = None,
) -> Model:
    """Load one YAML file into its model. Raises :class:`DefinitionError`.

    ``check`` gives the faults that the model alone cannot see, and where they are.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError([f"{path}: cannot be read: {error}"]) from error
    try:
        tree, content = _parsed(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise DefinitionError([f"{path}:{line}: {problem}"]) from error
    try:
        found = model.model_validate(content if content is not None else {})
    except ValidationError as error:
        faults = []
        for item in error.errors():
            location = [part for part in item["loc"] if not _is_aside(part)]
            line, field = _locate(tree, location)
            message = item["msg"].removeprefix("Value error, ")
            if item["type"] == "extra_forbidden":
                message = f"unknown field{nearest(str(location[-1]), _names(model, location))}"
            faults.append(
                f"{path}:{line}: {field}: {message}" if field else f"{path}:{line}: {message}"
            )
        raise DefinitionError(faults) from error
    faults = []
    for place, message in check(found) if check else ():
        line, field = _locate(tree, list(place))
        faults.append(f"{path}:{line}: {field}: {message}")
    if faults:
        raise DefinitionError(faults)
    return found


def read_folder(
    folder: Path,
    model: type[Model],
    what: str,
    check: Callable[[Model], Iterable[tuple[Sequence[str | int], str]]],
) -> tuple[dict[str, Model], list[str]]:
    """Every YAML file of a folder under its key, which is its name, and all that is wrong."""
    found: dict[str, Model] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.y*ml")):
        if not KEY.fullmatch(path.stem):
            faults.append(
                f"{path}:1: the name of the file is the {what}'s key: lower case letters, digits "
                "and _"
            )
        try:
            found[path.stem] = read(path, model, check)
        except DefinitionError as error:
            faults += error.faults
    return found, faults


def _is_aside(part: str | int) -> bool:
    """What Pydantic says of a place besides keys and numbers: ``[key]``, and ``<a form>``."""
    return isinstance(part, str) and (part == "[key]" or (part[:1], part[-1:]) == ("<", ">"))


def no_repeats(values: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value!r} is given twice")
        seen.add(value)


def nearest(given: str | None, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` or nothing."""
    match = difflib.get_close_matches(given or "", list(known), n=1)
    return f"; did you mean {match[0]!r}?" if match else ""


class _OnlyOnce:
    """Refuses a key given twice, where plain YAML silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)  # type: ignore[misc]


class _Plain(_OnlyOnce, yaml.SafeLoader):
    pass


# libyaml is four times as fast; a platform's wheel may lack it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Fast(_OnlyOnce, _SafeLoader):
    pass


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The tree of a text, and its content. Raises :class:`yaml.YAMLError` and `ValueError`."""
    try:
        _check_depth(text)
        return _composed(_Fast(text))
    except _TooDeep:
        raise
    except yaml.YAMLError:
        return _composed(_Plain(text))  # says better what is wrong


def _composed(loader: Any) -> tuple[yaml.Node | None, Any]:
    tree = loader.get_single_node()
    return tree, loader.construct_document(tree) if tree is not None else None


class _TooDeep(yaml.MarkedYAMLError):
    pass


def _check_depth(text: str) -> None:
    """Raises :class:`_TooDeep`, where libyaml would end the process and Python its recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            text = f"nested more than {MAX_DEPTH} deep"
            raise _TooDeep(problem=text, problem_mark=event.start_mark)


def _locate(tree: yaml.Node | None, location: list[Any]) -> tuple[int, str]:
    """The line of a fault and the dotted name of its field, as deep as the file goes."""
    line = tree.start_mark.line + 1 if tree else 1
    node = tree
    for part in location:
        child = None
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                if key_node.value == part:
                    line, child = key_node.start_mark.line + 1, value_node
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            child = node.value[part]
            line = child.start_mark.line + 1
        if child is None:
            break
        node = child
    return line, ".".join(str(part) for part in location)


def _names(model: type[BaseModel], location: list[Any]) -> list[str]:
    """Field names of the model at a location, for the suggestion; best effort."""
    names = set()
    queue: list[Any] = [model]
    seen: list[Any] = []  # a model may hold itself
    while queue:
        kind = queue.pop()
        if kind in seen:
            continue
        seen.append(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, info in kind.model_fields.items():
                names.add(info.alias or name)
                queue.append(info.annotation)
        else:
            queue.extend(getattr(kind, "__args__", ()))
    return sorted(names)


def _plain(item: Any) -> Any:
    if isinstance(item, Decimal):
        return int(item) if item == item.to_integral_value() else float(item)
    if isinstance(item, date):
        return item.isoformat()
    raise TypeError(f"cannot store {type(item).__name__}")
