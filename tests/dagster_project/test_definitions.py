"""The definitions load without a network, and the graph reads from landing to published."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from dagster import AssetKey, AssetSelection, DagsterEventType, DagsterInstance, Definitions

from dagster_project import runs, translation
from dagster_project.assets.lake import CONSERVED, FRESH, SUITE
from dagster_project.assets.sources import RECENT
from dagster_project.build import build_definitions
from dagster_project.dbt import Dbt, DbtError
from dagster_project.jobs import SCORES, TRAINING
from dagster_project.resources import WorkspaceResource, decide_as_of
from dagster_project.translation import Manifest
from ingestion.contracts import STREAMS_OF
from ingestion.sources import registry
from workspace import clock, settings, warehouse
from workspace.paths import PROJECT
from workspace.streams import STREAMS

ORDER = [
    "sources",
    "landing",
    "lake",
    "staging",
    "intermediate",
    "marts",
    "training",
    "scores",
    "intervals",
    "segments",
    "memberships",
    "journeys",
    "experiments",
    "activation",
    "published",
    "audiences",
]

MARTS = [
    "dim_contacts",
    "dim_accounts",
    "dim_campaigns",
    "dim_content",
    "dim_dates",
    "fct_events",
    "fct_deals",
    "fct_ad_spend_daily",
    "fct_costs_monthly",
    "kpi_targets",
    "kpi_monthly",
    "mrr_movements",
    "unit_economics",
    "funnel_stages",
    "plan_findings",
    "market_size",
    "path_transitions",
    "account_coverage",
    "abm_metrics",
    "consent_records",
    "unsubscribes",
    "data_deletion_requests",
    "retention_due",
    "watermarks",
    "rejected_rows",
    "run_log",
    "marketing_segments",
    "segment_conditions",
    "segment_memberships",
    "segment_membership_history",
    "segment_snapshots",
    "email_templates",
    "sms_templates",
    "assets",
    "template_versions",
    "next_best_actions",
    "experiment_assignments",
    "experiment_results",
    "audience_syncs",
    "audience_runs",
    "ml_models",
    "predictions",
    "model_performance",
    "account_feature_snapshots",
    "contact_feature_snapshots",
]


@pytest.fixture(scope="module")
def definitions(manifest: Manifest) -> Definitions:
    return build_definitions(manifest)


def test_they_load_without_a_network(manifest: Manifest, no_network: None) -> None:
    Definitions.validate_loadable(build_definitions(manifest))


def test_every_mart_of_the_contract_is_an_asset(definitions: Definitions) -> None:
    keys = {spec.key for spec in definitions.resolve_all_asset_specs()}
    assert {AssetKey([name]) for name in MARTS} <= keys
    assert {AssetKey(["lake", name]) for name in STREAMS} <= keys


def test_groups_follow_one_another(definitions: Definitions) -> None:
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    seen = set()
    for spec in specs.values():
        for dep in spec.deps:
            before, after = specs[dep.asset_key].group_name, spec.group_name
            if after not in ("maintenance", "delivery"):
                assert ORDER.index(before) <= ORDER.index(after), (dep.asset_key, spec.key)
            seen.add((before, after))
    # Segments ask what models score, and no interval.
    steps = {*pairwise(ORDER), ("scores", "segments")} - {("intervals", "segments")}
    assert steps <= seen


def test_every_asset_is_described_and_owned(definitions: Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert spec.owners and spec.description, spec.key


def test_checks_block(definitions: Definitions, manifest: Manifest) -> None:
    graph = definitions.resolve_asset_graph()
    for streams in STREAMS_OF.values():
        for stream in streams:
            for name in (SUITE, CONSERVED):
                key = next(
                    k
                    for k in graph.asset_check_keys
                    if k.asset_key == AssetKey(["lake", stream]) and k.name == name
                )
                assert graph.get(key).blocking
    found = {(k.asset_key, k.name): graph.get(k).blocking for k in graph.asset_check_keys}
    nodes, names = manifest["nodes"], translation.check_names(manifest)
    subjects = translation.subjects_of(manifest)
    for test in translation.tests(manifest):
        if (subject := subjects.get(test["unique_id"])) is not None:
            key = translation.asset_key(nodes[subject]), names[test["unique_id"]]
            assert found[key] == (test["config"]["severity"] == "error"), key


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_scoring_by_itself_selects_what_shows_scores(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    found = AssetSelection.from_string(SCORES).resolve(graph)
    names = {key.to_user_string() for key in found}
    assert {"lake/predictions", "predictions", "ml_models", "contact_features"} <= names
    # The group `published` has the pages and the copy in Postgres, too.
    assert {"control_room", "published_postgres"} <= names
    assert len(names) == len(SCORES.split(" or ")) + 2
    trained = AssetSelection.groups(TRAINING).resolve(graph)
    assert {key.path[-1] for key in trained} == {"ml_model_versions", "ml_promotions"}
    repository = definitions.get_repository_def()
    for job in ("refresh", "nightly", "retrain"):
        selected = repository.get_job(job).asset_layer.selected_asset_keys
        assert (trained <= selected) == (job == "retrain") and found <= selected


def test_every_stream_and_source_has_a_check_of_freshness(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    keys = {(k.asset_key.to_user_string(), k.name): k for k in graph.asset_check_keys}
    wanted = [(f"lake/{s}", FRESH) for streams in STREAMS_OF.values() for s in streams]
    wanted += [(f"source/{name}", RECENT) for name in registry.MODULES]
    assert not [key for key in wanted if graph.get(keys[key]).blocking]


def test_every_mart_tests_its_key(manifest: Manifest) -> None:
    nodes = manifest["nodes"].values()
    tested = {node["attached_node"] for node in nodes if node.get("attached_node")}
    for node in nodes:
        if node["resource_type"] == "model":
            assert node["unique_id"] in tested, node["name"]
            assert re.match("One row( per|:)", node["description"]), node["name"]


def test_jobs_schedules_and_sensor(definitions: Definitions) -> None:
    repository = definitions.get_repository_def()
    assert set(repository.job_names) >= {
        *("refresh", "nightly", "campaigns", "send", "due_campaigns", "audiences"),
        *("daily_backup", "retain", "retrain"),
    }
    assert {s.cron_schedule for s in repository.schedule_defs} == {
        *("*/5 * * * *", "0 2 * * *", "*/15 * * * *", "30 * * * *", "30 3 * * *", "30 4 * * *"),
        "0 5 * * 0",
    }
    assert sorted(s.name for s in repository.sensor_defs) == ["alerts", "landing_folder"]


def test_importing_the_module_without_a_manifest_says_what_to_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pathlib, dagster_project.compiled as compiled\n"
            f"compiled.PROJECT_FOLDER = pathlib.Path({str(tmp_path)!r})\n"
            "import dagster_project.definitions",
        ],
        env={"PATH": "/usr/bin:/bin", "MARKETING_WORKSPACE": str(tmp_path)},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "run 'marketing prepare' first" in done.stderr


def test_the_instance_calls_nobody(tmp_path: Path) -> None:
    opened = settings.load(tmp_path / "w")
    with runs.open_instance(opened.paths) as instance:
        assert isinstance(instance, DagsterInstance)
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_a_broken_project_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster_project.compiled as module

    project = tmp_path / "dbt"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: x\nprofile: marketing_warehouse\n")
    (project / "models" / "a.sql").write_text("select * from {{ ref('nowhere') }}")
    profiles = (module.PROJECT_FOLDER / "profiles.yml").read_text()
    (project / "profiles.yml").write_text(profiles)
    monkeypatch.setattr(module, "PROJECT_FOLDER", project)
    opened = settings.load(tmp_path / "w")
    with pytest.raises(DbtError, match="nowhere"):
        _ = Dbt(opened.paths, opened.environment, opened.paths.warehouse).project


def test_which_time_a_run_looks_from(tmp_path: Path) -> None:
    opened = settings.load(tmp_path / "w")
    present = clock.parse_time("2026-05-01")
    assert decide_as_of(opened, None, present) == (present, False)
    assert decide_as_of(opened, "2026-04-01", present) == (clock.parse_time("2026-04-01"), True)
    opened.paths.default_as_of.write_text("2026-01-01T00:00:00Z")
    fixed = clock.parse_time("2026-01-01")
    assert decide_as_of(opened, None, present) == (fixed, False)
    assert decide_as_of(opened, "2026-01-01T00:00:00Z", present) == (fixed, False)


def test_the_sensor_asks_for_a_run_when_files_wait(
    tmp_path: Path, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster import build_sensor_context

    monkeypatch.setenv("MARKETING_WORKSPACE", str(tmp_path / "w"))
    opened = settings.load()
    sensor = definitions.get_repository_def().get_sensor_def("landing_folder")
    context = build_sensor_context()
    assert sensor.evaluate_tick(context).run_requests == []
    folder = opened.paths.landing / "fx_rates"
    folder.mkdir()
    (folder / "rates.csv").write_text("base_currency,currency,rate_on,rate\n")
    first = sensor.evaluate_tick(context).run_requests
    assert len(first) == 1
    assert sensor.evaluate_tick(context).run_requests[0].run_key == first[0].run_key


def test_a_selection_runs_with_its_own_facts(tmp_path: Path) -> None:
    opened = settings.load(tmp_path / "w")
    assert runs.run(opened).succeeded
    outcome = runs.run(opened, select="key:dim_dates")
    assert outcome.succeeded, outcome.faults
    with runs.open_instance(opened.paths) as instance:
        materialized = {
            event.asset_key.to_user_string()
            for event in (e.dagster_event for e in instance.all_logs(outcome.run_id))
            if event and event.event_type_value == "ASSET_MATERIALIZATION"
        }
    assert materialized == {
        "dim_dates",
        "lake/run_context",
        "lake/load_receipts",
        "lake/segment_conditions",
        "lake/journey_nodes",
    }
    for bad in ("nonsense::", "key:nothing"):
        with pytest.raises(runs.SelectionError):
            runs.run(opened, select=bad)


def test_what_is_stale_warns_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    limits = folder / "freshness.yml"
    limits.write_text("streams: {events: 24h, costs: 45d}\nsources: {default: 1h}\n")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    opened = settings.load(tmp_path / "w")
    waiting = opened.paths.landing / "events"
    waiting.mkdir()
    event = {"messageId": "m", "type": "page", "userId": "u", "timestamp": "2026-01-01T00:00:00Z"}
    (waiting / "old.ndjson").write_text(json.dumps(event | {"receivedAt": event["timestamp"]}))
    outcome = runs.run(opened, select="key:lake/events or key:lake/costs or group:sources")
    assert outcome.succeeded, outcome.faults
    with runs.open_instance(opened.paths) as instance:
        logs = instance.all_logs(outcome.run_id, DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [log.dagster_event.asset_check_evaluation_data for log in logs]  # type: ignore[union-attr]
    found = {(c.asset_key.to_user_string(), c.check_name): c for c in checks}
    stale = found["lake/events", FRESH]
    assert not stale.passed and stale.severity.value == "WARN"
    assert stale.metadata["limit"].value == "1d"
    assert found["lake/costs", FRESH].description == "no row yet"
    calendly = found["source/calendly", RECENT]
    assert calendly.passed and "MARKETING_CALENDLY_TOKEN" in (calendly.description or "")
    limits.write_text("sources:\n  calendy: 1h\n")
    outcome = runs.run(opened, select="group:sources")
    assert not outcome.succeeded
    assert "freshness.yml:2: sources.calendy: no source 'calendy'" in outcome.faults[0]


def test_publishing_alone_does_not_get_round_a_failed_check(tmp_path: Path) -> None:
    opened = settings.load(tmp_path / "w")
    assert runs.run(opened).succeeded
    current = opened.paths.published / "current"
    before = current.readlink()
    manifest = Dbt(opened.paths, opened.environment, opened.paths.warehouse).manifest
    check = next(name for name in manifest["nodes"] if "unique_key_dim_dates" in name)
    for build, doubt in (("one", {check: "2 rows", "test.gone": "x"}), ("two", {})):
        warehouse.begin_build(opened.paths.warehouse, build)
        if doubt:
            warehouse.end_build(opened.paths.warehouse, build, [], doubt)
        outcome = runs.run(opened, select="group:published")
        assert not outcome.succeeded and current.readlink() == before
        told = "2 rows" if doubt else "two: did not finish"
        assert told in " ".join(outcome.faults)
        warehouse.end_build(opened.paths.warehouse, build, [check], {})
    assert runs.run(opened, select="group:published").succeeded


def test_the_resource_takes_part_in_the_launchpad() -> None:
    fields = WorkspaceResource.model_fields
    assert {"workspace", "as_of"} <= set(fields)
