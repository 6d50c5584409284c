"""The read API over the marts that the project's own models make."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from reverse_etl.publish import dicts, reader
from tests.end_to_end.runner import Finished
from tests.reverse_etl.api.conftest import over
from tests.reverse_etl.api.test_answers import listed
from workspace.definitions.models import SUBJECTS
from workspace.paths import Paths


@pytest.fixture(scope="module")
def paths(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return finished.copied(tmp_path_factory.mktemp("read api") / "w").paths


@pytest.fixture(scope="module")
def client(paths: Paths) -> TestClient:
    return over(paths)


def asked(paths: Paths, sql: str) -> list[dict[str, Any]]:
    with reader(paths) as connection:
        return dicts(connection, sql)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("/kpis", "kpi_monthly"),
        ("/campaigns", "campaigns"),
        ("/segments", "marketing_segments where is_current"),
        ("/contacts", "contact_features"),
        ("/accounts", "account_features"),
        ("/audit", "audit_logs"),
        *((f"/scores/{model}", f"predictions where model = '{model}'") for model in SUBJECTS),
    ],
)
def test_every_row_is_answered(client: TestClient, paths: Paths, path: str, source: str) -> None:
    (known,) = asked(paths, f"select count(*) as n from marts.{source}")
    assert len(listed(client, path, limit=1000)) == known["n"]


def test_every_member_contact_and_message(client: TestClient, paths: Paths) -> None:
    counts = asked(
        paths, "select segment, count(*) as n from marts.segment_memberships group by all"
    )
    assert counts
    for row in counts:
        assert len(listed(client, f"/segments/{row['segment']}/members", limit=1000)) == row["n"]
        answer = client.get(f"/api/v1/segments/{row['segment']}").json()["item"]
        assert answer["contacts"] == row["n"]
    queued = asked(
        paths,
        "select contact_id, count(*) as n, count(gate) as stopped, min(intent_id) as one "
        "from marts.message_queue group by 1 order by 2 desc, 1 limit 5",
    )
    assert queued
    for row in queued:
        found = listed(client, f"/contacts/{row['contact_id']}/messages", limit=1000)
        assert len(found) == row["n"]
        assert sum(message["gate_text"] is not None for message in found) >= row["stopped"]
        assert client.get(f"/api/v1/messages/{row['one']}").status_code == 200
        for part in ("", "/recommendations"):
            assert client.get(f"/api/v1/contacts/{row['contact_id']}{part}").status_code == 200
    for row in asked(paths, "select account_id from marts.account_coverage order by 1 limit 20"):
        item = client.get(f"/api/v1/accounts/{row['account_id']}").json()["item"]
        assert item["coverage"] is not None
    for row in asked(paths, "select campaign from marts.campaigns"):
        answer = client.get(f"/api/v1/campaigns/{row['campaign']}")
        assert answer.json()["item"]["card"] is not None


def test_attribution_with_the_runs_parameters(client: TestClient, paths: Paths) -> None:
    for model in ("markov", "linear"):
        made = asked(
            paths,
            "select vertical, goal, channel, sum(credit_base)::varchar as credit "
            f"from marts.attribution_credits where model = '{model}' group by all order by all",
        )
        found = listed(client, "/attribution", model=model, limit=1000)
        assert [
            {
                "vertical": row["vertical"],
                "goal": row["goal"],
                "channel": row["name"],
                "credit": row["credit_base"],
            }
            for row in found
        ] == made
    anew = listed(client, "/attribution", model="linear", limit=1000, lookback=90)
    assert anew
