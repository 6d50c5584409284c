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


def test_each_thing_in_full(client: TestClient, paths: Paths) -> None:
    for row in asked(paths, "select segment, contacts from marts.marketing_segments"):
        found = listed(client, f"/segments/{row['segment']}/members", limit=1000)
        item = client.get(f"/api/v1/segments/{row['segment']}").json()["item"]
        assert item["contacts"] == row["contacts"] == len(found)
    people = asked(
        paths,
        "select contact_id, count(q.intent_id) as n, count(q.gate) as stopped "
        "from marts.contact_features left join marts.message_queue as q using (contact_id) "
        "group by 1 order by 2 desc, 1 limit 20",
    )
    for row in people:
        found = listed(client, f"/contacts/{row['contact_id']}/messages", limit=1000)
        assert len(found) == row["n"]
        assert sum(one["gate_text"] is not None for one in found) >= row["stopped"]
        for one in found:
            same = client.get(f"/api/v1/messages/{one['intent_id']}")
            assert same.json()["item"] == one
        for part in ("", "/recommendations"):
            assert client.get(f"/api/v1/contacts/{row['contact_id']}{part}").status_code == 200
    accounts = asked(
        paths,
        "select account_id, c.account_id is not null as is_covered from marts.account_features "
        "left join marts.account_coverage as c using (account_id) order by 1 limit 40",
    )
    campaigns = asked(paths, "select campaign from marts.campaigns")
    assert accounts and campaigns
    for row in accounts:
        item = client.get(f"/api/v1/accounts/{row['account_id']}").json()["item"]
        assert (item["coverage"] is not None) == row["is_covered"]
    for row in campaigns:
        item = client.get(f"/api/v1/campaigns/{row['campaign']}").json()["item"]
        assert item["card"] is not None


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
