"""A small workspace with something of everything that a backup holds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from workspace import settings
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.settings import Settings
from workspace.streams import STREAMS

AT = datetime(2026, 10, 1)


def rates(number: int, rows: int = 1) -> pa.Table:
    row = dict.fromkeys(STREAMS["fx_rates"].schema.names)
    row |= {"rate": None, "known_at": AT, "landing_file": f"f{number}"}
    return pa.Table.from_pylist([row] * rows, schema=STREAMS["fx_rates"].schema)


@pytest.fixture
def workspace(tmp_path: Path) -> Settings:
    opened = settings.load(tmp_path / "a workspace")
    lake = Lake(opened.paths.lake)
    for number in range(3):
        lake.commit("fx_rates", f"b{number}", rates(number, number + 1))
    lake.commit("costs", "none", None)
    ledger = open_ledger(opened.ledger_url)
    ledger.start_run("r", AT, "dev", AT)
    ledger.record_step("r", "s", "succeeded", AT, AT)
    ledger.close()
    landing = opened.paths.landing
    for name in ("events/20261001T000000000000Z__0123456789ab__e.ndjson", "costs/by hand.csv"):
        (landing / name).parent.mkdir(exist_ok=True)
        (landing / name).write_text(f"the bytes of {name}")
    (landing / ".collector").mkdir()
    (landing / ".collector" / "events.1.open").write_bytes(b"acknowledged")
    (landing / ".staging").mkdir()
    (landing / ".staging" / "half").write_text("half a file")
    (opened.paths.root / "as_of.txt").write_text("2026-10-01T00:00:00Z")
    (opened.paths.root / "pepper.key").write_text("never in a backup")
    (opened.paths.dagster / "runs.db").write_text("made again")
    return opened
