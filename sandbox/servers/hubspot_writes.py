"""HubSpot's writes: contacts by batches, properties, members of lists, tasks and tickets."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.audiences import Room, said
from sandbox.servers.base import SECRET, answer, bearer, starlette
from sandbox.servers.messaging import Misbehaving, Said

MOST = 100
_STANDARD = ("email", "firstname", "lastname", "hubspot_owner_id")


def environment(url: str) -> dict[str, str]:
    return {"MARKETING_HUBSPOT_TOKEN": SECRET, "MARKETING_HUBSPOT_URL": url}


class Account:
    """Contacts, tasks and tickets by type and id, and the properties that each type has."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, str]]] = {
            kind: {} for kind in ("contacts", "tasks", "tickets")
        }
        self.properties: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in self.objects}
        self.groups: set[tuple[str, str]] = set()
        self.links: list[tuple[str, str, str]] = []

    def knows(self, kind: str, name: str) -> bool:
        own = name.startswith("hs_") or name in (*_STANDARD, "subject", "content")
        return own or name in self.properties[kind]

    def by_email(self, email: str) -> str | None:
        for key, found in self.objects["contacts"].items():
            if found.get("email") == email.lower():
                return key
        return None

    def contact(self, room: Room, email: str, **properties: str) -> str:
        """Make one, as somebody there would."""
        key = str(5_000 + room.next_id())
        self.objects["contacts"][key] = {"email": email, **properties}
        return key


def app(room: Room) -> ASGIApp:
    account: Account = room.more.setdefault("account", Account())

    async def batch(request: Request) -> Response:
        bearer(request)
        verb = request.path_params["verb"]
        asked = await request.json()
        if len(asked["inputs"]) > MOST:
            return _refusal(400, "VALIDATION_ERROR")
        if verb == "read":
            return answer({"status": "COMPLETE", "results": _read(account, asked)})
        ids = [one["id"] for one in asked["inputs"]]
        names = {name for one in asked["inputs"] for name in one["properties"]}
        fits = all(account.knows("contacts", name) for name in names)
        if len(set(ids)) < len(ids) or not fits:
            return _refusal(400, "VALIDATION_ERROR")
        results, errors = [], []
        for one in asked["inputs"]:
            key = account.by_email(one["id"]) if "idProperty" in one else one["id"]
            trace = one.get("objectWriteTraceId")
            if one["id"] in room.unfit:
                errors.append(_error("VALIDATION_ERROR", objectWriteTraceId=[trace]))
                continue
            if key is None and verb == "upsert":
                key = account.contact(room, one["id"])
            if key not in account.objects["contacts"]:
                errors.append(_error("OBJECT_NOT_FOUND", objectWriteTraceId=[trace]))
                continue
            own = account.objects["contacts"][key]
            own |= one["properties"]
            emptied = all(value == "" for value in one["properties"].values())
            room.put("remove" if emptied else "add", "contacts", own["email"])
            results.append({"id": key, "properties": own, "objectWriteTraceId": trace})
        told = {"status": "COMPLETE", "results": results}
        if errors:
            told |= {"numErrors": len(errors), "errors": errors}
        return answer(told, 207 if errors else 200)

    async def members(request: Request) -> Response:
        bearer(request)
        asked, list_id = await request.json(), request.path_params["id"]
        if list_id == "0":
            return _refusal(404, "OBJECT_NOT_FOUND")
        known, missing = account.objects["contacts"], []
        for operation, name in (("add", "recordIdsToAdd"), ("remove", "recordIdsToRemove")):
            for key in asked.get(name) or ():
                if key in known:
                    room.put(operation, list_id, known[key]["email"])
                else:
                    missing.append(key)
        return answer({"recordIdsMissing": missing})

    async def properties(request: Request) -> Response:
        bearer(request)
        kind = request.path_params["type"]
        if request.method == "GET":
            return answer({"results": list(account.properties[kind].values())})
        made = await request.json()
        if made["name"] in account.properties[kind]:
            return _refusal(409, "OBJECT_ALREADY_EXISTS")
        if (kind, made["groupName"]) not in account.groups:
            return _refusal(400, "VALIDATION_ERROR")
        account.properties[kind][made["name"]] = made
        return answer(made, 201)

    async def groups(request: Request) -> Response:
        bearer(request)
        kind = request.path_params["type"]
        if request.method == "GET":
            name = request.path_params["name"]
            known = (kind, name) in account.groups
            return answer({"name": name}) if known else _refusal(404, "OBJECT_NOT_FOUND")
        made = await request.json()
        account.groups.add((kind, made["name"]))
        return answer(made, 201)

    async def create(request: Request) -> Response:
        bearer(request)
        kind, made = request.path_params["type"], await request.json()
        own = made["properties"]
        unique = [n for n, one in account.properties[kind].items() if one.get("hasUniqueValue")]
        taken = any(
            found.get(name) == own.get(name)
            for found in account.objects[kind].values()
            for name in unique
            if own.get(name)
        )
        if taken or not all(account.knows(kind, name) for name in own):
            return _refusal(400, "VALIDATION_ERROR")
        key = str(9_000 + room.next_id())
        account.objects[kind][key] = own
        for link in made["associations"]:
            account.links.append((kind, key, link["to"]["id"]))
        return answer({"id": key, "properties": own}, 201)

    async def one(request: Request) -> Response:
        bearer(request)
        kind, key = request.path_params["type"], request.path_params["id"]
        name = request.query_params.get("idProperty")
        if name:
            found = [k for k, own in account.objects[kind].items() if own.get(name) == key]
            key = found[0] if found else ""
        if key not in account.objects[kind]:
            return _refusal(404, "OBJECT_NOT_FOUND")
        if request.method == "PATCH":
            account.objects[kind][key] |= (await request.json())["properties"]
        return answer({"id": key, "properties": account.objects[kind][key]})

    async def purge(request: Request) -> Response:
        bearer(request)
        asked = await request.json()
        key = asked["objectId"]
        if asked.get("idProperty") == "email":
            key = account.by_email(key) or ""
        if account.objects["contacts"].pop(key, None) is None:
            return _refusal(404, "OBJECT_NOT_FOUND")
        return Response(status_code=204)

    routes = starlette(
        Route("/crm/v3/objects/contacts/gdpr-delete", purge, methods=["POST"]),
        Route("/crm/v3/objects/contacts/batch/{verb}", batch, methods=["POST"]),
        Route("/crm/v3/lists/{id}/memberships/add-and-remove", members, methods=["PUT"]),
        Route("/crm/v3/properties/{type}/groups", groups, methods=["POST"]),
        Route("/crm/v3/properties/{type}/groups/{name}", groups),
        Route("/crm/v3/properties/{type}", properties, methods=["GET", "POST"]),
        Route("/crm/v3/objects/{type}", create, methods=["POST"]),
        Route("/crm/v3/objects/{type}/{id}", one, methods=["GET", "PATCH"]),
    )
    words = said(_said(429, "RATE_LIMITS"), _said(401, "INVALID_AUTHENTICATION"),
                 _said(400, "VALIDATION_ERROR"))  # fmt: skip
    return Misbehaving(routes, room, words)


def _read(account: Account, asked: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for one in asked["inputs"]:
        by_email = asked.get("idProperty") == "email"
        key = account.by_email(one["id"]) if by_email else one["id"]
        own = account.objects["contacts"].get(key or "")
        if own is not None:
            shown = {name: own.get(name) for name in asked["properties"]}
            found.append({"id": key, "properties": shown})
    return found


def _error(category: str, **context: list[Any]) -> dict[str, Any]:
    return {"status": "error", "category": category, "message": "refused", "context": context}


def _refusal(status: int, category: str) -> Response:
    return answer({"status": "error", "category": category}, status)


def _said(status: int, category: str) -> Said:
    body = json.dumps({"status": "error", "category": category}).encode()
    return Said(status, body, {"content-type": "application/json"})
