"""`marketing export` and `rectify` on a workspace that the pipeline has run over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from tests.end_to_end.runner import Finished, ask, ingest, run
from tests.reverse_etl.privacy import planted
from workspace import settings


@pytest.fixture(scope="module")
def opened(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    folder = tmp_path_factory.mktemp("export")
    with settings.exported(
        MARKETING_PEPPER="a pepper for tests only", MARKETING_WITNESS=str(folder / "witness")
    ):
        made = finished.copied(folder / "w")
        for kind, path in planted.files(folder / "files").items():
            ingest(made, kind, path)
        run(made)
    return made


def marketing(opened: settings.Settings, *words: str, command: str = "export") -> tuple[int, str]:
    result = CliRunner().invoke(app, [command, *words, "--workspace", str(opened.paths.root)])
    return result.exit_code, " ".join(result.output.split())


def rows(folder: Path, name: str) -> list[dict]:
    return json.loads((folder / "data" / f"{name}.json").read_bytes())


def test_an_export_holds_what_was_computed_of_a_merged_person(
    opened: settings.Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "e"
    code, told = marketing(
        opened, planted.EMAIL, "--to", str(folder), "--yes", "--requested-at", "2025-01-31"
    )
    assert code == 0, told
    assert "due by 2025-02-28" in told
    keys = {row["identifier_key"] for row in rows(folder, "marts/identity_map")}
    assert planted.subject(opened.keyring).keys <= keys, "all aliases are one person's"
    (contact,) = rows(folder, "marts/dim_contacts")
    (own,) = rows(folder, "pii/contacts")
    assert own["contact_id"] == contact["contact_id"]
    assert own["phone"] == planted.PHONE
    for mart in ("fct_events", "consent_records", "consent_states", "engagement_scores"):
        assert rows(folder, f"marts/{mart}"), mart
    published = {
        view
        for (view,) in ask(
            opened,
            "select distinct table_name from duckdb_columns() "
            "where schema_name = 'marts' and column_name = 'contact_id'",
        )
    }
    for view in published:
        (count,) = ask(
            opened,
            f"select count(*) from marts.{view} where contact_id = '{contact['contact_id']}'",
        )[0]
        path = folder / "data" / "marts" / f"{view}.json"
        exported = len(json.loads(path.read_bytes())) if path.exists() else 0
        assert exported >= count, view
    text = "".join(path.read_text() for path in folder.rglob("*.*") if path.is_file())
    assert (
        planted.tokens("tok-own") - {token for token in planted.tokens("tok-own") if token in text}
        == set()
    )
    for foreign in (planted.OTHER_EMAIL, planted.OTHER_PHONE, "Otto Autre"):
        assert foreign not in text
    assert marketing(opened, "--verify", str(folder))[0] == 0
    (folder / "summary.txt").write_text("changed")
    code, told = marketing(opened, "--verify", str(folder))
    assert code == 1 and "summary.txt: changed" in told


@pytest.mark.parametrize("who", [planted.PHONE, planted.USER, planted.CRM, planted.EXTERNAL])
def test_any_identifier_names_the_person(
    opened: settings.Settings, tmp_path: Path, who: str
) -> None:
    code, told = marketing(opened, who, "--to", str(tmp_path / "e"), "--yes")
    assert code == 0, told
    assert rows(tmp_path / "e", "pii/contacts")[0]["phone"] == planted.PHONE


def test_what_cannot_be_done_is_said(opened: settings.Settings, tmp_path: Path) -> None:
    folder = str(tmp_path / "e")
    code, told = marketing(opened, "nobody@nowhere.example", "--to", folder, "--yes")
    assert code == 2 and "not known" in told and "nobody@nowhere" not in told
    assert marketing(opened, planted.EMAIL)[0] == 2
    code, told = marketing(opened, planted.EMAIL, "--to", folder, "--language", "de", "--yes")
    assert code == 2 and "fr or en" in told
    code, told = marketing(
        opened, planted.EMAIL, "--to", folder, "--requested-at", "2199-01-01", "--yes"
    )
    assert code == 2 and "future" in told
    code, told = marketing(opened, planted.EMAIL, "--to", str(tmp_path), "--yes")
    assert code == 2 and "is there already" in told
    assert not Path(folder).exists()


def test_after_a_correction_the_new_address_is_the_person_s(
    opened: settings.Settings, tmp_path: Path
) -> None:
    """Behind the tests above, whose workspace it changes."""
    new = "carla@nouveau.example"
    code, told = marketing(
        opened, planted.PHONE, "--set", f"email={new}", "--set", "city=Nice", command="rectify"
    )
    assert code == 0 and "email, city corrected in 2 records" in told, told
    with settings.exported(MARKETING_PEPPER="a pepper for tests only"):
        run(opened)
    for number, who in enumerate((new, planted.EMAIL)):
        folder = tmp_path / str(number)
        code, told = marketing(opened, who, "--to", str(folder), "--yes")
        assert code == 0, told
        (own,) = rows(folder, "pii/contacts")
        assert (own["email"], own["city"]) == (new, "Nice")
        states = {row["field"]: row["status"] for row in rows(folder, "pii/rectifications")}
        assert states == {"email": "holds", "city": "holds"}
    states = {
        row["identifier_key"]: row["contact_id"]
        for row in rows(tmp_path / "0", "marts/identity_map")
        if row["identifier_type"] == "email"
    }
    keys = {opened.keyring.key("email", text.lower()) for text in (new, planted.EMAIL)}
    assert keys <= states.keys(), "the former address stays an alias"
    code, told = marketing(opened, new, "--set", "email=nonsense", command="rectify")
    assert code == 2 and "no address" in told and "nonsense" not in told
