"""Values of contacts, read from small literal marts."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from reverse_etl.content.people import people
from workspace.definitions.templates import SOURCES

MARTS = """
create schema marts; create schema pii;
create table marts.contact_features as
    select * from (values
        ('c1', 'a1', 'surgeon', 'p', 'fr', 'FR', 'lead', 'interest', 'hot'),
        ('c2', null, 'legal', null, 'en', null, null, null, null)
    ) as t (contact_id, account_id, role, persona, language, country, lifecycle_stage,
        buyer_stage, lead_band);
create table marts.dim_accounts as
    select 'a1' as account_id, 'Clinique' as name, 'Lyon' as city, '69003' as postal_code,
        '69' as departement_code, '84' as region_code, 'clinic' as account_type,
        null::bigint as population, 12::bigint as employees;
create table marts.account_features as
    select 'a1' as account_id, 'purchase' as buyer_stage, date '2027-01-31' as contract_ends_on;
create table pii.contacts as
    select 'c1' as contact_id, 'Zoé' as first_name, 'M' as last_name, 'Dr' as job_title,
        null::varchar as organisation, 'Lyon' as city;
"""
MORE = """
create table marts.segment_memberships as
    select * from (values ('s2', 'c1'), ('s1', 'c1'), ('s1', 'c9')) as t (segment, contact_id);
create table marts.dim_content as
    select 'i' || n as content_id, 'Titre ' || n as title, 'https://x.example/' || n as url,
        'blog_post' as content_type, null::varchar as topic
    from range(1, 9) as numbers(n);
create table marts.content_recommendations as
    select 'c1' as contact_id, 'email' as channel, n as recommendation_rank,
        'i' || n as content_id, n <> 2 as needs_approval
    from range(1, 9) as numbers(n);
"""


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(MARTS)
        yield connection


def test_values_by_source(marts: duckdb.DuckDBPyConnection) -> None:
    found = people(marts, ["c1", "c2", "nobody"])
    assert set(found) == {"c1", "c2"}
    zoe = found["c1"].values
    assert (zoe["contact.first_name"], zoe["account.name"]) == ("Zoé", "Clinique")
    assert (zoe["contact.buyer_stage"], zoe["account.buyer_stage"]) == ("interest", "purchase")
    assert str(zoe["account.contract_ends_on"]) == "2027-01-31" and zoe["account.employees"] == 12
    assert found["c1"].language == "fr" and found["c1"].segments == frozenset()
    nobody = found["c2"].values
    assert nobody["contact.first_name"] is None and nobody["account.name"] is None
    known = {f"{area}.{name}" for area in ("contact", "account") for name in SOURCES[area]}
    assert set(zoe) == set(nobody) == known
    assert people(marts, []) == {}


def test_segments_and_recommendations(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute(MORE)
    found = people(marts, ["c1", "c2"], approved_items={"i3", "i9"})
    assert found["c1"].segments == {"s1", "s2"} and found["c2"].segments == frozenset()
    titles = {s: v for s, v in found["c1"].values.items() if s.endswith(".title")}
    assert titles == {"recommendation.1.title": "Titre 2", "recommendation.2.title": "Titre 3"}
    # By default what needs approval is nobody's; for a preview it is shown.
    (only,) = [s for s in people(marts, ["c1"])["c1"].values if s.endswith(".url")]
    assert only == "recommendation.1.url"
    seen = people(marts, ["c1"], approved_items=None)["c1"].values
    assert [seen[f"recommendation.{n}.title"] for n in (1, 5)] == ["Titre 1", "Titre 5"]
    assert "recommendation.6.title" not in seen


def test_names_may_lie_apart(marts: duckdb.DuckDBPyConnection) -> None:
    with duckdb.connect() as pii:
        pii.execute("create schema pii")
        pii.execute(
            "create table pii.contacts as select 'c2' as contact_id, 'Ana' as first_name, "
            "null as last_name, null as job_title, null as organisation, null as city"
        )
        found = people(marts, ["c1", "c2"], pii)
    assert found["c2"].values["contact.first_name"] == "Ana"
    assert found["c1"].values["contact.first_name"] is None


def test_only_what_is_asked_for_is_read(marts: duckdb.DuckDBPyConnection) -> None:
    everything = people(marts, ["c1", "c2", "nobody"])
    asked = {"contact.last_name", "account.buyer_stage", "recommendation.1.title", "event.amount"}
    some = people(marts, ["c1", "c2", "nobody"], sources=asked)
    assert some.keys() == everything.keys()
    for contact_id, person in some.items():
        whole = everything[contact_id]
        assert (person.segments, person.language) == (whole.segments, whole.language)
        assert {"contact.last_name", "account.buyer_stage"} <= person.values.keys()
        for source, value in person.values.items():
            assert source.startswith("recommendation.") or source in {*asked, "contact.language"}
            assert value == whole.values[source]
    # Names lie in a file of their own, which nobody opens who does not need them.
    marts.execute("drop schema pii cascade")
    assert people(marts, ["c1"], sources={"contact.role"})["c1"].values.keys() == {
        "contact.role",
        "contact.language",
    }
