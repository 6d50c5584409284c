"""A step that fails is told without the values it failed on."""

from __future__ import annotations

import traceback
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from dagster._utils.error import serializable_error_info_from_exc_info

from dagster_project.resources import RunState
from workspace import definitions, settings
from workspace.lake import Lake
from workspace.ledger import open_ledger


def test_a_failed_step_names_nobody(tmp_path: Path) -> None:
    opened = settings.load(tmp_path / "w")
    ledger = open_ledger(opened.ledger_url)
    as_of = datetime(2026, 3, 3)
    ledger.start_run("r1", as_of, "dev", as_of)
    given = definitions.load(opened.definitions)
    run = RunState(opened, "r1", as_of, False, given, Lake(opened.paths.lake), ledger)
    with pytest.raises(duckdb.ConversionException) as raised, run.step("some"):
        duckdb.sql("select cast(a as integer) from (select 'anna@example.fr' as a)").fetchall()
    info = (raised.type, raised.value, raised.tb)
    stored = serializable_error_info_from_exc_info(info).to_string()
    assert "Could not convert string … to INT32" in stored and "test_resources.py" in stored
    for text in (stored, "".join(traceback.format_exception(*info))):
        assert "anna@example.fr" not in text.replace("'anna@example.fr' as a", "")
    ledger.close()
