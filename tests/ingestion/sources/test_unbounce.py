"""Unbounce: leads page by page, and forms that name their fields as they like."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingestion.saas.values import own_name
from sandbox.servers import unbounce
from sandbox.servers.base import iso
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor

New = Callable[..., Vendor]


def one_lead(**form: Any) -> dict[str, Any]:
    data = unbounce.make(PEOPLE, END)
    page = data["pages"][0]["id"]
    lead = data["leads"][page][0]
    lead["form_data"] = form
    return {"pages": data["pages"][:1], "leads": {page: [lead]}}


def test_it_goes_through_all_pages(new_vendor: New) -> None:
    vendor = new_vendor("unbounce", page_size=3)
    result = vendor.run()
    assert result.errors == []
    assert result.records == vendor.expected["leads"] == 50
    assert result.resources[0].pages > 15
    assert len({row["submission_id"] for row in vendor.rows("form_submissions")}) == 50


def test_the_values_of_a_row(new_vendor: New) -> None:
    form = {
        "Prénom": ["Ana"],
        "NOM": ["Petit"],
        "adresse_e-mail": ["ana@mairie.example"],
        "telephone": ["06 12 34 56 78"],
        "Société": ["Mairie de Laval"],
        "utm_source": ["google"],
        "utm_medium": ["cpc"],
        "utm_campaign": ["achats"],
        "sujets": ["a", "b"],
    }
    vendor = new_vendor("unbounce", one_lead(**form))
    vendor.run()
    (row,) = vendor.rows("form_submissions")
    page, (lead,) = vendor.data["pages"][0], *vendor.data["leads"].values()
    assert row["source"] == "unbounce" and row["submission_id"] == lead["id"]
    assert (row["form_id"], row["form_name"]) == (page["id"], page["name"])
    assert row["page_url"] == page["url"]
    assert (row["first_name"], row["last_name"]) == ("Ana", "Petit")
    assert (row["email"], row["phone"]) == ("ana@mairie.example", "06 12 34 56 78")
    assert row["organisation"] == "Mairie de Laval"
    assert [row[f"utm_{name}"] for name in ("source", "medium", "campaign")] == [
        *("google", "cpc", "achats")
    ]
    assert iso(row["occurred_at"].replace(tzinfo=None)) == lead["created_at"]
    assert '"sujets":["a","b"]' in row["payload"]


def test_values_may_be_texts(new_vendor: New) -> None:
    vendor = new_vendor("unbounce", one_lead(email="ana@mairie.example", company="CHU"))
    vendor.run()
    (row,) = vendor.rows("form_submissions")
    assert (row["email"], row["organisation"]) == ("ana@mairie.example", "CHU")


def test_a_late_lead_is_found(new_vendor: New) -> None:
    vendor = new_vendor("unbounce")
    vendor.run()
    leads = vendor.data["leads"][vendor.data["pages"][0]["id"]]
    late = iso(END - timedelta(minutes=30))
    leads.append({**leads[0], "id": "late", "created_at": late})
    vendor.run(END + timedelta(hours=1))
    assert [load.good for load in vendor.loads] == [1]


def test_a_changed_type_is_one_rejected_row(new_vendor: New) -> None:
    data = unbounce.make(PEOPLE, END)
    data["leads"][data["pages"][0]["id"]][1]["form_data"] = ["email"]
    vendor = new_vendor("unbounce", data)
    vendor.run()
    assert len(vendor.rows("rejected_rows")) == 1
    assert sum(load.good for load in vendor.loads) == 49


def test_the_window_is_asked_for(new_vendor: New) -> None:
    vendor = new_vendor("unbounce")
    vendor.run(datetime(2026, 9, 1))
    vendor.run()
    last = [path for _, path in vendor.control.requests if "/leads" in path][-1]
    assert "from=2026-08-31T23%3A00%3A00.000Z&to=2026-10-01T00%3A00%3A00.000Z" in last


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Quel est votre prénom ?", "first_name"),
        ("lastName", "last_name"),
        ("E-mail professionnel", None),
        ("Votre adresse e-mail", "email"),
        ("numero_de_telephone", "phone"),
        ("Nom de l'entreprise", "organisation"),
        ("Nom", "last_name"),
        ("Message", None),
    ],
)
def test_names_of_fields(label: str, name: str | None) -> None:
    assert own_name(label) == name
