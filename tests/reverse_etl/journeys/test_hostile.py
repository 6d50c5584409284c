"""What definitions and data say stays a value: it finds what it names and touches nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pydantic import ValidationError

from reverse_etl.journeys import facts, running, standing
from reverse_etl.journeys.plan import Version, plan
from reverse_etl.journeys.tick import FACTS, step
from tests.reverse_etl.segments.test_border import HOSTILE
from workspace.definitions.journeys import Journey
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segments import Segments

T = datetime(2026, 6, 1)
TEXTS = [text for text in HOSTILE if text.isprintable()]


def journey(text: str, trigger: dict[str, Any]) -> Journey:
    """A text in every place that takes one."""
    happening = {"event": text, "where": {"utm_source": {"is": text}}}
    return Journey.model_validate(
        {
            "name": text,
            "version": 1,
            "trigger": trigger,
            "goal": {"event": f"{text} goal", "where": {"page_path": {"is": text}}},
            "nodes": {
                "ask": {
                    "condition": {"any": [happening, {"field": "contact.role", "is": text}]},
                    "then": "task",
                    "else": "task",
                },
                "task": {"action": "create_task", "title": text, "next": "wait"},
                "wait": {"wait": {**happening, "timeout": {"days": 1}}, "next": "done"},
                "done": {"exit": "completed"},
            },
        }
    )


def warehouse(connection: duckdb.DuckDBPyConnection, contacts: list[str]) -> None:
    """Contact n did what text n names, sent its form, and has the role."""
    connection.execute("set TimeZone = 'UTC'; set threads = 1; create schema marts")
    at = T - timedelta(hours=1)
    people = {"contact_id": contacts, "account_id": contacts, "role": TEXTS, "country": TEXTS}
    events = {
        "message_id": [f"m {text}\0" for text in TEXTS],
        "message_type": "track",
        "event": TEXTS,
        "contact_id": contacts,
        "utm_source": TEXTS,
        "page_path": TEXTS,
        "occurred_at": at,
        "known_at": at,
        "actor_class": "human",
        "occurred_on": at.date(),
        "revenue_base": None,
    }
    forms = {"form_id": TEXTS, "form_name": "x", "contact_id": contacts, "submission_id": TEXTS}
    tables = {
        "dim_contacts": people,
        "contact_features": {**people, "vertical": "x"},
        "account_features": {"account_id": contacts},
        "fct_events": events,
        "fct_touchpoints": {
            "touch_id": [],
            "touch_type": [],
            **{key: [] for key in ("contact_id", "occurred_at", "occurred_on", "actor_class")},
        },
        "fct_form_submissions": {**forms, "occurred_at": at, "known_at": at},
        "consent_states": dict.fromkeys(("contact_id", "purpose", "state", "evidence_id"), TEXTS),
    }
    for name, columns in tables.items():
        size = max(len(column) if isinstance(column, list) else 0 for column in columns.values())
        given = pa.table(
            {key: one if isinstance(one, list) else [one] * size for key, one in columns.items()}
        )
        connection.register("given", given)
        connection.execute(f"create table marts.{name} as from given")
        connection.unregister("given")
    connection.execute("create table no_changes (member_type varchar, segment varchar)")
    connection.execute(
        "create table enrolments (journey varchar, contact_id varchar, request_id varchar, "
        "known_at timestamp)"
    )
    connection.execute(f"create temp table journey_outcomes ({FACTS['journey_outcomes']})")


def everything(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple]]:
    names = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where not temporary "
        "and schema_name = 'marts' order by 1"
    ).fetchall()
    return {name: connection.execute(f"from {name}").fetchall() for (name,) in names}


@pytest.mark.parametrize("kind", ["event", "form"])
def test_texts_find_what_they_name(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    contacts = [f"c{n} {text}" for n, text in enumerate(TEXTS)]
    versions = [
        Version(f"j{n}", journey(text, {kind: text}), T - timedelta(days=30))
        for n, text in enumerate(TEXTS)
    ]
    names = [("track", text) for text in TEXTS]
    sources = facts.Sources(
        Fields(), Segments(segments={}), names, "UTC", {}, "no_changes", "enrolments"
    )
    planned = plan(versions)
    with duckdb.connect() as connection:
        warehouse(connection, contacts)
        before = everything(connection)
        connection.execute(f"create temp table journey_state ({standing.STATE})")
        connection.execute(f"create temp table journey_watches ({standing.WATCHES})")
        facts.contacts(connection, sources)
        standing.number(connection, planned)
        running.make(connection, planned, versions, sources, T)
        steps = step(connection, planned, T).to_pylist()
        assert everything(connection) == before
    assert list(tmp_path.iterdir()) == []
    entered = {(row["journey"], row["contact_id"]) for row in steps if row["kind"] == "trigger"}
    assert entered == {(f"j{n}", contact) for n, contact in enumerate(contacts)}
    told = [f"m {text}\0" for text in TEXTS] if kind == "event" else TEXTS
    assert {row["evidence"] for row in steps if row["kind"] == "trigger"} == set(told)
    asked = [row["outcome"] for row in steps if row["node"] == "ask"]
    assert asked == ["then"] * len(TEXTS)


@pytest.mark.parametrize("text", ["a'b", 'a"b', "a\0b", "é", "a;b", "a b", "", "a--"])
def test_keys_are_plain(text: str) -> None:
    given = journey("x", {"manual": True}).model_dump(
        mode="json", by_alias=True, exclude_defaults=True
    )
    exits = {"exit": "completed"}
    for nodes in (
        {text: exits},
        {"a": {"action": "add_tag", "tag": text, "next": "b"}, "b": exits},
        {"a": {"split": {text: {"share": 100, "next": "b"}}}, "b": exits},
        {"a": {"condition": {"segment": text}, "then": "b", "else": "b"}, "b": exits},
    ):
        with pytest.raises(ValidationError):
            Journey.model_validate({**given, "goal": None, "nodes": nodes})


def test_no_name_holds_a_nul() -> None:
    for trigger in ({"event": "a\0"}, {"form": "a\0"}):
        with pytest.raises(ValidationError):
            journey("x", trigger)
