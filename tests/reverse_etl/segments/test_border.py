"""What definitions say stays a literal, and nothing but a SELECT over the marts gets through."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.segments.border import RELATIONS, BorderError, check
from reverse_etl.segments.compiler import compile_segments
from tests.reverse_etl.segments.definitions import segment_of
from tests.reverse_etl.segments.worlds import T, World, world_of
from workspace.definitions.segments import Segments

HOSTILE = [
    "x'; drop table marts.contact_features; --",
    "x' or '1'='1",
    "' or 1=1 --",
    "x') or true or ('",
    "x'; copy (select 42) to 'stolen.csv'; --",
    "x' union all select contact_id, contact_id, contact_id, contact_id from marts.fct_events --",
    "'; attach 'other.duckdb'; --",
    "'; install httpfs; load httpfs; --",
    "'; set enable_external_access = true; --",
    "' || (select content from read_text('/etc/passwd')) || '",
    "\\'; delete from marts.fct_events; --",
    "\u02bc or 1=1",
    "\uff07 or 1=1 --",
    "$$; drop schema marts cascade; $$",
    '"; drop schema marts cascade; --',
    "/* */ or true",
    "x' /* ' */ or true --",
    "e'\\x27'",
    "{{ env_var('HOME') }}",
    "%' escape '%",
    "?1",
    "$1",
    "null",
    "a\r\n; drop table marts.fct_events;",
]
SLOTS: list[Any] = [
    lambda text: {"field": "contact.role", "is": text},
    lambda text: {"field": "contact.role", "is_not": text},
    lambda text: {"field": "contact.role", "in": [text, "x"]},
    lambda text: {"field": "contact.role", "contains": text},
    lambda text: {"field": "contact.role", "starts_with": text},
    lambda text: {"field": "contact.p_text", "ends_with": text},
    lambda text: {"event": text},
    lambda text: {"event": "E", "where": {"utm_source": {"is": text}}},
    lambda text: {"event": "E", "where": {"p_text": {"contains": text}}},
    lambda text: {"sequence": [text, {"event": "E", "where": {"page_path": {"is": text}}}]},
    lambda text: {"list": text},
    lambda text: {"snapshot": text},
]


@pytest.fixture
def world() -> World:
    """Two contacts; nothing they have is hostile."""
    return world_of(
        contact_features=[
            {"contact_id": "c", "account_id": "a", "role": "surgeon"},
            {"contact_id": "d", "account_id": None, "role": None},
        ],
        account_features=[{"account_id": "a"}],
        fct_events=[
            {
                "message_id": "m",
                "message_type": "track",
                "event": "E",
                "contact_id": "c",
                "occurred_at": T - timedelta(days=1),
                "utm_source": "mail",
                "actor_class": "human",
            }
        ],
        list_members=[{"list_id": "1", "list_name": "one", "contact_id": "c"}],
        segment_snapshots=[{"snapshot_id": "s", "contact_id": "c"}],
    )


def test_hostile_texts_find_nobody_and_touch_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    definitions = {
        f"s{n}": segment_of({"where": slot(text)}, world.fields)
        for n, (slot, text) in enumerate((slot, text) for slot in SLOTS for text in HOSTILE)
    }
    compiled = compile_segments(
        Segments(segments=definitions), world.fields, world.names, world.as_of
    )
    with world.database() as connection:
        before = _tables(connection)
        found = connection.execute(compiled.members_sql()).fetchall()
        assert _tables(connection) == before
    # Who has a role has none of these: that is all that a text may decide.
    differing = {f"s{n}" for n in range(len(HOSTILE), 2 * len(HOSTILE))}
    assert {(segment, member) for segment, _, member, _ in found} == {
        (key, "c") for key in differing
    }
    assert list(tmp_path.iterdir()) == []


def test_hostile_values_in_the_data_are_found_as_they_are(world: World) -> None:
    rows = [{"contact_id": f"{n}", "role": text} for n, text in enumerate(HOSTILE)]
    world = world_of(contact_features=rows)
    asked = {
        f"s{n}": segment_of({"where": {"field": "contact.role", "is": text}}, world.fields)
        for n, text in enumerate(HOSTILE)
    }
    compiled = compile_segments(Segments(segments=asked), world.fields, [], world.as_of)
    with world.database() as connection:
        found = connection.execute(compiled.members_sql()).fetchall()
    assert {(segment, member) for segment, _, member, _ in found} == {
        (f"s{n}", f"{n}") for n in range(len(HOSTILE))
    }


def _tables(connection: Any) -> list[tuple[str, int]]:
    names = [row[0] for row in connection.execute("show all tables").fetchall()]
    tables = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() order by 1"
    ).fetchall()
    assert names
    return [
        (name, connection.execute(f"select count(*) from {name}").fetchone()[0])
        for (name,) in tables
    ]


ONE = 'select contact_id from "marts"."contact_features"'


def test_what_the_compiler_writes_passes() -> None:
    check(ONE)
    check(f"with a as ({ONE}) select * from a union all select * from a")
    check("select * from built.segment_events", {"segment_events": "built.segment_events"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not sql",
        f"{ONE}; {ONE}",
        f"{ONE}; drop table marts.fct_events",
        "drop table marts.fct_events",
        "create table t as select 1",
        "insert into marts.fct_events select 1",
        "delete from marts.fct_events",
        "copy (select 1) to 'x.csv'",
        "attach 'x.duckdb'",
        "set memory_limit = '1TB'",
        "pragma database_list",
        "install httpfs",
        "call pragma_version()",
        "explain select 1",
        "select * from marts.dim_contacts",
        "select * from pii.identity_names",
        "select * from contact_features",
        "select * from other.marts.contact_features",
        "select * from intermediate.int_segment_members",
        "select * from information_schema.tables",
        "select * from duckdb_settings()",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from 'x.parquet'",
        "select * from glob('*')",
        "select * from query('select 1')",
        "select * from query_table('marts.dim_contacts')",
        f"{ONE} where read_text('/etc/passwd') is not null",
        f"{ONE} where getenv('HOME') = 'x'",
        f"{ONE} where current_setting('memory_limit') = 'x'",
        f"{ONE} where contact_id in (select contact_id from marts.dim_contacts)",
        f"{ONE} where contact_id = $1",
        f"{ONE} where contact_id = ?",
        "with dim_contacts as (select * from marts.dim_contacts) select * from dim_contacts",
        f"{ONE} where len(list_filter([1], x -> x = 1)) > 0",
        "select * into t from marts.contact_features",
        f"{ONE} where pg_sleep(1) is null",
    ],
)
def test_nothing_else_does(text: str) -> None:
    with pytest.raises(BorderError):
        check(text)


def test_the_marts_it_may_read_identify_nobody() -> None:
    from dagster_project.compiled import compiled as project
    from workspace.paths import Paths
    from workspace.settings import Environment

    nodes = project(Paths(Path("/nowhere")), Environment.DEV).manifest["nodes"].values()
    schemas = {n["alias"]: n["schema"] for n in nodes if n["resource_type"] == "model"}
    assert {schemas[name] for name in RELATIONS} == {"marts"}
