"""The welcome scenario's last step: an open, a click, and the score has moved, with its receipt."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dagster_project import runs
from tests.end_to_end import inputs
from tests.end_to_end.runner import ask, ingest, open_workspace, run
from workspace.settings import Settings

PEOPLE = 300
END = datetime(2025, 10, 1)
MONTHS = [datetime(2024, month, 2, 9) for month in (10, 11, 12)] + [
    datetime(2025, month, 2, 9) for month in range(1, 10)
]
#: Who never answered a mail in twelve months.
QUIET = PEOPLE - 1


def _z(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}Z"


def contact(number: int) -> dict:
    at = "2024-08-01T00:00:00Z"
    address = {"email": f"p{number}@x{number}.example"}
    known = {"buying_role": "surgeon", "vertical": "medical", "country": "FR", "hs_language": "fr"}
    crm = {"id": f"p{number}", "objectType": "contacts", "createdAt": at, "updatedAt": at}
    return {**crm, "properties": {**address, **known}}


def mail(number: int, name: str, sent: datetime, after: timedelta) -> dict:
    at = sent + after
    send = f"s{number}-{sent:%y%m}"
    return {
        "messageId": f"{name}-{send}",
        "type": "track",
        "event": f"Email {name}",
        "userId": f"u{number}",
        "timestamp": _z(at),
        "receivedAt": _z(at + timedelta(seconds=1)),
        "context": {"traits": {"email": f"p{number}@x{number}.example"}},
        "properties": {"send_id": send, "mailing_id": "letter", "link": "https://x.example/a"},
    }


def history() -> list[dict]:
    """A mail a month to everybody: who clicked in one likely clicks in the next one too."""
    chance = random.Random(7)
    found = []
    for number in range(PEOPLE):
        clicked = False
        for sent in MONTHS:
            found.append(mail(number, "Delivered", sent, timedelta(seconds=20)))
            clicked = number != QUIET and chance.random() < (0.7 if clicked else 0.15)
            if clicked:
                found += answer(number, sent, timedelta(hours=chance.uniform(1, 90)))
    return found


def answer(number: int, sent: datetime, after: timedelta) -> list[dict]:
    opened = mail(number, "Opened", sent, after)
    return [opened, mail(number, "Clicked", sent, after + timedelta(minutes=2))]


def engagement(opened: Settings) -> tuple[float, list[dict], datetime, float]:
    """The score of who was quiet, what it is made of, when it was stored, and what segments see."""
    key = opened.keyring.key("user_id", f"u{QUIET}")
    ((score, contributions, scored_at, seen),) = ask(
        opened,
        "select p.score, p.contributions, p.scored_at, f.p_engage_7d from marts.predictions as p "
        "inner join marts.contact_features as f on p.contact_id = f.contact_id "
        "where p.model = 'engagement' and p.contact_id in "
        f"(select contact_id from marts.identity_map where identifier_key = '{key}')",
    )
    return score, json.loads(contributions), scored_at, seen


def test_an_open_and_a_click_and_the_score_has_moved(tmp_path: Path) -> None:
    opened = open_workspace(tmp_path / "w", _z(END))
    people = inputs.ndjson(tmp_path / "contacts.ndjson", [contact(n) for n in range(PEOPLE)])
    ingest(opened, "crm", people)
    ingest(opened, "events", inputs.ndjson(tmp_path / "events.ndjson", history()))
    outcome = runs.run(opened, training=True)
    assert outcome.succeeded, outcome.faults
    models = dict(ask(opened, "select model, status from marts.ml_models where is_scoring"))
    assert models["engagement"] == "champion"
    before, receipt, _, _ = engagement(opened)
    assert len(receipt) == 3 and {"feature", "value", "contribution"} <= receipt[0].keys()

    # The welcome mail comes, and is opened and clicked.
    sent = END + timedelta(hours=9)
    welcome = [mail(QUIET, "Delivered", sent, timedelta(seconds=20))]
    welcome += answer(QUIET, sent, timedelta(hours=3))
    ingest(opened, "events", inputs.ndjson(tmp_path / "welcome.ndjson", welcome))
    opened.paths.default_as_of.write_text(_z(END + timedelta(days=1)))
    run(opened)
    after, receipt, scored_at, seen = engagement(opened)
    assert after > before + 10 and scored_at == END + timedelta(days=1)
    raising = {row["feature"] for row in receipt if row["contribution"] > 0}
    assert any("click" in name or "open" in name or "touch" in name for name in raising), receipt
    assert seen == pytest.approx(after / 100)
