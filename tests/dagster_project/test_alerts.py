"""The alerts' sensor over real runs: what it tells, when, and to whom."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
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
from dagster_project.translation import Manifest
from workspace import settings
from workspace.alerts import Memory
from workspace.clock import now


class World:
    """One asset with a check, and how it fares in the next run."""

    fresh = True
    judged = True
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
                metadata={"judged": self.judged},
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

    def look(self, cursor: str | None, url: str | None = None) -> str:
        log = logging.getLogger("test_alerts")
        return alerts.look(self.instance, cursor, now(), "/data", url, log)


class Webhook:
    """A receiver on this machine that can be down."""

    def __init__(self) -> None:
        self.status, self.documents = 200, []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if webhook.status == 200:
                    webhook.documents.append(json.loads(body))
                self.send_response(webhook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hunter2"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def states(self) -> list[tuple[str, str]]:
        return [
            (fault["state"], fault["check"] or fault["step"] or "run")
            for document in self.documents
            for fault in document["faults"]
        ]


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.instance:
        yield made


def test_a_failed_check_is_told_once_and_when_it_is_gone(
    world: World, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    cursor = world.look(None, webhook.url)
    world.fresh = False
    run_id = world.run()
    cursor = world.look(cursor, webhook.url)
    (document,) = webhook.documents
    ended_at = datetime.fromisoformat(document.pop("ended_at"))
    assert abs((ended_at - datetime.now(UTC)).total_seconds()) < 600
    assert document == {
        "run_id": run_id,
        "job": "refresh",
        "status": "SUCCESS",
        "workspace": "/data",
        "faults": [
            {
                "asset": "events",
                "check": "is_fresh",
                "step": None,
                "severity": "WARN",
                "state": "appeared",
                "text": "3d old; the limit is 1d",
            }
        ],
    }
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "appeared: events is_fresh (WARN): 3d old" in warning.getMessage()
    for _ in range(2):  # the same run again, then the same fault in another run
        cursor = world.look(cursor, webhook.url)
        world.run()
    cursor = world.look(cursor, webhook.url)
    assert len(webhook.documents) == 1 and len(caplog.records) == 1
    world.fresh = True
    world.run()
    cursor = world.look(cursor, webhook.url)
    world.run()
    world.look(cursor, webhook.url)
    assert webhook.states == [("appeared", "is_fresh"), ("gone", "is_fresh")]
    assert "hunter2" not in caplog.text


def test_a_day_later_it_is_told_again(world: World, webhook: Webhook) -> None:
    cursor = world.look(None)
    world.fresh = False
    world.run()
    memory = Memory.read(world.look(cursor, webhook.url))
    assert memory is not None
    memory.faults = {key: (told - 86_400, seen) for key, (told, seen) in memory.faults.items()}
    world.run()
    world.look(memory.text, webhook.url)
    assert webhook.states == [("appeared", "is_fresh"), ("stays", "is_fresh")]


def test_what_a_past_run_cannot_judge_is_not_gone(world: World, webhook: Webhook) -> None:
    cursor = world.look(None)
    world.fresh = False
    world.run()
    world.fresh, world.judged = True, False
    world.run()
    world.look(cursor, webhook.url)
    assert webhook.states == [("appeared", "is_fresh")]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Failure("dbt: model.x\n  could not convert 'hunter2'"), "dbt: model.x"),
        (ValueError("hunter2"), "ValueError; the run's log says more"),
    ],
)
def test_a_failed_step(world: World, webhook: Webhook, error: Exception, text: str) -> None:
    cursor = world.look(None)
    world.error = error
    world.run()
    world.error = None
    world.run()
    world.look(cursor, webhook.url)
    assert webhook.states == [("appeared", "events"), ("gone", "events")]
    assert webhook.documents[0]["faults"][0]["text"] == text
    assert webhook.documents[0]["status"] == "FAILURE"
    assert "hunter2" not in json.dumps(webhook.documents)


def test_a_run_that_fails_before_its_steps(world: World, webhook: Webhook) -> None:
    cursor = world.look(None)
    world.opens = False
    world.run()
    world.opens = True
    world.run()
    world.look(cursor, webhook.url)
    assert webhook.states == [("appeared", "run"), ("gone", "run")]
    assert webhook.documents[0]["faults"][0]["text"] == "ValueError; the run's log says more"


def test_what_ended_before_the_sensor_is_not_told(world: World, webhook: Webhook) -> None:
    world.fresh = False
    world.run()
    cursor = world.look(None, webhook.url)
    world.look(cursor, webhook.url)
    assert webhook.documents == []


def test_a_webhook_that_is_down_is_told_once_it_is_up(
    world: World, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    cursor = world.look(None)
    world.fresh = False
    first = world.run()
    world.fresh = True
    second = world.run()
    webhook.status = 503
    for _ in range(3):
        cursor = world.look(cursor, webhook.url)
    webhook.status = 200
    cursor = world.look(cursor, webhook.url)
    assert [document["run_id"] for document in webhook.documents] == [first, second]
    texts = [record.getMessage() for record in caplog.records]
    assert sum(text.startswith(f"run {first}") for text in texts) == 1
    assert sum("was not sent: answered 503; tried again" in text for text in texts) == 3
    world.look(cursor, webhook.url)
    assert len(webhook.documents) == 2


def test_after_ten_ticks_it_goes_on_and_says_so(
    world: World, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    cursor = world.look(None)
    world.fresh = False
    world.run()
    webhook.status = 500
    for _ in range(alerts.ATTEMPTS):
        assert "given up" not in caplog.text
        cursor = world.look(cursor, webhook.url)
    assert "given up" in caplog.text
    webhook.status = 200
    world.fresh = True
    world.run()
    world.look(cursor, webhook.url)
    assert webhook.states == [("gone", "is_fresh")]


def test_a_tick_posts_only_so_much(
    world: World, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    cursor = world.look(None)
    for number in range(alerts.POSTS_A_TICK + 2):
        world.fresh = bool(number % 2)
        world.run()
    cursor = world.look(cursor, webhook.url)
    assert len(webhook.documents) == alerts.POSTS_A_TICK
    world.look(cursor, webhook.url)
    assert len(webhook.documents) == len(caplog.records) == alerts.POSTS_A_TICK + 2


def test_a_step_of_the_sensor(
    world: World,
    webhook: Webhook,
    manifest: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MARKETING_WORKSPACE", str(tmp_path / "w"))
    monkeypatch.setenv("MARKETING_ALERT_WEBHOOK", webhook.url)
    sensor = build_definitions(manifest).get_repository_def().get_sensor_def("alerts")
    assert sensor.default_status.value == "STOPPED"
    assert settings.alert_webhook() == webhook.url
    first = sensor.evaluate_tick(build_sensor_context(instance=world.instance))
    assert first.run_requests == [] and first.cursor
    world.fresh = False
    world.run()
    context = build_sensor_context(instance=world.instance, cursor=first.cursor)
    again = sensor.evaluate_tick(context)
    assert again.cursor and again.cursor != first.cursor
    (document,) = webhook.documents
    assert document["workspace"] == str(tmp_path / "w")
    monkeypatch.delenv("MARKETING_ALERT_WEBHOOK")
    world.fresh = True
    world.run()
    capfd.readouterr()
    sensor.evaluate_tick(build_sensor_context(instance=world.instance, cursor=again.cursor))
    assert len(webhook.documents) == 1 and "gone: events is_fresh" in capfd.readouterr().err
