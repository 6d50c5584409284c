"""From a warehouse's marts to promoted versions, stored scores and answers over HTTP."""

from __future__ import annotations

import base64
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from models_ml.operations import choosing, openapi, records
from models_ml.operations.retraining import retrain
from models_ml.operations.serving import MAX_BODY_BYTES, RETRY_SECONDS, Desk, Problem
from models_ml.operations.specs import PLANS
from tests.models_ml.operations.worlds import (
    AS_OF,
    CHURN_ONLY,
    KEYRING,
    TRAINED_AT,
    World,
    scored,
    world,
)
from workspace.paths import PROJECT


def in_force(found: World) -> dict[str, float]:
    """A slow fold of the stream: subject -> its score."""
    scores: dict[str, float | None] = {}
    rows = found.place.lake.read("predictions").to_pylist()
    for row in sorted(rows, key=lambda row: row["sequence"]):
        scores[row["subject_id"]] = row["score"]
    return {subject: score for subject, score in scores.items() if score is not None}


def test_a_champion_scores_whoever_pays_once(trained: World) -> None:
    first = scored(trained)
    assert first.version == choosing.champion(trained.place.lake, "churn", AS_OF)
    paying = trained.connection.execute(
        "select account_id from marts.account_feature_snapshots "
        "where snapshot_at = $1 and mrr_base > 0",
        [AS_OF],
    ).fetchall()
    assert in_force(trained).keys() == {ident for (ident,) in paying}
    assert first.subjects == first.stored == len(paying) < 300
    again = scored(trained)
    assert (again.stored, again.detail) == (0, "scored before")
    assert trained.place.lake.rows("predictions") == len(paying)


def test_scores_that_moved_are_stored_and_who_is_gone_is_told(trained: World) -> None:
    scored(trained)
    before = in_force(trained)
    present = trained.later()
    at = [present.place.as_of]
    table = "marts.account_feature_snapshots"
    query = f"update {table} set uses_30d = 0 where snapshot_at = $1 and account_id = 'a0001'"
    present.connection.execute(query, at)
    query = f"update {table} set mrr_base = 0 where snapshot_at = $1 and account_id = 'a0002'"
    present.connection.execute(query, at)
    done = scored(present)
    assert done.stored == 2 and done.subjects == len(before) - 1
    after = in_force(present)
    assert before.keys() - after.keys() == {"a0002"}
    assert {key for key in after if after[key] != before[key]} == {"a0001"}
    # As of the day before, the scores of that day are in force.
    known = present.place.lake.relation_sql("predictions", AS_OF)
    rows = present.connection.execute(f"select count(*) from ({known})").fetchone()
    assert rows == (len(before),)


def test_a_small_move_is_not_stored(trained: World) -> None:
    scored(trained)
    present = trained.later()
    least = CHURN_ONLY.model_copy(
        update={"scoring": CHURN_ONLY.scoring.model_copy(update={"least_change": 10})}
    )
    present.place = replace(present.place, definitions=least)
    present.connection.execute(
        "update marts.account_feature_snapshots set uses_30d = uses_30d + 0.01 "
        "where snapshot_at = $1",
        [present.place.as_of],
    )
    assert scored(present).stored == 0


def test_a_worse_challenger_is_not_promoted(trained: World) -> None:
    champion = choosing.champion(trained.place.lake, "churn", AS_OF)
    trained.connection.execute(
        "update marts.account_feature_snapshots as f set uses_30d = o.uses_30d "
        "from marts.account_feature_snapshots as o where o.snapshot_at = f.snapshot_at "
        "and o.account_id = 'a' || lpad(cast((cast(f.account_id[2:] as int) * 7 + 11) % 300 "
        "as varchar), 4, '0') and f.snapshot_at < timestamp '2026-01-01'"
    )
    (done,) = retrain(trained.connection, trained.place, lambda: TRAINED_AT)
    assert done.version != champion and done.decision is not None
    assert str(done.decision.decision) == "kept" and done.decision.champion == champion
    assert done.decision.high is not None and done.decision.high < 0
    assert scored(trained).version == champion


def test_the_same_data_give_the_champion_again(trained: World) -> None:
    (done,) = retrain(trained.connection, trained.place, lambda: TRAINED_AT)
    assert done.decision is not None and str(done.decision.decision) == "kept"
    assert trained.place.lake.rows("ml_model_versions") == 1


def test_a_damaged_champion_is_stood_in_for(trained: World) -> None:
    lake = trained.place.lake
    first = choosing.champion(lake, "churn", AS_OF)
    trained.connection.execute(
        "delete from intermediate.int_churn_labels using (select 1) where account_id < 'a0020'"
    )
    (done,) = retrain(trained.connection, trained.place, lambda: TRAINED_AT)
    second = done.version
    assert second is not None and second != first
    if choosing.champion(lake, "churn", AS_OF) != second:
        choosing.promote(lake, KEYRING, "churn", second, AS_OF, "ana", "to be damaged")
    file = records.registry(lake) / "churn" / second / "model.skops"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    done_scoring = scored(trained)
    assert (done_scoring.version, done_scoring.is_fallback) == (first, True)
    assert [version for version, _ in done_scoring.refused] == [second]
    metrics = lake.read("model_metrics").to_pylist()
    (refused,) = [row for row in metrics if row["metric"] == "refused"]
    assert refused["version"] == second and refused["detail"].startswith("tampered")
    shutil.rmtree(records.registry(lake) / "churn" / str(first))
    lost = scored(trained.later())
    assert lost.version is None and len(lost.refused) == 2


def test_a_person_decides(trained: World) -> None:
    lake = trained.place.lake
    champion = choosing.champion(lake, "churn", AS_OF)
    assert champion is not None
    act: Any
    for act, version in ((choosing.promote, champion), (choosing.roll_back, None)):
        with pytest.raises(choosing.Refused):
            act(lake, KEYRING, "churn", version, AS_OF, "ana", None)
    with pytest.raises(choosing.Refused, match="missing"):
        choosing.promote(lake, KEYRING, "churn", "0" * 16, AS_OF, "ana", None)
    assert lake.rows("ml_promotions") == 1
    assert choosing.card(lake, KEYRING, "churn", champion).read_text("utf-8").startswith("<!")


def test_too_little_is_told_and_nothing_is_stored(tmp_path: Path) -> None:
    small = world(tmp_path, accounts=10)
    (done,) = retrain(small.connection, small.place, lambda: TRAINED_AT)
    assert done.version is None and done.refused
    assert scored(small).version is None
    assert not small.place.lake.rows("predictions")


# ---- one by one ------------------------------------------------------------------------------


def test_one_by_one_is_as_the_batch(trained: World, client: TestClient) -> None:
    scored(trained)
    stored = {row["subject_id"]: row for row in trained.place.lake.read("predictions").to_pylist()}
    for subject in list(stored)[:20]:
        answer = client.post("/v1/score/churn", json={"account_id": subject}).json()
        assert answer["score"] == stored[subject]["score"]
        assert answer["version"] == stored[subject]["version"]
        assert answer["subject"] == {"type": "account", "id": subject}
        contributions = yaml.safe_load(stored[subject]["contributions"])
        assert answer["contributions"] == contributions


def test_given_features_are_scored(client: TestClient) -> None:
    few, many = (
        client.post("/v1/score/churn", json={"features": {"uses_30d": uses}}).json()
        for uses in (0, 4)
    )
    assert few["score"] > many["score"] and few["subject"] is None


@pytest.mark.parametrize(
    ("model", "sent", "status", "kind"),
    [
        ("churn", {"content": b"{"}, 400, "json"),
        ("churn", {"content": b"[" * 60_000}, 400, "json"),
        ("churn", {"json": [1]}, 400, "json"),
        ("churn", {"content": rb'{"features": {"vertical": "\ud800"}}'}, 400, "json"),
        ("churn", {"content": rb'{"account_id": "\ud800"}'}, 400, "json"),
        ("churn", {"content": rb'{"\ud800": 1}'}, 400, "json"),
        ("churn", {"json": {}}, 422, "body"),
        ("churn", {"json": {"account_id": "a0001", "features": {}}}, 422, "body"),
        ("churn", {"json": {"account_id": ["a0001"]}}, 422, "body"),
        ("churn", {"json": {"contact_id": "c"}}, 422, "body"),
        ("churn", {"json": {"account_id": "nobody"}}, 404, "subject"),
        ("churn", {"json": {"account_id": "a0000"}}, 404, "subject"),
        ("churn", {"json": {"features": {"uses": 1}}}, 422, "features"),
        ("churn", {"json": {"features": {"uses_30d": "many"}}}, 422, "features"),
        ("churn", {"content": b'{"features": {"uses_30d": NaN}}'}, 422, "features"),
        ("churn", {"content": b'{"features": {"uses_30d": 1e999}}'}, 422, "features"),
        ("churn", {"json": {"features": {"vertical": 1}}}, 422, "features"),
        ("churn", {"content": b"x" * (MAX_BODY_BYTES + 1)}, 413, "size"),
        ("conversion", {"json": {"contact_id": "c"}}, 404, "model"),
    ],
)
def test_problems(client: TestClient, model: str, sent: Any, status: int, kind: str) -> None:
    answer = client.post(f"/v1/score/{model}", **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_one_that_the_document_names(
    client: TestClient, mode: GenerationMode
) -> None:
    async def told(_: Request) -> JSONResponse:
        return JSONResponse(openapi.document())

    app = Starlette(routes=[Route("/openapi.json", told), *client.app.routes])
    (found,) = schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=found.ok().as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        key = base64.b64encode(b"secret:").decode()
        # A body can be as the document says and name what no model knows.
        case.call_and_validate(
            headers={"Authorization": f"Basic {key}"}, excluded_checks=[positive_data_acceptance]
        )

    asked()


def test_only_who_has_a_key_may_ask(client: TestClient) -> None:
    body = {"json": {"account_id": "a0001"}}
    client.auth = None
    assert client.post("/v1/score/churn", **body).status_code == 401
    for said in ("Basic !", "Bearer secret", f"Basic {base64.b64encode(b'other:').decode()}"):
        answer = client.post("/v1/score/churn", headers={"authorization": said}, **body)
        assert answer.status_code == 401 and "www-authenticate" in answer.headers


def test_a_failure_is_not_kept(trained: World) -> None:
    seconds = [0.0]
    desk = Desk(
        trained.place.lake,
        KEYRING,
        CHURN_ONLY,
        lambda: AS_OF,
        lambda *_: None,
        ["secret"],
        clock=lambda: seconds[0],
    )
    folder = records.registry(trained.place.lake) / "churn"
    (version,) = folder.iterdir()

    def status() -> int:
        try:
            desk.answer(PLANS["churn"], {"features": {}})
        except Problem as problem:
            return problem.status
        return 200

    version.rename(version.with_suffix(".away"))
    assert status() == 503
    version.with_suffix(".away").rename(version)
    seconds[0] = RETRY_SECONDS - 1.0
    assert status() == 503
    seconds[0] = RETRY_SECONDS
    assert status() == 200
    # What was loaded well is kept, whatever becomes of the file.
    version.rename(version.with_suffix(".away"))
    seconds[0] = 10 * RETRY_SECONDS
    assert status() == 200


def test_the_document_is_of_the_routes(client: TestClient) -> None:
    document = openapi.document()
    (path,) = document["paths"].values()
    schemas = document["components"]["schemas"]
    told = jsonschema_rs.validator_for(schemas["Score"])
    for asked in ({"account_id": "a0001"}, {"features": {"vertical": "new", "uses_30d": 1.5}}):
        answer = client.post("/v1/score/churn", json=asked).json()
        told.validate(answer)
        assert set(answer) == set(schemas["Score"]["required"])
        assert {type(one["value"]) for one in answer["contributions"]} >= {float}
    for wrong in (client.get("/v1/score/churn"), client.post("/v1/score/churn", json={})):
        jsonschema_rs.validator_for(schemas["Problem"]).validate(wrong.json())
        assert str(wrong.status_code) in path["post"]["responses"]
    assert set(path["post"]["parameters"][0]["schema"]["enum"]) == set(PLANS)


def test_features_that_are_named_are_in_the_marts() -> None:
    for plan in PLANS.values():
        file = PROJECT / "dbt" / "models" / "marts" / "features" / f"{plan.mart}.yml"
        (model,) = yaml.safe_load(file.read_text("utf-8"))["models"]
        columns = {column["name"] for column in model["columns"]}
        assert {plan.age, *(plan.only or ())} <= columns, plan.name
