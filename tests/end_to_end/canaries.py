"""People and secrets that are like no others, in every intake and every variable, so that a scan
can tell where each of them went."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reverse_etl.privacy.forms import NAME, TEXT, Identifier
from tests.end_to_end import inputs
from workspace.paths import PROJECT

DAY = "2025-08-02T10:00:00Z"
SOON = "2025-09-01T20:00:00Z"
#: Variables that say where, who or how, and are no secret.
PLAIN = re.compile(
    r"(?<!SERVICE)_(URL|ENV|WORKSPACE|DEFINITIONS|ORIGINS|ROOT|FROM|CENSUS|CUSTOMERS|CUSTOMER|ACCOUNTS|ACCOUNT"
    r"|PROPERTIES|PROJECT|DAYS|TYPES|ORGANIZATIONS|ORGANIZATION|VERSION|SEARCH|REGION|HOST|PORT"
    r"|TLS|FILE|FOLDER|MODEL|TOPICS|CLIENT_ID|LOGIN|LOGIN_CUSTOMER|USER|APP_ID|ACCOUNT_SID|API_KEY"
    r"|PUBLIC_KEY|HOST_KEY|SFTP_KEY|SENDGRID_WEBHOOK_KEY|DATA_MANAGER_KEY)$"
)
#: What has to be said of an account for it to be asked.
GIVEN = {
    "MARKETING_ALERT_SMTP_HOST": "127.0.0.1",
    "MARKETING_ALERT_SMTP_PORT": "1",
    "MARKETING_ALERT_SMTP_TLS": "none",
    "MARKETING_BOAMP_SEARCH": "x",
    "MARKETING_CALENDLY_ORGANIZATION": "https://api.calendly.com/organizations/1",
    "MARKETING_GA4_PROPERTIES": "1",
    "MARKETING_GOOGLE_ADS_CLIENT_ID": "c",
    "MARKETING_GOOGLE_ADS_CUSTOMERS": "1234567890",
    "MARKETING_GOOGLE_DATA_MANAGER_ACCOUNT": "1234567890",
    "MARKETING_LINKEDIN_ADS_ACCOUNTS": "1",
    "MARKETING_LINKEDIN_PAGES_ORGANIZATIONS": "1",
    "MARKETING_META_ADS_ACCOUNTS": "act_1",
    "MARKETING_MIXPANEL_PROJECT": "1",
    "MARKETING_MIXPANEL_USER": "u",
    "MARKETING_ONESIGNAL_APP_ID": "11111111-2222-4333-8444-555555555555",
    "MARKETING_SMTP_HOST": "127.0.0.1",
    "MARKETING_SMTP_PORT": "1",
    "MARKETING_SMTP_TLS": "none",
    "MARKETING_SMTP_USER": "u",
    "MARKETING_TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "MARKETING_TWILIO_API_KEY": "SK" + "1" * 32,
    "MARKETING_WORDPRESS_USER": "u",
}
#: Of these the name looks plain, and they hold a secret.
SECRET_ALL_THE_SAME = {"MARKETING_POSTMARK_WEBHOOK_LOGIN"}


@dataclass(frozen=True)
class Person:
    """Somebody whom one intake tells of."""

    number: int
    intake: str

    @property
    def email(self) -> str:
        return f"Canary.{self.intake}@Person-{self.number}.example"

    @property
    def phone(self) -> str:
        return f"+336{70_100_200 + 7919 * self.number}"

    @property
    def last_name(self) -> str:
        return f"Quatrebarbes{'abcdefghijklmnopqrstuvwxyz'[self.number]}vogel"

    @property
    def words(self) -> str:
        """Free text that they wrote."""
        return f"my-pacemaker-{self.number}-is-a-zx{self.number}q"

    @property
    def identifiers(self) -> list[Identifier]:
        return [
            Identifier("email", self.email),
            Identifier("phone", self.phone),
            Identifier(NAME, self.last_name),
            Identifier(TEXT, self.words),
        ]


INTAKES = (
    *("events", "rejected", "crm", "contacts", "consents", "suppressions", "surveys", "attendees"),
    *("meetings", "form_submissions", "support_tickets", "collector", "refused", "webhook"),
    *("requests", "url", "mailed"),
)
PEOPLE = {name: Person(number, name) for number, name in enumerate(INTAKES)}


def variables() -> list[str]:
    """Every variable of `.env.example`."""
    text = (PROJECT / ".env.example").read_text()
    return sorted(set(re.findall(r"^#?(MARKETING_[A-Z0-9_]+)=", text, re.MULTILINE)))


def secrets() -> tuple[dict[str, str], list[Identifier]]:
    """Values for all variables that hold a secret, and what to look for."""
    values: dict[str, str] = {}
    looked_for = []
    for name in variables():
        if PLAIN.search(name) and name not in SECRET_ALL_THE_SAME:
            continue
        canary = f"Kanarie-{name[10:].lower().replace('_', '-')}-9f3aQ7"
        values[name] = canary
        if name.endswith(("_LOGIN", "SHARED_KEYS")):
            values[name] = f"user:{canary}"
        elif name.endswith("WRITE_KEYS"):
            values[name] = f"server:{canary}"
        elif name.endswith("LINK_KEYS"):
            values[name] = f"2:{canary}"
        elif name.endswith(("WEBHOOK_SECRET",)) and "ONESIGNAL" not in name:
            canary = base64.b64encode(canary.encode().ljust(32, b"x")).decode()
            values[name] = f"whsec_{canary}"
        elif name.endswith("SERVICE_ACCOUNT"):
            values[name], canary = _service_account(name)
        looked_for.append(Identifier(TEXT, canary))
    return values, looked_for


def _service_account(name: str) -> tuple[str, str]:
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": f"{name.lower()}@p.iam.example",
        "token_uri": "http://127.0.0.1:1/token",
    }
    return json.dumps(account), pem.decode().splitlines()[5]


def files(folder: Path) -> list[tuple[str, Path]]:
    """A file for each kind of intake by file, with its person."""
    made = [("events", _events(folder / "events.ndjson"))]
    made.append(("crm", inputs.ndjson(folder / "crm.ndjson", list(map(_contact, _IN_CRM)))))
    for kind, (header, row) in _TABLES.items():
        who = PEOPLE[kind]
        text = row.format(email=who.email, phone=who.phone, name=who.last_name, words=who.words)
        made.append((kind, inputs.csv(folder / f"{kind}.csv", header, [text])))
    return made


_IN_CRM = (PEOPLE["crm"], PEOPLE["mailed"])
_TABLES = {
    "contacts": ("external_id,email,phone,last_name,created_at",
                 "x1,{email},{phone},{name},2025-05-06"),
    "consents": ("email,phone,purpose,channel,status,source,decided_at",
                 "{email},{phone},newsletter,email,withdrawn,old tool,2025-06-01T00:00:00Z"),
    "suppressions": ("email,channel,reason,suppressed_at",
                     "{email},email,complaint,2025-06-01T00:00:00Z"),
    "surveys": ("response_id,survey,question_type,email,score,comment,answered_at",
                "r1,nps-2025,nps,{email},3,{words} {name},2025-08-01T10:00:00Z"),
    "attendees": ("event_key,event_name,event_type,starts_on,email,last_name,status",
                  "salon,Salon,salon,2025-09-17,{email},{name},registered"),
    "meetings": ("source,meeting_id,name,status,email,location,starts_at",
                 "calendly,m1,Demo with {name},scheduled,{email},{words},2025-09-20T10:00:00Z"),
    "form_submissions": ("source,submission_id,form_name,email,phone,last_name,page_url,"
                         "submitted_at",
                         "unbounce,s1,Demo,{email},{phone},{name},"
                         "https://www.chirurgieprox.example/f?email={email},2025-08-01"),
    "support_tickets": ("source,ticket_id,subject,status,created_at",
                        "intercom,t1,{name} {email} {words},open,2025-08-01"),
}  # fmt: skip


def _events(path: Path) -> Path:
    who, other = PEOPLE["events"], PEOPLE["url"]
    base = {"userId": "u-canary", "timestamp": DAY, "receivedAt": DAY}
    traits = {"email": who.email, "phone": who.phone, "lastName": who.last_name}
    page = {
        "url": f"https://www.chirurgieprox.example/x?email={other.email}&q={other.words}",
        "path": f"/thanks/{other.email}",
        "title": f"Thanks {other.last_name}",
        "referrer": f"https://mail.example/?to={other.email}",
        "search": f"?email={other.email}",
    }
    rows: list[dict[str, Any]] = [
        {**base, "messageId": "c1", "type": "identify", "traits": traits},
        {
            **base,
            "messageId": "c2",
            "type": "track",
            "event": "Form Submitted",
            "properties": {"form_id": "demo", "message": who.words, **traits},
            "context": {"traits": traits, "page": page, "ip": "192.0.2.77"},
        },
        {
            **base,
            "messageId": "c3",
            "type": "page",
            "properties": page,
            "context": {"page": page},
        },
    ]
    mailed = {"userId": "u-mailed", "timestamp": SOON, "receivedAt": SOON}
    traits = {"email": PEOPLE["mailed"].email}
    rows += [
        {**mailed, "messageId": "c4", "type": "identify", "traits": traits},
        {
            **mailed,
            "messageId": "c5",
            "type": "track",
            "event": "Form Submitted",
            "properties": {"form_id": "demo"},
            "context": {"traits": traits},
        },
    ]
    inputs.ndjson(path, rows)
    bad = PEOPLE["rejected"]
    with path.open("a") as file:
        file.write(
            json.dumps({"type": "track", "userId": bad.email, "traits": {"phone": bad.phone}})[:-4]
            + f"\n{bad.last_name} {bad.words} {bad.phone} {bad.email}\n"
        )
    return path


def _contact(who: Person) -> dict[str, Any]:
    return {
        "id": f"canary-{who.number}",
        "objectType": "contacts",
        "createdAt": DAY,
        "updatedAt": DAY,
        "archived": False,
        "properties": {
            "email": who.email,
            "phone": who.phone,
            "firstname": "Z",
            "lastname": who.last_name,
            "message": who.words,
            "buying_role": "surgeon",
            "hs_language": "fr",
            "vertical": "medical",
            "country": "FR",
        },
    }
