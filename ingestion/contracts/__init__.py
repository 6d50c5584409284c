"""What each kind of file may hold: one declarative contract a kind.

A contract judges one row by itself; what takes the whole batch to see is in `ingestion.quality`.
"""

from __future__ import annotations

from ingestion.contracts import tables
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
    )
}

#: Every kind of `marketing ingest`, and the streams it fills. The last one named carries the
#: counts of each landed file, and is committed last.
STREAMS_OF: dict[str, tuple[str, ...]] = {
    "events": ("events",),
    "crm": ("crm_contacts", "crm_companies", "crm_deals"),
    **{kind: (contract.stream,) for kind, contract in TABLES.items()},
}

KINDS: tuple[str, ...] = tuple(STREAMS_OF)
