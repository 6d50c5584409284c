"""The BOAMP data set behind Opendatasoft's Explore API v2.1."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import Data, Person, answer, number, page_of, starlette, stream

ENVIRONMENT = {"MARKETING_BOAMP_SEARCH": "logiciel, dispositifs médicaux"}
WORDS = ("logiciel", "dispositifs médicaux")
#: Title and descriptors of notices; the last two have none of the words.
SUBJECTS = [
    ("Acquisition d'un logiciel de passation des marchés", ["Logiciel", "Maintenance"]),
    ("Fourniture de dispositifs médicaux stériles", ["Matériel médical"]),
    ("Refonte du système d'information hospitalier", ["Informatique", "Logiciel"]),
    ("Entretien des espaces verts", ["Espaces verts"]),
    ("Réfection de la voirie communale", ["Voirie"]),
]
NATURES = ["Avis de marché", "Avis d'attribution", "Rectificatif"]
PROCEDURES = ["OUVERT", "PROCEDURE_ADAPTE", "NEGOCIE"]
DEPARTMENTS = [["75"], ["2A"], ["01", "69"], ["974"]]
FORM = re.compile(
    r"dateparution >= date'([\d-]{10})' and dateparution <= date'([\d-]{10})' and \((.+)\)"
)
TERM = re.compile(r'search\((objet|descripteur_libelle), "([^"\\]+)"\)')


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Six notices of each person's organisation in the last 150 days."""
    rng = stream("boamp", seed)
    notices = []
    for n in range(6 * len(people)):
        person = people[n % len(people)]
        title, descriptors = SUBJECTS[n % len(SUBJECTS)]
        published = end - timedelta(days=rng.randint(0, 149))
        deadline = published + timedelta(days=rng.randint(15, 45), hours=10)
        notices.append(
            {
                "idweb": f"26-{100_000 + n}",
                "objet": title,
                "nomacheteur": person.organisation,
                "dateparution": published.date().isoformat(),
                "datelimitereponse": None if n % 3 == 1 else f"{deadline.isoformat()}+00:00",
                "code_departement": DEPARTMENTS[n % len(DEPARTMENTS)],
                "type_procedure": PROCEDURES[n % len(PROCEDURES)],
                "nature_libelle": NATURES[n % len(NATURES)],
                "descripteur_libelle": descriptors,
                "famille_libelle": "Marchés entre 90 k€ et seuils européens",
                "url_avis": f"https://www.boamp.fr/pages/avis/?q=idweb:26-{100_000 + n}",
                "type_marche": ["SERVICES"],
                "etat": "INITIAL",
                "annonce_lie": None,
                "donnees": json.dumps(_form(n, f"2{rng.randint(10**12, 10**13 - 1)}")),
                "gestion": "{}",
            }
        )
    return {"notices": notices}


def _form(n: int, siret: str) -> dict[str, Any]:
    """The notice in one of the forms that are in use; some name no number."""
    if n % 4 == 0:
        return {"FNSimple": {"organisme": {"codeIdentificationNational": siret}}}
    if n % 4 == 1:
        return {"IDENTITE": {"DENOMINATION": "Acheteur", "CODE_IDENT_NATIONAL": siret}}
    if n % 4 == 2:
        return {"MAPA": {"organisme": {"nom": "Acheteur"}}}
    return {"EFORMS": {"ContractNotice": eforms([("ORG-0001", siret), ("ORG-0002", "1" * 14)])}}


def eforms(organisations: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A European notice, whose first organisation is the buyer."""
    listed = [
        {
            "efac:Company": {
                "cac:PartyIdentification": {
                    "cbc:ID": {"@schemeName": "organization", "#text": key}
                },
                "cac:PartyLegalEntity": {"cbc:CompanyID": siret},
            }
        }
        for key, siret in organisations
    ]
    inner = {"efext:EformsExtension": {"efac:Organizations": {"efac:Organization": listed}}}
    return {
        "ext:UBLExtensions": {"ext:UBLExtension": {"ext:ExtensionContent": inner}},
        "cac:ContractingParty": {
            "cac:Party": {"cac:PartyIdentification": {"cbc:ID": organisations[0][0]}}
        },
    }


def counts(data: Data) -> dict[str, int]:
    """Of the notices that hold a word that is looked for."""
    terms = [(field, word) for word in WORDS for field in ("objet", "descripteur_libelle")]
    return {"notices": sum(_matches(notice, terms) for notice in data["notices"])}


def app(data: Data, page_size: int = 100) -> Starlette:
    async def records(request: Request) -> Response:
        query = request.query_params
        asked, limit = FORM.fullmatch(query.get("where", "")), number(query.get("limit"), 10)
        offset = number(query.get("offset"), 0)
        if asked is None or limit > 100 or offset + limit > 10_000:
            return answer({"error_code": "ODSQLError", "message": "malformed"}, 400)
        low, high, terms = asked[1], asked[2], TERM.findall(asked[3])
        if " or ".join(f'search({field}, "{word}")' for field, word in terms) != asked[3]:
            return answer({"error_code": "ODSQLError", "message": "malformed"}, 400)
        found = [
            notice
            for notice in data["notices"]
            if low <= notice["dateparution"] <= high and _matches(notice, terms)
        ]
        order = query.get("order_by", "idweb").split(",")
        found.sort(key=lambda notice: [notice[name] for name in order])
        page, _ = page_of(found, offset, min(limit, page_size))
        names = query["select"].split(",") if "select" in query else None
        results = [{name: notice[name] for name in names or notice} for notice in page]
        return answer({"total_count": len(found), "results": results})

    return starlette(Route("/catalog/datasets/boamp/records", records))


def _matches(notice: dict[str, Any], terms: Sequence[tuple[str, str]]) -> bool:
    return any(word.lower() in str(notice[field]).lower() for field, word in terms)
