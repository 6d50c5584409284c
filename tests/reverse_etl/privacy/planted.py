"""A canary planted through every intake, beside a colleague who must not come out with it.

Each record carries a token of its own, by which a test finds it again without asking the code.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from reverse_etl.privacy.subjects import Subject
from workspace.identifiers import Keyring

EMAIL, PHONE = "Carla.Canari@Hopital-Vert.example", "+33611223344"
NAME = ("Carla", "Canari")
USER, DEVICE, CRM, EXTERNAL = "user-canary-7781", "device-canary-9912", "770001", "old-canary-55"
#: The colleague: in the same company, deal and conversations.
OTHER_EMAIL, OTHER_PHONE = "otto.autre@hopital-vert.example", "+33699887766"
OTHER_NAME = ("Otto", "Autre")
OTHER_USER, OTHER_CRM = "user-other-1", "770002"
AT = datetime(2025, 6, 1, 9)
AT_TEXT = "2025-06-01T09:00:00Z"


def _crm(crm_id: str, kind: str, contacts: tuple[str, ...] = (), **properties: str) -> dict:
    found: dict[str, Any] = {
        "id": crm_id,
        "objectType": kind,
        "properties": properties,
        "createdAt": AT_TEXT,
        "updatedAt": AT_TEXT,
        "archived": False,
    }
    if contacts:
        found["associations"] = {
            "contacts": {"results": [{"id": each, "type": "to_contact"} for each in contacts]}
        }
    return found


def _person(crm_id: str, email: str, phone: str, name: tuple[str, str], token: str, **more: str):
    return _crm(
        crm_id,
        "contacts",
        email=email,
        phone=phone,
        firstname=name[0],
        lastname=name[1],
        associatedcompanyid="880001",
        notes=token,
        **more,
    )


def _event(token: str, **more: Any) -> dict:
    said = {"messageId": token, "timestamp": AT_TEXT, "receivedAt": AT_TEXT, **more}
    return {"type": "track", "event": "Page Read", **said}


def rows() -> dict[str, list[dict]]:
    """Kind -> rows. Tokens that begin with ``tok-own`` are the canary's, with ``tok-other`` not."""
    both = (CRM, OTHER_CRM)
    return {
        "events": [
            _event("tok-own-ev1", userId=USER, properties={"note": "=1+1"}),
            _event("tok-own-ev2", anonymousId=DEVICE, properties={"said": f"I am {EMAIL}"}),
            {
                **_event("tok-own-ev3", userId=USER, anonymousId=DEVICE),
                "type": "identify",
                "traits": {"email": EMAIL, "phone": PHONE},
            },
            _event("tok-own-ev4", userId=USER, properties={"cc": OTHER_EMAIL, "n": -5}),
            _event("tok-other-ev1", userId=OTHER_USER),
        ],
        "crm": [
            {
                "results": [
                    _person(CRM, EMAIL, PHONE, NAME, "tok-own-crm1", external_user_id=USER),
                    _person(OTHER_CRM, OTHER_EMAIL, OTHER_PHONE, OTHER_NAME, "tok-other-crm1"),
                ]
            },
            _crm("880001", "companies", name="Hôpital vert", domain="hopital-vert.example"),
            _crm("990001", "deals", both, dealname="tok-own-deal1", dealstage="open"),
            _crm("990002", "deals", (OTHER_CRM, CRM), dealname="tok-own-deal2", dealstage="open"),
            _crm("990003", "deals", (OTHER_CRM,), dealname="tok-other-deal", dealstage="open"),
            _crm(
                "990010",
                "tickets",
                both,
                subject="tok-own-tick: Otto Autre (06 99 88 77 66) asks with Carla Canari",
            ),
            _crm("990020", "notes", (CRM,), hs_note_body=f"tok-own-note {OTHER_EMAIL} was there"),
        ],
        "contacts": [
            {"external_id": EXTERNAL, "email": EMAIL, "organisation": "tok-own-imp"},
            {"external_id": "old-2", "email": OTHER_EMAIL, "organisation": "tok-other-imp"},
        ],
        "suppressions": [{"email": EMAIL, "channel": "sms", "reason": "tok_own_sup"}],
        "consents": [
            {
                "email": EMAIL,
                "purpose": "newsletter",
                "channel": "email",
                "status": "granted",
                "source": "tok-own-con",
                "decided_at": AT_TEXT,
            }
        ],
        "attendees": [
            {
                "event_key": "congress-25",
                "event_name": "Congress",
                "email": EMAIL,
                "job_title": "tok-own-att",
                "status": "attended",
                "starts_on": "2025-05-01",
            }
        ],
        "meetings": [
            {
                "source": "calendly",
                "meeting_id": "tok-own-meet",
                "status": "held",
                "email": EMAIL,
                "host_email": "sales@ours.example",
                "starts_at": AT_TEXT,
            }
        ],
        "form_submissions": [
            {
                "source": "typeform",
                "submission_id": "tok-own-form",
                "email": EMAIL,
                "occurred_at": AT_TEXT,
            }
        ],
        "surveys": [
            {
                "response_id": "tok-own-survey",
                "survey": "nps",
                "question_type": "nps",
                "email": EMAIL,
                "score": 9,
                "comment": "ask Otto Autre",
                "occurred_at": AT_TEXT,
            }
        ],
        "support_tickets": [
            {
                "source": "intercom",
                "ticket_id": "tok-own-help",
                "status": "open",
                "email": EMAIL,
                "subject": "help",
                "created_at": AT_TEXT,
            }
        ],
        "product_usage": [
            {
                "source": "app",
                "user_id": USER,
                "feature": "tok-own-usage",
                "used_on": "2025-05-02",
                "uses": 3,
            }
        ],
        "sales_activities": [
            {
                "source": "linkedin",
                "activity_type": "inmail_sent",
                "owner_email": "sales@ours.example",
                "profile_url": "https://www.linkedin.com/in/tok-own-li",
                "email": EMAIL,
                "occurred_at": AT_TEXT,
            }
        ],
        "delivery_events": [
            {
                "provider": "sendgrid",
                "provider_event_id": "tok-own-deliv",
                "event_type": "delivered",
                "channel": "email",
                "recipient": EMAIL,
                "occurred_at": AT_TEXT,
            }
        ],
        "crm_property_history": [
            {
                "object_type": "contacts",
                "crm_id": CRM,
                "property": "city",
                "value": "tok-own-hist",
                "changed_at": AT_TEXT,
            }
        ],
    }


#: Lines of a kind that fit no contract.
BROKEN = {
    "events": [
        b'{"messageId": "tok-own-bad1", "type": "nonsense", "userId": "' + USER.encode() + b'"}',
        b'{"half tok-own-bad2 ' + EMAIL.lower().encode(),
        b'{"messageId": "tok-other-bad", "type": "nonsense", "userId": "somebody"}',
    ]
}


def subject(keyring: Keyring) -> Subject:
    """The canary as a run would resolve it."""
    values = {
        "email": EMAIL.lower(),
        "phone": PHONE,
        "user_id": USER,
        "anonymous_id": DEVICE,
        "crm_contact": CRM,
        "external_id": EXTERNAL,
    }
    keys = {kind: keyring.key(kind, value) for kind, value in values.items()}
    assert keys["crm_contact"]
    return Subject(
        keys["crm_contact"],
        frozenset(key for key in keys.values() if key),
        {kind: frozenset({value}) for kind, value in values.items()},
    )


def files(folder: Path) -> dict[str, Path]:
    """The rows and the broken lines as files, by kind."""
    folder.mkdir(parents=True)
    found = {}
    for kind, its in rows().items():
        lines = [json.dumps(row, ensure_ascii=False).encode() for row in its]
        path = folder / f"{kind}.ndjson"
        path.write_bytes(b"\n".join([*lines, *BROKEN.get(kind, [])]) + b"\n")
        found[kind] = path
    return found


def tokens(prefix: str) -> set[str]:
    """Every token that was planted, read from the files' own text."""
    text = json.dumps(rows()) + b" ".join(b" ".join(its) for its in BROKEN.values()).decode()
    return set(re.findall(rf"{prefix}[-_][a-z]+\d*", text))
