"""A corrected address is the one that is written to, and takes no consent with it by itself."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from workspace.identifiers import domain_key

BEFORE, THEN, LATER = datetime(2026, 1, 1), datetime(2026, 3, 1), datetime(2026, 4, 1)


def contact(key: str, email: str, at: datetime = BEFORE, **more: Any) -> dict[str, Any]:
    return {
        "crm_id": key,
        "contact_key": f"k-{key}",
        "email": email,
        "email_key": f"key-{email}",
        "created_at": BEFORE,
        "known_at": at,
        "archived": False,
        **more,
    }


def correction(key: str, field: str, value: str | None, at: datetime = THEN) -> dict[str, Any]:
    return {
        "rectification_id": f"{key}-{field}-{value}",
        "record_type": "crm_contact",
        "record_key": f"k-{key}",
        "field": field,
        "value": value,
        "value_key": f"key-{value}" if field == "email" else None,
        "sequence": 1,
        "known_at": at,
    }


def said(email: str, state: str, at: datetime, purpose: str = "newsletter") -> dict[str, Any]:
    return {
        "event_id": f"{email}-{state}-{purpose}",
        "identifier_type": "email",
        "identifier_key": f"key-{email}",
        "purpose": purpose,
        "channel": "email",
        "brand": "",
        "state": state,
        "source_class": "form",
        "source": "site",
        "legal_basis": "consent",
        "text_version": "v1",
        "occurred_at": at,
        "known_at": at,
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    house = Lakehouse(tmp_path_factory.mktemp("rectifications"), target)
    contacts = [
        contact("anne", "anne@old"),
        contact("anne", "anne@old", LATER, city="Lyon"),  # the CRM has not noticed
        contact("bea", "bea@old"),
        contact("carl", "carl@old"),
        contact("dora", "dora@old"),
        contact("dora", "dora@third", LATER),  # the CRM says something new
        contact("eve", "eve@old"),
        contact("fred", "fred@old", first_name="Fréd", last_name="Roy"),
        contact("gina", "gina@old"),
    ]
    corrections = [
        *(correction(key, "email", f"{key}@new") for key in ("anne", "bea", "carl", "dora")),
        correction("eve", "email", None),
        correction("gina", "email", "gina@refuses.fr"),
        correction("fred", "first_name", "Frédéric"),
    ]
    events = [
        *(said(f"{key}@old", "granted", BEFORE) for key in ("anne", "bea", "dora", "fred")),
        said("bea@new", "granted", LATER),  # stated again, with evidence
        said("carl@old", "withdrawn", BEFORE),
        said("carl@new", "granted", LATER),
        said("gina@refuses.fr", "granted", LATER),
        said("hugo@refuses.fr", "granted", LATER),
        {
            **said("refuses.fr", "objection", LATER, "all"),
            "identifier_type": "domain",
            "identifier_key": domain_key("refuses.fr"),
            "channel": "all",
        },
    ]
    house.fill(
        as_of=worlds.AS_OF,
        parameters=worlds.parameters(),
        crm_contacts=contacts,
        rectifications=corrections,
        consent_events=events,
        # Nobody of the CRM's: known by what was given on a site.
        events=[
            {
                "message_id": "m",
                "type": "identify",
                "user_id": "hugo",
                "user_key": "k-hugo",
                "email_key": "key-hugo@refuses.fr",
                "traits": json.dumps({"email": "hugo@refuses.fr"}),
                "occurred_at": THEN,
                "known_at": THEN,
            }
        ],
    )
    return house.build(
        "+pii_contacts", "+pii_rectifications", "+consent_states", "+identity_map", tests="cautious"
    )


def test_the_corrected_address_is_in_force(world: Lakehouse) -> None:
    found = dict(world.rows("select crm_id, email from pii.contacts"))
    assert found == {
        "anne": "anne@new",
        "bea": "bea@new",
        "carl": "carl@new",
        "dora": "dora@third",
        "eve": None,
        "fred": "fred@old",
        "gina": "gina@refuses.fr",
        None: "hugo@refuses.fr",
    }
    assert world.one("select city from pii.contacts where crm_id = 'anne'") == "Lyon"
    assert world.one("select first_name from pii.contacts where crm_id = 'fred'") == "Frédéric"


def test_each_says_where_it_stands(world: Lakehouse) -> None:
    found = dict(world.rows("select crm_id, status from pii.rectifications where field = 'email'"))
    assert found == {
        "anne": "holds",
        "bea": "holds",
        "carl": "holds",
        "dora": "overruled",
        "eve": "holds",
        "gina": "holds",
    }


def test_both_addresses_name_the_person(world: Lakehouse) -> None:
    """Who writes from the old one, or unsubscribes it, is still known."""
    found = set(
        world.rows(
            "select identifier_key from marts.identity_map where contact_id = "
            "(select contact_id from pii.contacts where crm_id = 'anne')"
        )
    )
    assert {("key-anne@old",), ("key-anne@new",)} <= found


def test_consent_does_not_go_over_by_itself_and_a_refusal_does(world: Lakehouse) -> None:
    states = dict(
        world.rows(
            "select crm_id, state from pii.contacts join marts.consent_states using (contact_id) "
            "where purpose = 'newsletter' and channel = 'email'"
        )
    )
    assert states == {
        "bea": "granted",
        "carl": "withdrawn",
        "fred": "granted",
        # The organisation of an address refuses, however the address became known.
        "gina": "objection",
        None: "objection",
    }
    alone = world.rows(
        "select subject_id, state from marts.consent_states "
        "where contact_id is null and purpose = 'newsletter' order by subject_id"
    )
    assert alone == [
        ("key-anne@old", "granted"),
        ("key-bea@old", "granted"),
        ("key-dora@old", "granted"),
    ], "it is kept under the address that it was given for"
