"""From pages to landed files, and back to where a resource stands.

A pull's pages go into landed files of their kind, in the frames of
:mod:`ingestion.collector.segments`; the last frame of a file is a note that says where the
resource stands once the file is there. Loading the file puts the note into the manifest entry of
its rows, so rows and cursor cannot part. A pull that dies leaves the files it finished, and the
next one goes on behind them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from ingestion.collector import segments
from ingestion.collector.segments import MAGIC, SUFFIX
from ingestion.landing import counting_stream, pending
from ingestion.sources import lines
from ingestion.sources.model import Page, Pull, PullError, Resource, Source, State
from workspace import durable
from workspace.clock import compact, iso
from workspace.lake import Lake

#: A landed file ends after this much, at the next page from which the pull could go on.
FILE_BYTES = 16 << 20
FILE_PAGES = 50
#: A resource that gives more in one pull is taken for one that turns in a circle.
MAX_PAGES = 100_000


@dataclass
class Outcome:
    """What one resource gave. ``unchanged`` answers equal to the last pull's are not landed."""

    name: str
    kind: str
    pages: int = 0
    records: int = 0
    bytes: int = 0
    files: list[str] = field(default_factory=list)
    unchanged: bool = False
    error: str | None = None


def last_notes(source: Source, landing: Path, lake: Lake) -> dict[str, dict[str, Any]]:
    """What the newest landed file of each resource says: ``number``, ``state``, ``digest``."""
    newest: dict[str, dict[str, Any]] = {}
    for kind in source.kinds:
        found = [entry.meta.get("pull") for entry in lake.entries(counting_stream(kind))]
        # Landed by a run that died before it loaded them.
        found += [
            lines.read_note(file.path)
            for file in pending(kind, landing, lake)
            if file.file_name.startswith(f"{source.name}.")
        ]
        for note in found:
            if note and note["source"] == source.name:
                before = newest.get(note["resource"])
                if before is None or note["number"] > before["number"]:
                    newest[note["resource"]] = note
    return newest


class Drain:
    """Takes pages in and lands files of them: side pages first, so that what a state says is
    behind us really is."""

    def __init__(self, pull: Pull, landing: Path, last: Mapping[str, Any]) -> None:
        self._pull, self._landing, self._last = pull, landing, last
        self._number = last.get("number", 0)
        self._state: State = pull.state
        self._digest = hashlib.sha256()
        self._waiting: dict[str, list[bytes]] = {}
        self._size = self._pages = 0
        name = pull.resource.name
        self.results = {name: Outcome(name, pull.resource.kind)}

    def add(self, page: Page) -> None:
        resource = self._pull.source.resource(page.side) if page.side else self._pull.resource
        parent = lines.decoded(page.parent) if page.parent is not None else None
        try:
            count = len(lines.records_of(resource.rows, page.body, parent))
        except PullError as error:
            raise PullError(f"{page.request}: {error}") from None
        result = self.results.setdefault(resource.name, Outcome(resource.name, resource.kind))
        if result.pages >= MAX_PAGES:
            raise PullError(f"{page.request}: more than {MAX_PAGES:,} pages")
        result.pages += 1
        result.bytes += len(page.body)
        result.records += count
        for part in (page.body, page.parent or b""):
            self._digest.update(len(part).to_bytes(8, "little") + part)
        if count:
            headers = [(b"request", page.request.encode())]
            if page.parent is not None:
                headers.append((b"parent", page.parent))
            self._frame(resource, lines.PAGE, headers, page.body)
        if page.state is not None:
            self._state = page.state
        # Without a state the rows are safe all the same, and asked for again.
        if self._size >= FILE_BYTES or self._pages >= FILE_PAGES:
            self._land(digest=None)

    def finish(self, state: State) -> None:
        """Land the rest, with the state of a complete pull and what its pages want kept."""
        kept = {"keep": self._state["keep"]} if "keep" in self._state else {}
        self._state = {**state, **kept}
        digest = self._digest.hexdigest()
        landed = self.results[self._pull.resource.name].files
        if digest == self._last.get("digest") and not landed and not self._must_tell:
            for result in self.results.values():
                result.unchanged = True
        elif self._waiting or landed or self._must_tell:
            self._land(digest)

    @property
    def _must_tell(self) -> bool:
        """Whether the end is worth a file without a row: else an unfinished window stays so."""
        return self._pull.resource.keeps_time or "from" in self._pull.state

    def abandon(self) -> None:
        """Keep what was received, when a later pull can go on behind it."""
        if self._waiting and self._state is not self._pull.state:
            self._land(digest=None)

    def _frame(
        self, resource: Resource, mark: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> None:
        source = self._pull.source.name
        record = segments.Record(
            self._pull.present, source, f"{mark}{source}/{resource.name}", headers, body
        )
        self._waiting.setdefault(resource.name, []).append(segments.frame(record))
        self._size += len(body)
        self._pages += 1

    def _land(self, digest: str | None) -> None:
        main = self._pull.resource
        self._number += 1
        note = {
            "source": self._pull.source.name,
            "resource": main.name,
            "number": self._number,
            "state": dict(self._state),
            "pulled_at": iso(self._pull.present),
            "scope": self._pull.source.scope(self._pull.values),
            "digest": digest,
        }
        self._frame(main, lines.END, [], json.dumps(note).encode())
        last = self._waiting.pop(main.name)
        for name, frames in self._waiting.items():
            self._write(self._pull.source.resource(name), frames)
        self._write(main, last)
        self._waiting, self._size, self._pages = {}, 0, 0

    def _write(self, resource: Resource, frames: list[bytes]) -> None:
        data = MAGIC + b"".join(frames)
        target = durable.make_folder(self._landing / resource.kind) / (
            f"{compact(self._pull.present)}__{hashlib.sha256(data).hexdigest()[:12]}__"
            + _file_name(self._pull.source.name, resource.name)
        )
        staging = durable.make_folder(self._landing / ".staging") / uuid4().hex
        try:
            with open(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(data)
            durable.replace(staging, target)
        finally:
            staging.unlink(missing_ok=True)
        self.results[resource.name].files.append(target.relative_to(self._landing).as_posix())


def _file_name(source: str, resource: str) -> str:
    return f"{source}.{resource}{SUFFIX}"
