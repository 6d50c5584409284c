"""CRM objects: the three types, pages, times in both spellings, links and versions."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.ingestion.conftest import KEYRING, Desk


def crm(crm_id: str = "1", updated: str = "2026-05-01T00:00:00Z", **properties: Any) -> dict:
    return {
        "id": crm_id,
        "properties": properties,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": updated,
        "archived": False,
    }


def test_contacts(desk: Desk) -> None:
    row = crm(
        "101",
        email="Ann@Example.com",
        firstname="Ann",
        buying_role="surgeon",
        external_user_id="u1",
        hs_language="fr",
        hs_merged_object_ids="1;2",
        phone="",
    )
    row["associations"] = {"companies": {"results": [{"id": 9, "type": "x"}, {"id": "8"}]}}
    result = desk.ingest("crm", [row], name="contacts_1.ndjson")
    assert (result.received, result.good) == (1, 1), result.examples
    (found,) = desk.rows("crm_contacts")
    expected = {
        "crm_id": "101",
        "contact_key": KEYRING.key("crm_contact", "101"),
        "created_at": datetime(2026, 1, 1),
        "known_at": datetime(2026, 5, 1),
        "archived": False,
        "email": "Ann@Example.com",
        "email_key": KEYRING.key("email", "ann@example.com"),
        "phone": None,
        "phone_key": None,
        "first_name": "Ann",
        "role": "surgeon",
        "user_id": "u1",
        "user_key": KEYRING.key("user_id", "u1"),
        "company_crm_id": "9",
        "language": "fr",
    }
    assert {key: found[key] for key in expected} == expected
    assert json.loads(found["properties"])["hs_merged_object_ids"] == "1;2"
    assert json.loads(found["associations"]) == row["associations"]


def test_companies_and_deals(desk: Desk) -> None:
    company = crm("7", name="CHU", population="1200", numberofemployees=150, zip=75001)
    deal = crm(
        "8",
        dealname="Deal",
        dealstage="contract_signed",
        amount="6000.50",
        hs_mrr=500,
        deal_currency_code="eur",
        closedate="1767225600000",
        contract_start_date=1767225600000,
        contract_end_date="2029-01-01",
        hs_v2_date_entered_contract_signed="2026-01-01T00:00:00Z",
    )
    deal["associations"] = {
        "companies": {"results": [{"id": "7"}]},
        "contacts": {"results": [{"id": "101"}]},
    }
    desk.ingest("crm", [company], name="companies.ndjson")
    desk.ingest("crm", [deal], name="DEALS-x.ndjson")
    (found,) = desk.rows("crm_companies")
    assert (found["population"], found["employees"], found["postal_code"]) == (1200, 150, "75001")
    (found,) = desk.rows("crm_deals")
    assert found["amount"] == Decimal("6000.5")
    assert found["mrr"] == 500
    assert found["currency"] == "EUR"
    assert found["closed_at"] == datetime(2026, 1, 1)
    assert found["contract_start_on"] == date(2026, 1, 1)
    assert found["contract_end_on"] == date(2029, 1, 1)
    assert (found["company_crm_id"], found["contact_crm_id"]) == ("7", "101")


def test_pages_and_types_in_one_file(desk: Desk) -> None:
    page = {"results": [crm("1"), {**crm("2"), "objectType": "company"}, 5], "paging": {}}
    typed = {"objectType": "deals", "results": [crm("3"), crm("")]}
    lines = [page, typed, {"results": 1}, {"results": []}, {**crm("4"), "objectType": "gadgets"}]
    result = desk.ingest("crm", lines, name="contacts.ndjson")
    assert (result.received, result.good, result.bad) == (7, 3, 4)
    assert desk.column("crm_contacts", "crm_id") == ["1"]
    assert desk.column("crm_companies", "crm_id") == ["2"]
    assert desk.column("crm_deals", "crm_id") == ["3"]
    assert desk.rejected(result) == [
        (1, "not_an_object", "results"),
        (2, "missing_field", "crm_id"),
        (3, "wrong_type", "results"),
        (5, "unknown_value", "objectType"),
    ]
    assert desk.rejected_rows()[0]["original"] == b"5"


def test_what_is_not_an_object_of_the_crm(desk: Desk) -> None:
    rows = [
        crm("1", updated=""),
        {**crm("2"), "properties": []},
        {**crm("3"), "associations": 1},
        crm("4", amount="much"),
        {**crm("5"), "archived": "perhaps"},
        crm("6", deal_currency_code="XYZ"),
        crm("7", closedate="9000000000000000000"),
        crm("8", updated="2026-07-01T00:00:00Z"),
        crm("9", hs_mrr=float("nan")),
        crm("10"),
    ]
    result = desk.ingest("crm", rows, name="deals.ndjson")
    assert desk.rejected(result) == [
        (1, "missing_field", "known_at"),
        (2, "wrong_type", "properties"),
        (3, "wrong_type", "associations"),
        (4, "not_a_number", "amount"),
        (5, "wrong_type", "archived"),
        (6, "unknown_currency", "currency"),
        (7, "time_range", "closed_at"),
        (8, "time_range", "known_at"),
        (9, "not_finite", None),
    ]
    assert desk.column("crm_deals", "crm_id") == ["10"]
    unnamed = desk.ingest("crm", [crm("11")], name="export.ndjson")
    assert desk.rejected(unnamed) == [(1, "missing_field", "objectType")]


def test_versions(desk: Desk) -> None:
    """Each modification stays; the same one again is a duplicate, another body a conflict."""
    first, later = crm("1", city="Paris"), crm("1", updated="2026-05-02T00:00:00Z", city="Lyon")
    desk.ingest("crm", [first, later], name="contacts.ndjson")
    reordered = {key: first[key] for key in reversed(first)} | {"url": "https://not.kept.example"}
    other = crm("1", city="Nice")
    result = desk.ingest("crm", [reordered, other, crm("1", "2026-05-03T00:00:00Z")], "contacts")
    assert (result.good, result.duplicate, result.quarantined) == (1, 1, 1)
    assert desk.rejected(result) == [(2, "id_conflict", None)]
    assert desk.rejected_rows()[0]["original"] == json.dumps(other).encode()
    assert desk.rejected_rows()[0]["verdict"] == "quarantined"
    assert desk.column("crm_contacts", "city") == ["Paris", "Lyon", None]
