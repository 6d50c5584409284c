"""The doctor on what is stale, what is not there, and who else can read."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from interfaces.doctor import examine
from workspace import at_rest, restored, settings
from workspace.clock import parse_time
from workspace.lake import Lake
from workspace.streams import STREAMS

VERTICALS = """\
verticals:
  shop:
    name: Shop
    market: b2c
    funnel: [{stage: lead, name: Lead, from: {object: event, event: Signed Up}}]
"""
RATES = {"base_currency": "EUR", "currency": "USD"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "marketing"
    made.mkdir()
    (made / "verticals.yml").write_text(VERTICALS)
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(made))
    return made


def test_it_tells_a_stale_stream(tmp_path: Path, folder: Path) -> None:
    opened = settings.load(tmp_path / "w")
    opened.paths.default_as_of.write_text("2026-05-10T00:00:00Z")
    row = {**RATES, "known_at": parse_time("2026-05-01")}
    table = pa.Table.from_pylist([row], schema=STREAMS["fx_rates"].schema)
    Lake(opened.paths.lake).commit("fx_rates", "one", table)
    (folder / "freshness.yml").write_text("streams: {fx_rates: 9d, events: 1h}")
    assert examine(opened, Console(quiet=True)) == []
    (folder / "freshness.yml").write_text("streams: {fx_rates: 8d, events: 1h}")
    (fault,) = examine(opened, Console(quiet=True))
    assert fault == ("no stream is stale: fx_rates: the newest row is 9d old; the limit is 8d")


def test_it_tells_a_source_that_is_not_there(tmp_path: Path, folder: Path) -> None:
    (folder / "freshness.yml").write_text("sources: {hubspto: 1h}")
    opened = settings.load(tmp_path / "w")
    (fault,) = examine(opened, Console(quiet=True))
    assert "no source 'hubspto'; did you mean 'hubspot'?" in fault


def test_it_tells_who_else_can_read(tmp_path: Path) -> None:
    opened = settings.load(tmp_path / "w")
    opened.paths.dagster.chmod(0o755)
    (fault,) = examine(opened, Console(quiet=True))
    assert fault.startswith("only its owner reads what identifies people: ")
    assert f"{opened.paths.dagster} has mode 0755" in fault


@pytest.mark.parametrize("verdict", ["encrypted", "plain", "unknown"])
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_it_says_plainly_that_the_disk_must_do_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, environment: str
) -> None:
    monkeypatch.setattr(at_rest, "disk", lambda _: verdict)
    monkeypatch.setenv("MARKETING_ENV", environment)
    console = Console(record=True, width=400, file=io.StringIO())
    faults = examine(settings.load(tmp_path / "w"), console)
    assert bool(faults) is (verdict == "plain" and environment == "prod")
    assert ("encrypted by nothing else" in console.export_text()) is (verdict != "encrypted")


def test_it_tells_of_a_restore_that_is_not_finished(tmp_path: Path) -> None:
    opened = settings.load(tmp_path / "w")
    restored.mark(opened.paths.root, {})
    (fault,) = examine(opened, Console(quiet=True))
    assert "was restored from a backup" in fault
