"""Asking a source, and landing what it answers.

Sources are asked side by side, their resources one after the other; what answers is handed to
:class:`ingestion.sources.drain.Drain`. A fault ends the resource it is in and nothing else.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ingestion.sources.drain import Drain, Outcome, last_notes
from ingestion.sources.model import NotDue, Pull, PullError, Resource, Source
from ingestion.sources.session import Patience, Session
from workspace.clock import iso, parse_time
from workspace.lake import Lake
from workspace.limiter import Limiter

_log = logging.getLogger(__name__)

#: At most this many sources are asked at a time.
THREADS = 8


@dataclass
class PullResult:
    """What became of one source: pulled, skipped for want of credentials, or failed."""

    source: str
    seconds: float = 0.0
    missing: list[str] = field(default_factory=list)
    resources: list[Outcome] = field(default_factory=list)

    def add(self, part: Outcome) -> None:
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
    result = PullResult(source.name, missing=source.missing(values))
    if result.missing:
        return result
    began = time.perf_counter()
    try:
        notes = last_notes(source, desk.landing, desk.lake)
    except (OSError, ValueError) as error:
        fault = f"where it stands cannot be read ({type(error).__name__})"
        result.resources = [Outcome(r.name, r.kind, error=fault) for r in source.resources]
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
) -> list[Outcome]:
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
    session.patience.begin()
    drain = Drain(pull, desk.landing, last)
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


def default_first(present: datetime) -> datetime:
    """Where history begins unless a day is given: two years before the present."""
    return present - timedelta(days=731)
