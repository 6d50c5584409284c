"""What an erasure must remember until it has ended: whom it is about, and what stands for them.

It is kept apart from the ledger, in ``privacy/open/`` of the workspace (mode 0600), and removed at
the end: after that nothing leads from a stand-in to a person.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reverse_etl.privacy.finding import Found
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.privacy.subjects import Subject
from workspace import durable
from workspace.paths import Paths

FOLDER = "privacy"


def folder(paths: Paths) -> Path:
    return paths.root / FOLDER / "open"


@dataclass
class Work:
    """One batch. ``people`` by request id; ``lines``: landed lines that concern them; ``derived``:
    published ids that are made of their keys, and others for them. ``known``: where this process
    found them in the lake; the next has to look again."""

    batch_id: str
    people: dict[str, Subject]
    stand_ins: StandIns
    residual: bool
    lines: dict[str, frozenset[int]] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    known: dict[Path, Found] = field(default_factory=dict, repr=False, compare=False)

    def save(self, paths: Paths) -> None:
        durable.make_folder(folder(paths).parent, mode=0o700)
        durable.make_folder(folder(paths), mode=0o700)
        body = {
            "batch_id": self.batch_id,
            "residual": self.residual,
            "people": {
                request: {
                    "contact_id": subject.contact_id,
                    "keys": sorted(subject.keys),
                    "values": {kind: sorted(held) for kind, held in subject.values.items()},
                }
                for request, subject in self.people.items()
            },
            "stand_ins": self.stand_ins.as_json(),
            "lines": {file: sorted(lines) for file, lines in self.lines.items()},
            "derived": self.derived,
        }
        durable.write(self._path(paths), json.dumps(body).encode(), mode=0o600)

    def forget(self, paths: Paths) -> None:
        """The end of it: nothing remembers who stands behind a stand-in."""
        self._path(paths).unlink(missing_ok=True)
        durable.fsync_folder(folder(paths))

    def _path(self, paths: Paths) -> Path:
        return folder(paths) / f"{self.batch_id}.json"


def unfinished(paths: Paths) -> Iterator[Work]:
    """Batches that were begun and have not ended, in no order."""
    if not folder(paths).is_dir():
        return
    for path in sorted(folder(paths).glob("*.json")):
        yield _read(json.loads(path.read_bytes()))


def _read(body: Mapping[str, Any]) -> Work:
    people = {
        request: Subject(
            one["contact_id"],
            frozenset(one["keys"]),
            {kind: frozenset(held) for kind, held in one["values"].items()},
        )
        for request, one in body["people"].items()
    }
    lines = {file: frozenset(lines) for file, lines in body["lines"].items()}
    stand_ins = StandIns(**body["stand_ins"])
    derived = body.get("derived", {})
    return Work(body["batch_id"], people, stand_ins, body["residual"], lines, derived)
