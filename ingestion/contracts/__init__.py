"""What each kind of file may hold: one declarative contract a kind.

A contract judges one row by itself; what takes the whole batch to see is in `ingestion.quality`.
"""

from __future__ import annotations

from ingestion.contracts import crm, tables
from ingestion.contracts.model import Contract

#: The flat kinds (CSV or NDJSON).
TABLES: dict[str, Contract] = {
    contract.kind: contract
    for contract in (
        tables.AD_SPEND,
        tables.COSTS,
        tables.FX_RATES,
        tables.SURVEYS,
        tables.CONTENT,
        tables.ATTENDEES,
        tables.CONTACTS,
        tables.DELIVERY_EVENTS,
        tables.SUPPRESSIONS,
        tables.CONSENTS,
        tables.REFERENCE,
        tables.AD_SPEND_DETAILS,
        tables.WEB_ANALYTICS,
        tables.MEETINGS,
        tables.FORM_SUBMISSIONS,
        tables.SUPPORT_TICKETS,
        tables.PRODUCT_USAGE,
        tables.SOCIAL_POSTS,
        tables.TENDER_NOTICES,
        tables.SALES_ACTIVITIES,
        tables.CRM_OWNERS,
        tables.CRM_STAGES,
        tables.CRM_LISTS,
        tables.CRM_LIST_MEMBERS,
        tables.CRM_ASSOCIATIONS,
        tables.CRM_PROPERTY_HISTORY,
        tables.COLLECTOR_REQUESTS,
        tables.HTTP_LATENCIES,
    )
}

#: Every kind of `marketing ingest`, and the streams it fills. The last one named carries the
#: counts of each landed file, and is committed last.
STREAMS_OF: dict[str, tuple[str, ...]] = {
    "events": ("events",),
    "crm": tuple(dict.fromkeys(contract.stream for contract in crm.BY_TYPE.values())),
    **{kind: (contract.stream,) for kind, contract in TABLES.items()},
}

KINDS: tuple[str, ...] = tuple(STREAMS_OF)
