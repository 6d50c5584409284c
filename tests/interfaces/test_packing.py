"""`marketing pack` at the door: what it asks for, says and refuses."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.publish import Catalogue, Relation, publish
from workspace.paths import Paths


@pytest.fixture
def workspace(paths: Paths) -> Path:
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(
            "create schema marts; create schema pii;"
            "create table marts.dim_contacts as select 'c1' as contact_id;"
            "create table pii.people as select 'ann@example.com' as email;"
        )
    relations = [Relation("marts", "dim_contacts"), Relation("pii", "people")]
    publish(paths.warehouse, paths, Catalogue(relations), datetime(2026, 1, 1), {"as_of": "x"})
    return paths.root


def marketing(workspace: Path, *arguments: object) -> Result:
    command = ["pack", *map(str, arguments), "--workspace", str(workspace)]
    return CliRunner().invoke(app, command)


def test_it_packs_without_identifiers_and_verifies(workspace: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.duckdb"
    made = marketing(workspace, file)
    assert made.exit_code == 0, made.output
    assert "1 tables, 1 rows" in made.output and "pseudonymous" in made.output
    checked = marketing(workspace, file, "--verify")
    assert checked.exit_code == 0, checked.output
    digests = [re.findall(r"sha256 ([0-9a-f]{64})", done.output) for done in (made, checked)]
    assert digests[0] == digests[1] and digests[0]
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from marts.dim_contacts")
    broken = marketing(workspace, file, "--verify")
    assert broken.exit_code == 1
    assert "marts.dim_contacts has 0 rows, and had 1" in broken.output


def test_a_whole_one_wants_a_word(workspace: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.duckdb"
    refused = marketing(workspace, file, "--whole")
    assert refused.exit_code == 2 and "--yes" in refused.output and not file.exists()
    done = marketing(workspace, file, "--whole", "--yes")
    assert done.exit_code == 0 and "(whole)" in done.output
    again = marketing(workspace, file, "--whole", "--yes")
    assert again.exit_code == 2 and "is there already" in again.output
