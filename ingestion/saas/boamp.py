"""BOAMP: French public tender notices with one of our words, open data of the DILA.

The data set is asked week by week, since at most 10,000 notices of one question can be paged
through; a day brings about a thousand. Each publication of a correction is a notice of its own;
ten days are asked for again for what is mended in place. A day ends in Paris, not in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from ingestion.saas.values import at, by_offset
from ingestion.sources import lines
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, PullError, Record, Resource, Rows, Source, Variable

SEARCH = "MARKETING_BOAMP_SEARCH"
PATH = "/catalog/datasets/boamp/records"
LIMIT, MOST = 100, 10_000
WEEK, DAY = timedelta(days=7), timedelta(days=1)
FIELDS = (
    *("idweb", "objet", "nomacheteur", "dateparution", "datelimitereponse", "code_departement"),
    *("type_procedure", "nature_libelle", "descripteur_libelle", "famille_libelle", "url_avis"),
    *("type_marche", "etat", "annonce_lie", "donnees"),
)
#: Where the French forms of notices have the buyer's SIRET, under `donnees`.
NATIONAL = (
    "IDENTITE.CODE_IDENT_NATIONAL",
    "FNSimple.organisme.codeIdentificationNational",
    "MAPA.organisme.codeIdentificationNational",
    "DSP.organisme.codeIdentificationNational",
    "DIVERS.organisme.codeIdentificationNational",
)
#: Where the European ones list everybody they name.
ORGANISATIONS = (
    "ext:UBLExtensions.ext:UBLExtension.ext:ExtensionContent.efext:EformsExtension"
    ".efac:Organizations.efac:Organization"
)


def _notices(pull: Pull) -> Iterator[Page]:
    words = _words(pull.values[SEARCH])
    day, last = pull.window.start.date(), pull.window.end.date() + DAY
    while day <= last:
        until = min(day + WEEK - DAY, last)
        params = {
            "select": ",".join(FIELDS),
            "where": f"{_between(day, until)} and ({words})",
            "order_by": "dateparution,idweb",
        }
        for page in by_offset(pull, PATH, "results", LIMIT, params, total="total_count"):
            count = at(lines.decoded(page.body), "total_count")
            if not isinstance(count, int) or count > MOST:
                raise PullError(f"GET {PATH}: {count} notices from {day} to {until}")
            yield page
        day = until + DAY


def _between(first: date, last: date) -> str:
    return f"dateparution >= date'{first}' and dateparution <= date'{last}'"


def _words(text: str) -> str:
    """The condition for any of the words, each within quotes that it cannot leave."""
    words = [word.translate({ord('"'): " ", ord("\\"): " "}).strip() for word in text.split(",")]
    conditions = [
        f'search({field}, "{word}")'
        for word in words
        if word
        for field in ("objet", "descripteur_libelle")
    ]
    if not conditions:
        raise PullError(f"{SEARCH} names no word")
    return " or ".join(conditions)


def _department(record: Record) -> str | None:
    """The first department, as its code is written: 2A, 01."""
    found = record["code_departement"]
    if isinstance(found, list):
        found = found[0] if found else None
    return found.upper().zfill(2) if found is not None else None


def _descriptors(record: Record) -> str | None:
    found = record["descripteur_libelle"]
    return ", ".join(found) if isinstance(found, list) else found


def _siren(record: Record) -> str | None:
    """The buyer's SIREN, where the notice names one and only one."""
    notice = json.loads(record["donnees"] or "{}")
    numbers = [_text(_within(notice, path)) for path in NATIONAL] + _eforms_numbers(notice)
    digits = ["".join(c for c in number if c.isdigit()) for number in numbers]
    found = {number[:9] for number in digits if len(number) in (9, 14)}
    return found.pop() if len(found) == 1 else None


def _eforms_numbers(notice: Any) -> list[str]:
    """The numbers of the organisations that a European notice names as buyers."""
    forms = _within(notice, "EFORMS")
    found = []
    for form in forms.values() if isinstance(forms, dict) else ():
        parties = _many(_within(form, "cac:ContractingParty"))
        buyers = [_text(_within(p, "cac:Party.cac:PartyIdentification.cbc:ID")) for p in parties]
        for organisation in _many(_within(form, ORGANISATIONS)):
            company = _within(organisation, "efac:Company")
            if _text(_within(company, "cac:PartyIdentification.cbc:ID")) in buyers:
                found.append(_text(_within(company, "cac:PartyLegalEntity.cbc:CompanyID")))
    return found


def _within(value: Any, path: str) -> Any:
    """What is at a path; nothing where the form of the notice is another one."""
    try:
        return Record(value)[path]
    except TypeError:
        return None


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str:
    found = value.get("#text") if isinstance(value, dict) else value
    return found if isinstance(found, str) else ""


SOURCE = Source(
    name="boamp",
    title="BOAMP",
    module=__name__,
    url="https://boamp-datadila.opendatasoft.com/api/explore/v2.1",
    variables=(Variable(SEARCH, "words to look for in notices, separated by commas", scope=True),),
    per_second=2,
    burst=2,
    every=timedelta(hours=6),
    resources=(
        Resource(
            name="notices",
            kind="tender_notices",
            description="tender notices that hold one of the words",
            endpoint=f"GET {PATH}",
            pages=_notices,
            look_back=timedelta(days=10),
            rows=Rows(
                records="results",
                constants={"source": "boamp"},
                fields={
                    "notice_id": "idweb",
                    "notice_type": "nature_libelle",
                    "title": "objet",
                    "buyer_name": "nomacheteur",
                    "buyer_siren": _siren,
                    "departement_code": _department,
                    "procedure": "type_procedure",
                    "descriptors": _descriptors,
                    "url": "url_avis",
                    "published_on": "dateparution",
                    "deadline_at": "datelimitereponse",
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
