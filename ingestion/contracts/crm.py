"""CRM objects as HubSpot's v3 API gives them: contacts, companies, deals, tickets, tasks and
engagements (calls, e-mails, meetings, notes).

The pinned properties become columns; everything stays in ``properties`` as sent. The object
type is the field ``objectType`` where present, else the beginning of the file's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from ingestion.contracts.fields import Field
from ingestion.contracts.model import Key, KeyCache, pick
from ingestion.errors import RowError

IDENTITY_COLUMNS = ("crm_id", "known_at")
CONFLICT = "id_conflict"


@dataclass(frozen=True)
class CrmContract:
    """One object type. ``links`` fill a column from the first association when still empty."""

    object_type: str
    stream: str
    fields: tuple[Field, ...]
    keys: tuple[Key, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def passing(self) -> frozenset[str]:
        """What changes without the object's own time: its links, which `crm_associations` keeps."""
        return frozenset({"associations", *(column for column, _ in self.links)})

    def row(self, source: Mapping[str, Any], landed_at: datetime, keys: KeyCache) -> dict[str, Any]:
        """The stream's columns, but for the two JSON texts. Raises :class:`RowError`."""
        row = {f.column: f.read(pick(source, f), landed_at) for f in ENVELOPE}
        properties = _object(source, "properties")
        associations = _object(source, "associations")
        for field in self.fields:
            row[field.column] = field.read(pick(properties, field), landed_at)
        for column, kind in self.links:
            row[column] = row[column] or _first(associations, kind)
        for key in self.keys:
            row[key.column] = keys.key(key.kind, row[key.source])
        return row


ENVELOPE = (
    Field("crm_id", required=True, names=("id",)),
    Field("created_at", "crm_time", names=("createdAt",)),
    Field("known_at", "crm_time", required=True, names=("updatedAt",)),
    Field("archived", "boolean", default=False),
)

CONTACTS = CrmContract(
    "contacts",
    "crm_contacts",
    fields=(
        Field("email"),
        Field("phone"),
        Field("first_name", names=("firstname",)),
        Field("last_name", names=("lastname",)),
        Field("job_title", names=("jobtitle",)),
        Field("role", names=("buying_role",)),
        Field("lifecycle_stage", names=("lifecyclestage",)),
        Field("user_id", names=("external_user_id",)),
        Field("company_crm_id", names=("associatedcompanyid",)),
        Field("owner_id", names=("hubspot_owner_id",)),
        Field("vertical"),
        Field("country"),
        Field("city"),
        Field("language", names=("hs_language",)),
        Field("lead_source", names=("hs_analytics_source",)),
    ),
    keys=(
        Key("contact_key", "crm_contact", "crm_id"),
        Key("email_key", "email", "email"),
        Key("phone_key", "phone", "phone"),
        Key("user_key", "user_id", "user_id"),
    ),
    links=(("company_crm_id", "companies"),),
)

COMPANIES = CrmContract(
    "companies",
    "crm_companies",
    fields=(
        Field("name"),
        Field("domain"),
        Field("vertical"),
        Field("account_type"),
        Field("siren"),
        Field("insee_code"),
        Field("population", "integer", minimum=0),
        Field("employees", "integer", minimum=0, names=("numberofemployees",)),
        Field("country"),
        Field("city"),
        Field("postal_code", names=("zip",)),
        Field("owner_id", names=("hubspot_owner_id",)),
        Field("lifecycle_stage", names=("lifecyclestage",)),
    ),
    keys=(Key("company_key", "crm_company", "crm_id"),),
)

DEALS = CrmContract(
    "deals",
    "crm_deals",
    fields=(
        Field("name", names=("dealname",)),
        Field("pipeline"),
        Field("stage", names=("dealstage",)),
        Field("deal_type", names=("dealtype",)),
        Field("amount", "decimal"),
        Field("mrr", "decimal", names=("hs_mrr",)),
        Field("currency", "currency", names=("deal_currency_code",)),
        Field("closed_at", "crm_time", names=("closedate",), future=True),
        Field("contract_start_on", "crm_date", names=("contract_start_date",), future=True),
        Field("contract_end_on", "crm_date", names=("contract_end_date",), future=True),
        Field("owner_id", names=("hubspot_owner_id",)),
        Field("company_crm_id"),
        Field("contact_crm_id"),
    ),
    links=(("company_crm_id", "companies"), ("contact_crm_id", "contacts")),
)

_OWNER = Field("owner_id", names=("hubspot_owner_id",))
_CONTACT = ("contact_crm_id", "contacts")
_COMPANY = ("company_crm_id", "companies")
_DEAL = ("deal_crm_id", "deals")

TICKETS = CrmContract(
    "tickets",
    "crm_tickets",
    fields=(
        Field("subject"),
        Field("pipeline", names=("hs_pipeline",)),
        Field("stage", names=("hs_pipeline_stage",)),
        Field("priority", "code", names=("hs_ticket_priority",)),
        Field("category", names=("hs_ticket_category",)),
        Field("closed_at", "crm_time", names=("closed_date",), future=True),
        _OWNER,
        Field("company_crm_id"),
        Field("contact_crm_id"),
    ),
    links=(_COMPANY, _CONTACT),
)

TASKS = CrmContract(
    "tasks",
    "crm_tasks",
    fields=(
        Field("subject", names=("hs_task_subject",)),
        Field("task_type", "code", names=("hs_task_type",)),
        Field("status", "code", names=("hs_task_status",)),
        Field("priority", "code", names=("hs_task_priority",)),
        Field("due_at", "crm_time", names=("hs_timestamp",), future=True),
        Field("completed_at", "crm_time", names=("hs_task_completion_date",)),
        _OWNER,
        Field("company_crm_id"),
        Field("contact_crm_id"),
        Field("deal_crm_id"),
    ),
    links=(_COMPANY, _CONTACT, _DEAL),
)


def _engagement(object_type: str, *fields: Field) -> CrmContract:
    """One of the object types that share the stream of engagements."""
    return CrmContract(
        object_type,
        "crm_engagements",
        fields=(
            Field("engagement_type", "code", default=object_type[:-1]),
            Field("occurred_at", "crm_time", names=("hs_timestamp",), future=True),
            *fields,
            _OWNER,
            Field("company_crm_id"),
            Field("contact_crm_id"),
            Field("deal_crm_id"),
        ),
        links=(_COMPANY, _CONTACT, _DEAL),
    )


CALLS = _engagement(
    "calls",
    Field("direction", "code", names=("hs_call_direction",)),
    Field("outcome", "code", names=("hs_call_disposition",)),
    Field("subject", names=("hs_call_title",)),
)
EMAILS = _engagement(
    "emails",
    Field("direction", "code", names=("hs_email_direction",)),
    Field("outcome", "code", names=("hs_email_status",)),
    Field("subject", names=("hs_email_subject",)),
)
MEETINGS = _engagement(
    "meetings",
    Field("outcome", "code", names=("hs_meeting_outcome",)),
    Field("subject", names=("hs_meeting_title",)),
)
NOTES = _engagement("notes")

BY_TYPE = {
    contract.object_type: contract
    for contract in (
        *(TICKETS, TASKS, CALLS, EMAILS, MEETINGS, NOTES),
        # The last stream carries the counts of each file.
        *(CONTACTS, COMPANIES, DEALS),
    )
}
_NAMES = {
    name: contract
    for contract in BY_TYPE.values()
    for name in (contract.object_type, contract.object_type[:-1])
} | {"company": COMPANIES}


def contract_for(source: Mapping[str, Any], file_name: str) -> CrmContract:
    """Which object type this is. Raises :class:`RowError` when neither place says."""
    given = source.get("objectType")
    if given is not None:
        found = _NAMES.get(given.lower()) if isinstance(given, str) else None
        if found is None:
            raise RowError("unknown_value", "objectType", "one of " + ", ".join(BY_TYPE))
        return found
    contract = named_by(file_name)
    if contract is not None:
        return contract
    raise RowError(
        "missing_field", "objectType", "or a file name that starts with " + ", ".join(BY_TYPE)
    )


def named_by(file_name: str) -> CrmContract | None:
    """The object type that a file's name begins with."""
    lower = file_name.lower()
    return next((c for name, c in BY_TYPE.items() if lower.startswith(name)), None)


class _Texts(msgspec.Struct):
    properties: msgspec.Raw = msgspec.Raw()
    associations: msgspec.Raw = msgspec.Raw()


_texts = msgspec.json.Decoder(_Texts)


def json_texts(raw: bytes) -> dict[str, str | None]:
    """``properties`` and ``associations`` exactly as sent. ``raw`` has passed the strict reader."""
    found = _texts.decode(raw)
    return {
        "properties": _json_text(found.properties),
        "associations": _json_text(found.associations),
    }


def _json_text(raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode()
    return None if text in ("", "null") else text


def _object(source: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = source.get(field)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RowError("wrong_type", field, "expected an object")
    return value


def _first(associations: Mapping[str, Any], kind: str) -> str | None:
    group = associations.get(kind)
    results = group.get("results") if isinstance(group, Mapping) else None
    if not isinstance(results, list) or not results or not isinstance(results[0], Mapping):
        return None
    found = results[0].get("id")
    return str(found) if isinstance(found, (str, int)) and found != "" else None
