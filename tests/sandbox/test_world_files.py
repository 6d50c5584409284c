"""Every file has the format of its kind, the same bytes each time, and no fact after the end."""

from __future__ import annotations

import ast
import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import sandbox
from sandbox.world import __main__ as command
from sandbox.world import churn, generate, truth
from sandbox.world.generate import make_world
from sandbox.world.make_reference import make_reference
from sandbox.world.plan import SIZES

END = "2026-10-01T00:00:00"

CSV_COLUMNS = {
    "ad_spend": "platform account_id campaign_id campaign_name vertical spend_on spend currency "
    "impressions clicks platform_conversions",
    "costs": "vertical cost_month line scenario cost_class channel amount currency",
    "fx_rates": "base_currency currency rate_on rate",
    "surveys": "response_id survey question_type vertical email user_id score comment answered_at",
    "content": "content_id title content_type vertical language topic persona stage channel url "
    "status published_at",
    "product_usage": "account_id user_id feature used_on uses active_minutes",
    "sales_activities": "activity_type owner_email profile_url contact_name job_title email "
    "vertical occurred_at",
    "attendees": "event_key event_name event_type vertical starts_on ends_on city email first_name "
    "last_name organisation job_title status",
    "contacts": "external_id email phone first_name last_name organisation job_title vertical "
    "country language created_at",
    "suppressions": "email phone channel reason suppressed_at",
    "consents": "email phone purpose channel status legal_basis source text_version decided_at",
}


def digests(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.file_digest(p.open("rb"), "sha256").hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_in_another_process(world, tmp_path):
    environment = {**os.environ, "PYTHONHASHSEED": "99", "POLARS_MAX_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-m", "sandbox.world", str(tmp_path / "landing"), "--seed", "7"],
        check=True,
        env=environment,
        cwd=Path(sandbox.__file__).parents[1],
        stdout=subprocess.DEVNULL,
    )
    assert digests(tmp_path / "landing") == digests(world.directory)
    assert digests(tmp_path / "truth") == digests(world.truth)


def test_another_seed_gives_another_world():
    one, other = make_world(SIZES["S"], 7), make_world(SIZES["S"], 8)
    for name in ("accounts", "units", "people", "deals"):
        assert not getattr(one, name).equals(getattr(other, name))


def test_every_kind_is_there(world):
    kinds = {name.split("/")[0] for name in world.rows}
    assert kinds == {*CSV_COLUMNS, "events", "crm", "reference"}
    for name, size in world.sizes.items():
        assert (world.directory / name).stat().st_size == size


@pytest.mark.parametrize("kind", sorted(CSV_COLUMNS))
def test_csv_files_have_the_columns_of_their_kind(world, kind):
    paths = sorted((world.directory / kind).glob("*.csv"))
    assert paths
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            separator = ";" if kind == "attendees" else ","
            table = list(csv.reader(file, delimiter=separator))
        assert table[0] == [*CSV_COLUMNS[kind].split(), "known_at"]
        assert all(len(row) == len(table[0]) for row in table)
        assert len(table) - 1 == world.rows[str(path.relative_to(world.directory))]
        known = [row[-1] for row in table[1:]]
        assert all(known) and max(known) < END


def test_json_lines_parse_but_for_the_planted_ones(world):
    planted = truth.load(world.truth, "planted_rows")
    unreadable = planted.filter(pl.col("fault").is_in(["truncated JSON", "invalid UTF-8"])).height
    failed = 0
    for path in sorted(world.directory.rglob("*.ndjson")):
        lines = path.read_bytes().splitlines()
        assert len(lines) == world.rows[str(path.relative_to(world.directory))]
        for line in [*lines[:1500:7], *lines[-40:]]:
            try:
                message = json.loads(line)
            except (ValueError, UnicodeDecodeError):
                failed += 1
                continue
            assert "type" in message or message["objectType"] in path.name
    assert failed == unreadable


def test_no_fact_lies_after_the_end_but_the_planted_ones(world, files):
    planted = set(
        truth.load(world.truth, "planted_rows").filter(verdict="future")["message_id"].to_list()
    )
    late = files.execute(
        "select messageId from events where year(occurred) < 2999 and "
        "(occurred >= timestamp '2026-10-01' or received >= timestamp '2026-10-01')"
    ).fetchall()
    assert {m for (m,) in late} == planted
    assert len(planted) == 7
    for name in ("contacts", "companies", "deals"):
        assert files.execute(
            f"select count(*) from crm_{name} where updated >= timestamp '2026-10-01'"
        ).fetchone() == (0,)


def test_crm_versions_of_an_object_follow_one_another(files):
    for name in ("contacts", "companies", "deals"):
        assert files.execute(
            f"select count(*) - count(distinct (id, updated)) from crm_{name}"
        ).fetchone() == (0,)
    assert files.execute("select count(*) from contacts").fetchone() == (15_000,)
    (accounts,) = files.execute("select count(*) from companies").fetchone()
    assert 38_000 < accounts < 43_000


def test_sizes(world):
    events = sum(n for name, n in world.rows.items() if name.startswith("events/"))
    size = sum(n for name, n in world.sizes.items() if name.startswith("events/"))
    assert 350_000 < events < 450_000
    assert size < 230_000_000


def test_addresses_belong_to_nobody(files):
    for table, column in (
        ("contacts", "properties->>'email'"),
        ("contacts_list", "trim(email)"),
        ("surveys", "email"),
        ("consents", "email"),
        ("attendees_list", "email"),
    ):
        assert files.execute(
            f"select count(*) from {table} where {column} is not null and "
            f"lower({column}) not like '%.example'"
        ).fetchone() == (0,)


def test_an_unknown_size_or_profile_is_refused(tmp_path):
    with pytest.raises(ValueError, match="size 'XL'"):
        generate(tmp_path / "landing", size="XL")
    with pytest.raises(ValueError, match="profile 'other'"):
        generate(tmp_path / "landing", profile="other")
    with pytest.raises(ValueError, match="not a truth table"):
        truth.load(tmp_path, "other")


def test_the_command_writes_the_churn_profile(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(churn, "CONTRACTS", {"medical": 150, "public": 300})
    arguments = [
        "x",
        str(tmp_path / "landing"),
        "--profile",
        "churn",
        "--truth",
        str(tmp_path / "t"),
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    command.main()
    assert "crm/deals-export.ndjson.gz" in capsys.readouterr().out
    months = truth.load(tmp_path / "t", "contract_months")
    assert months["customer"].n_unique() > 400
    with gzip.open(tmp_path / "landing/events/events-2026-01.ndjson.gz") as file:
        assert json.loads(file.readline())["type"] in ("track", "screen")


def test_the_reference_file_is_made_the_same_each_time(tmp_path):
    table = pl.DataFrame(
        {
            "kind": ["region", "commune", "commune"],
            "code": ["01", "97501", "01001"],
            "siren": [None, None, "210100012"],
            "name": ["Guadeloupe", "Miquelon", "L'Abergement"],
            "departement": [None, "975", "01"],
            "region": ["01", "975", "84"],
            "zone": ["drom", "com", "metro"],
            "population": [384_160, 596, 860],
        }
    )
    table.write_parquet(tmp_path / "in.parquet")
    assert make_reference(tmp_path / "in.parquet", tmp_path / "a.csv.gz") == 3
    make_reference(tmp_path / "in.parquet", tmp_path / "b.csv.gz")
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    lines = gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).decode().splitlines()
    assert lines[0] == "level,code,name,siren,departement_code,region_code,population"
    assert [line.split(",")[1] for line in lines[1:]] == ["01001", "97501", "01"]


def test_the_sandbox_imports_the_workspace_only():
    ours = {"ingestion", "models_ml", "reverse_etl", "dagster_project", "interfaces"}
    for path in Path(sandbox.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {n.split(".")[0] for n in names} & ours, path
