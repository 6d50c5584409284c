"""Unbounce's API v0.4: pages and their leads."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import (
    SECRET,
    Data,
    Denied,
    Person,
    answer,
    iso,
    moments,
    number,
    page_of,
    starlette,
    stream,
)

ENVIRONMENT = {"MARKETING_UNBOUNCE_KEY": SECRET}
#: Name and vertical of each page, and what its form calls email, phone, names and organisation.
PAGES = [
    (
        "Livre blanc : la commande publique",
        "public",
        ("email", "telephone", "prenom", "nom", "collectivite"),
    ),
    (
        "Guide : la traçabilité au bloc",
        "medical",
        ("Email", "phone_number", "first_name", "last_name", "company"),
    ),
    (
        "Demande de démonstration",
        "",
        ("adresse_e_mail", "numero_de_telephone", "Prénom", "Nom", "Nom de l'établissement"),
    ),
    ("Page de remerciement", "", ()),
]
CAMPAIGNS = [("google", "cpc", "achats-publics"), ("linkedin", "paid", "bloc"), ("", "", "")]


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Each person filled two forms in the last 180 days; the last page has no leads."""
    rng = stream("unbounce", seed)
    pages = [
        {
            "id": f"7cacd6d4-015a-4690-9537-{i:012d}",
            "name": name,
            "url": f"https://pages.editeur.example/page-{i}/",
            "state": "published",
            "created_at": iso(end - timedelta(days=400)),
            "variants_count": 1,
        }
        for i, (name, _, _) in enumerate(PAGES)
    ]
    leads: dict[str, list[dict[str, Any]]] = {page["id"]: [] for page in pages}
    for n, time in enumerate(moments(rng, end, 180, 2 * len(people))):
        person = people[n % len(people)]
        i = 2 if n % 4 == 3 else int(person.vertical == "medical")
        leads[pages[i]["id"]].append(
            {
                "id": f"f79d7b6e-b3e8-484c-9584-{n:012d}",
                "created_at": iso(time),
                "page_id": pages[i]["id"],
                "variant_id": "a",
                "submitter_ip": "192.0.2.1",
                "form_data": _form(i, person, f"06{rng.randint(10_000_000, 99_999_999)}"),
                "extra_data": {"cookies": {}},
            }
        )
    return {"pages": pages, "leads": leads}


def _form(i: int, person: Person, phone: str) -> dict[str, list[str]]:
    _, vertical, names = PAGES[i]
    given = (person.email, phone, person.first_name, person.last_name, person.organisation)
    source, medium, campaign = CAMPAIGNS[i]
    form = {
        **dict(zip(names, given, strict=True)),
        "vertical": vertical or person.vertical,
        "utm_source": source,
        "utm_medium": medium,
        "utm_campaign": campaign,
        "message": "Merci de me rappeler.",
    }
    return {name: [value] for name, value in form.items()}


def counts(data: Data) -> dict[str, int]:
    return {"leads": sum(map(len, data["leads"].values()))}


def app(data: Data, page_size: int = 1000) -> Starlette:
    async def pages(request: Request) -> Response:
        _let_in(request)
        return _list(request, "pages", data["pages"])

    async def leads(request: Request) -> Response:
        _let_in(request)
        low, high = (_time(request.query_params.get(name)) for name in ("from", "to"))
        found = [
            lead
            for lead in data["leads"][request.path_params["id"]]
            if (low is None or lead["created_at"] > low)
            and (high is None or lead["created_at"] < high)
        ]
        return _list(request, "leads", found)

    def _list(request: Request, name: str, records: list[Any]) -> Response:
        query = request.query_params
        records = sorted(records, key=lambda record: record["created_at"])
        if query.get("sort_order") == "desc":
            records.reverse()
        size = number(query.get("limit"), 50, min(1000, page_size))
        found, _ = page_of(records, number(query.get("offset"), 0), size)
        return answer({"metadata": {"count": len(records)}, name: found})

    return starlette(Route("/pages", pages), Route("/pages/{id}/leads", leads))


def _let_in(request: Request) -> None:
    """The key as the user, no password."""
    expected = "Basic " + b64encode(f"{SECRET}:".encode()).decode()
    if request.headers.get("authorization") != expected:
        raise Denied


def _time(text: str | None) -> str | None:
    return iso(datetime.fromisoformat(text).replace(tzinfo=None)) if text else None
