"""What is small enough to be read whole: owners, pipelines and lists, and who is on a list.

An answer equal to the last one is not landed again, so reading them often costs requests only.
A list's members are asked for when the list itself shows that it has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ingestion.hubspot.client import Hub, following
from ingestion.hubspot.objects import NOBODY, set_hash
from ingestion.sources import lines
from ingestion.sources.model import Page, Pull, Record, Resource, Row, Rows

OWNERS_PAGE, LISTS_PAGE, MEMBERS_PAGE = 100, 250, 250
MEMBERS = "list_members"


def resources() -> list[Resource]:
    return [
        Resource(
            name="owners",
            kind="crm_owners",
            description="owners, archived ones too",
            endpoint="GET /crm/v3/owners",
            pages=_owners,
            rows=Rows(
                "results",
                {
                    "crm_id": "id",
                    "email": "email",
                    "first_name": "firstName",
                    "last_name": "lastName",
                    "user_id": "userId",
                    "team": lambda r: next((t["name"] for t in r["teams"] or []), None),
                    "archived": "archived",
                    "created_at": "createdAt",
                    "known_at": "updatedAt",
                },
            ),
        ),
        *(
            Resource(
                name=f"{object_type[:-1]}_stages",
                kind="crm_stages",
                description=f"pipelines of {object_type} and their stages",
                endpoint=f"GET /crm/v3/pipelines/{object_type}",
                pages=_pipelines(object_type),
                rows=Rows(_stages, _STAGE, {"object_type": object_type}),
            )
            for object_type in ("deals", "tickets")
        ),
        Resource(
            name="lists",
            kind="crm_lists",
            description="lists, static and dynamic",
            endpoint="POST /crm/v3/lists/search",
            pages=_lists,
            rows=Rows(
                "lists",
                {
                    "list_id": "listId",
                    "name": "name",
                    "object_type_id": "objectTypeId",
                    "processing_type": "processingType",
                    "size": "additionalProperties.hs_list_size",
                    "created_at": "createdAt",
                    "archived": lambda r: r["deletedAt"] is not None,
                },
            ),
        ),
        Resource(
            name=MEMBERS,
            kind="crm_list_members",
            description="who is on a list, when the list has changed",
            endpoint="GET /crm/v3/lists/{id}/memberships",
            pages=None,
            rows=Rows(with_parent=_memberships, whole=lambda record: record.value),
        ),
    ]


def _owners(pull: Pull) -> Iterator[Page]:
    hub = Hub.of(pull)
    for archived in ("false", "true"):
        after = None
        while True:
            body = hub.ask(
                hub.client.crm.owners.owners_api.get_page,
                limit=OWNERS_PAGE,
                archived=archived,
                **({"after": after} if after else {}),
            )
            yield Page(body, f"GET /crm/v3/owners archived={archived}")
            after = following(body)
            if after is None:
                break


def _pipelines(object_type: str) -> Any:
    def pages(pull: Pull) -> Iterator[Page]:
        hub = Hub.of(pull)
        body = hub.ask(hub.client.crm.pipelines.pipelines_api.get_all, object_type)
        yield Page(body, f"GET /crm/v3/pipelines/{object_type}")

    return pages


def _stages(body: bytes) -> Iterator[Row]:
    for pipeline in lines.decoded(body)["results"]:
        about = {name: pipeline[name] for name in ("id", "label", "archived", "updatedAt")}
        for stage in pipeline["stages"]:
            yield {"pipeline": about, **stage}


_STAGE = {
    "pipeline_id": "pipeline.id",
    "pipeline_name": "pipeline.label",
    "stage_id": "id",
    "stage_name": "label",
    "position": "displayOrder",
    "probability": "metadata.probability",
    "is_closed": "metadata.isClosed",
    "archived": lambda r: bool(r["archived"] or r["pipeline.archived"]),
    "known_at": lambda r: max(r["updatedAt"], r["pipeline.updatedAt"]),
}


def _lists(pull: Pull) -> Iterator[Page]:
    """The lists, and behind each page the members of those that have changed."""
    hub = Hub.of(pull)
    before: dict[str, str] = dict(pull.state.get("keep") or {})
    now: dict[str, str] = {}
    offset = 0
    while True:
        body = hub.ask(
            hub.client.crm.lists.lists_api.do_search,
            {
                "offset": offset,
                "count": LISTS_PAGE,
                "additionalProperties": [
                    "hs_list_size",
                    "hs_last_record_added_at",
                    "hs_last_record_removed_at",
                ],
            },
        )
        page = lines.decoded(body)
        for found in lines.records_at(page, "lists"):
            record = Record(found)
            list_id = str(record["listId"])
            now[list_id] = json.dumps([record["updatedAt"], record["additionalProperties"]])
            if before.get(list_id) != now[list_id]:
                yield from _members(hub, list_id, now[list_id])
        yield Page(body, "POST /crm/v3/lists/search", state={"keep": before | now})
        if not page.get("hasMore"):
            return
        offset = int(page["offset"])


def _members(hub: Hub, list_id: str, look: str) -> Iterator[Page]:
    """``look`` is the list's own state: a set that comes back after another is another set."""
    bodies, ids, after = [], [], None
    while True:
        body = hub.ask(
            hub.client.crm.lists.memberships_api.get_page,
            list_id,
            limit=MEMBERS_PAGE,
            **({"after": after} if after else {}),
        )
        bodies.append(body)
        found = lines.records_at(lines.decoded(body), "results")
        ids += [str(member["recordId"]) for member in found]
        after = following(body)
        if after is None:
            break
    about = {"list_id": list_id, "set_hash": set_hash([look, *sorted(ids)]), "is_empty": not ids}
    parent = lines.encoded(about)
    for body in bodies:
        yield Page(body, f"GET /crm/v3/lists/{list_id}/memberships", parent, side=MEMBERS)


def _memberships(body: bytes, parent: Any) -> Iterator[Row]:
    """One row a member, with the key of the whole set, by which those who left can be told."""
    about = {"list_id": parent["list_id"], "set_hash": parent["set_hash"]}
    members = lines.decoded(body)["results"]
    for member in members:
        joined_at = member.get("membershipTimestamp")
        yield {**about, "crm_id": member["recordId"], "joined_at": joined_at}
    if parent["is_empty"]:
        yield {**about, "crm_id": NOBODY, "is_member": False}
