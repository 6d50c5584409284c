"""Asking a source, and landing what it answers.

A pull's pages go into landed files of their kind, in the frames of
:mod:`ingestion.collector.segments`; the last frame of a file says where the resource stands once
the file is there. Loading the file puts that into the manifest entry of its rows, so rows and
cursor cannot part. A pull that dies leaves the files it finished and goes on behind them.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from ingestion.collector import segments
from ingestion.collector.segments import MAGIC, SUFFIX
from ingestion.landing import counting_stream, pending
from ingestion.sources import lines
from ingestion.sources.model import Page, Pull, PullError, Resource, Source, State
from ingestion.sources.session import Session
from workspace import durable
from workspace.clock import compact, iso
from workspace.lake import Lake
from workspace.limiter import Limiter

#: A landed file ends after this much, at the next page from which the pull could go on.
FILE_BYTES = 16 << 20
FILE_PAGES = 25
#: At most this many sources are asked at a time.
THREADS = 8


@dataclass
class ResourceResult:
    """What one resource gave. ``unchanged`` answers equal to the last pull's are not landed."""

    name: str
    kind: str
    pages: int = 0
    records: int = 0
    bytes: int = 0
    files: list[str] = field(default_factory=list)
    unchanged: bool = False
    error: str | None = None


@dataclass
class PullResult:
    """What became of one source: pulled, skipped for want of credentials, or failed."""

    source: str
    started_at: datetime
    seconds: float = 0.0
    missing: list[str] = field(default_factory=list)
    resources: list[ResourceResult] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        return [f"{self.source} {r.name}: {r.error}" for r in self.resources if r.error]

    @property
    def records(self) -> int:
        return sum(resource.records for resource in self.resources)

    @property
    def status(self) -> str:
        """skipped, failed or succeeded."""
        return "skipped" if self.missing else "failed" if self.errors else "succeeded"


@dataclass(frozen=True)
class Desk:
    """What pulls work with: where to land, the lake with their cursors, and the two times."""

    landing: Path
    lake: Lake
    present: datetime
    first: datetime


def pull_all(
    sources: Sequence[Source], values: Mapping[str, str], desk: Desk
) -> Iterator[PullResult]:
    """Ask several sources at the same time; each result as it comes, in the order given.

    ``values`` are environment variables by name. A source that fails stops no other.
    """
    with ThreadPoolExecutor(THREADS) as threads:
        waiting = [threads.submit(pull_source, source, values, desk) for source in sources]
        for future in waiting:
            yield future.result()


def pull_source(
    source: Source,
    values: Mapping[str, str],
    desk: Desk,
    only: Sequence[str] = (),
    session: Session | None = None,
) -> PullResult:
    """Ask one source for all its resources, or for those named."""
    defaults = {v.name: v.default for v in source.variables if v.default is not None}
    values = defaults | dict(values)
    result = PullResult(source.name, desk.present, missing=source.missing(values))
    if result.missing:
        return result
    began = time.perf_counter()
    with session or Session(Limiter(source.per_second, source.burst)) as open_session:
        for resource in source.resources:
            if not only or resource.name in only:
                result.resources.append(
                    _pull_resource(source, resource, values, desk, open_session)
                )
    result.seconds = time.perf_counter() - began
    return result


def _pull_resource(
    source: Source, resource: Resource, values: Mapping[str, str], desk: Desk, session: Session
) -> ResourceResult:
    result = ResourceResult(resource.name, resource.kind)
    last = last_pull(source.name, resource, desk)
    url = (values.get(source.url_variable) or source.url).rstrip("/")
    state = last.get("state", {})
    pull = Pull(source, resource, url, values, session, state, desk.first, desk.present)
    drain = _Drain(pull, desk, last, result)
    try:
        for page in resource.pages(pull):
            drain.add(page)
        drain.finish({"until": iso(pull.window.end)})
    except PullError as error:
        drain.abandon()
        result.error = str(error)
    except OSError as error:
        drain.abandon()
        result.error = f"cannot be landed ({error.strerror})"
    return result


def last_pull(source: str, resource: Resource, desk: Desk) -> dict[str, Any]:
    """What the newest landed file of a resource says: ``number``, ``state`` and ``digest``."""
    found = [
        entry.meta["pull"]
        for entry in desk.lake.entries(counting_stream(resource.kind))
        if entry.meta.get("pull")
    ]
    # Landed by a run that died before it loaded them.
    prefix = _file_name(source, resource.name)
    found += [
        note
        for file in pending(resource.kind, desk.landing, desk.lake)
        if file.file_name == prefix and (note := lines.read_note(file.path)) is not None
    ]
    own = [n for n in found if n["source"] == source and n["resource"] == resource.name]
    return max(own, key=lambda note: note["number"], default={})


class _Drain:
    """Takes pages in and lands files of them."""

    def __init__(
        self, pull: Pull, desk: Desk, last: Mapping[str, Any], result: ResourceResult
    ) -> None:
        self._pull, self._desk, self._last, self._result = pull, desk, last, result
        self._number = last.get("number", 0)
        self._state: State = pull.state
        self._digest = hashlib.sha256()
        self._frames: list[bytes] = []
        self._size = 0
        self._records = 0

    def add(self, page: Page) -> None:
        name = f"{self._pull.source.name}/{self._pull.resource.name}"
        try:
            count = len(list(lines.records_of(self._pull.resource.rows, page.body)))
        except PullError as error:
            raise PullError(f"{page.request}: {error}") from None
        headers = [(b"request", page.request.encode())]
        if page.parent is not None:
            headers.append((b"parent", page.parent))
        self._result.pages += 1
        self._result.bytes += len(page.body)
        self._result.records += count
        self._digest.update(len(page.body).to_bytes(8, "little") + page.body)
        if count:
            self._records += count
            self._frame(f"{lines.PAGE}{name}", headers, page.body)
        if page.state is not None:
            self._state = page.state
            if self._size >= FILE_BYTES or len(self._frames) >= FILE_PAGES:
                self._land(digest=None)

    def finish(self, state: State) -> None:
        """Land the rest, with the state of a complete pull."""
        self._state = state
        digest = self._digest.hexdigest()
        if digest == self._last.get("digest"):
            self._result.unchanged = True
        elif self._records or self._result.files:
            self._land(digest)

    def abandon(self) -> None:
        """Keep what was received up to the last page from which a pull can go on."""
        if self._frames and self._state is not self._pull.state:
            self._land(digest=None)

    def _frame(self, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        record = segments.Record(
            self._desk.present, self._pull.source.name, path, headers, body, str(self._number)
        )
        self._frames.append(segments.frame(record))
        self._size += len(body)

    def _land(self, digest: str | None) -> None:
        source, resource = self._pull.source.name, self._pull.resource
        self._number += 1
        note = {
            "source": source,
            "resource": resource.name,
            "number": self._number,
            "state": dict(self._state),
            "pulled_at": iso(self._desk.present),
            "digest": digest,
        }
        self._frame(f"{lines.END}{source}/{resource.name}", [], json.dumps(note).encode())
        # Files of one pull keep their order where times do not tell it.
        received_at = self._desk.present + timedelta(microseconds=len(self._result.files))
        data = MAGIC + b"".join(self._frames)
        name = f"{compact(received_at)}__{hashlib.sha256(data).hexdigest()[:12]}__"
        target = durable.make_folder(self._desk.landing / resource.kind) / (
            name + _file_name(source, resource.name)
        )
        staging = durable.make_folder(self._desk.landing / ".staging") / uuid4().hex
        try:
            with open(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(data)
            durable.replace(staging, target)
        finally:
            staging.unlink(missing_ok=True)
        self._result.files.append(target.relative_to(self._desk.landing).as_posix())
        self._frames, self._size, self._records = [], 0, 0


def _file_name(source: str, resource: str) -> str:
    return f"{source}.{resource}{SUFFIX}"


def default_first(present: datetime) -> datetime:
    """Where history begins unless a day is given: two years before the present."""
    return present - timedelta(days=731)
