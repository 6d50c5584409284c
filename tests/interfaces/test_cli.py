"""The command line: what it accepts, what it says, and its exit codes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from workspace import settings
from workspace.lake import Lake

COSTS = "vertical,cost_month,line,cost_class,amount,currency\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "a workspace"


def marketing(workspace: Path, *arguments: object) -> Result:
    command = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, [command[0], "--workspace", str(workspace), *command[1:]])


def rows(workspace: Path, stream: str) -> int:
    return Lake(workspace / "lake").rows(stream)


def event(number: int) -> str:
    return json.dumps({"messageId": f"m{number}", "type": "page", "userId": "u"}) + "\n"


def test_good_rows_are_loaded_and_counted(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(COSTS.strip() + ",note\nmedical,2025-01,tools,marketing,100.50,EUR,x\n")
    result = marketing(workspace, "ingest", "costs", path)
    assert result.exit_code == 0, result.output
    assert rows(workspace, "costs") == 1
    assert "costs.csv: ignored columns note" in result.output
    again = marketing(workspace, "ingest", "costs", path)
    assert again.exit_code == 0 and rows(workspace, "costs") == 1


def test_bad_rows_are_named_and_good_ones_land(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(
        COSTS
        + "medical,2025-01,tools,marketing,lots,EUR\n"
        + "medical,2025-02,tools,marketing,100,EUR\n"
        + "medical,2025-03,tools,marketing,100,ZZZ\n"
    )
    result = marketing(workspace, "ingest", "costs", path)
    assert result.exit_code == 2
    assert "costs.csv:2 amount not_a_number" in result.output
    assert "costs.csv:4 currency unknown_currency" in result.output
    assert rows(workspace, "costs") == 1 and rows(workspace, "rejected_rows") == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("folder", None, "is a folder"),
        ("missing.csv", None, "no such file"),
        ("headless.csv", b"1,2,3\n4,5,6\n", "headless.csv"),
        ("table.xlsx", b"PK\x03\x04", "table.xlsx"),
    ],
)
def test_a_file_that_cannot_be_read_at_all(
    workspace: Path, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    good = tmp_path / "good.csv"
    good.write_text(COSTS + "medical,2025-01,tools,marketing,100,EUR\n")
    result = marketing(workspace, "ingest", "costs", path, good)
    assert result.exit_code == 2
    assert name in result.output and said in result.output.lower(), result.output
    assert "Traceback" not in result.output
    assert rows(workspace, "costs") == 1, "the good file beside it is loaded"


@pytest.mark.parametrize("content", ["", COSTS])
def test_a_file_without_rows(workspace: Path, tmp_path: Path, content: str) -> None:
    path = tmp_path / "nothing.csv"
    path.write_text(content)
    result = marketing(workspace, "ingest", "costs", path)
    assert result.exit_code == 0 and "nothing.csv: holds no rows" in result.output


def test_gzip(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(gzip.compress((event(1) + event(2) + event(2)).encode()))
    result = marketing(workspace, "ingest", "events", path)
    assert result.exit_code == 0, result.output
    assert rows(workspace, "events") == 2
    again = marketing(workspace, "ingest", "events", path)
    assert again.exit_code == 0 and "the same bytes as" in again.output
    assert rows(workspace, "events") == 2


def test_columns_of_an_old_tool(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Id,Mail\n1,ann@example.org\n")
    result = marketing(
        workspace, "ingest", "contacts", path, "--map", "Id=external_id", "--map", "Mail=email"
    )
    assert result.exit_code == 0, result.output
    assert rows(workspace, "imported_contacts") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", "event", "x"), "did you mean 'events'"),
        (("ingest", "costs", "x", "--map", "amount"), "THEIR_COLUMN=ours"),
        (("run", "--as-of", "yesterday"), "is not a time"),
        (("run", "--as-of", "9999-12-31T23:59:59-10:00"), "is not a time"),
        (("run", "--as-of", "2199-01-01"), "lies after the present"),
        (("demo", "--seed", "-1"), "--seed"),
        (("demo", "--size", "XL"), "--size is one of"),
        (("demo", "--profile", "calm"), "--profile one of"),
        (("publish",), "nothing"),
        (("publish", "--rollback"), "nothing"),
    ],
)
def test_bad_arguments(workspace: Path, arguments: tuple[str, ...], said: str) -> None:
    result = marketing(workspace, *arguments)
    assert result.exit_code == 2
    assert said.lower() in result.output.lower()


def test_a_batch_that_a_suite_stops(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(COSTS + "medical,2025-01,tools,marketing,-5,EUR\n")
    result = marketing(workspace, "ingest", "costs", path)
    assert result.exit_code == 1
    assert "ExpectColumnValuesToBeBetween(amount)" in result.output
    assert rows(workspace, "costs") == 0 and rows(workspace, "rejected_rows") == 1


def test_a_mistake_in_a_definition(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "marketing"
    folder.mkdir()
    (folder / "verticals.yml").write_text("verticals:\n  shop:\n    nam: Shop\n")
    (folder / "targets.yml").write_text("targets: []\n")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    result = marketing(workspace, "run")
    assert result.exit_code == 2
    assert "verticals.yml" in result.output and "nam" in result.output
    examined = marketing(workspace, "doctor")
    assert examined.exit_code == 1 and "verticals.yml" in examined.output


def test_the_doctor_finds_a_lost_file(workspace: Path, tmp_path: Path) -> None:
    assert marketing(workspace, "doctor").exit_code == 0
    path = tmp_path / "events.ndjson"
    path.write_text(event(1))
    marketing(workspace, "ingest", "events", path)
    (lost,) = Lake(workspace / "lake").files("events")
    lost.unlink()
    result = marketing(workspace, "doctor")
    assert result.exit_code == 1 and str(lost) in result.output


def test_the_demo_keeps_away_from_other_data(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(event(1))
    marketing(workspace, "ingest", "events", path)
    result = marketing(workspace, "demo")
    assert result.exit_code == 2 and "not the demo's" in result.output
    assert not (workspace / "demo").exists()


def test_two_demo_worlds_do_not_mix(workspace: Path) -> None:
    workspace.mkdir()
    label = {"size": "S", "seed": 7, "profile": "calibrated"}
    (workspace / "demo_world.json").write_text(json.dumps(label))
    result = marketing(workspace, "demo", "--seed", "8")
    assert result.exit_code == 2 and "seed 7" in result.output


def test_secrets_of_the_environment_are_not_shown(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETING_LEDGER_URL", "postgresql+psycopg://u:hunter2@127.0.0.1:1/none")
    result = marketing(workspace, "doctor")
    assert result.exit_code == 1 and "ledger" in result.output
    assert "hunter2" not in result.output
    assert "hunter2" not in repr(settings.load(workspace))


# ---- moving in -------------------------------------------------------------------------------


def test_tables_of_another_warehouse(workspace: Path, tmp_path: Path) -> None:
    from tests.ingestion.fivetran import tables

    brought = {k: v for k, v in tables.ads().items() if k.startswith("google")}
    folder = tables.write(tmp_path / "export", brought)
    looked = marketing(workspace, "import", "fivetran", folder, "--plan")
    assert looked.exit_code == 0, looked.output
    assert "ad_spend: 2 rows, 3 records folded into them" in looked.output
    assert rows(workspace, "ad_spend") == 0
    loaded = marketing(workspace, "import", "fivetran", folder)
    assert loaded.exit_code == 0, loaded.output
    assert rows(workspace, "ad_spend") == 2 and rows(workspace, "ad_spend_details") == 1
    # The levels stand side by side, and what was loaded is named.
    said = [" ".join(line.split()) for line in loaded.output.splitlines()]
    assert "google_ads.account_stats 99.00 USD -" in said
    assert "google_ads.campaign_stats 27.84 USD ad_spend" in said
    assert "google_ads.ad_stats 17.50 USD ad_spend_details" in said
    again = marketing(workspace, "import", "fivetran", folder)
    assert again.exit_code == 0 and rows(workspace, "ad_spend") == 2


def test_tables_that_cannot_be_taken_are_named(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "hubspot_contcat.csv"
    path.write_text("id\n1\n")
    result = marketing(workspace, "import", "fivetran", path)
    assert result.exit_code == 2
    assert "unknown table 'hubspot_contcat'; did you mean 'hubspot.contact'?" in result.output
    for arguments, said in (
        (("stitch", path), "unknown tool 'stitch'"),
        (("fivetran", tmp_path / "nowhere"), "there is no such file or folder"),
        (("fivetran", path, "--currency", "XXZ"), "is not an ISO 4217 code"),
    ):
        refused = marketing(workspace, "import", *arguments)
        assert refused.exit_code == 2 and said in refused.output


def test_everything_is_held_back_and_let_go(workspace: Path) -> None:
    stopped = marketing(workspace, "stop-all", "--by", "ann", "--reason", "a wrong price")
    assert stopped.exit_code == 0, stopped.output
    assert "everything is held back" in stopped.output
    assert "all: pause by ann at" in stopped.output
    again = marketing(workspace, "stop-all", "--by", "bob")
    assert "held back already" in again.output and "by ann" in again.output
    resumed = marketing(workspace, "stop-all", "--resume")
    assert resumed.exit_code == 0 and "go out again" in resumed.output
    assert "by ann" not in resumed.output
