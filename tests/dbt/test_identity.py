"""Identity resolution: the models against the plain Python resolver, and the sources' own words."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reverse_etl.identity.resolve import resolve
from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.reverse_etl.identity.graphs import random_evidence
from workspace.definitions.identity import Identifiers

GRAPHS = 400
THEN, LATER = datetime(2026, 3, 1, 12), datetime(2026, 4, 1, 12)
STEPS = ["edges", "groups", "sources", "users", "emails", "phones", "devices", "members"]


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    """Random graphs side by side, entered where the sources' words have become links."""
    house = Lakehouse(tmp_path_factory.mktemp("graphs"), target)
    house.fill(as_of=worlds.AS_OF, parameters=worlds.parameters())
    found = [random_evidence(seed, f"{seed}-") for seed in range(GRAPHS)]
    links = [link for evidence in found for link in evidence.links]
    identifiers = [identifier for evidence in found for identifier in evidence.identifiers]
    kinds = {identifier.key: identifier.type for identifier in identifiers}
    with duckdb.connect(str(house.path)) as connection:
        connection.execute("create schema if not exists intermediate")
        connection.execute("set schema = 'intermediate'")
        connection.execute(
            "create table int_identity_links "
            "(stronger_type text, stronger_key text, weaker_type text, weaker_key text)"
        )
        rows = [(kinds[stronger], stronger, kinds[weaker], weaker) for stronger, weaker in links]
        connection.executemany("insert into int_identity_links values (?, ?, ?, ?)", rows)
        connection.execute(
            "create table keys (identifier_type text, identifier_key text, group_key text)"
        )
        connection.executemany("insert into keys values (?, ?, ?)", identifiers)
        connection.execute(
            "create table int_identity_identifiers as "
            "select *, hash(identifier_key) as identifier_id, hash(group_key) as group_id from keys"
        )
        connection.execute(
            "create table names (group_key text, last_name text, initial text, first_name text)"
        )
        names = [(group, *name) for evidence in found for group, name in evidence.names.items()]
        connection.executemany("insert into names values (?, ?, ?, ?)", names)
        connection.execute(
            "create table int_identity_names as select *, hash(group_key) as group_id from names"
        )
    steps = [f"int_identity_{step}" for step in STEPS]
    house.run("stg_marketing__identity_limits", *steps)
    return house


def test_the_models_agree_with_the_resolver(graphs: Lakehouse) -> None:
    built = {
        key: (contact, verdict)
        for key, contact, verdict in graphs.rows(
            "select identifier_key, contact_id, verdict from intermediate.int_identity_members"
        )
    }
    verdicts = set()
    for seed in range(GRAPHS):
        expected = resolve(random_evidence(seed, f"{seed}-"), Identifiers())
        verdicts |= {resolved.verdict for resolved in expected.values()}
        assert {key: built[key] for key in expected} == expected, seed
    assert verdicts == {"alone", "attached", "joined", "shared", "names", "crowded"}


# ---- from the sources' words to links --------------------------------------------------------


def _contact(crm_id: str, **more: Any) -> dict[str, Any]:
    return {"crm_id": crm_id, "contact_key": f"c-{crm_id}", "properties": "{}", **more}


def _merged(*crm_ids: str) -> str:
    return worlds.json_text(hs_merged_object_ids=";".join(crm_ids))


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    """People whom the sources name in all the ways they have."""
    house = Lakehouse(tmp_path_factory.mktemp("words"), target)
    return house.fill(
        as_of=worlds.AS_OF,
        parameters=worlds.parameters(),
        crm_contacts=[
            # A chain of merges, the middle one archived, the first one never seen.
            _contact("m1", properties=_merged("m2"), email_key="e-m"),
            _contact("m2", properties=_merged("m3", "m9"), archived=True),
            _contact("m3", archived=True, email_key="e-m3"),
            # Two that name each other.
            _contact("x1", properties=_merged("x2")),
            _contact("x2", properties=_merged("x1")),
            # An address given up, and another that somebody else has now.
            _contact("p1", email_key="e-past"),
            _contact("p1", email_key="e-passed"),
            _contact("p1", email_key="e-now", known_at=THEN),
            _contact("p2", email_key="e-passed", known_at=THEN),
            # Deleted for good.
            _contact("gone", archived=True, email_key="e-gone"),
            _contact("s", company_crm_id=None, email="s@clinic.example", email_key="e-s"),
            _contact("t", email="t@gmail.com", email_key="e-t"),
            _contact("v", properties=worlds.json_text(siren="123456782")),
        ],
        crm_companies=[
            {**worlds.company("clinic", "medical"), "domain": "clinic.example"},
            {**worlds.company("mail", "medical"), "domain": "gmail.com"},
            {**worlds.company("town", "public"), "siren": "123456782"},
            {**worlds.company("twin", "public"), "domain": "twins.example"},
            {**worlds.company("twin2", "public"), "domain": "twins.example"},
        ],
        crm_associations=[
            {"from_type": "contacts", "from_id": "t", "to_type": "companies", "to_id": "clinic"}
        ],
        events=[
            worlds.event("1", THEN, user_key="u-1", anonymous_key="a-1", email_key="e-m"),
            worlds.event(
                "2",
                THEN,
                type="alias",
                event=None,
                user_key="u-2",
                previous_user_key="u-old",
                previous_anonymous_key="a-was",
            ),
            worlds.event(
                "3",
                THEN,
                type="alias",
                event=None,
                user_key="u-2",
                previous_user_key="u-1",
                previous_anonymous_key="a-u-1",
            ),
            worlds.event(
                "4", THEN, type="group", event=None, user_key="u-3", company_key="key-town"
            ),
            worlds.event("5", LATER, user_key=None, anonymous_key="a-1"),
            worlds.event("6", LATER, user_key=None, anonymous_key="a-stranger"),
            # A form's own words: of somebody new, and of somebody whom the CRM knows better.
            *(
                worlds.event(
                    number,
                    LATER,
                    type="identify",
                    event=None,
                    user_key=None,
                    anonymous_key=f"a-form-{number}",
                    email_key=email_key,
                    phone_key=f"p-{number}",
                    traits=worlds.json_text(email=f"{email_key}@Form.example"),
                    context=worlds.json_text(traits={"phone": "06 12 34 56 78"}),
                )
                for number, email_key in (("7", "e-form"), ("8", "e-t"))
            ),
        ],
        imported_contacts=[
            {
                "external_id": "o",
                "external_key": "o-1",
                "email_key": "e-s",
                "email": "s@clinic.example",
            }
        ],
        attendees=[{"event_key": "congress", "email_key": "e-guest"}],
    ).run()


def test_merge_chains_end_at_the_survivor(words: Lakehouse) -> None:
    assert words.rows(
        "select merged_crm_id, surviving_crm_id from staging.stg_crm__contact_merges order by 1"
    ) == [("m2", "m1"), ("m3", "m1"), ("m9", "m1"), ("x2", "x1")]
    assert words.rows(
        "select crm_id, object_id from intermediate.int_crm_objects "
        "where object_type = 'contacts' and crm_id[1] in ('m', 'x') order by 1"
    ) == [*((f"m{n}", "c-m1") for n in (1, 2, 3, 9)), ("x1", "c-x1"), ("x2", "c-x1")]


def _contact_of(words: Lakehouse, *keys: str) -> list[tuple[Any, ...]]:
    return words.rows(
        "select identifier_key, contact_id, evidence from marts.identity_map "
        f"where identifier_key in {keys!r} order by 1"
    )


def test_old_ids_resolve(words: Lakehouse) -> None:
    """Of a merged contact, of an alias of a user, of a device before its sign-up."""
    assert _contact_of(words, "c-m3", "e-m3", "u-1", "u-2", "a-1", "a-was") == [
        ("a-1", "c-m1", "message"),
        ("a-was", "c-m1", "alias"),
        ("c-m3", "c-m1", "crm_merge"),
        ("e-m3", "c-m1", "crm_property"),
        ("u-1", "c-m1", "message"),
        ("u-2", "c-m1", "alias"),
    ]


def test_an_alias_of_a_user_makes_no_device(words: Lakehouse) -> None:
    assert _contact_of(words, "a-u-1", "x") == []


def test_an_address_given_up_stays_while_nobody_else_holds_it(words: Lakehouse) -> None:
    assert _contact_of(words, "e-past", "e-passed", "e-now", "e-gone") == [
        ("e-now", "c-p1", "crm_property"),
        ("e-passed", "c-p2", "crm_property"),
        ("e-past", "c-p1", "crm_past_property"),
    ]


def test_an_organisation_by_what_ties_the_contact_to_it(words: Lakehouse) -> None:
    assert words.rows(
        "select contact_id, account_id, evidence, is_primary from marts.account_contacts order by 1"
    ) == [
        ("c-s", "key-clinic", "domain", True),
        ("c-t", "key-clinic", "crm_association", True),
        ("c-v", "key-town", "siren", True),
        ("u-3", "key-town", "group", True),
    ]


def test_messages_go_to_whom_they_name_best(words: Lakehouse) -> None:
    assert words.rows(
        "select message_id, contact_id, identified_by from marts.fct_events "
        "where message_id in ('1', '5', '6') order by 1"
    ) == [("1", "c-m1", "user_id"), ("5", "c-m1", "anonymous_id"), ("6", None, None)]


def test_who_is_known_by_an_address_only_is_a_contact(words: Lakehouse) -> None:
    assert words.rows(
        "select contact_source, identifiers from marts.dim_contacts where contact_id = 'e-guest'"
    ) == [("address", 1)]


def test_a_stated_address_is_known_where_no_other_is(words: Lakehouse) -> None:
    """So that a request for consent can be confirmed."""
    assert words.rows(
        "select contact_id, email, phone from pii.contacts "
        "where contact_id in ('e-form', 'c-t') order by 1"
    ) == [
        ("c-t", "t@gmail.com", "06 12 34 56 78"),
        ("e-form", "e-form@Form.example", "06 12 34 56 78"),
    ]
