"""CRM objects, incrementally: searched by time of change, paged by object id.

A search ends at 10,000 records, batch updates give many records one timestamp, and the index
lags behind. So each page is a search of its own, ``changed in the window and id above the
last``, ordered by id: it never goes deep, never loops, and goes on after a crash at the id it
had reached. The look-back asks again for what the index may have been late with.

Beside each page of objects go their associations and the history of the properties that
matter, asked for in batches of ids. Archived objects are not in the search and come from their
own endpoint; what was deleted for good or merged away is in neither, and is found once a day by
comparing ids (:func:`census`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.contracts import crm
from ingestion.hubspot.client import Hub, following
from ingestion.sources import lines
from ingestion.sources.model import NotDue, Page, Pull, PullError, Record, Resource, Row, Rows
from workspace.clock import iso, parse_time

PAGE_SIZE = 200
BATCH_SIZE = 100
HISTORY_BATCH_SIZE = 50
LOOK_BACK = timedelta(hours=1)

ASSOCIATIONS = "associations"
HISTORY = "property_history"
#: An association that there is none of.
NOBODY = "none"

CENSUS_EVERY = timedelta(hours=20)
CENSUS_VARIABLE = "MARKETING_HUBSPOT_CENSUS"
#: More ids gone than this at once is taken for another account or a fault, until it is confirmed.
CENSUS_SHARE, CENSUS_COUNT = 0.05, 50


@dataclass(frozen=True)
class ObjectType:
    """What to ask along with one type of object."""

    name: str
    linked_to: tuple[str, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def changed(self) -> str:
        """The property that holds the time of change."""
        return "lastmodifieddate" if self.name == "contacts" else "hs_lastmodifieddate"

    @property
    def pinned(self) -> list[str]:
        """The properties that our columns are made of."""
        contract = crm.BY_TYPE[self.name]
        names = {name for field in contract.fields for name in field.sources}
        return sorted((names | {*_BESIDES, *self.history}) - set(_OURS))


#: How the properties begin that hold when a stage was entered.
ENTERED = ("hs_v2_date_entered_", "hs_date_entered_", "hs_lifecyclestage_")
#: Columns that no property of HubSpot's fills.
_OURS = ("company_crm_id", "contact_crm_id", "deal_crm_id", "engagement_type")
_BESIDES = ("hs_merged_object_ids", "hs_email_optout", "marketing_objection")
_EVERYBODY = ("contacts", "companies", "deals")
TYPES = (
    ObjectType("contacts", ("companies",), ("lifecyclestage", "hubspot_owner_id")),
    ObjectType("companies", (), ("lifecyclestage",)),
    ObjectType("deals", ("companies", "contacts"), ("dealstage", "hubspot_owner_id")),
    ObjectType("tickets", ("companies", "contacts"), ("hs_pipeline_stage",)),
    ObjectType("tasks", _EVERYBODY),
    ObjectType("calls", _EVERYBODY),
    ObjectType("emails", _EVERYBODY),
    ObjectType("meetings", _EVERYBODY),
    ObjectType("notes", _EVERYBODY),
)


def resources() -> list[Resource]:
    """Objects and archived objects of each type, what goes with them, and the census."""
    made = []
    for kind in TYPES:
        made.append(
            Resource(
                name=kind.name,
                kind="crm",
                description=f"{kind.name} by time of change",
                endpoint=f"POST /crm/v3/objects/{kind.name}/search",
                pages=_searched(kind),
                rows=Rows("results", whole=_object(kind.name)),
                look_back=LOOK_BACK,
            )
        )
        made.append(
            Resource(
                name=f"archived_{kind.name}",
                kind="crm",
                description=f"{kind.name} in the recycle bin",
                endpoint=f"GET /crm/v3/objects/{kind.name}?archived=true",
                pages=_archived(kind),
                rows=Rows("results", whole=_object(kind.name)),
            )
        )
    for kind in TYPES[:3]:
        made.append(
            Resource(
                name=f"gone_{kind.name}",
                kind="crm",
                description=f"{kind.name} deleted for good or merged away, once a day",
                endpoint=f"GET /crm/v3/objects/{kind.name}, POST .../batch/read",
                pages=_census(kind),
                rows=Rows(with_parent=_missing, whole=_gone(kind.name)),
                keeps_time=True,
            )
        )
    return [
        *made,
        Resource(
            name=ASSOCIATIONS,
            kind="crm_associations",
            description="what the objects of a page are linked to",
            endpoint="POST /crm/v4/associations/{from}/{to}/batch/read",
            pages=None,
            rows=Rows(with_parent=_pairs, whole=lambda record: record.value),
        ),
        Resource(
            name=HISTORY,
            kind="crm_property_history",
            description="stages, owners and life-cycle stages with their times",
            endpoint="POST /crm/v3/objects/{type}/batch/read",
            pages=None,
            rows=Rows(with_parent=_changes, whole=lambda record: record.value),
        ),
    ]


# ---- the search ------------------------------------------------------------------------------


def _searched(kind: ObjectType) -> Any:
    def pages(pull: Pull) -> Iterator[Page]:
        hub = Hub.of(pull)
        properties = _properties(hub, kind)
        window = pull.window
        last = pull.state.get("after")
        while True:
            filters = [
                _between(kind.changed, window.start, window.end),
                *([{"propertyName": "hs_object_id", "operator": "GT", "value": last}] * bool(last)),
            ]
            body = hub.ask(
                hub.client.crm.objects.search_api.do_search,
                kind.name,
                {
                    "filterGroups": [{"filters": filters}],
                    "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                    "properties": properties,
                    "limit": PAGE_SIZE,
                },
            )
            found = _objects(body)
            ids = [str(one["id"]) for one in found]
            request = f"POST /crm/v3/objects/{kind.name}/search after {last or 'the start'}"
            if not ids:
                yield Page(body, request)
                return
            if last is not None and int(ids[0]) <= int(last):
                raise PullError(f"{request}: the answer does not go on behind that id")
            links: dict[str, dict[str, list[str]]] = {}
            yield from _along(hub, kind, found, links)
            last = ids[-1]
            state = pull.unfinished(after=last)
            yield Page(body, request, lines.encoded(links) if links else None, state)
            if following(body) is None:
                return

    return pages


def _between(name: str, start: datetime, end: datetime) -> dict[str, str]:
    return {
        "propertyName": name,
        "operator": "BETWEEN",
        "value": _milliseconds(start),
        "highValue": _milliseconds(end),
    }


def _milliseconds(time: datetime) -> str:
    return str(int(time.replace(tzinfo=UTC).timestamp() * 1000))


def _properties(hub: Hub, kind: ObjectType) -> list[str]:
    """Ours, the account's own, and when stages were entered.

    Other calculated properties change without the object's time changing.
    """
    body = hub.ask(hub.client.crm.properties.core_api.get_all, kind.name)
    own = [
        found["name"]
        for found in lines.records_at(lines.decoded(body), "results")
        if found["name"].startswith(ENTERED)
        or not (found.get("hubspotDefined") or found.get("calculated"))
    ]
    return sorted({*kind.pinned, *own})


def _objects(body: bytes) -> list[Row]:
    found = lines.records_at(lines.decoded(body), "results")
    if not all(isinstance(one, dict) and str(one.get("id", "")).isdigit() for one in found):
        raise PullError("an object without an id")
    return found


def _along(
    hub: Hub, kind: ObjectType, objects: Sequence[Row], links: dict[str, dict[str, list[str]]]
) -> Iterator[Page]:
    """Associations and histories of some objects; ``links`` takes down the first."""
    ids = [str(found["id"]) for found in objects]
    changed = {str(found["id"]): found.get("updatedAt") for found in objects}
    for target in kind.linked_to:
        for some in _batches(ids, BATCH_SIZE):
            bodies = list(_associated(hub, kind.name, target, some))
            found: dict[str, list[str]] = {one: [] for one in some}
            for one, others in (pair for body in bodies for pair in _links(body)):
                found[one] += others
                links.setdefault(one, {})[target] = found[one]
            # With its time, a set that comes back after another is another set.
            about = {
                "from": kind.name,
                "to": target,
                "sets": {one: set_hash([changed[one], *sorted(found[one])]) for one in some},
            }
            nobody = [one for one in some if not found[one]]
            for body in bodies:
                yield Page(
                    body,
                    f"POST /crm/v4/associations/{kind.name}/{target}/batch/read",
                    lines.encoded({**about, "nobody": nobody}),
                    side=ASSOCIATIONS,
                )
                nobody = []
    if kind.history:
        for some in _batches(ids, HISTORY_BATCH_SIZE):
            body = hub.ask(
                hub.client.crm.objects.batch_api.read,
                kind.name,
                {
                    "inputs": [{"id": one} for one in some],
                    "properties": list(kind.history),
                    "propertiesWithHistory": list(kind.history),
                },
            )
            yield Page(
                body,
                f"POST /crm/v3/objects/{kind.name}/batch/read",
                lines.encoded({"type": kind.name}),
                side=HISTORY,
            )


def _associated(hub: Hub, source: str, target: str, ids: Sequence[str]) -> Iterator[bytes]:
    """An object's associations come in pages of their own where there are many."""
    inputs: list[dict[str, str]] = [{"id": one} for one in ids]
    while inputs:
        body = hub.ask(
            hub.client.crm.associations.v4.batch_api.get_page, source, target, {"inputs": inputs}
        )
        yield body
        inputs = [
            {"id": str(result["from"]["id"]), "after": str(result["paging"]["next"]["after"])}
            for result in lines.records_at(lines.decoded(body), "results")
            if (result.get("paging") or {}).get("next")
        ]


def _batches(ids: Sequence[str], size: int) -> list[list[str]]:
    return [list(ids[i : i + size]) for i in range(0, len(ids), size)]


# ---- rows ------------------------------------------------------------------------------------


def _object(object_type: str) -> Any:
    def row(record: Record) -> Row:
        found = dict(record.value)
        links = (record.parent or {}).get(str(found["id"]), {})
        found["objectType"] = object_type
        if links:
            found["associations"] = {
                target: {"results": [{"id": one} for one in ids]} for target, ids in links.items()
            }
        if found.get("archived") and found.get("archivedAt"):
            found["updatedAt"] = max(found["updatedAt"], found["archivedAt"])
        return found

    return row


def _links(body: bytes) -> list[tuple[str, list[str]]]:
    return [
        (str(result["from"]["id"]), [str(other["toObjectId"]) for other in result["to"]])
        for result in lines.decoded(body)["results"]
    ]


def _pairs(body: bytes, parent: Any) -> Iterator[Row]:
    """One row a pair, with the hash of the whole set, by which pairs that ended can be told."""
    for result in lines.decoded(body)["results"]:
        one = str(result["from"]["id"])
        for other in result["to"]:
            labels = sorted({t["label"] for t in other["associationTypes"] if t.get("label")})
            yield {
                **_ends(parent, one, str(other["toObjectId"])),
                "labels": ", ".join(labels) or None,
            }
    for one in parent["nobody"]:
        yield {**_ends(parent, one, NOBODY), "is_associated": False}


def _ends(parent: Any, one: str, other: str) -> Row:
    return {
        "from_type": parent["from"],
        "from_id": one,
        "to_type": parent["to"],
        "to_id": other,
        "set_hash": parent["sets"][one],
    }


def set_hash(parts: Iterable[Any]) -> str:
    """A short name of a set, from its members and what else makes it this one."""
    return hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=8).hexdigest()


def _changes(body: bytes, parent: Any) -> Iterator[Row]:
    for result in lines.decoded(body)["results"]:
        for name, history in result["propertiesWithHistory"].items():
            for change in history:
                yield {
                    "object_type": parent["type"],
                    "crm_id": result["id"],
                    "property": name,
                    "value": change["value"],
                    "source_type": change.get("sourceType"),
                    "source_id": change.get("sourceId"),
                    "changed_at": change["timestamp"],
                    "known_at": change["timestamp"],
                }


# ---- what the search does not show -----------------------------------------------------------


def _archived(kind: ObjectType) -> Any:
    def pages(pull: Pull) -> Iterator[Page]:
        hub = Hub.of(pull)
        for body in _listed(hub, kind, kind.pinned, archived=True):
            yield Page(body, f"GET /crm/v3/objects/{kind.name}?archived=true")

    return pages


def _listed(hub: Hub, kind: ObjectType, properties: list[str], archived: bool) -> Iterator[bytes]:
    after = None
    while True:
        body = hub.ask(
            hub.client.crm.objects.basic_api.get_page,
            kind.name,
            limit=BATCH_SIZE,
            properties=properties,
            archived=str(archived).lower(),  # the client would send True as it is
            **({"after": after} if after else {}),
        )
        yield body
        after = following(body)
        if after is None:
            return


def _census(kind: ObjectType) -> Any:
    def pages(pull: Pull) -> Iterator[Page]:
        until = pull.state.get("until")
        if until is None:
            return  # the first pull has just asked for everything
        if pull.present - parse_time(until) < CENSUS_EVERY:
            raise NotDue
        yield from census(pull, kind)

    return pages


def census(pull: Pull, kind: ObjectType) -> Iterator[Page]:
    """Which of the ids we hold are in HubSpot no more, nor in its recycle bin.

    Raises :class:`PullError` when it is a share that only a fault or another account explains,
    unless that was confirmed.
    """
    hub = Hub.of(pull)
    listed = {
        str(found["id"])
        for archived in (False, True)
        for body in _listed(hub, kind, ["hs_object_id"], archived)
        for found in _objects(body)
    }
    known = _held(pull, crm.BY_TYPE[kind.name].stream)
    gone = sorted(known - listed)
    many = len(gone) > max(CENSUS_COUNT, CENSUS_SHARE * len(known))
    if many and pull.values.get(CENSUS_VARIABLE) != "accept":
        raise PullError(
            f"{len(gone):,} of {len(known):,} known {kind.name} are not in HubSpot; set "
            f"{CENSUS_VARIABLE}=accept if that is right"
        )
    for some in _batches(gone, BATCH_SIZE):
        body = hub.ask(
            hub.client.crm.objects.batch_api.read,
            kind.name,
            {"inputs": [{"id": one} for one in some], "properties": ["hs_object_id"]},
        )
        parent = {"asked": some, "at": iso(pull.present)}
        yield Page(body, f"POST /crm/v3/objects/{kind.name}/batch/read", lines.encoded(parent))


def _held(pull: Pull, stream: str) -> set[str]:
    """Ids whose newest version is not archived."""
    table = pull.known(stream, ["crm_id", "known_at", "archived"]).sort_by("known_at")
    newest = dict(zip(table["crm_id"].to_pylist(), table["archived"].to_pylist(), strict=True))
    return {one for one, archived in newest.items() if not archived}


def _missing(body: bytes, parent: Any) -> list[Row]:
    """The ids asked for that the answer does not know by that id."""
    found = {str(result["id"]) for result in lines.decoded(body)["results"]}
    return [{"id": one, "at": parent["at"]} for one in parent["asked"] if one not in found]


def _gone(object_type: str) -> Any:
    def row(record: Record) -> Row:
        return {
            "id": record["id"],
            "objectType": object_type,
            "updatedAt": record["at"],
            "archived": True,
            "properties": {},
        }

    return row
