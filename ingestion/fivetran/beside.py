"""What goes with the CRM's objects: pairs, lists, owners, stages and histories.

Pairs and list members carry the hash of the whole set they belong to and the time at which their
table was last synchronised, so that a later set, ours or the API's, ends what is in it no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ingestion.fivetran.joins import OBJECTS, PAIRS, Joins, stage_change
from ingestion.fivetran.model import Cell, Parent, Row, Shape, cell
from ingestion.fivetran.values import (
    SYNCED,
    Values,
    first,
    ident,
    identifier,
    is_deleted,
    is_true,
    latest,
    time_text,
)

Fields = Mapping[str, Cell]


def set_hash(parts: Sequence[str | None]) -> str:
    text = " ".join(part or "" for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def flat(
    kind: str,
    fields: Fields,
    more: Callable[[Values, Parent], Row] | None = None,
    **constants: Any,
) -> Callable[[Sequence[Values], Parent], Iterator[Row]]:
    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        row = {name: read(group[0]) for name, read in fields.items()}
        yield {**constants, **row, **(more(group[0], parent) if more else {})}

    return rows


def field_names(fields: Fields) -> dict[str, str]:
    return {name: ", ".join(read.names) for name, read in fields.items()}


def _known(*names: str) -> Callable[[Values, Parent], Row]:
    return lambda values, _: {"known_at": latest(*(values.get(n) for n in (*names, SYNCED)))}


# ---- pairs and members -----------------------------------------------------------------------


def pairs(table: str) -> Shape:
    """What objects are linked to; all pairs of one object together."""
    (start, start_id), (end, end_id) = PAIRS[table]

    def key(values: Values, joins: Joins) -> str | None:
        one = identifier(values, start_id)
        return joins.merges(start).of(one) if one and start else one

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        found: dict[str, Any] = {"known_at": joins.known_at(f"hubspot.{table}")}
        named = [identifier(values, start_id) for values in page]
        if start:
            found["start"] = _survivors(named, start, joins)
        else:
            types = joins.engagement_types
            found["types"] = {one: types[one] for one in named if one in types}
        found["end"] = _survivors([identifier(v, end_id) for v in page], end, joins)
        return found

    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        one = identifier(group[0], start_id)
        told = (first(group[0], "engagement_type") or "engagement").lower()
        object_type = start or parent["types"].get(one, told)
        ends: dict[str | None, list[Values]] = {}
        for values in group:
            other = identifier(values, end_id)
            ends.setdefault(parent["end"].get(other, other), []).append(values)
        about = {
            "from_type": object_type,
            "from_id": parent.get("start", {}).get(one, one),
            "to_type": end,
            "known_at": parent["known_at"],
        }
        yield from _set(about, "to_id", "is_associated", ends, _labels)

    told = {"from_id": start_id, "to_id": end_id, "labels": "label"}
    return Shape("crm_associations", rows, key, look_up, fields=told)


def members() -> Shape:
    """Who is on a list; all of one list together."""

    def key(values: Values, joins: Joins) -> str | None:
        return identifier(values, "contact_list_id", "list_id")

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        named = [identifier(values, "contact_id", "id") for values in page]
        known_at = joins.known_at("hubspot.contact_list_member")
        return {"known_at": known_at, "end": _survivors(named, "contacts", joins)}

    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        ends: dict[str | None, list[Values]] = {}
        for values in group:
            one = identifier(values, "contact_id", "id")
            ends.setdefault(parent["end"].get(one, one), []).append(values)
        about = {
            "list_id": identifier(group[0], "contact_list_id", "list_id"),
            "known_at": parent["known_at"],
        }
        yield from _set(about, "crm_id", "is_member", ends, _joined)

    told = {"list_id": "contact_list_id", "crm_id": "contact_id", "joined_at": "added_at"}
    return Shape("crm_list_members", rows, key, look_up, fields=told)


def _survivors(named: Sequence[str | None], object_type: str, joins: Joins) -> dict[str, str]:
    into = joins.merges(object_type).into
    return {one: into[one] for one in named if one in into}


def _set(
    about: Row,
    end: str,
    flag: str,
    ends: Mapping[str | None, Sequence[Values]],
    more: Callable[[Sequence[Values]], Row],
) -> Iterator[Row]:
    """One row a member of a set; those deleted are in none."""
    live = {
        other: kept
        for other, found in ends.items()
        if (kept := [values for values in found if not is_deleted(values)])
    }
    times = [values.get(SYNCED) for found in ends.values() for values in found]
    name = set_hash([latest(*times), *sorted(other or "" for other in live)])
    for other, found in ends.items():
        kept = live.get(other)
        row = {**about, end: other, flag: kept is not None, "set_hash": name}
        yield {**row, **more(kept or found)}


def _labels(found: Sequence[Values]) -> Row:
    labels = sorted({label for values in found if (label := first(values, "label"))})
    return {"labels": ", ".join(labels) or None}


def _joined(found: Sequence[Values]) -> Row:
    times = [time for values in found if (time := first(values, "added_at"))]
    return {"joined_at": latest(*times)}


# ---- lists, owners, stages -------------------------------------------------------------------

_LISTS = {
    "list_id": cell("id", "contact_list_id", read=ident),
    "name": cell("name"),
    "object_type_id": cell("object_type_id"),
    "processing_type": cell("processing_type"),
    "size": cell("metadata_size", "size"),
    "created_at": cell("created_at", read=time_text),
}


def lists() -> Shape:
    def more(values: Values, parent: Parent) -> Row:
        return {"archived": is_deleted(values), **_known("updated_at")(values, parent)}

    return Shape("crm_lists", flat("crm_lists", _LISTS, more), fields=field_names(_LISTS))


_OWNERS = {
    "crm_id": cell("owner_id", "id", read=ident),
    "email": cell("email"),
    "first_name": cell("first_name"),
    "last_name": cell("last_name"),
    "user_id": cell("active_user_id", "user_id", read=ident),
    "created_at": cell("created_at", read=time_text),
}


def owners() -> Shape:
    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        names = joins.newest("hubspot.team", ("id", "team_id"), ())
        teams: dict[str, str] = {}
        for values in joins.records("hubspot.owner_team"):
            owner = identifier(values, "owner_id")
            team = names.get(identifier(values, "team_id") or "")
            name = first(team, "name") if team else None
            if owner and name and not is_deleted(values):
                if is_true(values.get("is_team_primary")):
                    teams[owner] = name
                else:
                    teams.setdefault(owner, name)
        named = [identifier(values, "owner_id", "id") for values in page]
        return {"teams": {one: teams[one] for one in named if one in teams}}

    def more(values: Values, parent: Parent) -> Row:
        return {
            "team": parent["teams"].get(identifier(values, "owner_id", "id")),
            "archived": is_deleted(values) or (values.get("is_active") or "").lower() == "false",
            **_known("updated_at")(values, parent),
        }

    rows = flat("crm_owners", _OWNERS, more)
    return Shape("crm_owners", rows, look_up=look_up, fields=field_names(_OWNERS))


_STAGES = {
    "pipeline_id": cell("pipeline_id", read=ident),
    "stage_id": cell("stage_id", "id", read=ident),
    "stage_name": cell("label"),
    "position": cell("display_order"),
    "probability": cell("probability"),
    "is_closed": cell("is_closed"),
}


def stages(object_type: str) -> Shape:
    """Stages with their pipelines. ``deals`` or ``tickets``."""
    table = f"hubspot.{object_type[:-1]}_pipeline"

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        known = joins.newest(table, ("pipeline_id", "id"), ("updated_at",))
        named = [identifier(values, "pipeline_id") for values in page]
        return {"pipelines": {one: known[one] for one in named if one in known}}

    def more(values: Values, parent: Parent) -> Row:
        pipeline = parent["pipelines"].get(identifier(values, "pipeline_id"), {})
        both = (values, pipeline)
        return {
            "pipeline_name": first(pipeline, "label"),
            "archived": any(is_deleted(v) or v.get("active", "").lower() == "false" for v in both),
            "known_at": latest(*(v.get(name) for v in both for name in ("updated_at", SYNCED))),
        }

    rows = flat("crm_stages", _STAGES, more, object_type=object_type)
    return Shape("crm_stages", rows, look_up=look_up, fields=field_names(_STAGES))


# ---- histories -------------------------------------------------------------------------------


HISTORY_TIMES = ("timestamp", "timestamp_instant", "_fivetran_start")


def history(object_type: str) -> Shape:
    """Every value a property had."""
    times = HISTORY_TIMES
    object_id = f"{OBJECTS[object_type][0]}_id"
    fields = {
        "crm_id": cell(object_id, read=ident),
        "property": cell("name"),
        "value": cell("value"),
        "source_type": cell("source"),
        "source_id": cell("source_id"),
        "changed_at": cell(*times, read=time_text),
        "known_at": cell(*times, read=time_text),
    }
    rows = flat("crm_property_history", fields, object_type=object_type)
    return Shape("crm_property_history", rows, fields=field_names(fields))


def deal_stages() -> Shape:
    """The stages a deal was in, where the properties' history does not tell them."""
    times = ("date_entered", "_fivetran_start")
    fields = {
        "crm_id": cell("deal_id", read=ident),
        "value": cell("value"),
        "source_type": cell("source"),
        "source_id": cell("source_id"),
        "changed_at": cell(*times, read=time_text),
        "known_at": cell(*times, read=time_text),
    }
    rows = flat("crm_property_history", fields, object_type="deals", property="dealstage")
    return Shape(
        "crm_property_history",
        rows,
        keep=lambda values, joins: stage_change(values, *times) not in joins.told_stages,
        left_out="told by deal_property_history",
        fields=field_names(fields),
    )
