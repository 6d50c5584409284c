"""The alerts' sensor over real runs: what it tells, when, and to whom."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import standardwebhooks as signed
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    DagsterInstance,
    Definitions,
    Failure,
    MaterializeResult,
    ResourceDefinition,
    asset,
    build_sensor_context,
    define_asset_job,
)

from dagster_project import alerts
from dagster_project.build import build_definitions
from dagster_project.resources import LOOKS_BACK
from dagster_project.translation import Manifest
from reverse_etl.alerting.channels import Channel, Mail, Webhook
from reverse_etl.delivery.providers.smtp import Server
from sandbox.servers import smtp
from sandbox.servers.messaging import Desk, Trouble
from tests.reverse_etl.alerting.receiver import Receiver, receiving
from workspace import settings
from workspace.alerts import Alert, Known, memories_text, read_memories
from workspace.clock import now

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class World:
    """One asset with a check, and how it fares in the next run."""

    fresh = True
    judged, looks_back = True, False
    error: Exception | None = None
    opens = True

    def __init__(self) -> None:
        @asset(
            check_specs=[AssetCheckSpec("is_fresh", asset="events")], required_resource_keys={"w"}
        )
        def events() -> Iterator[MaterializeResult | AssetCheckResult]:
            if self.error is not None:
                raise self.error
            yield MaterializeResult()
            yield AssetCheckResult(
                passed=self.fresh,
                check_name="is_fresh",
                severity=AssetCheckSeverity.WARN,
                description="3d old; the limit is 1d",
                metadata={"judged": self.judged, **({LOOKS_BACK: True} if self.looks_back else {})},
            )

        def opened(_: object) -> str:
            if not self.opens:
                raise ValueError("hunter2 is no password")
            return "w"

        job = define_asset_job("refresh")
        definitions = Definitions(
            assets=[events], jobs=[job], resources={"w": ResourceDefinition(opened)}
        )
        self.job = definitions.resolve_job_def("refresh")
        self.instance = DagsterInstance.ephemeral()

    def run(self) -> str:
        return self.job.execute_in_process(instance=self.instance, raise_on_error=False).run_id

    def look(self, cursor: str | None, *channels: Channel) -> str:
        """A tick; an address may stand for its webhook."""
        opened = settings.load("/data", create=False)
        desk = alerts.Desk(opened, "https://hooks.example", {"events": "data"}, channels)
        log = logging.getLogger("test_alerts")
        return alerts.look(self.instance, cursor, now(), desk, log)


Told = tuple[str, str]


def states(receiver: Receiver) -> list[Told]:
    """What arrived, each as its state and what it is about."""
    return [(f["state"], f["check"] or f["step"] or "run") for f in receiver.faults]


def hook(receiver: Receiver) -> Channel:
    return Webhook(receiver.url, None)


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.instance:
        yield made


def test_a_failed_check_is_told_once_and_when_it_is_gone(
    world: World, webhook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    cursor = world.look(None, hook(webhook))
    world.fresh = False
    run_id = world.run()
    cursor = world.look(cursor, hook(webhook))
    (document,) = webhook.documents
    ended_at = document.pop("ended_at")
    age = datetime.now(UTC) - datetime.fromisoformat(ended_at)
    assert abs(age.total_seconds()) < 600
    assert document == {
        "ident": f"alert_{run_id}",
        "environment": "dev",
        "run_id": run_id,
        "job": "refresh",
        "status": "SUCCESS",
        "workspace": "/data",
        "faults": [
            {
                "kind": "missed_freshness",
                "asset": "events",
                "check": "is_fresh",
                "step": None,
                "severity": "WARN",
                "state": "appeared",
                "since": ended_at,
                "text": "3d old; the limit is 1d",
                "link": "https://hooks.example/control-room/data.html#sources",
            }
        ],
    }
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    line = f"appeared: missed freshness: events is_fresh (WARN, since {ended_at}): 3d old"
    assert line in warning.getMessage()
    for _ in range(2):  # the same run again, then the same fault in another run
        cursor = world.look(cursor, hook(webhook))
        world.run()
    cursor = world.look(cursor, hook(webhook))
    assert len(webhook.documents) == 1 and len(caplog.records) == 1
    world.fresh = True
    world.run()
    cursor = world.look(cursor, hook(webhook))
    world.run()
    world.look(cursor, hook(webhook))
    assert states(webhook) == [("appeared", "is_fresh"), ("gone", "is_fresh")]
    assert webhook.faults[1]["since"] == ended_at
    assert "hunter2" not in caplog.text


def test_a_day_later_it_is_told_again(world: World, webhook: Receiver) -> None:
    cursor = world.look(None, hook(webhook))
    world.fresh = False
    world.run()
    memories = read_memories(world.look(cursor, hook(webhook)))
    for memory in memories.values():
        memory.faults = {
            key: Known(since - 86_400, (told or 0) - 86_400, seen)
            for key, (since, told, seen) in memory.faults.items()
        }
    world.run()
    world.look(memories_text(memories), hook(webhook))
    assert states(webhook) == [("appeared", "is_fresh"), ("stays", "is_fresh")]


def test_what_a_past_run_cannot_judge_is_not_gone(world: World, webhook: Receiver) -> None:
    cursor = world.look(None, hook(webhook))
    world.fresh = False
    world.run()
    world.fresh, world.judged = True, False
    world.run()
    world.look(cursor, hook(webhook))
    assert states(webhook) == [("appeared", "is_fresh")]


def test_a_run_that_looks_back_says_nothing_of_the_present(world: World, webhook: Receiver) -> None:
    cursor = world.look(None, hook(webhook))
    world.fresh, world.looks_back = False, True
    world.run()
    cursor = world.look(cursor, hook(webhook))
    assert states(webhook) == []
    world.looks_back = False
    world.run()
    world.fresh, world.looks_back = True, True
    world.run()
    world.look(cursor, hook(webhook))
    assert states(webhook) == [("appeared", "is_fresh")]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Failure("dbt: model.x\n  could not convert 'hunter2'"), "dbt: model.x"),
        (ValueError("hunter2"), "ValueError; the run's log says more"),
    ],
)
def test_a_failed_step(world: World, webhook: Receiver, error: Exception, text: str) -> None:
    cursor = world.look(None, hook(webhook))
    world.error = error
    world.run()
    world.error = None
    world.run()
    world.look(cursor, hook(webhook))
    assert states(webhook) == [("appeared", "events"), ("gone", "events")]
    assert webhook.documents[0]["faults"][0]["text"] == text
    assert webhook.documents[0]["status"] == "FAILURE"
    assert "hunter2" not in json.dumps(webhook.documents)


def test_a_run_that_fails_before_its_steps(world: World, webhook: Receiver) -> None:
    cursor = world.look(None, hook(webhook))
    world.opens = False
    world.run()
    world.opens = True
    world.run()
    world.look(cursor, hook(webhook))
    assert states(webhook) == [("appeared", "run"), ("gone", "run")]
    assert webhook.documents[0]["faults"][0]["text"] == "ValueError; the run's log says more"


def test_what_ended_before_the_sensor_is_not_told(world: World, webhook: Receiver) -> None:
    world.fresh = False
    world.run()
    cursor = world.look(None, hook(webhook))
    world.look(cursor, hook(webhook))
    assert webhook.documents == []


def test_a_webhook_that_is_down_is_told_once_it_is_up(
    world: World, webhook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    cursor = world.look(None, hook(webhook))
    world.fresh = False
    first = world.run()
    world.fresh = True
    second = world.run()
    webhook.status = 503
    for _ in range(3):
        cursor = world.look(cursor, hook(webhook))
    webhook.status = 200
    cursor = world.look(cursor, hook(webhook))
    assert [document["run_id"] for document in webhook.documents] == [first, second]
    texts = [record.getMessage() for record in caplog.records]
    assert sum(text.startswith(f"run {first}") for text in texts) == 1
    assert sum("was not sent: answered 503; tried again" in text for text in texts) == 3
    world.look(cursor, hook(webhook))
    assert len(webhook.documents) == 2


def test_one_channel_neither_holds_the_others_nor_makes_them_repeat(
    world: World, webhook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    with smtp.serving(desk) as port:
        server = Server("127.0.0.1", port, "none")
        mail = Mail("mail 1", "ops@example.com", "ops@example.com", server)

        class Odd(Mail):
            def send(self, alert: Alert) -> str:
                raise KeyError("hunter2")

        given = [hook(webhook), Odd("mail 2", "x@example.com", "x@example.com", server), mail]
        cursor = world.look(None, *given)
        world.fresh = False
        first = world.run()
        webhook.status = 503
        for _ in range(3):
            cursor = world.look(cursor, *given)
        desk.order(Trouble.THROTTLED)
        world.fresh = True
        second = world.run()
        webhook.status = 200
        cursor = world.look(cursor, *given)  # the webhook is up, the mail server is not
        assert [document["run_id"] for document in webhook.documents] == [first, second]
        assert desk.count == 1
        for _ in range(2):
            cursor = world.look(cursor, *given)
    assert len(webhook.documents) == 2
    assert [one.outbox_id for one in desk.taken] == [f"alert_{first}", f"alert_{second}"]
    assert "mail 1: the alert of run" in caplog.text and "answered 451 4.7.1" in caplog.text
    assert "mail 2: the alert of run" in caplog.text and "KeyError" in caplog.text
    assert "hunter2" not in caplog.text and "@example.com" not in caplog.text + cursor


def test_a_sender_that_dies_before_its_cursor_is_kept_sends_the_same_again(
    world: World, webhook: Receiver
) -> None:
    cursor = world.look(None, hook(webhook))
    world.fresh = False
    run_id = world.run()
    for _ in range(2):  # the first tick's cursor is lost
        world.look(cursor, hook(webhook))
    (_, first, body), (_, second, same) = webhook.received
    assert first["webhook-id"] == second["webhook-id"] == f"alert_{run_id}" and body == same


def test_after_ten_ticks_it_goes_on_and_the_next_run_tells(
    world: World, webhook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    cursor = world.look(None, hook(webhook))
    world.fresh = False
    first = world.run()
    webhook.status = 500
    for _ in range(alerts.ATTEMPTS):
        assert "the next run tells" not in caplog.text
        cursor = world.look(cursor, hook(webhook))
    assert "the next run tells" in caplog.text
    asked = len(webhook.received)
    for _ in range(2):  # still down: each run is tried once
        world.run()
        cursor = world.look(cursor, hook(webhook))
    assert len(webhook.received) == asked + 2
    webhook.status = 200
    last = world.run()
    cursor = world.look(cursor, hook(webhook))
    (document,) = webhook.documents
    assert document["run_id"] == last and states(webhook) == [("appeared", "is_fresh")]
    began = next(json.loads(body) for _, _, body in webhook.received)
    assert began["run_id"] == first and began["faults"][0]["since"] == webhook.faults[0]["since"]
    world.fresh = True
    world.run()
    world.look(cursor, hook(webhook))
    assert states(webhook)[1:] == [("gone", "is_fresh")]


def test_a_channel_that_is_new_is_told_of_what_comes(world: World, webhook: Receiver) -> None:
    cursor = world.look(None)
    world.fresh = False
    world.run()
    cursor = world.look(cursor, hook(webhook))
    assert webhook.documents == []
    world.run()
    world.look(cursor, hook(webhook))
    assert states(webhook) == [("appeared", "is_fresh")]


def test_a_tick_sends_only_so_much(
    world: World, webhook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    cursor = world.look(None, hook(webhook))
    for number in range(alerts.ALERTS_A_TICK + 2):
        world.fresh = bool(number % 2)
        world.run()
    cursor = world.look(cursor, hook(webhook))
    assert len(webhook.documents) == alerts.ALERTS_A_TICK
    world.look(cursor, hook(webhook))
    assert len(webhook.documents) == len(caplog.records) == alerts.ALERTS_A_TICK + 2


def test_a_step_of_the_sensor(
    world: World,
    webhook: Receiver,
    manifest: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MARKETING_WORKSPACE", str(tmp_path / "w"))
    monkeypatch.setenv("MARKETING_ALERT_WEBHOOK", webhook.url)
    monkeypatch.setenv("MARKETING_ALERT_WEBHOOK_SECRET", KEY)
    sensor = build_definitions(manifest).get_repository_def().get_sensor_def("alerts")
    assert sensor.default_status.value == "STOPPED"
    first = sensor.evaluate_tick(build_sensor_context(instance=world.instance))
    assert first.run_requests == [] and first.cursor
    world.fresh = False
    world.run()
    context = build_sensor_context(instance=world.instance, cursor=first.cursor)
    again = sensor.evaluate_tick(context)
    assert again.cursor and again.cursor != first.cursor
    (_, headers, body), (document,) = webhook.received[0], webhook.documents
    assert signed.Webhook(KEY).verify(body, headers) == document
    assert document["workspace"] == str(tmp_path / "w")
    monkeypatch.delenv("MARKETING_ALERT_WEBHOOK")
    world.fresh = True
    world.run()
    capfd.readouterr()
    sensor.evaluate_tick(build_sensor_context(instance=world.instance, cursor=again.cursor))
    assert (
        len(webhook.documents) == 1 and "gone: missed freshness: events" in capfd.readouterr().err
    )
