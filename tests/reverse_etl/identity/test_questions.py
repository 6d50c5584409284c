"""Questions about a small published graph."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from reverse_etl.identity.questions import candidates, explain, what_if
from reverse_etl.identity.resolve import Evidence, Identifier, Name, resolve
from reverse_etl.publish import Catalogue, NothingPublished, Relation, publish
from workspace import settings
from workspace.definitions.identity import Identifiers
from workspace.identifiers import Keyring
from workspace.paths import Paths

RING = Keyring(b"a pepper for tests only")
LIMITS = Identifiers()
ANNE, ANNA = RING.key("crm_contact", "1"), RING.key("crm_contact", "2")
EMAIL, DEVICE = RING.key("email", "info@x.example"), RING.key("anonymous_id", "d")
OTHER = RING.key("email", "anne@x.example")


def _evidence() -> Evidence:
    """Two people of different names who share an address; one of them has a device."""
    kinds = {ANNE: "crm_contact", ANNA: "crm_contact", EMAIL: "email", OTHER: "email"}
    kinds[DEVICE] = "anonymous_id"
    links = ((ANNE, EMAIL), (ANNA, EMAIL), (ANNE, OTHER), (OTHER, DEVICE))
    names = {ANNE: Name("durand", "a", "anne"), ANNA: Name("petit", "a", "anna")}
    return Evidence(tuple(Identifier(kind, key, key) for key, kind in kinds.items()), links, names)


MARTS = ("identity_map", "identity_links", "dim_contacts", "dim_accounts", "fct_deals")
CATALOGUE = Catalogue(
    [
        *(Relation("marts", name, f"One row per {name}.") for name in MARTS),
        Relation("marts", "consent_states", "One row per state."),
        Relation("pii", "identity_names", "One row per group."),
    ]
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A workspace in which a run published it."""
    paths = settings.load(tmp_path / "a workspace").paths
    evidence = _evidence()
    found = resolve(evidence, LIMITS)
    kind = {i.key: i.type for i in evidence.identifiers}
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts; create schema pii")
        connection.execute(
            "create table pii.identity_names "
            "(group_key text, last_name text, initial text, first_name text)"
        )
        names = [(group, *name) for group, name in evidence.names.items()]
        connection.executemany("insert into pii.identity_names values (?, ?, ?, ?)", names)
        connection.execute(
            "create table marts.identity_map (identifier_type text, identifier_key text, "
            "group_key text, contact_id text, verdict text, evidence text, observations int, "
            "first_seen_at timestamp, last_seen_at timestamp)"
        )
        identifiers = [
            (i.type, i.key, i.group, *found[i.key], "crm_property", 1, None, None)
            for i in evidence.identifiers
        ]
        connection.executemany(
            "insert into marts.identity_map values (?, ?, ?, ?, ?, ?, ?, ?, ?)", identifiers
        )
        connection.execute(
            "create table marts.identity_links (stronger_type text, stronger_key text, "
            "weaker_type text, weaker_key text, evidence text, is_used boolean, observations int, "
            "evidence_id text, last_seen_at timestamp)"
        )
        links = [
            (
                *(kind[a], a, kind[b], b, "crm_property"),
                found[a].contact_id == found[b].contact_id and found[a].contact_id is not None,
                *(1, a, None),
            )
            for a, b in evidence.links
        ]
        connection.executemany(
            "insert into marts.identity_links values (?, ?, ?, ?, ?, ?, ?, ?, ?)", links
        )
        connection.execute(
            "create table marts.dim_contacts as "
            f"select unnest(['{ANNE}', '{ANNA}']) as contact_id, unnest(['k', 'l']) as account_id"
        )
        connection.execute(
            "create table marts.dim_accounts as "
            "select unnest(['k', 'l']) as account_id, unnest([true, false]) as is_customer"
        )
        connection.execute(
            f"create table marts.fct_deals as select true as is_won, '{ANNE}' as contact_id, "
            "cast(100.5 as decimal(18, 4)) as amount_base"
        )
        connection.execute(
            "create table marts.consent_states as select "
            f"unnest(['{ANNE}', '{ANNA}']) as contact_id, 'news' as purpose, 'email' as channel, "
            "unnest(['granted', 'withdrawn']) as state"
        )
    publish(paths.warehouse, paths, CATALOGUE, datetime(2026, 4, 1), {})
    return paths


def test_a_contact_by_any_of_its_identifiers(paths: Paths) -> None:
    for subject in (ANNE, "1", " ANNE@x.example ", "d", DEVICE):
        found = explain(paths, RING, subject)
        assert found is not None and found.contact_id == ANNE, subject
        assert {row["identifier_key"] for row in found.identifiers} == {ANNE, OTHER, DEVICE}
        assert len(found.used) == 2
        assert [link["verdict"] for link in found.refused] == ["names"]


def test_a_shared_address_says_who_holds_it(paths: Paths) -> None:
    found = explain(paths, RING, "info@x.example")
    assert found is not None and found.contact_id is None
    assert {link["stronger_key"] for link in found.refused} == {ANNE, ANNA}


def test_who_was_never_named_is_unknown(paths: Paths) -> None:
    assert explain(paths, RING, "' or 1 = 1 --") is None
    assert len(candidates(RING, "' or 1 = 1 --")) == 4  # neither an address nor a phone


def test_the_limits_in_force_change_nothing(paths: Paths) -> None:
    found = what_if(paths, LIMITS)
    assert (found.contacts_before, found.contacts_after, found.changes) == (2, 2, [])


def test_what_other_limits_would_join(paths: Paths) -> None:
    rules = LIMITS.model_dump(exclude_none=True)
    rules["email"]["names"] = "any"
    found = what_if(paths, Identifiers(**rules))
    assert (found.contacts_before, found.contacts_after) == (2, 1)
    (change,) = found.changes
    assert (change.kind, set(change.contacts)) == ("joined", {ANNE, ANNA})
    assert (found.customer_accounts, found.won_deals) == (1, 1)
    assert found.won_amount_base == Decimal("100.5")
    assert found.consents_tightened == 1


def test_before_the_first_run(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="marketing run"):
        explain(Paths(tmp_path), RING, "1")
