"""`marketing experiments` answers with what there is, or says what is missing."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.publish import Catalogue, Relation, publish
from workspace import settings
from workspace.paths import PROJECT


def marketing(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["experiments", *(str(word) for word in arguments)])


@pytest.mark.parametrize("arguments", [("list",), ("results",), ("results", "x")])
def test_before_anything_is_published(tmp_path: Path, arguments: tuple) -> None:
    result = marketing(*arguments, "--workspace", tmp_path / "w")
    assert result.exit_code == 2 and "marketing run" in result.output


def test_a_name_is_shown_as_it_is_written(tmp_path: Path) -> None:
    """Names with brackets are no markup."""
    paths = settings.load(tmp_path / "w").paths
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            """
            create table marts.experiment_results as
            select 'test' as experiment, 'Subject [/b] [red]test' as experiment_name,
                'campaign' as about, 'spring' as source_key, cast(null as varchar) as node,
                date '2026-03-01' as starts_on, cast(null as date) as ends_on,
                '[/x] booked [bold]' as metric, 7e0 as within_days, 'always_valid' as method,
                unnest(['old', '[/y]']) as variant, unnest([true, false]) as is_control,
                1200 as assigned, 0 as measured, 0 as converted, cast(null as double) as rate,
                cast(null as double) as effect, cast(null as double) as effect_low,
                cast(null as double) as effect_high, cast(null as double) as p_adjusted,
                unnest(['control', 'no_decision']) as decision, false as is_winner,
                unnest(['', 'too few: 0 of 500 people in [/y]']) as reasons
            """
        )
    catalogue = Catalogue([Relation("marts", "experiment_results", "One row per variant.")])
    publish(paths.warehouse, paths, catalogue, datetime(2026, 4, 1), {})
    result = marketing("results", "--workspace", tmp_path / "w")
    assert result.exit_code == 0, result.exception
    told = "".join(result.output.split())
    for text in ("Subject[/b][red]test", "[/x]booked[bold]within7days", "0of500peoplein[/y]"):
        assert told.count(text) == 1  # both variants stand under one heading
    result = marketing("list", "--workspace", tmp_path / "w")
    assert result.exit_code == 0 and "[/y]" in result.output and "2,400" in result.output


def test_files_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    result = marketing("validate", "--workspace", tmp_path / "w")
    assert result.exit_code == 0 and "3 experiments are valid" in result.output
    file = folder / "experiments" / "medical_welcome_effect.yml"
    file.write_text(file.read_text().replace("node: welcome", "node: welcom"))
    result = marketing("validate", "--workspace", tmp_path / "w")
    told = "medical_welcome_effect.yml:5: node: medical_welcome sends nothing at 'welcom'"
    assert result.exit_code == 2 and told in result.output.replace("\n", " ").replace("  ", " ")


def test_how_many_people_one_needs() -> None:
    result = marketing("power", "--base", ".1", "--effect", ".02")
    assert result.exit_code == 0 and result.output.startswith("3,839 people in each variant")
    result = marketing("power", "--base", ".1", "--effect", ".95")
    assert result.exit_code == 2 and "between 0 and 1" in result.output
