"""Tests of the catalogue: it names every stream and table, and only columns that exist."""

from __future__ import annotations

import pytest

from workspace.catalogue import HOLDINGS, NOT_PERSONAL, Holding, of
from workspace.ledger import schema
from workspace.streams import STREAMS

COLUMNS = {
    "lake": {name: set(stream.schema.names) for name, stream in STREAMS.items()},
    "ledger": {
        table.name: {column.name for column in table.columns}
        for table in schema.metadata.tables.values()
    },
}
#: Columns by these names hold something of people wherever they are.
TELLING = {
    "email", "email_key", "phone", "phone_key", "user_key", "anonymous_id", "anonymous_key",
    "contact_id", "contact_key", "identifier", "identifier_key", "destination_key",
    "first_name", "last_name", "contact_name", "job_title", "ip", "user_agent", "recipient",
    "comment", "payload", "original", "traits", "contact_crm_id", "owner_email", "host_email",
    "profile_url", "subject_key", "aliases",
}  # fmt: skip


@pytest.mark.parametrize("store", ["lake", "ledger"])
def test_everything_is_in_the_catalogue_once(store):
    held = {holding.name for holding in HOLDINGS if holding.store == store}
    free = set(NOT_PERSONAL[store])
    assert held | free == set(COLUMNS[store])
    assert not held & free


@pytest.mark.parametrize("holding", HOLDINGS, ids=lambda holding: f"{holding.store}-{holding.name}")
def test_a_holding_names_columns_that_exist(holding: Holding):
    there = COLUMNS[holding.store][holding.name]
    assert {*holding.columns, *holding.when} <= there


@pytest.mark.parametrize("store", ["lake", "ledger"])
def test_what_is_said_to_be_free_of_people_has_no_column_of_theirs(store):
    public = {
        "ad_spend_details", "web_analytics", "social_posts", "crm_stages", "crm_lists",
        "tender_notices",
    }  # fmt: skip
    for name in NOT_PERSONAL[store]:
        told = COLUMNS[store][name] & TELLING
        assert not told or (name in public and told == {"payload"}), name


def test_every_telling_column_of_a_holding_is_named():
    for store, tables in COLUMNS.items():
        for name, columns in tables.items():
            holdings = of(store, name)
            if holdings:
                named = {column for holding in holdings for column in holding.columns}
                assert columns & TELLING <= named, name


def test_of_what_names_people_in_two_ways_there_are_two():
    assert len(of("lake", "crm_associations")) == 2
    assert of("lake", "fx_rates") == []
