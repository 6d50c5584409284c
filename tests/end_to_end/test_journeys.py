"""The welcome scenario: from a form to a rendered message in the outbox, and back-tested."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

from reverse_etl.journeys.rehearsal import Stage
from tests.end_to_end import inputs
from tests.end_to_end.runner import ask, ingest, open_workspace, outbox, run
from workspace import definitions
from workspace.definitions.journeys import Journeys
from workspace.ledger import consent, open_ledger
from workspace.ledger.consent import ConsentEvent
from workspace.paths import PROJECT
from workspace.settings import Settings

DAYS = [datetime(2025, 9, 2) + timedelta(days=number) for number in range(4)]
KEY = "medical_welcome"


def _z(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}Z"


def contacts(path: Path) -> Path:
    at = "2025-08-01T00:00:00Z"
    return inputs.ndjson(
        path,
        [
            {
                "id": f"p{n}",
                "objectType": "contacts",
                "createdAt": at,
                "updatedAt": at,
                "properties": {
                    "email": f"p{n}@x.example",
                    "firstname": "{{7*7}}" if n == 0 else f"Anne {n}",
                    "buying_role": "surgeon",
                    "vertical": "medical",
                    "country": "FR",
                    "hs_language": "fr",
                },
            }
            for n in range(40)
        ],
    )


def event(number: int, name: str, at: datetime, **properties: object) -> dict:
    return {
        "messageId": f"{name}-{number}-{at:%d%H}",
        "type": "track",
        "event": name,
        "userId": f"u{number}",
        "timestamp": _z(at),
        "receivedAt": _z(at + timedelta(seconds=1)),
        "context": {"traits": {"email": f"p{number}@x.example"}},
        "properties": properties,
    }


def known(number: int) -> dict:
    at = datetime(2025, 8, 2)
    return {
        "messageId": f"id-{number}",
        "type": "identify",
        "userId": f"u{number}",
        "timestamp": _z(at),
        "receivedAt": _z(at),
        "traits": {"email": f"p{number}@x.example"},
    }


def agree(opened: Settings, numbers: list[int], purpose: str = "product_updates") -> None:
    """They ticked the box of a form."""
    at = datetime(2025, 8, 3)
    events = [
        ConsentEvent(
            identifier_type="email",
            identifier_key=opened.keyring.key("email", f"p{number}@x.example") or "",
            purpose=purpose,
            channel="email",
            state="granted",
            source_class="form",
            source="demo form",
            legal_basis="consent",
            text_version="1",
            occurred_at=at,
            known_at=at,
            evidence=f"form-{number}",
        )
        for number in numbers
    ]
    ledger = open_ledger(opened.ledger_url)
    consent.append(ledger, events, at)
    ledger.close()


def test_welcome_from_the_form_to_the_outbox(tmp_path: Path) -> None:
    opened = open_workspace(tmp_path / "w", _z(DAYS[0]))
    ingest(opened, "crm", contacts(tmp_path / "contacts.ndjson"))
    forms = [
        event(n, "Form Submitted", DAYS[0] - timedelta(hours=n % 20 + 1), form_id="demo")
        for n in range(40)
    ]
    who = inputs.ndjson(tmp_path / "events.ndjson", [*map(known, range(40)), *forms])
    ingest(opened, "events", who)
    agree(opened, list(range(30)))
    run(opened)

    # Everybody who sent the form in entered; each message was queued or says why not.
    entered = ask(opened, f"select entered, active from marts.journeys where journey = '{KEY}'")
    assert entered == [(40, 40)]
    why = dict(
        ask(
            opened,
            f"select gate, count(*) from marts.why_not_sent where source_key = '{KEY}' "
            "group by all",
        )
    )
    queued = outbox(opened)
    assert why["consent"] == 10 and len(queued) + sum(why.values()) == 40 and len(queued) > 20
    stages = ask(
        opened,
        f"select intended, remaining from marts.message_waterfall where source_key = '{KEY}' "
        "order by position",
    )
    assert stages[0][0] == 40 and stages[-1][1] == 0
    assert any(b"{{7*7}}" in row["payload"] for row in queued)
    first = queued[0]
    message = json.loads(first["payload"])
    assert message["channel"] == "email" and "/u/" in message["content"]["html"]
    assert first["state"] == "pending" and first["consent_evidence_id"]

    # A run that told nothing of what it queued is made good, and nobody is queued twice.
    shutil.rmtree(opened.paths.lake / "messages" / "message_decisions")

    # Day by day: some click, the others are asked whether they are interested.
    clicks = [event(n, "Email Clicked", DAYS[1] - timedelta(hours=2)) for n in range(5)]
    ingest(opened, "events", inputs.ndjson(tmp_path / "clicks.ndjson", clicks))
    for day in DAYS[1:]:
        opened.paths.default_as_of.write_text(_z(day))
        run(opened)
    assert {row["message_id"]: row["payload"] for row in outbox(opened)} == {
        row["message_id"]: row["payload"] for row in queued
    }
    moved = dict(
        ask(
            opened,
            f"select outcome, count(*) from marts.journey_steps where journey = '{KEY}' "
            "and node in ('first_days', 'interested') group by all",
        )
    )
    assert (moved.pop("event"), moved.pop("timed_out"), sum(moved.values())) == (5, 35, 35)
    assert not ask(opened, "select * from marts.journey_nodes where arrived != departed + waiting")

    # The back-test over the same days is what happened.
    loaded = definitions.load(PROJECT / "marketing")
    stage = Stage(
        opened.paths,
        loaded.fields,
        loaded.segments,
        Journeys(journeys={KEY: loaded.journeys.journeys[KEY]}),
        loaded.verticals.reporting.time_zone,
        loaded.caps.time_zones,
        loaded.consent,
    )
    tested = stage.backtest(KEY, date(2025, 9, 1), date(2025, 9, 5))
    names = ("enrolment_id", "step_number", "node", "outcome", "next_node", "arrived_at", "left_at")
    expected = ask(
        opened,
        f"select {', '.join(names)} from marts.journey_steps where journey = '{KEY}' order by all",
    )
    found = sorted(tuple(row[name] for name in names) for row in tested.steps.to_pylist())
    key = [tuple(str(value) for value in row) for row in expected]
    assert sorted(key) == sorted(tuple(str(value) for value in row) for row in found)
