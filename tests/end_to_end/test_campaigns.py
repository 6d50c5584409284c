"""A broadcast waits for its approval and goes out as approved; a cart's mail says what is in it."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from dagster_project import runs
from dagster_project.jobs import CAMPAIGNS
from reverse_etl.campaigns.approving import of_campaign
from reverse_etl.content.library import Library
from tests.end_to_end import inputs
from tests.end_to_end.runner import ask, ingest, open_workspace, outbox, run
from tests.end_to_end.test_journeys import agree, contacts, event, known
from workspace import definitions
from workspace.ledger import approvals, open_ledger
from workspace.paths import PROJECT
from workspace.settings import Settings

AT = datetime(2025, 9, 2)
CART = "medical_abandoned_cart"
SEGMENT = "name: Everybody\nwhere: {field: contact.vertical, is: medical}\n"
CAMPAIGN = """\
name: Spring
vertical: medical
objective: {metric: contacts, reached_by: {event: demo_booked}, target: 5, deadline: 2025-10-01}
audience: {segments: [everybody], except: [customers_at_risk]}
class: lifecycle
purpose: product_updates
channel: email
template: medical_webinar_invitation
values: {webinar_title: Le bloc, webinar_on: 2025-09-20, webinar_time: 12 h, registration_url: "https://x.example/w"}
schedule: {at: "2025-09-02 10:30"}
holdout: 0.2
"""


def marketing(folder: Path) -> Path:
    made = shutil.copytree(PROJECT / "marketing", folder)
    for path in (made / "campaigns").iterdir():
        path.unlink()
    (made / "actions.yml").unlink()  # they name campaigns
    (made / "campaigns" / "spring.yml").write_text(CAMPAIGN)
    (made / "segments" / "everybody.yml").write_text(SEGMENT)
    journey = made / "journeys" / f"{CART}.yml"
    for_all = "class: lifecycle\npurpose: product_updates"  # not for one lead band only
    journey.write_text(journey.read_text().replace("class: sales", for_all))
    return made


def approve(opened: Settings) -> None:
    loaded = definitions.load(opened.definitions)
    with Library.load(opened.definitions) as library:
        hashes = of_campaign(
            "spring", loaded.campaigns.campaigns["spring"], library, None, AT.date()
        )
    ledger = open_ledger(opened.ledger_url)
    approvals.record(ledger, "campaign:spring", hashes, approvals.APPROVED, "anne", AT)
    ledger.close()


def launch(opened: Settings) -> dict[str, int]:
    """Run the job `campaigns`; the messages of the campaign by gate, or by outcome."""
    outcome = runs.run(opened, None, CAMPAIGNS)
    assert outcome.succeeded, outcome.faults
    return gates(opened)


def gates(opened: Settings) -> dict[str, int]:
    query = (
        "select coalesce(gate, outcome), count(*) from marts.message_queue "
        "where source_key = 'spring' group by all"
    )
    return dict(ask(opened, query))


def test_from_a_file_to_the_outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = marketing(tmp_path / "marketing")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    opened = open_workspace(tmp_path / "w", "2025-09-02T00:00:00Z")
    ingest(opened, "crm", contacts(tmp_path / "contacts.ndjson"))
    basket = {"cart_url": "https://app.example/cart/7", "amount_eur": 1234.5}
    began = datetime(2025, 9, 1, 20)
    carts = [event(number, "Checkout Started", began, **basket) for number in range(6)]
    lines = [*map(known, range(40)), *carts]
    ingest(opened, "events", inputs.ndjson(tmp_path / "events.ndjson", lines))
    agree(opened, list(range(30)))
    run(opened)

    # Everybody in the segment is intended for; nobody gets it before somebody approved it.
    before = gates(opened)
    assert sum(before.values()) == 40 and set(before) <= {"approval", "consent", "holdout"}
    assert before["consent"] == 10 and 1 <= before["holdout"] <= 14
    launches = ask(
        opened, "select campaign, status, contacts, not_sent from marts.campaign_launches"
    )
    assert launches == [("spring", "launched", 40, 40)]
    assert not [row for row in outbox(opened) if row["source_key"] == "spring"]

    # What was approved is the template as it stood: one that changes afterwards waits.
    approve(opened)
    subject = folder / "templates" / "medical_webinar_invitation" / "fr" / "subject.txt"
    subject.write_text("Venez : {{ webinar_title }}\n")
    assert launch(opened) == before
    approve(opened)
    after = launch(opened)
    assert after.pop("underway") == before.pop("approval") and after == before
    sent = [row for row in outbox(opened) if row["source_key"] == "spring"]
    content = json.loads(sent[0]["payload"])["content"]
    assert content["subject"] == "Venez : Le bloc" and "20 septembre 2025" in content["html"]

    # Again, and with another hour: nobody is intended for or queued a second time.
    path = folder / "campaigns" / "spring.yml"
    path.write_text(path.read_text().replace("10:30", "11:30"))
    assert launch(opened) == {**after, "underway": len(sent)}
    assert ask(opened, "select version, waiting from marts.campaigns") == [(2, 0)]
    assert len([row for row in outbox(opened) if row["source_key"] == "spring"]) == len(sent)

    # The mail of a journey is filled with what the event of its trigger said.
    opened.paths.default_as_of.write_text("2025-09-03T06:00:00Z")
    run(opened)
    mails = [row for row in outbox(opened) if row["source_key"] == CART]
    entered = f"select count(*) from marts.journey_executions where journey = '{CART}'"
    stopped = (
        f"select gate, count(*) from marts.why_not_sent where source_key = '{CART}' group by 1"
    )
    assert ask(opened, entered) == [(6,)] and mails
    assert len(mails) + sum(count for _, count in ask(opened, stopped)) == 6
    assert {gate for gate, _ in ask(opened, stopped)} <= {"holdout"}
    said = json.loads(mails[0]["payload"])["content"]["html"]
    assert "https://app.example/cart/7" in said and "1\u00a0234,50" in said
