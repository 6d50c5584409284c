"""`marketing models`: cards, and decisions on record. Training and scoring run end to end."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from models_ml.operations import choosing, records
from models_ml.operations.retraining import retrain
from tests.conftest import MadeOnce
from tests.models_ml.operations.worlds import AS_OF, world
from workspace import settings
from workspace.lake import Lake
from workspace.ledger import open_ledger, schema
from workspace.settings import Settings


@dataclass(frozen=True)
class Shop:
    """A workspace with two versions of the churn model, the second one champion."""

    opened: Settings
    first: str
    second: str

    def call(self, *arguments: str) -> Result:
        root = str(self.opened.paths.root)
        return CliRunner().invoke(app, ["models", *arguments, "--workspace", root])

    @property
    def champion(self) -> str | None:
        return choosing.champion(Lake(self.opened.paths.lake), "churn", self.opened.present())

    @property
    def record(self) -> list[tuple[str, str, str | None]]:
        ledger = open_ledger(self.opened.ledger_url)
        with ledger.reading() as connection:
            rows = connection.execute(schema.audit_chain.select()).mappings().all()
        ledger.close()
        return [
            (row["action"], row["object"], row["reason"])
            for row in rows
            if row["action"].startswith("model.")
        ]


@pytest.fixture(scope="session")
def made(made_once: MadeOnce) -> Path:
    def fill(folder: Path) -> None:
        opened = settings.load(folder / "w")
        found = world(opened.paths.root, keyring=opened.keyring)
        (first,) = retrain(found.connection, found.place, lambda: datetime(2026, 10, 2))
        found.connection.execute(
            "delete from intermediate.int_churn_labels where account_id < 'a0020'"
        )
        (second,) = retrain(found.connection, found.place, lambda: datetime(2026, 10, 2))
        assert second.version and first.version != second.version
        if choosing.champion(found.place.lake, "churn", AS_OF) != second.version:
            lake, keyring = found.place.lake, opened.keyring
            choosing.promote(lake, keyring, "churn", second.version, AS_OF, "test", None)

    return made_once("two_versions", fill)


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Shop:
    shutil.copytree(made / "w", tmp_path / "w")
    opened = settings.load(tmp_path / "w")
    opened.paths.default_as_of.write_text("2026-10-03T00:00:00Z")
    versions = [row["version"] for row in Lake(opened.paths.lake).read("ml_promotions").to_pylist()]
    return Shop(opened, versions[0], versions[-1])


def test_a_card_is_found_and_its_files_are_held_to_their_hashes(shop: Shop) -> None:
    for version, arguments in ((shop.second, ()), (shop.first, ("--version", shop.first))):
        result = shop.call("card", "churn", *arguments)
        assert result.exit_code == 0, result.output
        path = Path(result.stdout.strip())
        assert path.parent.name == version and "<html" in path.read_text("utf-8")
    path.write_text("<html>another</html>")
    result = shop.call("card", "churn", "--version", shop.first)
    assert result.exit_code == 2 and "tampered" in result.output
    for wrong in (
        ("card", "chrun"),
        ("card", "conversion"),
        ("card", "churn", "--version", "../x"),
    ):
        assert shop.call(*wrong).exit_code == 2
    assert "did you mean 'churn'?" in shop.call("card", "chrun").output


def test_a_rollback_and_a_promotion_are_on_record(shop: Shop) -> None:
    result = shop.call("rollback", "churn", "--reason", "sales asked", "--by", "ana")
    assert result.exit_code == 0, result.output
    assert shop.champion == shop.first and shop.first in result.output
    result = shop.call("promote", "churn", shop.second, "--reason", "it was right")
    assert result.exit_code == 0 and shop.champion == shop.second
    assert shop.record == [
        ("model.rollback", "model:churn", "sales asked"),
        ("model.promote", "model:churn", "it was right"),
    ]
    last = Lake(shop.opened.paths.lake).read("ml_promotions").to_pylist()[-2]
    assert (last["decision"], last["decided_by"]) == ("rolled_back", "ana")


def test_what_cannot_be_decided_changes_nothing(shop: Shop) -> None:
    folder = records.registry(Lake(shop.opened.paths.lake)) / "churn" / shop.first
    (folder / "model.skops").write_bytes(b"\x80\x04.")
    for wrong, told in (
        (("promote", "churn", shop.second), "champion of churn already"),
        (("promote", "churn", "0" * 16), "missing"),
        (("rollback", "churn"), "tampered"),
        (("rollback", "churn", "--to", "f" * 16), "never champion"),
        (("rollback", "engagement"), "no champion to go back to"),
        (("promote", "purchase", shop.first), "no model 'purchase'"),
    ):
        result = shop.call(*wrong)
        assert result.exit_code == 2 and told in result.output.replace("\n", " "), result.output
    assert shop.champion == shop.second and shop.record == []


def test_a_list_needs_something_published(shop: Shop) -> None:
    result = shop.call("list")
    assert result.exit_code == 2 and "marketing run" in result.output.replace("\n", " ")
