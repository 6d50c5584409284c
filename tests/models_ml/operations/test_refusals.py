"""Champions that cannot speak: they are told, and whoever can stands in."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from models_ml.operations import choosing, records
from models_ml.operations.retraining import retrain
from models_ml.operations.scoring import NOBODY
from models_ml.operations.serving import Desk, Problem
from models_ml.operations.specs import PLANS
from models_ml.supervised.comparing import compare
from models_ml.supervised.faults import Reason, Refused
from models_ml.supervised.training import Trained
from tests.models_ml.churning import QUICK, SPEC
from tests.models_ml.operations.worlds import (
    AS_OF,
    CHURN_ONLY,
    KEYRING,
    TRAINED_AT,
    World,
    scored,
    second_version,
)

TABLE = "marts.account_feature_snapshots"


def measured(found: World, metric: str) -> list[dict[str, Any]]:
    """Rows of the latest scoring, of all subjects."""
    rows = found.place.lake.read("model_metrics").to_pylist()
    own = [row for row in rows if row["metric_window"] == "scoring" and row["slice"] == "all"]
    last = max(row["sequence"] for row in own)
    return [row for row in own if row["sequence"] == last and row["metric"] == metric]


def test_no_version_that_loads_is_on_record(trained: World) -> None:
    champion = choosing.champion(trained.place.lake, "churn", AS_OF)
    assert scored(trained).told is None
    (before,) = measured(trained, "subjects")
    assert before["value"] > 0
    shutil.rmtree(records.registry(trained.place.lake) / "churn" / str(champion))
    done = scored(trained)
    assert done.version is None and [version for version, _ in done.refused] == [champion]
    assert done.told is not None and done.told.startswith("churn: no version can score")
    (refused,) = measured(trained, "refused")
    assert refused["version"] == champion and refused["detail"].startswith("missing")
    (subjects,) = measured(trained, "subjects")
    assert (subjects["version"], subjects["value"]) == (champion, 0)


def test_a_champion_whose_feature_is_gone_is_stood_in_for(trained: World) -> None:
    first = choosing.champion(trained.place.lake, "churn", AS_OF)
    trained.connection.execute(f"alter table {TABLE} add column calls double")
    trained.connection.execute(f"update {TABLE} set calls = uses_30d + random()")
    second = second_version(trained)
    assert scored(trained).version == second
    later = trained.later()
    later.connection.execute(f"alter table {TABLE} drop column calls")
    done = scored(later)
    assert (done.version, done.is_fallback) == (first, True)
    assert done.refused == ((second, "missing_column: there is no calls"),)
    assert done.told is not None and f"{first} stands in" in done.told
    assert done.subjects == done.stored > 0
    (refused,) = measured(later, "refused")
    assert (refused["version"], refused["detail"]) == (second, done.refused[0][1])
    assert scored(later).detail == "scored before"


def test_a_feature_that_became_a_text_is_told(trained: World) -> None:
    trained.connection.execute(f"alter table {TABLE} alter uses_30d type varchar")
    trained.connection.execute(f"update {TABLE} set uses_30d = 'much'")
    done = scored(trained)
    assert done.version is None and done.told is not None
    assert "wrong_type: uses_30d" in done.refused[0][1]
    assert measured(trained, "subjects")[0]["value"] == 0


def test_over_http_a_champion_that_cannot_score_is_no_fault_of_who_asks(
    trained: World, client: TestClient
) -> None:
    trained.connection.execute(f"alter table {TABLE} drop column uses_30d")
    answer = client.post("/v1/score/churn", json={"account_id": "a0001"})
    assert answer.status_code == 503 and answer.json()["type"] == "/problems/no_model"
    assert "uses_30d" in answer.json()["detail"]


def test_a_version_that_would_not_load_again_ends_no_training(
    trained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models_ml.registry.probe.WALL_SECONDS", 0.0)
    trained.connection.execute(
        "delete from intermediate.int_churn_labels where account_id < 'a0020'"
    )
    (done,) = retrain(trained.connection, trained.place, lambda: TRAINED_AT)
    assert done.version is None and done.refused is not None
    assert done.refused.startswith("too_large: did not load in")
    assert trained.place.lake.rows("ml_promotions") == 1


def test_a_clock_that_went_back_is_told_and_decides_nothing(trained: World) -> None:
    lake, early = trained.place.lake, trained.later(-1)
    champion = choosing.champion(lake, "churn", AS_OF)
    assert scored(trained).told is None
    done = scored(early)
    assert done.version is None and done.detail == NOBODY
    said = "1 decision about churn lies after as_of 2026-09-30T00:00:00Z, at 2026-10-01T00:00:00Z"
    assert done.told == f"churn: {said}"
    (trained_again,) = retrain(early.connection, early.place, lambda: TRAINED_AT)
    assert trained_again.version is None and trained_again.refused == f"clock_jumped: {said}"
    for decide in (choosing.promote, choosing.roll_back):
        with pytest.raises(choosing.Refused, match=r"1 decision about churn lies after"):
            decide(lake, KEYRING, "churn", champion, early.place.as_of, "ana", None)
    assert lake.rows("ml_promotions") == 1


def test_over_http_a_clock_that_went_back_is_told(trained: World) -> None:
    desk = Desk(
        trained.place.lake, KEYRING, CHURN_ONLY, lambda: AS_OF - timedelta(days=1), no_row, []
    )
    with pytest.raises(Problem, match="1 decision about churn lies after as_of") as problem:
        desk.answer(PLANS["churn"], {"account_id": "a0001"})
    assert (problem.value.status, problem.value.kind) == (503, "no_model")


def no_row(*_: str) -> None:
    return None


def test_a_champion_whose_feature_changed_its_type_is_not_compared(
    linear: Trained, churning: Any
) -> None:
    changed = churning.with_columns(uses=churning["kind"])
    with pytest.raises(Refused) as refused:
        compare(SPEC, linear.fitted, linear.fitted, changed, QUICK)
    assert refused.value.reason is Reason.WRONG_TYPE
