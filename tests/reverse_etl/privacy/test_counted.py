"""What stays of a row since figures are counted by it: a machine's agent and network."""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from ingestion import ingest_files
from reverse_etl.privacy import streams
from reverse_etl.privacy.counted import Counted
from reverse_etl.privacy.stand_ins import StandIns
from tests.reverse_etl.privacy import small_world as world
from tests.reverse_etl.privacy.test_streams import SUBJECT
from workspace.paths import Paths

COUNTED = Counted(
    agents=(re.compile("proofpoint|link ?scanner"), re.compile(r"^mozilla/5\.0$")),
    networks=(ip_network("203.0.113.0/24"),),
)
PERSON = "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0"


@pytest.mark.parametrize(
    ("agent", "address", "left"),
    [
        ("ProofPoint URL Defense", "198.51.100.9", ("ProofPoint URL Defense", None)),
        ("Mozilla/5.0", "203.0.113.77", ("Mozilla/5.0", "203.0.113.77")),
        (PERSON, "198.51.100.9", (None, None)),
        (PERSON, "203.0.113.300", (None, None)),
    ],
)
def test_what_shows_a_machine_stays_and_what_shows_a_person_goes(
    paths: Paths, tmp_path: Path, agent: str, address: str, left: tuple[str | None, ...]
) -> None:
    click = {
        "provider": "postmark",
        "provider_event_id": "click",
        "event_type": "clicked",
        "channel": "email",
        "recipient": world.ANNE,
        "occurred_at": "2026-09-03T00:00:00Z",
        "user_agent": agent,
        "ip": address,
    }
    file = tmp_path / "clicks.ndjson"
    file.write_text(json.dumps(click) + "\n")
    lake = world.ingest(paths, tmp_path / "files")
    ingest_files("delivery_events", [file], paths.landing, lake, world.RING, now=lambda: world.NOW)
    streams.erase(lake, StandIns.draw([SUBJECT], world.RING), counted=COUNTED)
    rows = lake.read("delivery_events").to_pylist()
    (row,) = [row for row in rows if row["event_type"] == "clicked"]
    assert (row["user_agent"], row["ip"]) == left
    assert row["recipient"] is None or world.ANNE not in row["recipient"]


def test_a_property_stays_where_its_value_names_no_person(paths: Paths, tmp_path: Path) -> None:
    counted = Counted(values={"partner": frozenset({"sofcot"}), "advice": frozenset({"sofcot"})})
    given = {"email": world.ANNE, "partner": " SOFCOT", "advice": "Dr Dupont", "notes": "sofcot"}
    lake = world.ingest(paths, tmp_path / "files")
    contact = world._crm("9001001", "contacts", given, updatedAt="2026-09-30T00:00:00Z")
    file = tmp_path / "more.ndjson"
    file.write_text(json.dumps(contact) + "\n")
    ingest_files("crm", [file], paths.landing, lake, world.RING, now=lambda: world.NOW)
    streams.erase(lake, StandIns.draw([SUBJECT], world.RING), counted=counted)
    texts = [row["properties"] or "" for row in lake.read("crm_contacts").to_pylist()]
    assert [json.loads(text) for text in texts if "SOFCOT" in text] == [{"partner": " SOFCOT"}]
    assert "Dupont" not in str(texts) and "notes" not in str(texts)
