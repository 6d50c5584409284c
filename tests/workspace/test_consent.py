"""Consent events in the ledger, on SQLite and on Postgres, and their way into the lake."""

from __future__ import annotations

import shutil
import threading
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from hypothesis import given
from hypothesis import strategies as st

from workspace.lake import Lake
from workspace.ledger import CHUNK_ROWS, Ledger, open_ledger, schema
from workspace.ledger.consent import STREAM, ConsentEvent, append, export
from workspace.streams import STREAMS

NOW = datetime(2026, 1, 1)
TABLE = schema.consent_events


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def event(number: int = 0, **more: Any) -> ConsentEvent:
    given = {
        "identifier_type": "email",
        "identifier_key": f"{number:032x}",
        "purpose": "newsletter",
        "channel": "email",
        "state": "granted",
        "source_class": "form",
        "source": "landing-page",
        "occurred_at": NOW,
        "known_at": NOW,
        "legal_basis": "consent",
        "text_version": "v1",
    }
    return ConsentEvent(**{**given, **more})


def count(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(TABLE)).scalar_one()


def test_the_same_statement_is_recorded_once(ledger: Ledger) -> None:
    later = NOW + timedelta(days=1)
    assert append(ledger, [event(), event(1), event()], NOW) == 2
    # Told again later, in another order, beside a new one.
    again = [event(2), replace(event(1), known_at=later), event()]
    assert append(ledger, again, later) == 1
    with ledger.reading() as connection:
        rows = connection.execute(sa.select(TABLE).order_by(TABLE.c.consent_event_id)).mappings()
        found = [(r["event_id"], r["known_at"], r["recorded_at"]) for r in rows]
    assert found == [
        (event().event_id, NOW, NOW),
        (event(1).event_id, NOW, NOW),
        (event(2).event_id, NOW, later),
    ]


def test_large_appends_are_cut_into_transactions(ledger: Ledger) -> None:
    sizes = []
    writing = ledger.writing

    def counted() -> Any:
        sizes.append(count(ledger))
        return writing()

    ledger.writing = counted  # type: ignore[method-assign]
    assert append(ledger, (event(n) for n in range(2 * CHUNK_ROWS + 1)), NOW) == 10_001
    assert sizes == [0, CHUNK_ROWS, 2 * CHUNK_ROWS]


@pytest.mark.parametrize(
    "statement",
    [
        sa.update(TABLE).values(state="granted"),
        sa.update(TABLE).values(recorded_at=NOW).where(TABLE.c.state == "withdrawn"),
        sa.delete(TABLE),
    ],
    ids=str,
)
def test_nothing_recorded_is_changed_or_taken_away(
    ledger: Ledger, statement: sa.sql.expression.Executable
) -> None:
    append(ledger, [event(state="withdrawn")], NOW)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger.writing() as connection:
        connection.execute(statement)
    assert count(ledger) == 1


def test_the_next_shape_keeps_what_was_recorded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of before organisations could object are there afterwards, and as unchangeable."""
    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _: upgrade(config, "0005"))
    before = open_ledger(url)
    append(before, [event(), event(state="withdrawn")], NOW)
    with pytest.raises(sa.exc.IntegrityError):
        append(before, [event(identifier_type="domain", state="objection")], NOW)
    before.close()
    monkeypatch.undo()
    ledger = open_ledger(url)
    assert append(ledger, [event(), event(state="withdrawn")], NOW) == 0
    assert append(ledger, [event(identifier_type="domain", state="objection")], NOW) == 1
    for statement in (sa.delete(TABLE), sa.update(TABLE).values(purpose="other")):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger.writing() as connection:
            connection.execute(statement)
    assert count(ledger) == 3
    ledger.close()


def test_postgres_cannot_be_emptied_either(postgres_url: str) -> None:
    ledger = open_ledger(postgres_url)
    append(ledger, [event()], NOW)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger.writing() as connection:
        connection.execute(sa.text("truncate consent_events"))
    assert count(ledger) == 1
    ledger.close()


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"identifier_key": "ann@example.com"}, "identifier_key"),
        ({"identifier_key": "A" * 32}, "identifier_key"),
        ({"identifier_type": "name"}, "identifier_type"),
        ({"state": "maybe"}, "state"),
        ({"source_class": "rumour"}, "source_class"),
        ({"purpose": "all"}, "purpose"),
        ({"state": "lifted"}, "state"),
        ({"identifier_type": "domain"}, "identifier_type"),
        ({"identifier_type": "crm_company", "state": "pending"}, "identifier_type"),
        ({"purpose": "all", "state": "pending"}, "purpose"),
        ({"purpose": "'; drop table consent_events; --"}, "purpose"),
        ({"channel": ""}, "channel"),
        ({"actor": "Ann@Example.com "}, "actor"),
        ({"source": "x" * 201}, "source"),
        ({"text_hash": "0" * 65}, "text_hash"),
        ({"occurred_at": NOW.replace(tzinfo=UTC)}, "occurred_at"),
    ],
)
def test_what_does_not_fit_is_refused(fault: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        event(**fault)


@given(
    st.fixed_dictionaries(
        {
            "brand": st.sampled_from(["", "hub"]),
            "state": st.sampled_from(["granted", "withdrawn"]),
            "source": st.text(st.characters(codec="utf-8"), max_size=20),
            "mechanism": st.none() | st.text(st.characters(codec="utf-8"), max_size=10),
            "evidence": st.none() | st.text(st.characters(codec="utf-8"), max_size=10),
        }
    ),
    st.fixed_dictionaries(
        {
            "brand": st.sampled_from(["", "hub"]),
            "state": st.sampled_from(["granted", "withdrawn"]),
            "source": st.text(st.characters(codec="utf-8"), max_size=20),
            "mechanism": st.none() | st.text(st.characters(codec="utf-8"), max_size=10),
            "evidence": st.none() | st.text(st.characters(codec="utf-8"), max_size=10),
        }
    ),
)
def test_ids_are_equal_only_for_equal_statements(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert (event(**a).event_id == event(**b).event_id) == (a == b)


def test_the_stream_holds_what_an_event_holds() -> None:
    own = {f.name for f in fields(ConsentEvent)} | {"event_id", "recorded_at"}
    assert own == set(STREAMS[STREAM].schema.names)
    assert own == {c.name for c in TABLE.columns} - {"consent_event_id"}


def test_each_event_reaches_the_lake_once(ledger: Ledger, lake: Lake) -> None:
    assert export(ledger, lake) == 0
    append(ledger, [event(n) for n in range(3)], NOW)
    assert (export(ledger, lake), export(ledger, lake)) == (3, 0)
    append(ledger, [event(3, state="withdrawn", purpose="all")], NOW)
    assert export(ledger, lake) == 1
    rows = lake.read(STREAM).to_pylist()
    assert [row["event_id"] for row in rows] == [
        *(event(n).event_id for n in range(3)),
        event(3, state="withdrawn", purpose="all").event_id,
    ]
    assert rows[0]["identifier_key"] == f"{0:032x}" and rows[0]["brand"] == ""
    # A merge of files keeps the place to go on from.
    lake.compact(STREAM)
    assert export(ledger, lake) == 0


def test_a_restored_ledger_loses_no_event(tmp_path: Path, lake: Lake) -> None:
    """A copy from before the last export gives old numbers to new events."""
    path, copy = tmp_path / "ledger.db", tmp_path / "copy.db"
    ledger = open_ledger(f"sqlite:///{path}")
    append(ledger, [event(0)], NOW)
    ledger.close()
    shutil.copy(path, copy)
    ledger = open_ledger(f"sqlite:///{path}")
    append(ledger, [event(1), event(2)], NOW)
    assert export(ledger, lake) == 3
    ledger.close()
    restored = open_ledger(f"sqlite:///{copy}")
    append(restored, [event(2), event(3), event(4)], NOW)
    assert export(restored, lake) == 2
    assert export(restored, lake) == 0
    append(restored, [event(5)], NOW)
    assert export(restored, lake) == 1
    assert sorted(lake.read(STREAM)["identifier_key"].to_pylist()) == [
        f"{n:032x}" for n in range(6)
    ]
    restored.close()


def test_writers_at_once_record_everything_once(ledger: Ledger, lake: Lake) -> None:
    """Four writers of overlapping events while the export goes on: none is lost or doubled."""
    done = []

    def write(start: int) -> None:
        for n in range(start, start + 60, 5):
            append(ledger, [event(k) for k in range(n, n + 10)], NOW)
        done.append(start)

    writers = [threading.Thread(target=write, args=(start,)) for start in (0, 20, 40, 60)]
    for writer in writers:
        writer.start()
    while len(done) < 4:
        export(ledger, lake)
        if not any(writer.is_alive() for writer in writers):
            break
    for writer in writers:
        writer.join()
    export(ledger, lake)
    assert len(done) == 4
    keys = lake.read(STREAM)["identifier_key"].to_pylist()
    assert len(keys) == len(set(keys)) == count(ledger) == 125


def test_no_address_stays_in_what_can_never_be_changed() -> None:
    said = event(
        actor="desk of anne@clinic.example",
        evidence="mail from Anne.C@clinic.example, https://x.example/u/anne%40clinic.example",
    )
    assert said.actor == "desk of [address]"
    assert said.evidence == "mail from [address], https://x.example/u/[address]"
    assert event(evidence="request:ab12 page:https://x.example/a").evidence is not None
