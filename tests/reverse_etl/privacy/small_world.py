"""A workspace of two people in every kind of file, and of what was published of them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import duckdb

from ingestion.files import ingest_files
from reverse_etl.publish import Catalogue, Relation, publish
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.paths import Paths

NOW = datetime(2026, 10, 1, 8)
RING = Keyring(b"a pepper for tests only")

ANNE = "Anne.Canary@clinic.example"
JOAN = "joanne.canary@clinic.example"
PHONE = "+33611223344"
SHARED = "accueil@clinic.example"

#: Every identifier of Anne's, by kind.
IDENTIFIERS = {
    "email": ("anne.canary@clinic.example", "anne.old@clinic.example"),
    "phone": (PHONE,),
    "user_id": ("usr_anne_77",),
    "anonymous_id": ("device-anne-1",),
    "crm_contact": ("9001001",),
    "external_id": ("old-anne-5",),
}


def _event(ident: str, day: int, **more: object) -> dict[str, object]:
    time = f"2026-09-{day:02}T10:00:00Z"
    return {"messageId": ident, "type": "track", "event": "page_viewed", "timestamp": time, **more}


EVENTS = [
    _event("e1", 1, anonymousId="device-anne-1", properties={"page": "/a"}),
    _event(
        "e2",
        2,
        userId="usr_anne_77",
        anonymousId="device-anne-1",
        properties={"note": f"from {ANNE}", "page": "/b"},
        context={"page": {"url": f"https://x.example/?mail={ANNE}&gclid=abc"}, "ip": "203.0.113.7"},
    ),
    {
        **_event("e3", 3, userId="usr_anne_77", traits={"email": ANNE, "firstName": "Anne"}),
        "type": "identify",
    },
    _event("e4", 4, userId="usr_joan_78", properties={"referred_by": ANNE, "page": "/c"}),
    {
        **_event("e5", 5, userId="usr_anne_77"),
        "event": "Order Completed",
        "properties": {"order_id": "o-1", "revenue": "120.50", "currency": "EUR"},
    },
]


def _crm(ident: str, kind: str, properties: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "id": ident,
        "objectType": kind,
        "properties": properties,
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-08-01T00:00:00Z",
        **more,
    }


CRM = [
    {
        "results": [
            _crm(
                "9001001",
                "contacts",
                {
                    "email": ANNE,
                    "phone": "06 11 22 33 44",
                    "firstname": "Anne",
                    "lastname": "Canary",
                    "external_user_id": "usr_anne_77",
                    "lifecyclestage": "customer",
                    "hs_lifecyclestage_lead_date": "2026-02-01T00:00:00Z",
                },
            ),
            _crm("9001002", "contacts", {"email": JOAN, "lastname": "Bystander"}),
        ]
    },
    _crm(
        "7001",
        "deals",
        {"dealname": "Clinic", "amount": "1200.00", "dealstage": "closedwon"},
        associations={"contacts": {"results": [{"id": "9001001", "type": "deal_to_contact"}]}},
    ),
    _crm("7002", "deals", {"dealname": f"Call {ANNE} back", "amount": "80.00"}),
]

CONTACTS = (
    "external_id,email,phone,first_name,last_name,organisation\r\n"
    'old-anne-5,anne.old@clinic.example,,Anne,"Canary\nof the ""Clinic""",Clinic\r\n'
    f"old-joan-6,{JOAN},,Joanne,Bystander,Clinic\r\n"
)
SURVEYS = (
    "response_id;question_type;email;score;comment;occurred_at\n"
    f"s1;nps;{ANNE};9;call me;2026-09-01\n"
    f"s2;nps;{JOAN};7;ask {ANNE};2026-09-02\n"
)
DELIVERIES = [
    {
        "provider": "postmark",
        "provider_event_id": f"d{number}",
        "event_type": "delivered",
        "channel": "email",
        "recipient": address,
        "occurred_at": "2026-09-03T00:00:00Z",
        "payload": f'{{"Recipient": "{address}"}}',
    }
    for number, address in enumerate((ANNE, JOAN))
]


def keys_of(identifiers: dict[str, tuple[str, ...]] = IDENTIFIERS) -> set[str]:
    return {key for kind, values in identifiers.items() for key in RING.keys(kind, values)}


def write(folder: Path) -> dict[str, Path]:
    """The files of the world, by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "events.ndjson": "\n".join(map(json.dumps, EVENTS)) + "\n",
        "crm.ndjson": "\n".join(map(json.dumps, CRM)) + "\n",
        "contacts.csv": CONTACTS,
        "surveys.csv": SURVEYS,
        "delivery_events.ndjson": "\n".join(map(json.dumps, DELIVERIES)) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    return {name.partition(".")[0]: folder / name for name in texts}


def ingest(paths: Paths, folder: Path) -> Lake:
    lake = Lake(paths.lake)
    for kind, path in write(folder).items():
        results = ingest_files(kind, [path], paths.landing, lake, RING, now=lambda: NOW)
        assert all(result.balanced and not result.bad for result in results), results
    return lake


def publish_identities(
    paths: Paths, shared: str = SHARED, at: datetime = NOW, erased: bool = False
) -> str:
    """Publish an identity map of both people, or of one where Anne is erased; her contact id."""
    anne, joan = (RING.key("crm_contact", ident) for ident in ("9001001", "9001002"))
    rows = [
        (kind, key, key, anne, "attached")
        for kind, values in IDENTIFIERS.items()
        for key in RING.keys(kind, values)
        if not erased
    ]
    rows += [
        ("crm_contact", joan, joan, joan, "alone"),
        ("email", RING.key("email", JOAN), "", joan, "attached"),
        ("user_id", RING.key("user_id", "usr_joan_78"), "", joan, "attached"),
        ("email", RING.key("email", shared), "", None, "shared"),
    ]
    paths.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts; create schema pii")
        connection.execute(
            "create table marts.identity_map (identifier_type text, identifier_key text, "
            "group_key text, contact_id text, verdict text)"
        )
        connection.executemany("insert into marts.identity_map values (?, ?, ?, ?, ?)", rows)
        connection.execute(
            f"create table pii.contacts as select '{JOAN if erased else ANNE}' as email"
        )
    catalogue = Catalogue(
        [
            Relation("marts", "identity_map", "One row per identifier."),
            Relation("pii", "contacts", "One row per contact."),
        ]
    )
    publish(paths.warehouse, paths, catalogue, at, {"as_of": "2026-10-01T08:00:00Z"})
    assert anne is not None
    return anne
