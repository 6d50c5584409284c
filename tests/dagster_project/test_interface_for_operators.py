"""What an operator meets in Dagster's UI says what it is, who looks after it, and opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from dagster import (
    AssetSpec,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    JobDefinition,
    validate_run_config,
)
from dagster._config import ConfigTypeKind

from dagster_project import figures, jobs, tags, translation
from dagster_project.build import build_definitions
from dagster_project.sentences import check_name, sentence
from dagster_project.tables import PICTURES
from dagster_project.translation import Manifest
from ingestion.contracts import STREAMS_OF
from workspace import catalogue
from workspace.streams import STREAMS

OWNERS = {"team:data", "team:marketing"}
#: A name that says something has one of these, and a subject: of `is_fresh` it is the asset.
VERBS = {
    *("is", "are", "was", "were", "has", "have", "can", "could", "pass", "passes", "hold", "holds"),
    *("answered", "agrees", "refuses", "score", "scores", "follows", "stay", "sum", "conserves"),
    *("sums", "carries", "begins", "ends", "promotes", "lies", "add", "say", "says", "convert"),
    *("lose", "keeps", "failed", "broke"),
}
_SENTENCE = re.compile(r"[A-Z].*[^.]\.", re.DOTALL)


@pytest.fixture(scope="module")
def definitions(manifest: Manifest) -> Definitions:
    return build_definitions(manifest)


@pytest.fixture(scope="module")
def specs(definitions: Definitions) -> list[AssetSpec]:
    return list(definitions.resolve_all_asset_specs())


def _is_sentence(text: str | None) -> bool:
    return bool(_SENTENCE.fullmatch(text or "")) and len((text or "").split()) >= 4


def _jobs(definitions: Definitions) -> list[JobDefinition]:
    found = definitions.get_repository_def().get_all_jobs()
    return [job for job in found if not job.name.startswith("__")]


def test_every_asset_says_what_it_is_and_whose(specs: list[AssetSpec]) -> None:
    for spec in specs:
        assert _is_sentence(spec.description), (spec.key, spec.description)
        assert spec.owners and set(spec.owners) <= OWNERS, spec.key
        assert spec.kinds and spec.group_name not in (None, "default"), spec.key


def test_assets_can_be_chosen_by_subject_and_by_what_they_hold(
    specs: list[AssetSpec], manifest: Manifest
) -> None:
    models = {translation.asset_key(node) for node in translation.models(manifest)}
    for spec in specs:
        if spec.key in models or spec.key.path[0] == "lake":
            assert spec.tags[tags.SUBJECT], spec.key
    by_key = {spec.key.to_user_string(): spec.tags for spec in specs}
    assert by_key["kpi_monthly"][tags.SUBJECT] == "kpis"
    assert by_key["lake/consents"][tags.SUBJECT] == STREAMS["consents"].area
    assert by_key["pii/contacts"].keys() >= {"pii", tags.SUBJECT}
    for name in STREAMS:
        told = by_key[f"lake/{name}"][tags.PERSONAL]
        assert told == ("yes" if catalogue.of("lake", name) else "no"), name


def test_every_check_reads_as_a_sentence(definitions: Definitions, manifest: Manifest) -> None:
    graph = definitions.resolve_asset_graph()
    assert len(graph.asset_check_keys) > 800
    for key in graph.asset_check_keys:
        told = graph.get(key).description
        assert _is_sentence(told), (key, told)
        words = key.name.split("_")
        assert VERBS & set(words) and len(words) >= 2 and len(key.name) <= 90, key
    names = [*translation.check_names(manifest).items()]
    subjects = translation.subjects_of(manifest)
    assert len({(subjects[test], said) for test, said in names}) == len(names)


def test_every_test_of_the_project_is_a_check_of_an_asset(
    definitions: Definitions, manifest: Manifest
) -> None:
    """Those of several models, too: they stop a run as others do."""
    graph = definitions.resolve_asset_graph()
    checks = {key.name: key.asset_key.to_user_string() for key in graph.asset_check_keys}
    singular = [test for test in translation.tests(manifest) if not test.get("test_metadata")]
    assert len(singular) >= 10
    assert {test["name"] for test in singular} <= set(checks)
    assert checks["verticals_sum_to_company"] == "kpi_monthly"
    assert checks["a_message_is_accepted_once"] == "delivery_logs"
    streams = {stream for streams in STREAMS_OF.values() for stream in streams}
    subjects = translation.subjects_of(manifest)
    for test in translation.tests(manifest):
        if test["unique_id"] not in subjects:  # it asks a source alone
            parents = [manifest["sources"][name]["name"] for name in test["depends_on"]["nodes"]]
            assert parents and set(parents) <= streams | {"parameters"}, test["name"]


def _test(kind: str, column: str | None = None, **given: Any) -> dict[str, Any]:
    kwargs = {**given, **({"column_name": column} if column else {})}
    return {"name": f"{kind}_x", "test_metadata": {"name": kind, "kwargs": kwargs}}


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (_test("unique_key", columns=["a"]), "Every row of m has its own a."),
        (
            _test("unique_key", columns=["a", "b", "c"]),
            "No two rows of m have the same a, b and c, and none of these is empty.",
        ),
        (
            _test("unique_key", columns=["a", "b"], nullable=["b"], where="x is null"),
            "No two rows of m have the same a and b, and none of these is empty but b, "
            "where x is null.",
        ),
        (_test("unique", "a"), "No two rows of m have the same a."),
        (_test("not_null", "a"), "Every row of m has a value in a."),
        (_test("accepted_values", "a", values=["x", 2]), "Every a of m is x or 2, or empty."),
        (
            _test("accepted_values", "a", values=list(range(20))),
            "Every a of m is 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 or 9 more, or empty.",
        ),
        (
            _test("relationships", "a_id", to="ref('dim_a')", field="id"),
            "Every a_id of m is a id of dim_a, or empty.",
        ),
        (
            _test("expression_is_true", expression="a\n  <= b"),
            "Every row of m satisfies a <= b.",
        ),
        (
            _test("same_total", compare_to="source('lake', 'events')"),
            "There are as many rows in m as in events.",
        ),
        (
            _test("same_total", compare_to="ref('n')", aggregate="sum(a)", compare_where="b"),
            "Of m, sum(a) equals sum(a) of n (of those where b).",
        ),
        (_test("made_here", "a"), "The test made here holds for a of m."),
        ({**_test("unique_key", columns=["a"]), "description": "As it is said."}, "As it is said."),
    ],
)
def test_sentences_of_dbt_tests(test: dict[str, Any], told: str) -> None:
    assert sentence(test, "m") == told


@pytest.mark.parametrize(
    ("test", "called"),
    [
        (_test("unique_key", columns=["a_id"]), "a_id_is_unique"),
        (_test("unique_key", columns=["a", "b", "c"]), "a_b_and_c_are_unique"),
        (_test("unique_key", columns=list("abcdefg")), "a_b_c_d_and_3_more_are_unique"),
        (_test("unique", "a"), "a_is_unique"),
        (_test("not_null", "a"), "a_is_never_empty"),
        (_test("accepted_values", "a", values=["x"]), "a_is_an_accepted_value"),
        (_test("relationships", "a_id", to="ref('dim_a')", field="id"), "a_id_is_in_dim_a"),
        (_test("expression_is_true", expression="a >= 0"), "every_row_has_a_at_least_0"),
        (_test("expression_is_true", expression="a > 0"), "every_row_has_a_above_0"),
        (_test("expression_is_true", expression="a is not null"), "every_row_has_a_not_empty"),
        (_test("expression_is_true", expression="a = b + c"), "every_row_has_a_is_b_plus_c"),
        (_test("same_total", compare_to="ref('n')"), "it_has_as_many_rows_as_n"),
        (
            _test(
                "same_total",
                compare_to="ref('n')",
                aggregate="coalesce(sum(a), 0)",
                compare_aggregate="count(*)",
            ),
            "its_sum_of_a_agrees_with_n",
        ),
        ({**_test("unique_key", columns=["a"]), "name": "it_is_said"}, "it_is_said"),
        (_test("made_here", "a"), "made_here_x"),
        ({"name": "a_is_b"}, "a_is_b"),
    ],
)
def test_names_of_dbt_tests(test: dict[str, Any], called: str) -> None:
    assert check_name(test) == called


def test_two_tests_of_a_model_have_two_names(manifest: Manifest) -> None:
    model = next(iter(translation.models(manifest)))
    told = {"depends_on": {"nodes": [model["unique_id"]]}, "attached_node": model["unique_id"]}
    told |= {"resource_type": "test", "tags": [], "config": {"severity": "error"}}
    twins = {
        f"test.p.{n}": {**_test("not_null", "a"), **told, "unique_id": f"test.p.{n}"}
        for n in (1, 2)
    }
    small = {"nodes": {model["unique_id"]: model, **twins}, "sources": {}}
    assert translation.check_names(small) == {
        "test.p.1": "a_is_never_empty",
        "test.p.2": "a_is_never_empty_2",
    }


def test_every_job_is_described_and_opens_in_the_launchpad(definitions: Definitions) -> None:
    found = _jobs(definitions)
    assert len(found) >= 10
    for job in found:
        assert _is_sentence(job.description), job.name
        # Without a choice everything has its default.
        filled = validate_run_config(job, {})
        assert filled["resources"] or filled["ops"], job.name


def _fields(config_type: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if ConfigTypeKind.has_fields(config_type.kind):
        for name, field in config_type.fields.items():
            yield f"{path}.{name}", field
            yield from _fields(field.config_type, f"{path}.{name}")


def test_every_field_of_the_launchpad_is_told_and_has_a_default(definitions: Definitions) -> None:
    seen = set()
    for job in _jobs(definitions):
        for path, field in _fields(job.run_config_schema.config_type):
            if re.match(r"[.](resources[.]workspace|ops[.]\w+)[.]config[.]", path):
                assert not field.is_required, (job.name, path)
                assert _is_sentence(field.description), (job.name, path, field.description)
                seen.add((job.name, path.rpartition(".config.")[2]))
    assert {
        *(("campaigns", "only"), ("due_campaigns", "only"), ("due_campaigns", "dry_run")),
        *(("send", "dry_run"), ("send", "limit"), ("retain", "dry_run")),
        *(("refresh", "as_of"), ("refresh", "full_refresh"), ("past_months", "as_of")),
    } <= seen


def test_a_back_fill_looks_from_the_end_of_its_month(definitions: Definitions) -> None:
    job = definitions.resolve_job_def(jobs.past_months.name)
    assert job.partitioned_config is not None
    keys = job.partitioned_config.partitions_def.get_partition_keys()
    assert keys[0] == jobs.FIRST_MONTH
    for key in (keys[0], "2024-12-01", keys[-1]):
        config = job.partitioned_config.get_run_config_for_partition_key(key)
        validate_run_config(job, config)
    config = job.partitioned_config.get_run_config_for_partition_key("2024-12-01")
    assert config["resources"]["workspace"]["config"] == {"as_of": "2025-01-01T00:00:00Z"}
    refresh = definitions.resolve_job_def(jobs.refresh.name)
    assert job.asset_layer.selected_asset_keys == refresh.asset_layer.selected_asset_keys


def test_schedules_and_sensors_are_told_and_wait_to_be_switched_on(
    definitions: Definitions,
) -> None:
    repository = definitions.get_repository_def()
    for schedule in repository.schedule_defs:
        assert _is_sentence(schedule.description), schedule.name
        assert schedule.default_status == DefaultScheduleStatus.STOPPED
    for sensor in repository.sensor_defs:
        assert _is_sentence(sensor.description), sensor.name
        assert sensor.default_status == DefaultSensorStatus.STOPPED


def test_pictures_and_plots_are_of_marts(manifest: Manifest) -> None:
    marts = {node["alias"] for node in translation.models(manifest) if node["schema"] == "marts"}
    assert set(PICTURES) | set(figures.NUMBERS) <= marts


def test_numbers_are_plain_and_named_by_what_they_count() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create schema marts; create table marts.segment_counts as from (values "
            "('big fans', 'email', 5), ('big fans', 'sms', 5), ('new', 'email', null)) "
            "as t(segment, channel, members)"
        )
        connection.execute(
            "create table marts.http_latency_daily as from (values "
            "('scores', date '2026-01-01', 2.5::double), ('scores', date '2026-01-02', 3.5), "
            "('read_api', date '2026-01-01', null)) as t(family, answered_on, p95_ms)"
        )
        assert figures.numbers(connection, "segment_counts") == {"members_big_fans": 5}
        assert figures.numbers(connection, "http_latency_daily") == {"scores_p95_ms": 3.5}
        assert figures.numbers(connection, "dim_dates") == {}
