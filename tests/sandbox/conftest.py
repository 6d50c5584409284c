"""One world of size S, generated once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from sandbox.world import Summary, generate


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return generate(tmp_path_factory.mktemp("world") / "landing", size="S", seed=7)


@pytest.fixture(scope="session")
def files(world: Summary) -> duckdb.DuckDBPyConnection:
    """A connection with the written files as views.

    crm_<type> (all versions), <type>, won (deals with MRR), events and one per CSV kind.

    Read from the files alone. `<type>` is the current version of each CRM object; rows planted
    as bad are left out by what is wrong with them.
    """
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    root = world.directory

    def ndjson(path: Path | str, columns: str) -> str:
        return (
            f"read_json('{path}', format = 'newline_delimited', ignore_errors = true, "
            f"columns = {{{columns}}})"
        )

    object_columns = (
        "id: 'VARCHAR', properties: 'JSON', createdAt: 'VARCHAR', updatedAt: 'VARCHAR', "
        "archived: 'BOOLEAN', associations: 'JSON'"
    )
    for name in ("contacts", "companies", "deals"):
        source = ndjson(root / f"crm/{name}-export.ndjson", object_columns)
        connection.execute(
            f"create table crm_{name} as select *, try_cast(updatedAt as timestamp) updated "
            f"from {source} where id is not null and updated is not null"
        )
        connection.execute(
            f"create view {name} as select * from crm_{name} "
            "qualify row_number() over (partition by id order by updated desc) = 1"
        )
    connection.execute(
        "create view won as select id, properties->>'pipeline' pipeline, "
        "properties->>'dealtype' deal_type, (properties->>'hs_mrr')::decimal(18, 2) mrr, "
        "(properties->>'contract_start_date')::date began, "
        "(properties->>'contract_end_date')::date ended, "
        "associations->'companies'->'results'->0->>'id' company from deals "
        "where (properties->>'hs_mrr') is not null"
    )
    columns = (
        "type: 'VARCHAR', event: 'VARCHAR', messageId: 'VARCHAR', userId: 'VARCHAR', "
        "anonymousId: 'VARCHAR', previousId: 'VARCHAR', \"timestamp\": 'VARCHAR', "
        "originalTimestamp: 'VARCHAR', sentAt: 'VARCHAR', receivedAt: 'VARCHAR', "
        "traits: 'JSON', context: 'JSON'"
    )
    connection.execute(
        'create table events as select *, coalesce(try_cast("timestamp" as timestamp), '
        "try_cast(receivedAt as timestamp) - (try_cast(sentAt as timestamp) - "
        "try_cast(originalTimestamp as timestamp))) occurred, "
        "try_cast(receivedAt as timestamp) received "
        f"from {ndjson(root / 'events/*.ndjson', columns)}"
    )
    for kind in ("costs", "surveys", "fx_rates", "ad_spend", "consents", "suppressions", "content"):
        connection.execute(
            f"create view {kind} as select * from "
            f"read_csv('{root / kind}/*.csv', all_varchar = true)"
        )
    for kind in ("attendees", "contacts"):
        connection.execute(
            f"create view {kind}_list as select * from "
            f"read_csv('{root / kind}/*.csv', all_varchar = true)"
        )
    return connection
