"""A small workspace to load files into, and short ways to say what is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import LoadResult, ingest_files
from workspace.identifiers import Keyring
from workspace.lake import Lake

LANDED_AT = datetime(2026, 6, 1)
KEYRING = Keyring(b"a pepper for tests")

Verdict = tuple[int, str, str | None]


@dataclass
class Desk:
    """A workspace and a clock that moves a second with every file."""

    root: Path
    now: datetime = LANDED_AT

    @property
    def lake(self) -> Lake:
        return Lake(self.root / "lake")

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    def ingest(
        self,
        kind: str,
        content: bytes | str | list[dict[str, Any]],
        name: str = "file.ndjson",
        guard: bool = False,
        column_map: dict[str, str] | None = None,
    ) -> LoadResult:
        """Write a file, land it and load it."""
        path = self.root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(content))
        (result,) = ingest_files(
            kind,
            [path],
            self.landing,
            self.lake,
            KEYRING,
            column_map,
            now=self.tick,
            guard=guard,
        )
        assert result.balanced
        return result

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def rejected(self, result: LoadResult | None = None) -> list[Verdict]:
        """(line, reason, field) of the rejected rows, of one file or of all."""
        rows = self.rejected_rows(result)
        return [(row["landing_line"], row["reason"], row["field"]) for row in rows]

    def rejected_rows(self, result: LoadResult | None = None) -> list[dict[str, Any]]:
        rows = self.lake.read("rejected_rows").to_pylist()
        if result is not None:
            rows = [row for row in rows if row["landing_file"] == result.landing_file]
        return sorted(rows, key=lambda row: row["landing_line"])

    def column(self, stream: str, column: str) -> list[Any]:
        table = self.lake.read(
            stream, list(dict.fromkeys([column, "landing_file", "landing_line"]))
        )
        return table.sort_by([("landing_file", "ascending"), ("landing_line", "ascending")])[
            column
        ].to_pylist()

    def rows(self, stream: str) -> list[dict[str, Any]]:
        return self.lake.read(stream).to_pylist()


def as_bytes(content: bytes | str | list[dict[str, Any]]) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    return b"".join(json.dumps(row).encode() + b"\n" for row in content)


def event(message_id: str = "m1", **changes: Any) -> dict[str, Any]:
    """A message that fits; None takes a key away."""
    message = {
        "messageId": message_id,
        "type": "track",
        "event": "Tried",
        "userId": "u1",
        "timestamp": "2026-05-01T10:00:00.000Z",
        "receivedAt": "2026-05-01T10:00:01.000Z",
        "properties": {"plan": "pro"},
    }
    message |= changes
    return {key: value for key, value in message.items() if value is not None}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "a workspace")


@pytest.fixture
def new_desk(tmp_path: Path) -> Callable[[], Desk]:
    """As many fresh workspaces as a test wants."""
    made: list[Desk] = []

    def make() -> Desk:
        made.append(Desk(tmp_path / f"w{len(made)}"))
        return made[-1]

    return make
