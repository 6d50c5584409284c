"""What a compiled text reads: views seen through to the tables, seeds and streams below them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagster_project.compiled import DATABASE
from workspace.streams import STREAMS

_RELATION = re.compile(
    rf'"{DATABASE}"\."(\w+)"\."(\w+)"(?!\s*\()(\s+as\s+(?!\()\w+)?', re.IGNORECASE
)
#: A line of comment may name relations, too.
_COMMENT = re.compile(r"^[ \t]*--.*$", re.MULTILINE)


@dataclass(frozen=True)
class Text:
    """A SELECT in which no view is named, and the unique ids of all that it names."""

    sql: str
    reads: frozenset[str]


class Relations:
    """The relations of a compiled project, by the names that its texts have for them."""

    def __init__(self, manifest: Mapping[str, Any], statements: Mapping[str, str]) -> None:
        self.nodes = manifest["nodes"]
        self.statements = statements
        self.ids = {
            (node["schema"], node.get("alias") or node["identifier"]): unique_id
            for group in (self.nodes, manifest["sources"])
            for unique_id, node in group.items()
            if node["resource_type"] in ("model", "seed", "source")
        }
        self.names = {
            unique_id: f'"{DATABASE}"."{schema}"."{alias}"'
            for (schema, alias), unique_id in self.ids.items()
        }
        #: Model's or source's own name -> unique id; a source's is led by its schema.
        self.known = {
            (f"{schema}.{alias}" if unique_id.startswith("source.") else alias): unique_id
            for (schema, alias), unique_id in self.ids.items()
        }
        self._texts: dict[str, Text] = {}
        self._keys: dict[str, list[frozenset[str]]] | None = None

    def text(self, unique_id: str) -> Text:
        """The node's text with its views written out."""
        found = self._texts.get(unique_id)
        if found is None:
            # What it names in a comment alone may stand behind a macro of the run's own.
            reads = {
                parent
                for parent in self.nodes[unique_id]["depends_on"].get("nodes", [])
                if not self._is_view(parent)
            }
            parts: dict[str, str] = {}
            for schema, alias, _ in _RELATION.findall(_COMMENT.sub("", self.statements[unique_id])):
                parent = self.ids.get((schema, alias))
                if parent and self._is_view(parent):
                    inner = self.text(parent)
                    parts[parent] = inner.sql
                    reads |= inner.reads
                elif parent:
                    reads.add(parent)
            sql = self.replace(self.statements[unique_id], parts)
            found = self._texts[unique_id] = Text(sql, frozenset(reads))
        return found

    def _is_view(self, unique_id: str) -> bool:
        node = self.nodes.get(unique_id)
        return node is not None and node["config"].get("materialized") in ("view", "ephemeral")

    def replace(self, sql: str, parts: Mapping[str, str]) -> str:
        """``sql`` with a subquery in the place of each relation that ``parts`` holds by its id."""

        def put(found: re.Match[str]) -> str:
            schema, alias, named = found.groups()
            part = parts.get(self.ids.get((schema, alias), ""))
            return found[0] if part is None else f"(\n{part}\n){named or f' as {alias}'}"

        return _RELATION.sub(put, _COMMENT.sub("", sql))

    def is_key(self, unique_id: str, columns: list[str]) -> bool:
        """Whether no two rows of the relation share these columns, as a test or the lake says."""
        if unique_id.startswith("source."):
            stream = STREAMS.get(unique_id.rpartition(".")[2])
            return stream is not None and tuple(columns) == stream.key
        if self._keys is None:
            self._keys = {}
            for node in self.nodes.values():
                asked = node.get("test_metadata") or {}
                if asked.get("name") == "unique_key":
                    key = frozenset(asked["kwargs"]["columns"])
                    self._keys.setdefault(node["attached_node"], []).append(key)
        return frozenset(columns) in self._keys.get(unique_id, [])
