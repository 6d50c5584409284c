"""No row of a named organisation is about fewer than three people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from reverse_etl.control_room import definitions

DECISIONS = """
create table marts.next_best_actions as
select
    account_id, 'medical' as vertical, action, action as action_name, 'email' as channel,
    'highest_expected_gain' as reason, 'model' as basis, 1.0 as expected_gain,
    '{"visits": 0.5}' as contributions
from (values {rows}) as given (account_id, action)
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("create schema marts")
        opened.execute(
            "create table marts.dim_accounts as select * from (values "
            "('clinic', 'Clinic', 'medical', 'clinic'), ('small', 'Small', 'medical', 'clinic'), "
            "('tiny', 'Tiny', 'medical', 'clinic'), ('alone', 'Dr A', 'medical', 'solo_practice'), "
            "('odd', 'Odd', 'medical', null)) as given (account_id, name, vertical, account_type)"
        )
        opened.execute(
            "create table marts.account_engagement as "
            "select account_id, 'interest' as stage, 5.0 as engagement_score "
            "from marts.dim_accounts"
        )
        opened.execute(
            "create table marts.account_coverage as select account_id, 0.5 as role_coverage, "
            "'legal' as missing_roles, 1 as engaged_contacts, if(account_id = 'clinic', 3, 2) "
            "as contacts from marts.dim_accounts"
        )
        opened.execute(
            "create table marts.target_accounts as select row_number() over () as line, name, "
            "1 as tier, 'matched' as match_verdict, account_id, vertical from marts.dim_accounts"
        )
        people = {"clinic": 3, "small": 2, "tiny": 1, "alone": 4, "odd": 3}
        rows = [f"('{key}', 'call')" for key, count in people.items() for _ in range(count)]
        rows += ["('clinic', 'write')", "('clinic', 'nothing')"]
        opened.execute(DECISIONS.replace("{rows}", ", ".join(rows)))
        yield opened


def rows(connection: duckdb.DuckDBPyConnection, figure: str) -> list[dict[str, Any]]:
    found = connection.execute(definitions.sql("organisations", figure))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_recommendations(connection: duckdb.DuckDBPyConnection) -> None:
    found = rows(connection, "recommendations")
    # One contact of the clinic is to be written to: that is nobody's business.
    assert {(one["name"], one["action_name"], one["contacts"]) for one in found} == {
        ("Clinic", "call", 3),
        ("others: clinic", "call", 3),
        ("others: solo practice", "call", 4),
        ("others: unknown type", "call", 3),
    }
    (named,) = [one for one in found if one["name"] == "Clinic"]
    assert (named["stage"], named["features"], named["organisations"]) == ("interest", "visits", 1)
    (others,) = [one for one in found if one["name"] == "others: clinic"]
    assert (others["stage"], others["features"], others["organisations"]) == (None, None, 2)


def test_targets(connection: duckdb.DuckDBPyConnection) -> None:
    found = {one["name"]: one for one in rows(connection, "targets")}
    assert set(found) == {"Clinic", "Small", "Tiny", "line 5"}
    assert (found["Clinic"]["stage"], found["Clinic"]["actions"]) == ("interest", 4)
    about = ("stage", "engagement_score", "role_coverage", "missing_roles", "actions")
    assert all(found["Small"][name] is None for name in (*about, "expected_gain"))
