"""A source, its stand-in on a real port, and a workspace to pull into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import load_pending
from ingestion.contracts import STREAMS_OF
from ingestion.loading import LoadResult
from ingestion.sources import registry
from ingestion.sources.model import Source
from ingestion.sources.pulling import Desk, PullResult, pull_source
from ingestion.sources.session import Patience, Session
from sandbox.servers import vendors
from sandbox.servers.base import Control, Controlled, Person, serving
from tests.ingestion.conftest import KEYRING
from workspace.lake import Lake
from workspace.limiter import Limiter

END = datetime(2026, 10, 1)
FIRST = END - timedelta(days=731)
PEOPLE = [
    Person(
        email=f"person{i}@{'hopital' if i % 2 else 'mairie'}{i % 5}.example",
        first_name=f"Prénom{i}",
        last_name=f"Nom{i}",
        organisation=f"Organisation {i % 5}",
        vertical="medical" if i % 2 else "public",
        crm_id=str(100_001 + i),
        user_id=f"usr_{10_000 + i}",
    )
    for i in range(25)
]


@dataclass
class Vendor:
    """One source against its stand-in."""

    source: Source
    data: dict[str, Any]
    expected: dict[str, int]
    control: Control
    values: dict[str, str]
    root: Path
    waits: list[float] = field(default_factory=list)
    loads: list[LoadResult] = field(default_factory=list)

    @property
    def lake(self) -> Lake:
        return Lake(self.root / "lake")

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    def pull(self, present: datetime = END, only: tuple[str, ...] = ()) -> PullResult:
        """Ask only; no wait takes time, `waits` holds how long each would have been."""
        desk = Desk(self.landing, self.lake, present, FIRST)
        limiter = Limiter(1e6, 100, sleep=lambda _: None)
        with Session(Patience(limiter, self.waits.append)) as session:
            return pull_source(self.source, self.values, desk, only, session)

    def load(self, guard: bool = False) -> list[LoadResult]:
        self.loads = [
            result
            for kind in self.source.kinds
            for result in load_pending(kind, self.landing, self.lake, KEYRING, guard)
        ]
        return self.loads

    def run(self, present: datetime = END, guard: bool = False) -> PullResult:
        """Ask and load; ``guard`` runs the batch suites too."""
        result = self.pull(present)
        self.load(guard)
        return result

    def rows(self, stream: str) -> list[dict[str, Any]]:
        return self.lake.read(stream).to_pylist()

    def everything(self) -> dict[str, list[str]]:
        """Every row of the source's streams, without where and when it landed."""
        found = {}
        for kind in self.source.kinds:
            for stream in STREAMS_OF[kind]:
                rows = self.rows(stream)
                for row in rows:
                    if row["known_at"] == row["landed_at"]:
                        row.pop("known_at")
                    for name in ("landed_at", "landing_file", "landing_line"):
                        row.pop(name)
                found[stream] = sorted(map(repr, rows))
        return found


@pytest.fixture
def new_vendor(tmp_path: Path) -> Iterator[Callable[..., Vendor]]:
    """Serves a source's stand-in; ``data`` replaces what its module makes for 25 people."""
    with ExitStack() as stack:
        made: list[Vendor] = []

        def make(name: str, data: dict[str, Any] | None = None, **options: Any) -> Vendor:
            module = vendors.load(name)
            data = module.make(PEOPLE, END) if data is None else data
            control = Control()
            url = stack.enter_context(serving(Controlled(module.app(data, **options), control)))
            source = registry.load(name)
            values = {**module.ENVIRONMENT, source.url_variable: url}
            folder = tmp_path / f"{name}{len(made)}"
            vendor = Vendor(source, data, module.counts(data), control, values, folder)
            made.append(vendor)
            return vendor

        yield make
