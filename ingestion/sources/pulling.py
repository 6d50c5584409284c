"""Asking a source, and landing what it answers.

A pull's pages go into landed files of their kind, in the frames of
:mod:`ingestion.collector.segments`; the last frame of a file says where the resource stands once
the file is there. Loading the file puts that into the manifest entry of its rows, so rows and
cursor cannot part. A pull that dies leaves the files it finished and goes on behind them.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import logging
import os
import time
import traceback
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
from ingestion.sources.model import NotDue, Page, Pull, PullError, Resource, Source, State
from ingestion.sources.session import Patience, Session
from workspace import durable
from workspace.clock import compact, iso, parse_time
from workspace.lake import Lake
from workspace.limiter import Limiter

_log = logging.getLogger(__name__)

#: A landed file ends after this much, at the next page from which the pull could go on.
FILE_BYTES = 16 << 20
FILE_PAGES = 50
#: A resource that gives more in one pull is taken for one that turns in a circle.
MAX_PAGES = 100_000
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

    def add(self, part: ResourceResult) -> None:
        """Side pages of several resources add up."""
        same = next((r for r in self.resources if r.name == part.name), None)
        if same is None:
            self.resources.append(part)
            return
        same.pages += part.pages
        same.records += part.records
        same.bytes += part.bytes
        same.files += part.files
        same.unchanged &= part.unchanged

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
    """What pulls work with: where to land, the lake with their cursors, and the two times.

    ``limited=False`` keeps to no rate, which only stand-ins can bear.
    """

    landing: Path
    lake: Lake
    present: datetime
    first: datetime
    limited: bool = True


def pull_all(
    sources: Sequence[Source], values: Mapping[str, str], desk: Desk
) -> Iterator[PullResult]:
    """Ask several sources at the same time; each result as it comes, in the order given.

    ``values`` are environment variables by name. A source that fails stops no other.
    """
    if any(not source.missing(values) for source in sources):
        # Threads that import one large package at the same time lock each other out.
        importlib.import_module("dlt.sources.helpers.rest_client.paginators")
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
    try:
        notes = last_notes(source, desk)
    except (OSError, ValueError) as error:
        fault = f"where it stands cannot be read ({type(error).__name__})"
        result.resources = [ResourceResult(r.name, r.kind, error=fault) for r in source.resources]
        return result
    limiter = Limiter(source.per_second, source.burst) if desk.limited else Limiter.unlimited()
    with session or Session(Patience(limiter)) as open_session:
        for resource in source.resources:
            if resource.pages is not None and (not only or resource.name in only):
                for part in _pull_resource(source, resource, values, desk, open_session, notes):
                    result.add(part)
    result.seconds = time.perf_counter() - began
    return result


def _pull_resource(
    source: Source,
    resource: Resource,
    values: Mapping[str, str],
    desk: Desk,
    session: Session,
    notes: Mapping[str, Mapping[str, Any]],
) -> list[ResourceResult]:
    """The resource's own result, then those of its side pages."""
    assert resource.pages is not None
    last = notes.get(resource.name, {})
    scope = source.scope(values)
    state = last.get("state", {}) if last.get("scope", scope) == scope else {}
    pull = Pull(
        source,
        resource,
        (values.get(source.url_variable) or source.url).rstrip("/"),
        values,
        session,
        state,
        desk.first,
        desk.present,
        desk.lake.read,
    )
    session.asked = ()
    drain = _Drain(pull, desk, last)
    try:
        if last and parse_time(last["pulled_at"]) > desk.present:
            raise NotDue  # a run that waited behind a later one
        for page in resource.pages(pull):
            drain.add(page)
        drain.finish({"until": iso(pull.window.end)})
    except NotDue:
        pass
    except PullError as error:
        drain.results[resource.name].error = str(error)
        with contextlib.suppress(OSError):
            drain.abandon()
    except OSError as error:
        # Without a text of the system it is requests that refuses what a request is made of.
        told = f"cannot be landed ({error.strerror})" if error.strerror else type(error).__name__
        drain.results[resource.name].error = told
    except Exception as error:  # a fault of ours in one source stops no other
        # A message may quote a header: only the places are told.
        places = "".join(traceback.format_tb(error.__traceback__))
        _log.error("%s %s: %s\n%s", source.name, resource.name, type(error).__name__, places)
        drain.results[resource.name].error = f"unexpected {type(error).__name__}"
    return list(drain.results.values())


def last_notes(source: Source, desk: Desk) -> dict[str, dict[str, Any]]:
    """What the newest landed file of each resource says: ``number``, ``state``, ``digest``."""
    newest: dict[str, dict[str, Any]] = {}
    for kind in source.kinds:
        found = [entry.meta.get("pull") for entry in desk.lake.entries(counting_stream(kind))]
        # Landed by a run that died before it loaded them.
        found += [
            lines.read_note(file.path)
            for file in pending(kind, desk.landing, desk.lake)
            if file.file_name.startswith(f"{source.name}.")
        ]
        for note in found:
            if note and note["source"] == source.name:
                before = newest.get(note["resource"])
                if before is None or note["number"] > before["number"]:
                    newest[note["resource"]] = note
    return newest


@dataclass
class _Batch:
    """Frames that wait to be landed as one file."""

    frames: list[bytes] = field(default_factory=list)
    records: int = 0


class _Drain:
    """Takes pages in and lands files of them: side pages first, so that what a state says is
    behind us really is."""

    def __init__(self, pull: Pull, desk: Desk, last: Mapping[str, Any]) -> None:
        self._pull, self._desk, self._last = pull, desk, last
        self._number = last.get("number", 0)
        self._state: State = pull.state
        self._digest = hashlib.sha256()
        self._before: tuple[bytes, bytes | None] | None = None
        self._waiting: dict[str, _Batch] = {}
        self._size = self._pages = 0
        name = pull.resource.name
        self.results = {name: ResourceResult(name, pull.resource.kind)}

    def add(self, page: Page) -> None:
        resource = self._pull.source.resource(page.side) if page.side else self._pull.resource
        parent = lines.decoded(page.parent) if page.parent is not None else None
        try:
            count = len(lines.records_of(resource.rows, page.body, parent))
        except PullError as error:
            raise PullError(f"{page.request}: {error}") from None
        result = self.results.setdefault(
            resource.name, ResourceResult(resource.name, resource.kind)
        )
        if count and (page.body, page.parent) == self._before:
            raise PullError(f"{page.request}: the same page twice")
        self._before = (page.body, page.parent)
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
            self._frame(resource, lines.PAGE, headers, page.body).records += count
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
    ) -> _Batch:
        source = self._pull.source.name
        record = segments.Record(
            self._desk.present, source, f"{mark}{source}/{resource.name}", headers, body
        )
        batch = self._waiting.setdefault(resource.name, _Batch())
        batch.frames.append(segments.frame(record))
        self._size += len(body)
        self._pages += 1
        return batch

    def _land(self, digest: str | None) -> None:
        main = self._pull.resource
        self._number += 1
        note = {
            "source": self._pull.source.name,
            "resource": main.name,
            "number": self._number,
            "state": dict(self._state),
            "pulled_at": iso(self._desk.present),
            "scope": self._pull.source.scope(self._pull.values),
            "digest": digest,
        }
        self._frame(main, lines.END, [], json.dumps(note).encode())
        last = self._waiting.pop(main.name)
        for name, batch in self._waiting.items():
            self._write(self._pull.source.resource(name), batch)
        self._write(main, last)
        self._waiting, self._size, self._pages = {}, 0, 0

    def _write(self, resource: Resource, batch: _Batch) -> None:
        data = MAGIC + b"".join(batch.frames)
        target = durable.make_folder(self._desk.landing / resource.kind) / (
            f"{compact(self._desk.present)}__{hashlib.sha256(data).hexdigest()[:12]}__"
            + _file_name(self._pull.source.name, resource.name)
        )
        staging = durable.make_folder(self._desk.landing / ".staging") / uuid4().hex
        try:
            with open(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(data)
            durable.replace(staging, target)
        finally:
            staging.unlink(missing_ok=True)
        self.results[resource.name].files.append(target.relative_to(self._desk.landing).as_posix())


def _file_name(source: str, resource: str) -> str:
    return f"{source}.{resource}{SUFFIX}"


def default_first(present: datetime) -> datetime:
    """Where history begins unless a day is given: two years before the present."""
    return present - timedelta(days=731)
