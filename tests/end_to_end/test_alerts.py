"""Each kind of fault in a real workspace, from what went wrong to the alert that arrives.

Drift, which needs a trained model, is in `tests/dagster_project/test_learning.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pyarrow as pa
import pytest
from dagster import build_sensor_context

from dagster_project import runs
from dagster_project.build import build_definitions
from dagster_project.dbt import Dbt
from tests.end_to_end import inputs
from tests.end_to_end.runner import END, Finished, ingest, run
from tests.end_to_end.test_segments import SURGEONS, contacts
from tests.reverse_etl.alerting.receiver import Receiver, receiving
from workspace import clock
from workspace.lake import Lake
from workspace.settings import Settings
from workspace.streams import STREAMS

FIRST = clock.parse_time(END)
#: A held segment is stale two days after it was evaluated last.
LATER = FIRST + timedelta(hours=49)
#: Of plan year 1, on which the shipped plan's chain from lead to SQL holds.
SQLS = "{profile: plan, scope: public, metric: sqls, unit: count, years: [50, 125, 250]}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def clicks(path: Path, first_on: date, counts: list[int]) -> Path:
    rows = [
        f"meta,a,spring,medical,{first_on + timedelta(days=n)},{count}.00,EUR,{40 * count},{count}"
        for n, count in enumerate(counts)
    ]
    header = "platform,account_id,campaign_id,vertical,spend_on,spend,currency,impressions,clicks"
    return inputs.csv(path, header, rows)


def sent(opened: Settings, at: datetime, count: int, state: str, message_class: str) -> None:
    """Messages that a provider was asked to take, as runs and the sender note them."""
    purpose = "newsletter" if message_class == "newsletter" else "service"
    rows = [
        {
            **{"intent_id": ident, "message_id": ident, "source_kind": "journey"},
            **{"source_key": "spring", "occurrence": "1", "contact_id": f"c{n}"},
            **{"channel": "email", "message_class": message_class, "purpose": purpose},
            **{"decision": "queued", "state": state, "attempts": 1, "sequence": n + 1},
            **{"updated_at": at, "sent_at": at, "known_at": at, "planned_for_at": at},
        }
        for n in range(count)
        for ident in [f"{message_class}-{state}-{n}"]
    ]
    for name in ("message_intents", "message_decisions", "message_states"):
        schema = STREAMS[name].schema
        table = pa.Table.from_pylist(
            [{k: v for k, v in row.items() if k in schema.names} for row in rows], schema=schema
        )
        assert Lake(opened.paths.lake).commit(name, f"{message_class} {state}", table)


class Sensor:
    """The sensor of a workspace, tick after tick."""

    def __init__(self, opened: Settings) -> None:
        self.opened, self.cursor = opened, None
        dbt = Dbt(opened.paths, opened.environment, opened.paths.warehouse)
        repository = build_definitions(dbt.manifest).get_repository_def()
        self.sensor = repository.get_sensor_def("alerts")

    def tick(self) -> None:
        with runs.open_instance(self.opened.paths) as instance:
            context = build_sensor_context(instance=instance, cursor=self.cursor)
            self.cursor = self.sensor.evaluate_tick(context).cursor


def opens(link: str) -> bool:
    """Whether somebody who follows a link stands before a page, or a figure of it."""
    parts = urlsplit(link)
    page = Path(url2pathname(parts.path)).read_text()
    return parts.scheme == "file" and f'id="{parts.fragment or "content"}"' in page


def test_what_goes_wrong_is_told_with_its_page(
    finished: Finished,
    tmp_path: Path,
    marketing_folder: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = finished.copied(tmp_path / "w")
    monkeypatch.setenv("MARKETING_WORKSPACE", str(opened.paths.root))
    monkeypatch.setenv("MARKETING_ALERT_WEBHOOK", receiver.url)
    segment = marketing_folder / "segments" / "surgeons.yml"
    segment.write_text(SURGEONS)
    limits, targets = marketing_folder / "freshness.yml", marketing_folder / "targets.yml"
    limits.write_text("streams: {costs: 4d}")
    ingest(opened, "crm", contacts(tmp_path / "contacts.ndjson"))
    flat = [300 + n % 7 for n in range(100)]
    spring = FIRST.date() - timedelta(days=100)
    ingest(opened, "ad_spend", clicks(tmp_path / "one.csv", spring, flat))
    sensor = Sensor(opened)
    sensor.tick()
    run(opened)
    sensor.tick()
    assert receiver.faults == []

    opened.paths.default_as_of.write_text(clock.iso(LATER))
    segment.write_text("name: Surgeons\nwhere: {field: contact.role, is: legal}\n")
    limits.write_text("streams: {costs: 2d}")
    assert SQLS in targets.read_text()
    targets.write_text(targets.read_text().replace(SQLS, SQLS.replace("50,", "5,")))
    ingest(opened, "ad_spend", clicks(tmp_path / "two.csv", FIRST.date(), [301, 3000]))
    yesterday = LATER - timedelta(hours=6)
    sent(opened, yesterday, 150, "accepted", "transactional")
    sent(opened, yesterday, 2, "failed", "transactional")
    sent(opened, yesterday, 1, "accepted", "newsletter")
    assert not runs.run(opened).succeeded  # consent is missing: nothing is published
    sensor.tick()

    (document,) = receiver.documents
    told: dict[str, list[dict[str, Any]]] = {}
    for fault in document["faults"]:
        told.setdefault(fault["kind"], []).append(fault)
        assert fault["state"] == "appeared" and fault["since"] == document["ended_at"]
        assert opens(fault["link"]), fault
    texts = {kind: [(f["asset"], f["severity"], f["text"]) for f in told[kind]] for kind in told}
    assert texts["consent"] == [("message_proofs", "ERROR", "journey spring: missing")]
    assert texts["failed_deliveries"] == [
        ("int_delivery_day", "WARN", "email: 2 of 153 in 24 hours")
    ]
    assert texts["stale_segment"] == [("marketing_segments", "WARN", "surgeons")]
    assert texts["missed_freshness"] == [
        ("lake/costs", "WARN", "the newest row is 3d 1h old; the limit is 2d")
    ]
    ((asset, severity, text),) = texts["anomaly"]
    assert (asset, severity) == ("lake/series_alerts", "WARN") and "spring" in text
    ((asset, severity, text),) = texts["broken_plan"]
    assert (asset, severity) == ("plan_findings", "WARN")
    assert "throughput_chain.public." in text and ".y1" in text
    assert "dbt_journeys" in [fault["step"] for fault in told["run"]]
    sensor.tick()
    runs.run(opened, END)  # the past was well, of which nothing is told
    sensor.tick()
    assert len(receiver.documents) == 1
