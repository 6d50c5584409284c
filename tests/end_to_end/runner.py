"""Runs of the real pipeline in a workspace of a test's own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from dagster_project import runs
from ingestion import ingest_files
from reverse_etl.publish import ensure_root, fingerprints
from tests.end_to_end import inputs
from workspace import settings
from workspace.lake import Lake
from workspace.ledger import open_ledger, schema
from workspace.settings import Settings

#: The fixed present of small workspaces.
END = "2025-10-01T00:00:00Z"


@dataclass(frozen=True)
class Finished:
    """The small world and one run of it, in a folder that nobody may change."""

    folder: Path

    @property
    def seconds(self) -> float:
        """What its run took."""
        return float((self.folder / "seconds").read_text())

    def copied(self, workspace: Path) -> Settings:
        shutil.copytree(self.folder / "w", workspace, symlinks=True)
        opened = settings.load(workspace)
        ensure_root(opened.paths)
        return opened


def open_workspace(folder: Path, as_of: str | None = None) -> Settings:
    """A workspace; ``as_of`` is its fixed present, as a demo world has one."""
    opened = settings.load(folder)
    if as_of is not None:
        opened.paths.default_as_of.write_text(as_of)
    return opened


def ingest(opened: Settings, kind: str, *paths: Path) -> list[Any]:
    """Land and load without the suites, which have tests of their own."""
    lake = Lake(opened.paths.lake)
    return ingest_files(
        kind, paths, opened.paths.landing, lake, opened.keyring, now=opened.present, guard=False
    )


def run(opened: Settings, as_of: str | None = None) -> None:
    outcome = runs.run(opened, as_of)
    assert outcome.succeeded, outcome.faults


def marts(opened: Settings) -> dict[str, str]:
    """The fingerprint of each published mart, identifiers included."""
    return published_marts(opened.paths.published / "current") | {
        f"pii.{name}": value
        for name, value in fingerprints(opened.paths.published_pii / "current").items()
    }


def published_marts(version: Path) -> dict[str, str]:
    return fingerprints(version)


def ask(opened: Settings, query: str) -> list[tuple]:
    path = opened.paths.published / "marketing.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def small(folder: Path, source: Path, as_of: str = END) -> Settings:
    """The golden inputs of the two acquisition costs: a plan year's customers, deals and costs.

    Beside them what must not count: visits of strangers, odd dates and bad rows.
    """
    opened = open_workspace(folder, as_of)
    ingest(opened, "costs", inputs.costs(source / "costs.csv"))
    customers = {"medical": 30, "public": 100}
    ingest(opened, "crm", inputs.companies(source / "companies.ndjson", customers))
    ingest(opened, "crm", inputs.deals(source / "deals.ndjson", customers))
    ingest(opened, "crm", inputs.contact_with_odd_dates(source / "contacts.ndjson"))
    events = inputs.events(source / "events.ndjson", 400)
    with open(events, "ab") as handle:
        handle.write(b'{"messageId": "m-1", "type": "page", "userId": "other"}\n{"half\n\xff\n')
    ingest(opened, "events", events)
    return opened


def outbox(opened: Settings) -> list[dict[str, Any]]:
    """The messages of the ledger, with what they are sent as."""
    messages, payloads = schema.messages, schema.message_payloads
    query = sa.select(messages, payloads.c.destination, payloads.c.payload).outerjoin(payloads)
    ledger = open_ledger(opened.ledger_url)
    with ledger.reading() as connection:
        found = [dict(row) for row in connection.execute(query).mappings()]
    ledger.close()
    return found
