"""BOAMP: the words, the weeks, and what a notice says of its buyer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.servers import boamp
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor

New = Callable[..., Vendor]
SIRET = "21530130200013"


def notices(*changes: dict[str, Any]) -> dict[str, Any]:
    first = boamp.make(PEOPLE, END)["notices"][0]
    return {"notices": [{**first, "idweb": f"26-{i}", **c} for i, c in enumerate(changes)]}


def form(value: Any) -> dict[str, Any]:
    return {"donnees": json.dumps(value)}


def test_it_goes_through_all_pages(new_vendor: New) -> None:
    vendor = new_vendor("boamp", page_size=2)
    result = vendor.run()
    assert (result.errors, result.records) == ([], 90)
    assert result.resources[0].pages > 45
    assert len({row["notice_id"] for row in vendor.rows("tender_notices")}) == 90


def test_the_values_of_a_row(new_vendor: New) -> None:
    vendor = new_vendor(
        "boamp",
        notices(
            {
                "nomacheteur": "Ville de Laval",
                "dateparution": "2026-09-10",
                "datelimitereponse": "2026-10-12T10:00:00+00:00",
                "code_departement": ["53", "72"],
                **form({"FNSimple": {"organisme": {"codeIdentificationNational": SIRET}}}),
            }
        ),
    )
    vendor.run()
    (row,) = vendor.rows("tender_notices")
    assert (row["source"], row["notice_id"]) == ("boamp", "26-0")
    assert (row["notice_type"], row["procedure"]) == ("Avis de marché", "OUVERT")
    assert row["title"] == "Acquisition d'un logiciel de passation des marchés"
    assert (row["buyer_name"], row["buyer_siren"]) == ("Ville de Laval", "215301302")
    assert (row["departement_code"], row["descriptors"]) == ("53", "Logiciel, Maintenance")
    assert row["url"].endswith("idweb:26-100000") and row["published_on"] == date(2026, 9, 10)
    assert row["deadline_at"].replace(tzinfo=None) == datetime(2026, 10, 12, 10)


@pytest.mark.parametrize(
    ("value", "siren"),
    [
        ({"IDENTITE": {"CODE_IDENT_NATIONAL": SIRET}}, "215301302"),
        ({"IDENTITE": {"CODE_IDENT_NATIONAL": "215 301 302"}}, "215301302"),
        ({"IDENTITE": {"CODE_IDENT_NATIONAL": "non communiqué"}}, None),
        ({"MAPA": {"organisme": [{"nom": "A"}, {"nom": "B"}]}}, None),
        ({"EFORMS": {"N": boamp.eforms([("ORG-1", SIRET), ("ORG-2", "1" * 14)])}}, "215301302"),
        ({"EFORMS": {"N": {"cac:ContractingParty": []}}}, None),
        ({}, None),
    ],
)
def test_a_siren_only_where_there_is_one(new_vendor: New, value: Any, siren: str | None) -> None:
    vendor = new_vendor("boamp", notices(form(value)))
    vendor.run()
    (row,) = vendor.rows("tender_notices")
    assert row["buyer_siren"] == siren


def test_several_buyers_are_none(new_vendor: New) -> None:
    notice = boamp.eforms([("ORG-1", SIRET), ("ORG-2", "1" * 14)])
    parties = [
        {"cac:Party": {"cac:PartyIdentification": {"cbc:ID": {"#text": key}}}}
        for key in ("ORG-1", "ORG-2")
    ]
    notice["cac:ContractingParty"] = parties
    vendor = new_vendor("boamp", notices(form({"EFORMS": {"ContractNotice": notice}})))
    vendor.run()
    assert vendor.rows("tender_notices")[0]["buyer_siren"] is None


def test_words_stay_within_their_quotes(new_vendor: New) -> None:
    vendor = new_vendor("boamp")
    vendor.values["MARKETING_BOAMP_SEARCH"] = 'l\'achat") or 1=1 or ("\\, , logiciel'
    assert vendor.run(END).errors == []
    where = parse_qs(urlsplit(vendor.control.requests[0][1]).query)["where"][0]
    assert where.endswith(
        'and (search(objet, "l\'achat ) or 1=1 or (")'
        ' or search(descripteur_libelle, "l\'achat ) or 1=1 or (")'
        ' or search(objet, "logiciel") or search(descripteur_libelle, "logiciel"))'
    )


def test_no_word_is_no_question(new_vendor: New) -> None:
    vendor = new_vendor("boamp")
    vendor.values["MARKETING_BOAMP_SEARCH"] = ' , "'
    assert vendor.run().errors == ["boamp notices: MARKETING_BOAMP_SEARCH names no word"]
    assert vendor.control.requests == []


def test_weeks_leave_no_day_out(new_vendor: New) -> None:
    vendor = new_vendor("boamp")
    vendor.run()
    asked = [parse_qs(urlsplit(path).query)["where"][0] for _, path in vendor.control.requests]
    spans = sorted({tuple(re.findall(r"date'([\d-]+)'", where)) for where in asked})
    assert spans[0][0] == "2024-09-30" and spans[-1][1] == "2026-10-02"
    for (_, end), (start, _) in pairwise(spans):
        assert date.fromisoformat(start) == date.fromisoformat(end) + timedelta(days=1)


def test_a_mended_notice_is_a_new_version(new_vendor: New) -> None:
    vendor = new_vendor("boamp", notices({"dateparution": "2026-09-28"}))
    vendor.run()
    vendor.data["notices"][0]["datelimitereponse"] = "2026-12-01T10:00:00+00:00"
    vendor.run(END + timedelta(days=3))
    assert [load.good for load in vendor.loads] == [1]
    assert len(vendor.rows("tender_notices")) == 2


def test_a_changed_type_is_one_rejected_row(new_vendor: New) -> None:
    vendor = new_vendor("boamp", notices({}, {"code_departement": [75]}, {}))
    vendor.run()
    assert [row["field"] for row in vendor.rows("rejected_rows")] == ["departement_code"]
    assert len(vendor.rows("tender_notices")) == 2
