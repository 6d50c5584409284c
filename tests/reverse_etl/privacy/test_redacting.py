"""What is somebody else's is taken out, what is the person's own stays."""

from __future__ import annotations

import json

import pytest

from reverse_etl.privacy.gathering import Dataset
from reverse_etl.privacy.redacting import EMPLOYEE, SOMEBODY, Redactor, speaks_of
from tests.reverse_etl.privacy import planted
from workspace.identifiers import Keyring

KEYRING = Keyring(b"a pepper for tests only")
SUBJECT = planted.subject(KEYRING)
REDACTOR = Redactor(
    SUBJECT,
    KEYRING,
    frozenset({"bonjour@ours.example"}),
    frozenset({"Otto Autre", "Autre Otto", "Li Wu"}),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("write to otto@x.example.", f"write to {SOMEBODY}."),
        ("OTTO@X.EXAMPLE and carla.canari@hopital-vert.example", None),
        ("Carla.Canari@Hopital-Vert.example", "Carla.Canari@Hopital-Vert.example"),
        ("from bonjour@ours.example", "from bonjour@ours.example"),
        ("call 06 11 22 33 44 or +33 6 11 22 33 44", "call 06 11 22 33 44 or +33 6 11 22 33 44"),
        ("call 06.99.88.77.66", f"call {SOMEBODY}"),
        ("call +33 (0)6 99 88 77 66", f"call {SOMEBODY}"),
        ("order 0612345678901 of 1751360400000", "order 0612345678901 of 1751360400000"),
        ("with OTTO AUTRE, and Autre Otto", f"with {SOMEBODY}, and {SOMEBODY}"),
        ("Ottor Autres; Fabli Wuhan", "Ottor Autres; Fabli Wuhan"),
        ("@home a@b", "@home a@b"),
        ("", ""),
    ],
)
def test_texts(text: str, wanted: str | None) -> None:
    said = REDACTOR.text(text)
    if wanted is None:
        assert said == f"{SOMEBODY} and carla.canari@hopital-vert.example"
    else:
        assert said == wanted


def rows(row: dict, **kinds: str) -> dict:
    return REDACTOR.dataset(Dataset("lake", "x", "sales", [row], kinds))[0]


def test_columns_that_name_people() -> None:
    own = KEYRING.key("email", planted.EMAIL.lower())
    other = KEYRING.key("email", planted.OTHER_EMAIL)
    found = rows(
        {"email": planted.EMAIL, "email_key": own, "host_email": "h@x.example", "user_key": other},
        email="email",
        email_key="key",
        host_email="email",
        user_key="key",
    )
    assert found["email"] == planted.EMAIL and found["email_key"] == own
    assert found["host_email"] == found["user_key"] == SOMEBODY


def test_a_recipient_may_be_a_number() -> None:
    assert rows({"recipient": planted.PHONE}, recipient="email")["recipient"] == planted.PHONE
    assert rows({"recipient": "+33600000000"}, recipient="email")["recipient"] == SOMEBODY


def test_keys_of_others_go_also_where_no_catalogue_names_the_column() -> None:
    other = KEYRING.key("phone", planted.OTHER_PHONE)
    found = rows({"winner_key": other, "company_key": other, "group_id": other})
    assert found["winner_key"] == SOMEBODY
    assert found["company_key"] == other, "an organisation's key is nobody's"


def test_whom_one_resembles_is_not_told() -> None:
    own, other = min(SUBJECT.keys), KEYRING.key("crm_contact", planted.OTHER_CRM)
    found = rows({"nearest_member_id": other, "account_id": other, "distance": 0.2})
    assert found == {"nearest_member_id": SOMEBODY, "account_id": other, "distance": 0.2}
    assert rows({"nearest_member_id": own})["nearest_member_id"] == own


def test_an_association_s_end_that_is_no_contact_stays() -> None:
    kinds = {"from_id": "crm_contact", "to_id": "crm_contact"}
    when = {end: (f"{end[:-3]}_type", ("contacts",)) for end in kinds}
    row = {"from_type": "deals", "from_id": "9", "to_type": "contacts", "to_id": "8"}
    dataset = Dataset("lake", "crm_associations", "sales", [row], kinds, when=when)
    assert REDACTOR.dataset(dataset) == [{**row, "to_id": SOMEBODY}]


def test_lists_of_keys() -> None:
    own = min(SUBJECT.keys)
    other = KEYRING.key("phone", planted.OTHER_PHONE)
    assert rows({"aliases": json.dumps([own, other])}, aliases="keys")["aliases"] == [own, SOMEBODY]


def test_contacts_in_json() -> None:
    associations = {
        "contacts": {"results": [{"id": planted.CRM}, {"id": planted.OTHER_CRM, "label": "x"}]},
        "companies": {"results": [{"id": planted.OTHER_CRM}]},
    }
    assert rows({"associations": json.dumps(associations)})["associations"] == {
        "contacts": {"results": [{"id": planted.CRM}, {"id": SOMEBODY}]},
        "companies": {"results": [{"id": planted.OTHER_CRM}]},
    }


def test_employees_are_not_named() -> None:
    entry = {"actor": "jeanne", "action": "subject.read", "reason": None}
    found = REDACTOR.dataset(Dataset("ledger", "audit_chain", "operations", [entry]))[0]
    assert found == {"actor": EMPLOYEE, "action": "subject.read", "reason": None}


def test_originals_stay_byte_for_byte_where_nobody_else_is_in_them() -> None:
    text = '{"n": 1.10, "to":  "' + planted.EMAIL + '"}'
    assert REDACTOR.original(text.encode()) == text
    assert REDACTOR.original(b'{"to": "otto@x.example"}') == f'{{"to": "{SOMEBODY}"}}'
    assert REDACTOR.original(b"a,otto@x.example\xff") == f"a,{SOMEBODY}\\xff"
    assert REDACTOR.original(b"[" * 100_000).startswith("[")


@pytest.mark.parametrize(
    ("data", "is_about"),
    [
        (b"x " + planted.EMAIL.upper().encode(), True),
        (b"x not" + planted.EMAIL.encode(), False),
        (b"tel 06 11-22 33.44", True),
        (b"+33 (0)6 11 22 33 44", True),
        (b"tel 06 11 22 33 45", False),
        (b'{"userId": "user-canary-7781"}', True),
        (b'{"userId": "user-canary-77812"}', False),
        (b'{"id": 770001}', True),
        (b'{"amount": 770001}', False),
        (b"\xff\xfe", False),
    ],
)
def test_rejected_bytes_that_name_the_person(data: bytes, is_about: bool) -> None:
    assert speaks_of(SUBJECT)(data) is is_about
