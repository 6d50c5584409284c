"""The workspace as a Dagster resource: settings, `as_of`, the run lock and the step record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import ConfigurableResource, InitResourceContext
from pydantic import Field, PrivateAttr

from workspace import clock, definitions, restored
from workspace import settings as settings_module
from workspace.definitions import Definitions
from workspace.faults import without_values
from workspace.lake import Lake
from workspace.ledger import Ledger, open_ledger
from workspace.locks import run_lock
from workspace.settings import Settings

#: Called after each step with its name, seconds and rows; the command line shows progress so.
listeners: list[Callable[[str, float, int | None], None]] = []
#: Called with what a run has to say besides.
tellers: list[Callable[[str], None]] = []

LOCK_WAIT_SECONDS = 600.0
#: Metadata of the checks of a run that looks from a past `as_of`.
LOOKS_BACK = "looks_back"


@dataclass
class Step:
    rows: int | None = None
    detail: str | None = None


@dataclass
class RunState:
    """What one run works on."""

    settings: Settings
    run_id: str
    as_of: datetime
    is_past: bool
    definitions: Definitions
    lake: Lake
    ledger: Ledger
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def warehouse(self) -> Path:
        paths = self.settings.paths
        if not self.is_past:
            return paths.warehouse
        return paths.scratch / f"{clock.compact(self.as_of)}.duckdb"

    @property
    def hindsight(self) -> dict[str, bool]:
        """Metadata of a check, by which alerts know a run that says nothing of the present."""
        return {LOOKS_BACK: True} if self.is_past else {}

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Record one step in the ledger, whether it succeeds or fails."""
        step, started, began = Step(), clock.now(), time.perf_counter()
        status = "succeeded"
        try:
            yield step
        except BaseException as error:
            status, step.detail = "failed", step.detail or type(error).__name__
            told = without_values(error)  # Dagster stores it, and where it came from
            if told is not error:
                raise told.with_traceback(error.__traceback__) from None
            raise
        finally:
            seconds = time.perf_counter() - began
            self.seconds[name] = seconds
            self.ledger.record_step(
                self.run_id, name, status, started, clock.now(), step.rows, step.detail
            )
            for listener in listeners:
                listener(name, seconds, step.rows)

    def record(self, name: str, status: str, seconds: float, rows: int | None) -> None:
        """Record a part of a step that ran beside others and has just ended."""
        ended = clock.now()
        started = ended - timedelta(seconds=seconds)
        self.ledger.record_step(self.run_id, name, status, started, ended, rows)

    def tell(self, text: str) -> None:
        for teller in tellers:
            teller(text)


class WorkspaceResource(ConfigurableResource):
    """One workspace for one run. The run lock is held from the first step to the last."""

    workspace: str | None = Field(
        None, description="Workspace folder; MARKETING_WORKSPACE or data/ when empty."
    )
    as_of: str | None = Field(
        "",  # and not None, so that the launchpad shows it
        description="ISO 8601 UTC time the run looks from, such as 2026-03-01; the present when "
        "empty.",
    )
    full_refresh: bool = Field(
        False, description="Build every model anew, not only what is behind a change."
    )
    _state: RunState | None = PrivateAttr(None)

    @property
    def run(self) -> RunState:
        assert self._state is not None, "the workspace is open only inside a run"
        return self._state

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[WorkspaceResource]:
        settings = settings_module.load(self.workspace)
        restored.check(settings.paths.root)
        run_id = context.run_id or "unknown"
        created = clock.now()
        if context.instance is not None and context.run_id:
            record = context.instance.get_run_record_by_id(context.run_id)
            if record is not None:
                created = record.create_timestamp.astimezone(UTC).replace(tzinfo=None)
        as_of, is_past = decide_as_of(settings, self.as_of, created)
        loaded = definitions.load(settings.definitions)
        with run_lock(settings.paths.run_lock, LOCK_WAIT_SECONDS, f"run {run_id}"):
            ledger = open_ledger(settings.ledger_url)
            try:
                ledger.start_run(run_id, as_of, settings.environment, created)
                lake = Lake(settings.paths.lake)
                self._state = RunState(settings, run_id, as_of, is_past, loaded, lake, ledger)
                yield self
            finally:
                self._state = None
                ledger.close()


def decide_as_of(settings: Settings, given: str | None, created: datetime) -> tuple[datetime, bool]:
    """The run's ``as_of``, and whether it lies before the workspace's own present."""
    present = settings.present(created)
    if not given:
        return present, False
    as_of = clock.parse_time(given)
    if as_of > present:
        raise ValueError(f"as_of {given} lies after the present, {clock.iso(present)}")
    return as_of, as_of < present
