"""What is published about a person is found by the columns that name people, and filed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from reverse_etl.privacy.gathering import Dataset, category_of, gather
from reverse_etl.privacy.redacting import Redactor
from reverse_etl.publish import Catalogue, Relation, publish
from tests.reverse_etl.privacy import planted
from workspace import definitions
from workspace.identifiers import KEY_LENGTH, Keyring
from workspace.lake import Lake
from workspace.ledger import Ledger, open_ledger
from workspace.paths import PROJECT, Paths

RING = Keyring(b"a pepper for tests only")
SUBJECT = planted.subject(RING)
OWN, OTHER = SUBJECT.contact_id, RING.key("crm_contact", planted.OTHER_CRM)
ACCOUNT = "a" * KEY_LENGTH
VIEWS: dict[str, list[dict[str, Any]]] = {
    "customer_values": [
        {"customer_type": "contact", "customer_id": OWN, "order_value_12m": 120.5},
        {"customer_type": "contact", "customer_id": OTHER, "order_value_12m": 7.0},
        {"customer_type": "account", "customer_id": ACCOUNT, "order_value_12m": 900.0},
    ],
    "mrr_movements": [
        {"customer_id": OWN, "movement": "new"},
        {"customer_id": ACCOUNT, "movement": "new"},
    ],
    "lookalikes": [
        {"contact_id": OWN, "account_id": ACCOUNT, "nearest_member_id": OTHER, "distance": 0.2},
        {"contact_id": OTHER, "account_id": ACCOUNT, "nearest_member_id": OWN, "distance": 0.3},
    ],
    "contact_feature_snapshots": [{"contact_id": OWN, "mails": 3}, {"contact_id": OTHER}],
}


@pytest.fixture
def ledger(paths: Paths) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{paths.ledger}")
    yield opened
    opened.close()


@pytest.fixture
def found(paths: Paths, ledger: Ledger) -> dict[str, Dataset]:
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts")
        for name, rows in VIEWS.items():
            connection.register("given", pa.Table.from_pylist(rows))
            connection.execute(f"create table marts.{name} as from given")
    catalogue = Catalogue([Relation("marts", name, f"One row per {name}.") for name in VIEWS])
    publish(paths.warehouse, paths, catalogue, planted.AT, {})
    gathered = gather(paths, Lake(paths.lake), ledger, SUBJECT, lambda data: False)
    return {its.name: its for its in gathered}


def test_values_and_contracts_of_a_customer_are_the_contact_s(found: dict[str, Dataset]) -> None:
    assert found["customer_values"].rows == VIEWS["customer_values"][:1]
    assert found["mrr_movements"].rows == VIEWS["mrr_movements"][:1]


def test_nobody_else_is_handed_over(found: dict[str, Dataset]) -> None:
    redactor = Redactor(SUBJECT, RING)
    handed = {name: redactor.dataset(its) for name, its in found.items()}
    assert set(handed) == set(VIEWS)
    assert OTHER not in str(handed)


def test_what_was_computed_of_a_person_is_filed_as_such(found: dict[str, Dataset]) -> None:
    filed = {name: its.category for name, its in found.items()}
    assert filed == {
        "customer_values": "scores",
        "mrr_movements": "sales",
        "lookalikes": "scores",
        "contact_feature_snapshots": "scores",
    }


def test_marts_that_judge_people_are_explained_to_them() -> None:
    """`privacy.yml` gives the logic behind each; what they are made of stands beside them."""
    parts = {"contact_features", "contact_feature_snapshots", "lead_score_contributions"}
    judging = set()
    for path in (PROJECT / "dbt/models/marts").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            columns = {column["name"] for column in model.get("columns", [])}
            if category_of(model["name"]) == "scores" and columns & {"contact_id", "customer_id"}:
                judging.add(model["name"])
    privacy = definitions.load(PROJECT / "marketing").privacy
    told = {
        mart
        for purpose in privacy.purposes.values()
        for its in purpose.profiling.values()
        for mart in its.marts
    }
    assert {"customer_values", "lookalikes", "predictions"} <= judging
    assert judging - parts <= told
