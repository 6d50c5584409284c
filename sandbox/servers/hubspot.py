"""HubSpot's CRM API: objects and their search, associations, property history, pipelines,
owners, lists.

Search pages are cut as HubSpot cuts them: 200 records a page and 10,000 a query.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import (
    SECRET,
    Data,
    Person,
    answer,
    bearer,
    iso,
    moments,
    number,
    page_of,
    starlette,
    stream,
)

ENVIRONMENT = {"MARKETING_HUBSPOT_TOKEN": SECRET}
SEARCH_PAGE, SEARCH_DEPTH = 200, 10_000
TYPES = (
    *("contacts", "companies", "deals", "tickets", "tasks"),
    *("calls", "emails", "meetings", "notes"),
)
STAGES = ("appointmentscheduled", "qualifiedtobuy", "contractsent", "closedwon")
STANDARD = (
    *("email", "firstname", "lastname", "lifecyclestage", "dealname", "dealstage", "pipeline"),
    *("amount", "name", "domain", "createdate", "lastmodifieddate"),
)
#: The types a contact's side objects are of, and their properties.
ACTIVITIES: dict[str, dict[str, str]] = {
    "tickets": {
        "subject": "Question sur l'export",
        "hs_pipeline": "0",
        "hs_pipeline_stage": "1",
        "hs_ticket_priority": "MEDIUM",
    },
    "tasks": {
        "hs_task_subject": "Rappeler",
        "hs_task_type": "CALL",
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": "HIGH",
    },
    "calls": {"hs_call_direction": "OUTBOUND", "hs_call_title": "Appel découverte"},
    "emails": {"hs_email_direction": "EMAIL", "hs_email_subject": "Votre demande"},
    "meetings": {"hs_meeting_outcome": "COMPLETED", "hs_meeting_title": "Démonstration"},
    "notes": {"hs_note_body": "Intéressé par la formation"},
}
LINKS = {
    "contacts": ("companies",),
    "deals": ("companies", "contacts"),
    **{name: ("companies", "contacts") for name in ACTIVITIES},
}


def make(
    people: Sequence[Person],
    end: datetime,
    seed: int = 7,
    objects: dict[str, list[dict[str, Any]]] | None = None,
) -> Data:
    """A small account about some people; ``objects`` replaces its contacts, companies and deals.

    An object is as the API gives it, its ``associations`` a mapping of types to ids beside it.
    """
    rng = stream("hubspot", seed)
    data: Data = {"objects": {name: [] for name in TYPES}}
    if objects is None:
        objects = _accounts(people, end, rng)
    for name, found in objects.items():
        data["objects"][name] += found
    for k, (name, properties) in enumerate(ACTIVITIES.items()):
        for i, (person, at) in enumerate(
            zip(people, moments(rng, end, 60, len(people)), strict=True)
        ):
            own = {**properties, "hs_timestamp": iso(at), "hubspot_owner_id": str(70 + i % 3)}
            done = name == "tasks" and i % 3 == 0
            if done:
                own |= {"hs_task_status": "COMPLETED", "hs_task_completion_date": iso(at)}
            links = {"contacts": [person.crm_id]}
            data["objects"][name].append(_object(str(800_000 + k * 1000 + i), own, at, links))
    data["owners"] = [
        {
            "id": str(70 + i),
            "email": f"owner{i}@chirurgiepro.example",
            "firstName": f"Vendeur {i}",
            "lastName": "Exemple",
            "userId": 900 + i,
            "teams": [{"id": "1", "name": "Ventes", "primary": True}] if i else [],
            "archived": i == 2,
            "createdAt": iso(end - timedelta(days=400)),
            "updatedAt": iso(end - timedelta(days=300)),
        }
        for i in range(3)
    ]
    data["pipelines"] = {
        "deals": [_pipeline("default", "Ventes", STAGES, end)],
        "tickets": [_pipeline("0", "Support", ("1", "4"), end)],
    }
    ids = [person.crm_id for person in people]
    data["lists"] = [
        {
            "listId": str(40 + i),
            "name": name,
            "objectTypeId": "0-1",
            "processingType": "MANUAL" if i else "DYNAMIC",
            "createdAt": iso(end - timedelta(days=200)),
            "updatedAt": iso(end - timedelta(days=30)),
            "deletedAt": None,
        }
        for i, name in enumerate(("Newsletter", "Congrès 2026", "Vide"))
    ]
    data["members"] = {"40": ids, "41": ids[::2], "42": []}
    data["joined_at"] = iso(end - timedelta(days=30))
    return data


def _accounts(people: Sequence[Person], end: datetime, rng: Any) -> dict[str, list[Any]]:
    companies = {
        name: str(9_000 + i) for i, name in enumerate(sorted({p.organisation for p in people}))
    }
    times = moments(rng, end, 90, len(people))
    contacts, deals = [], []
    for i, (person, at) in enumerate(zip(people, times, strict=True)):
        company = companies[person.organisation]
        own = {
            "email": person.email,
            "firstname": person.first_name,
            "lastname": person.last_name,
            "vertical": person.vertical,
            "lifecyclestage": ("lead", "marketingqualifiedlead", "customer")[i % 3],
            "segment_note": "à rappeler",
        }
        contact = _object(person.crm_id, own, at, {"companies": [company]})
        contact["history"] = {"lifecyclestage": [("lead", at - timedelta(days=5))]}
        if i % 10 == 9:
            contact |= {"archived": True, "archivedAt": iso(at + timedelta(hours=1))}
        contacts.append(contact)
        if i % 4 == 0:
            own = {
                "dealname": f"{person.organisation} - nouveau",
                "pipeline": "default",
                "dealstage": STAGES[i // 4 % 4],
                "amount": str(1_200 + 100 * i),
                "deal_currency_code": "EUR",
                "vertical": person.vertical,
            }
            links = {"companies": [company], "contacts": [person.crm_id]}
            deal = _object(str(5_000 + i), own, at, links)
            deal["history"] = {"dealstage": [(STAGES[0], at - timedelta(days=9))]}
            deals.append(deal)
    made = [
        _object(one, {"name": name, "domain": f"org{one}.example"}, times[0], {})
        for name, one in companies.items()
    ]
    return {"contacts": contacts, "companies": made, "deals": deals}


def _object(one: str, properties: dict[str, Any], at: datetime, links: Any) -> dict[str, Any]:
    return {
        "id": one,
        "properties": properties,
        "createdAt": iso(at - timedelta(days=1)),
        "updatedAt": iso(at),
        "archived": False,
        "associations": links,
    }


def _pipeline(one: str, label: str, stages: Sequence[str], end: datetime) -> dict[str, Any]:
    at = iso(end - timedelta(days=500))
    return {
        "id": one,
        "label": label,
        "displayOrder": 0,
        "archived": False,
        "createdAt": at,
        "updatedAt": at,
        "stages": [
            {
                "id": stage,
                "label": stage.capitalize(),
                "displayOrder": i,
                "metadata": {
                    "isClosed": str(i == len(stages) - 1).lower(),
                    "probability": str((i + 1) / len(stages)),
                },
                "createdAt": at,
                "updatedAt": at,
                "archived": False,
            }
            for i, stage in enumerate(stages)
        ],
    }


def counts(data: Data) -> dict[str, int]:
    """Records by resource; the census counts nothing at a first pull."""
    objects = data["objects"]
    found = {name: sum(not o["archived"] for o in objects[name]) for name in TYPES}
    found |= {f"archived_{name}": sum(o["archived"] for o in objects[name]) for name in TYPES}
    found |= {f"gone_{name}": 0 for name in ("contacts", "companies", "deals")}
    found["owners"] = len(data["owners"])
    for name in ("deals", "tickets"):
        found[f"{name[:-1]}_stages"] = sum(len(p["stages"]) for p in data["pipelines"][name])
    found["lists"] = len(data["lists"])
    found["list_members"] = sum(len(ids) or 1 for ids in data["members"].values())
    # One row a pair; one row for an object that is linked to none.
    found["associations"] = sum(
        len(o["associations"].get(to, [])) or 1
        for name in TYPES
        for o in objects[name]
        if not o["archived"]
        for to in _targets(name)
    )
    found["property_history"] = sum(
        len(_history(o, p))
        for name in TYPES
        for o in objects[name]
        if not o["archived"]
        for p in _HISTORIES.get(name, ())
    )
    return found


_HISTORIES = {
    "contacts": ("lifecyclestage", "hubspot_owner_id"),
    "companies": ("lifecyclestage",),
    "deals": ("dealstage", "hubspot_owner_id"),
    "tickets": ("hs_pipeline_stage",),
}


def _targets(name: str) -> tuple[str, ...]:
    if name in ("companies",):
        return ()
    if name in ("contacts",):
        return ("companies",)
    if name in ("deals", "tickets"):
        return ("companies", "contacts")
    return ("contacts", "companies", "deals")


def _history(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Newest first: the value there is, then what ``history`` tells of before."""
    value = found["properties"].get(name)
    if value is None:
        return []
    before = found.get("history", {}).get(name, [])
    entries = [(value, found["updatedAt"]), *((v, iso(at)) for v, at in before)]
    return [
        {"value": v, "timestamp": at, "sourceType": "CRM_UI", "sourceId": "userId:900"}
        for v, at in entries
    ]


def app(data: Data, page_size: int = SEARCH_PAGE) -> Starlette:
    index: dict[str, tuple[int, list[dict[str, Any]]]] = {}

    def ordered(name: str) -> list[dict[str, Any]]:
        """The objects that are not archived, by id; remembered while they are the same."""
        objects = data["objects"][name]
        same = hash(tuple(map(id, objects)))
        if name not in index or index[name][0] != same:
            index[name] = same, sorted(objects, key=lambda o: int(o["id"]))
        return [found for found in index[name][1] if not found["archived"]]

    async def search(request: Request) -> Response:
        bearer(request)
        asked = await request.json()
        filters = [f for group in asked["filterGroups"] for f in group["filters"]]
        low = high = last = None
        changed = "lastmodifieddate" if request.path_params["type"] == "contacts" else None
        for one in filters:
            if one["operator"] == "BETWEEN":
                if one["propertyName"] != (changed or "hs_lastmodifieddate"):
                    return answer({"category": "VALIDATION_ERROR"}, 400)
                low, high = int(one["value"]), int(one["highValue"])
            elif one["propertyName"] == "hs_object_id" and one["operator"] == "GT":
                last = int(one["value"])
        found = [
            o
            for o in ordered(request.path_params["type"])
            if (last is None or int(o["id"]) > last)
            and (low is None or low <= _milliseconds(o["updatedAt"]) <= high)
        ]
        offset = number(asked.get("after"), 0)
        if offset >= SEARCH_DEPTH:
            return answer({"category": "VALIDATION_ERROR"}, 400)
        page, following = page_of(found, offset, min(asked.get("limit", 10), page_size))
        return answer(
            {
                "total": len(found),
                "results": [_shown(o, asked["properties"]) for o in page],
                **_paging(following),
            }
        )

    async def listed(request: Request) -> Response:
        bearer(request)
        query = request.query_params
        name, archived = request.path_params["type"], query.get("archived") == "true"
        found = [o for o in data["objects"][name] if o["archived"]] if archived else ordered(name)
        size = number(query.get("limit"), 10, 100)
        page, following = page_of(found, number(query.get("after"), 0), size)
        properties = query.getlist("properties")
        return answer({"results": [_shown(o, properties) for o in page], **_paging(following)})

    async def read(request: Request) -> Response:
        bearer(request)
        asked = await request.json()
        histories = asked.get("propertiesWithHistory") or []
        if len(asked["inputs"]) > (50 if histories else 100):
            return answer({"category": "VALIDATION_ERROR"}, 400)
        ids = {one["id"] for one in asked["inputs"]}
        results = []
        for found in ordered(request.path_params["type"]):
            if found["id"] in ids:
                shown = _shown(found, asked.get("properties") or [])
                if histories:
                    shown["propertiesWithHistory"] = {
                        name: history for name in histories if (history := _history(found, name))
                    }
                results.append(shown)
        missing = sorted(ids - {found["id"] for found in results})
        errors = [{"category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}] if missing else []
        return answer(
            {"status": "COMPLETE", "results": results, "errors": errors}, 207 if missing else 200
        )

    async def associations(request: Request) -> Response:
        bearer(request)
        ids = {one["id"] for one in (await request.json())["inputs"]}
        target = request.path_params["target"]
        results = [
            {
                "from": {"id": found["id"]},
                "to": [
                    {
                        "toObjectId": int(other),
                        "associationTypes": [
                            {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": None},
                            {"category": "USER_DEFINED", "typeId": 9, "label": "Décideur"},
                        ],
                    }
                    for other in others
                ],
            }
            for found in data["objects"][request.path_params["type"]]
            if found["id"] in ids and (others := found["associations"].get(target))
        ]
        return answer({"status": "COMPLETE", "results": results})

    async def properties(request: Request) -> Response:
        bearer(request)
        objects = data["objects"][request.path_params["type"]]
        names = {name for found in objects for name in found["properties"]}
        described = [
            {
                "name": name,
                "hubspotDefined": name.startswith("hs_") or name in STANDARD,
                "calculated": name.startswith("hs_v2_date_entered_"),
            }
            for name in sorted(names)
        ]
        own = {"name": "days_known", "hubspotDefined": False, "calculated": True}
        return answer({"results": [*described, own]})

    async def owners(request: Request) -> Response:
        bearer(request)
        archived = request.query_params.get("archived") == "true"
        found = [owner for owner in data["owners"] if owner["archived"] == archived]
        size = number(request.query_params.get("limit"), 100, 500)
        page, following = page_of(found, number(request.query_params.get("after"), 0), size)
        return answer({"results": page, **_paging(following)})

    async def pipelines(request: Request) -> Response:
        bearer(request)
        return answer({"results": data["pipelines"][request.path_params["type"]]})

    async def lists(request: Request) -> Response:
        bearer(request)
        asked = await request.json()
        offset = asked.get("offset", 0)
        page, following = page_of(data["lists"], offset, asked.get("count", 20))
        shown = [
            {
                **found,
                "additionalProperties": {
                    "hs_list_size": str(len(data["members"][found["listId"]])),
                    "hs_last_record_added_at": data["joined_at"],
                },
            }
            for found in page
        ]
        more = following is not None
        return answer(
            {
                "lists": shown,
                "hasMore": more,
                "offset": offset + len(page),
                "total": len(data["lists"]),
            }
        )

    async def members(request: Request) -> Response:
        bearer(request)
        found = sorted(data["members"][request.path_params["id"]], key=int)
        size = number(request.query_params.get("limit"), 100, 250)
        page, following = page_of(found, number(request.query_params.get("after"), 0), size)
        at = data["joined_at"]
        results = [{"recordId": one, "membershipTimestamp": at} for one in page]
        return answer({"results": results, "total": len(found), **_paging(following)})

    return starlette(
        Route("/crm/v3/objects/{type}/search", search, methods=["POST"]),
        Route("/crm/v3/objects/{type}/batch/read", read, methods=["POST"]),
        Route("/crm/v3/objects/{type}", listed),
        Route("/crm/v4/associations/{type}/{target}/batch/read", associations, methods=["POST"]),
        Route("/crm/v3/properties/{type}", properties),
        Route("/crm/v3/owners", owners),
        Route("/crm/v3/owners/", owners),
        Route("/crm/v3/pipelines/{type}", pipelines),
        Route("/crm/v3/lists/search", lists, methods=["POST"]),
        Route("/crm/v3/lists/{id}/memberships", members),
    )


def _shown(found: dict[str, Any], properties: Sequence[str]) -> dict[str, Any]:
    """As the API shows it: the properties asked for, null where there is none."""
    own = {name: found["properties"].get(name) for name in properties}
    own |= {"hs_object_id": found["id"], "createdate": found["createdAt"]}
    inside = ("history", "associations", "properties", "objectType")
    return {**{k: v for k, v in found.items() if k not in inside}, "properties": own}


def _paging(following: int | None) -> dict[str, Any]:
    return {} if following is None else {"paging": {"next": {"after": str(following)}}}


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
