"""Who belongs together: stories with a known end, and properties of every graph."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.identity.resolve import Evidence, Identifier, Name, Resolved, resolve
from tests.reverse_etl.identity.graphs import evidence_of, random_evidence
from workspace.definitions.identity import Identifiers

LIMITS = Identifiers()
ANNE, ANNA = Name("durand", "a", "anne"), Name("durand", "a", "anna")
SHORT = Name("durand", "a", None)


def contacts(found: dict[str, Resolved]) -> dict[str, str | None]:
    return {key: resolved.contact_id for key, resolved in found.items()}


def told(links: str, names: dict[str, Name] | None = None, **limits: Any) -> dict[str, Resolved]:
    """Resolve links such as ``crm:1-email:a``, under the default limits or others."""
    rules = {name: getattr(LIMITS, name).model_dump() | value for name, value in limits.items()}
    return resolve(evidence_of(links, names), Identifiers(**rules))


def test_a_device_leads_to_the_one_who_used_it() -> None:
    assert contacts(told("user:u-device:d user:u-email:e crm:1-email:e")) == {
        "crm:1": "crm:1",
        "user:u": "crm:1",
        "email:e": "crm:1",
        "device:d": "crm:1",
    }


def test_a_shared_device_never_joins_two_people() -> None:
    found = told("user:u-device:d user:v-device:d crm:1-user:u crm:2-user:v")
    assert found["device:d"] == Resolved(None, "shared")
    assert found["user:u"].contact_id == "crm:1" != found["user:v"].contact_id == "crm:2"


def test_a_shared_address_never_joins_two_users() -> None:
    found = told("user:u-email:e user:v-email:e")
    assert found["email:e"] == Resolved(None, "crowded")
    assert {found["user:u"].contact_id, found["user:v"].contact_id} == {"user:u", "user:v"}


def test_an_address_joins_the_contacts_of_one_name() -> None:
    links = "crm:1-email:e crm:2-email:e"
    for names, verdict in (
        ({"crm:1": ANNE, "crm:2": ANNE}, "joined"),
        ({"crm:1": ANNE, "crm:2": SHORT}, "joined"),
        ({"crm:1": ANNE}, "joined"),
        ({"crm:1": ANNE, "crm:2": ANNA}, "names"),
        ({"crm:1": ANNE, "crm:2": Name("petit", "a", "anne")}, "names"),
        ({"crm:1": ANNE, "crm:2": Name("durand", "b", None)}, "names"),
    ):
        found = told(links, names)
        assert found["email:e"].verdict == verdict, names
        assert (found["crm:2"].contact_id == "crm:1") == (verdict == "joined")


def test_a_switchboard_joins_nobody_unless_it_is_one_person() -> None:
    links = "crm:1-phone:p crm:2-phone:p"
    assert told(links)["phone:p"].verdict == "names"
    assert told(links, {"crm:1": ANNE, "crm:2": SHORT})["phone:p"].verdict == "names"
    assert told(links, {"crm:1": ANNE, "crm:2": ANNE})["phone:p"].verdict == "joined"


def test_more_contacts_than_the_limit_share_a_value() -> None:
    links = " ".join(f"crm:{n}-email:e" for n in range(5))
    assert told(links)["email:e"] == Resolved(None, "shared")
    assert told(links, email={"most_contacts": 5})["email:e"].verdict == "joined"


def test_a_chain_of_joins_that_would_crowd_a_contact_is_refused_whole() -> None:
    """u - e - crm 2 - f - v: each address alone would do, both together would join two users."""
    links = "user:u-email:e crm:2-email:e crm:2-email:f user:v-email:f"
    found = told(links)
    assert found["email:e"] == found["email:f"] == Resolved(None, "crowded")
    assert len({found[key].contact_id for key in ("user:u", "user:v", "crm:2")}) == 3


def test_what_the_crm_merged_counts_as_one() -> None:
    """Two CRM contacts of two users, merged by the CRM: nothing later can part them."""
    evidence = evidence_of("crm:1-user:u crm:2-user:v user:u-email:e user:v-email:e")
    merged = tuple(
        identifier._replace(group="crm:1") if identifier.type == "crm_contact" else identifier
        for identifier in evidence.identifiers
    )
    found = resolve(Evidence(merged, evidence.links, {}), LIMITS)
    assert set(contacts(found).values()) == {"crm:1"}


def test_a_visitor_who_never_said_who_he_is_is_no_contact() -> None:
    evidence = Evidence((Identifier("anonymous_id", "d", "d"),), (), {})
    assert resolve(evidence, LIMITS) == {"d": Resolved(None, "alone")}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6))
def test_order_does_not_count(seed: int) -> None:
    evidence = random_evidence(seed)
    rng = random.Random(seed)
    identifiers, links = list(evidence.identifiers), list(evidence.links)
    rng.shuffle(identifiers)
    rng.shuffle(links)
    shuffled = Evidence(tuple(identifiers), tuple(links), evidence.names)
    assert resolve(shuffled, LIMITS) == resolve(evidence, LIMITS)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6))
def test_no_contact_holds_two_users_that_nobody_tied(seed: int) -> None:
    """Users of one contact were tied by a CRM contact that holds both, never by anything less."""
    evidence = random_evidence(seed)
    found = resolve(evidence, LIMITS)
    users: dict[str, set[str]] = {}
    for identifier in evidence.identifiers:
        contact = found[identifier.key].contact_id
        if identifier.type == "user_id" and contact:
            users.setdefault(contact, set()).add(identifier.group)
    crm_groups = {i.key: i.group for i in evidence.identifiers if i.type == "crm_contact"}
    user_groups = {i.key: i.group for i in evidence.identifiers if i.type == "user_id"}
    held: dict[str, set[str]] = {}
    for stronger, weaker in evidence.links:
        if stronger in crm_groups and weaker in user_groups:
            held.setdefault(crm_groups[stronger], set()).add(user_groups[weaker])
    for contact, groups in users.items():
        if len(groups) > 1:
            tied = [keys for keys in held.values() if len(keys & groups) > 1]
            assert tied, (contact, groups)
