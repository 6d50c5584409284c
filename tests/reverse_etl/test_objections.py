"""An organisation objects: who it is, what is recorded, and what the command says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl import objections
from reverse_etl.publish import Catalogue, Relation, publish
from workspace import settings
from workspace.identifiers import KEY_LENGTH, domain_key
from workspace.ledger import open_ledger, schema
from workspace.settings import Settings

CATALOGUE = Catalogue(
    [
        Relation("marts", "dim_accounts", "One row per account."),
        Relation("marts", "account_contacts", "One row per account and contact."),
    ]
)


@pytest.fixture
def published(tmp_path: Path) -> Settings:
    chosen = settings.load(tmp_path / "w")
    clinic = chosen.keyring.key("crm_company", "77")
    with duckdb.connect(str(chosen.paths.warehouse)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.dim_accounts as select * from (values "
            f"('{clinic}', 'Clinic', 'clinic.fr'), ('{'0' * KEY_LENGTH}', 'Town', null)"
            ") as accounts(account_id, name, domain)"
        )
        connection.execute(
            "create table marts.account_contacts as select * from (values "
            f"('{clinic}', 'ann'), ('{clinic}', 'bob')) as ties(account_id, contact_id)"
        )
    publish(chosen.paths.warehouse, chosen.paths, CATALOGUE, datetime(2026, 4, 1), {})
    return chosen


def test_by_account_by_crm_id_and_by_domain(published: Settings) -> None:
    def find(account: str) -> objections.Organisation | None:
        return objections.find(published.paths, published.keyring, account)

    clinic = published.keyring.key("crm_company", "77")
    assert find("77") == find(str(clinic))
    assert find("77") == objections.Organisation("crm_company", str(clinic), "Clinic", 2)
    assert find("https://www.Clinic.fr/") == objections.Organisation(
        "domain", domain_key("clinic.fr"), "Clinic", 2
    )
    # Addresses in a domain need no organisation of the CRM's.
    assert find("other.fr") == objections.Organisation("domain", domain_key("other.fr"), None, 0)
    assert find("78") is None


def test_the_command_records_it_and_takes_it_back(published: Settings) -> None:
    def object_(*words: str) -> tuple[int, str]:
        workspace = ["--workspace", str(published.paths.root)]
        result = CliRunner().invoke(app, ["consents", "object", *workspace, *words])
        return result.exit_code, " ".join(result.output.split())

    code, told = object_("--account", "77", "--by", "ann", "--evidence", "letter 12")
    assert code == 0 and "Clinic objects: 2 contacts known" in told
    # What was said for the account is not taken back for the domain.
    code, told = object_("--account", "clinic.fr", "--lift")
    assert code == 2 and "no objection was recorded here for this domain" in told
    code, told = object_("--account", "77", "--lift")
    assert code == 0 and "Clinic no longer objects" in told
    code, told = object_("--account", "77", "--lift")
    assert code == 2 and "nothing to take back" in told
    code, told = object_("--account", "78")
    assert code == 2 and "no account '78'" in told
    code, told = object_("--account", "77", "--by", "ann@x.example")
    assert code == 2 and "an address does not belong here" in told
    ledger = open_ledger(published.ledger_url)
    try:
        with ledger.reading() as connection:
            rows = [dict(r) for r in connection.execute(schema.consent_events.select()).mappings()]
    finally:
        ledger.close()
    assert [(r["state"], r["identifier_type"], r["purpose"], r["channel"]) for r in rows] == [
        ("objection", "crm_company", "all", "all"), ("lifted", "crm_company", "all", "all")
    ]  # fmt: skip
    assert (rows[0]["actor"], rows[0]["evidence"]) == ("ann", "letter 12")
