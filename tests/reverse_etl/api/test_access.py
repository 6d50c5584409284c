"""Who may see what, and how often."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from reverse_etl.api.access import Door
from reverse_etl.api.app import create
from reverse_etl.rights import ROLES, Right
from tests.reverse_etl.api.conftest import KEYS, over
from workspace.limiter import Limiter
from workspace.paths import Paths
from workspace.settings import READ_ROLES

PATHS = {
    "/kpis": Right.AGGREGATES,
    "/campaigns": Right.AGGREGATES,
    "/campaigns/campaign_1": Right.AGGREGATES,
    "/segments": Right.AGGREGATES,
    "/segments/segment_1": Right.AGGREGATES,
    "/attribution?model=linear": Right.AGGREGATES,
    "/segments/segment_1/members": Right.PEOPLE,
    "/contacts": Right.PEOPLE,
    "/contacts/{contact}": Right.PEOPLE,
    "/contacts/{contact}/recommendations": Right.PEOPLE,
    "/accounts": Right.PEOPLE,
    "/accounts/{account}": Right.PEOPLE,
    "/scores/churn": Right.PEOPLE,
    "/contacts/{contact}/messages": Right.MESSAGES,
    "/messages/{message}": Right.MESSAGES,
    "/audit": Right.AUDIT,
}
MAY = {
    "viewer": {Right.AGGREGATES},
    "analyst": {Right.AGGREGATES, Right.PEOPLE},
    "marketer": {Right.AGGREGATES, Right.PEOPLE, Right.MESSAGES},
    "approver": {Right.AGGREGATES, Right.PEOPLE, Right.MESSAGES},
    "dpo": set(Right),
}


@pytest.fixture(scope="module")
def ids(client: TestClient) -> dict[str, str]:
    first = {
        name: client.get(f"/api/v1/{name}s?limit=1").json()["items"][0][f"{name}_id"]
        for name in ("contact", "account")
    }
    for row in client.get("/api/v1/contacts").json()["items"]:
        found = client.get(f"/api/v1/contacts/{row['contact_id']}/messages").json()["items"]
        if found:
            return {**first, "message": found[0]["intent_id"]}
    raise AssertionError("nobody has a message")


@pytest.mark.parametrize("role", READ_ROLES)
def test_the_matrix(client: TestClient, ids: dict[str, str], role: str) -> None:
    assert {right for right in Right if role in ROLES[right]} == MAY[role]
    for path, right in PATHS.items():
        headers = {"authorization": f"Bearer key of {role}"}
        answer = client.get(f"/api/v1{path.format(**ids)}", headers=headers)
        assert answer.status_code == (200 if right in MAY[role] else 403), (path, answer.text)
        if right not in MAY[role]:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == "/problems/role"


def test_the_matrix_names_every_route(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    pattern = {"campaign": "campaign_1", "segment": "segment_1", "model": "churn"}
    known = {path.partition("?")[0]: list(ROLES[right]) for path, right in PATHS.items()}
    ids = {"contact_id": "{contact}", "account_id": "{account}", "intent_id": "{message}"}
    made = {
        path.removeprefix("/api/v1").format(**pattern, **ids): one["get"]["x-roles"]
        for path, one in document["paths"].items()
    }
    assert made == known


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "is_let_in"),
    [
        (basic("key of viewer", ""), True),
        (basic("anne", "key of viewer"), True),
        ("bearer key of viewer", True),
        (basic("viewer", "viewer"), False),
        (basic("", ""), False),
        ("Basic !", False),
        ("Basic", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("key of viewer", False),
        ("Bearer key of viewerX", False),
        ("Bearer \xe9\xff", False),
        ("", False),
    ],
)
def test_keys(client: TestClient, header: str, is_let_in: bool) -> None:
    answer = client.get("/api/v1/kpis", headers={"authorization": header.encode("latin-1")})
    assert answer.status_code == (200 if is_let_in else 401)
    if not is_let_in:
        assert answer.json()["type"] == "/problems/key"
        assert "www-authenticate" in answer.headers


def test_who_has_no_key_learns_nothing_of_parameters(client: TestClient) -> None:
    nobody = {"authorization": ""}
    for path in ("/contacts?limit=0", "/contacts/nobody", "/scores/unknown"):
        assert client.get(f"/api/v1{path}", headers=nobody).status_code == 401


def test_without_keys_nobody_is_let_in(shared: Paths) -> None:
    client = TestClient(create(shared, []))
    for header in (basic("", ""), "Bearer ", basic("dev", "dev")):
        answer = client.get("/api/v1/kpis", headers={"authorization": header})
        assert answer.status_code == 401


def test_each_key_has_a_rate_of_its_own(shared: Paths) -> None:
    clock = [0.0]
    client = over(shared, lambda: Limiter(2.0, 3, clock=lambda: clock[0]))
    seen = [client.get("/api/v1/kpis?limit=1").status_code for _ in range(4)]
    assert seen == [200, 200, 200, 429]
    refused = client.get("/api/v1/kpis?limit=1")
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["type"] == "/problems/rate"
    other = {"authorization": "Bearer key of viewer"}
    assert client.get("/api/v1/kpis?limit=1", headers=other).status_code == 200
    clock[0] = 0.6
    assert [client.get("/api/v1/kpis?limit=1").status_code for _ in range(2)] == [200, 429]


def test_wrong_keys_are_answered_slowly_and_hold_up_nobody(shared: Paths) -> None:
    clock = [0.0]
    app = create(shared, KEYS, Door(KEYS, refusals=lambda: Limiter(1.0, 3, clock=lambda: clock[0])))
    client = TestClient(app, raise_server_exceptions=False)

    def ask(key: str) -> Any:
        return client.get("/api/v1/kpis?limit=1", headers={"authorization": key} if key else {})

    assert [ask(f"Bearer {i}").status_code for i in range(4)] == [401, 401, 401, 429]
    refused = ask(basic("dev", "dev"))
    assert refused.json()["type"] == "/problems/rate" and refused.headers["retry-after"] == "1"
    assert ask("").status_code == 401  # a browser asks for the key first
    assert ask("Bearer key of viewer").status_code == 200
    clock[0] = 1.0
    assert [ask("Bearer 4").status_code for _ in range(2)] == [401, 429]


def test_the_rate_that_is_shipped(shared: Paths) -> None:
    door = Door(KEYS)
    waits = [limiter.missing() for limiter in door._limiters[:1] for _ in range(400)]
    assert waits == [0.0] * 400 and door._limiters[0].missing() > 0
    assert [door._refused.missing() > 0 for _ in range(21)] == [False] * 20 + [True]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(client: TestClient, method: str) -> None:
    answer = client.request(method, "/api/v1/contacts")
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["type"] == "/problems/method"


@pytest.mark.parametrize("path", ["kpis", "contacts/nobody", "openapi.json", "docs", "nothing"])
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    given, asked = client.get(f"/api/v1/{path}"), client.head(f"/api/v1/{path}")
    assert asked.status_code == given.status_code and asked.content == b""
    same = ("content-length", "content-type", "etag", "x-published-version")
    assert [asked.headers.get(name) for name in same] == [given.headers.get(name) for name in same]
    etag = given.headers.get("etag")
    if path == "kpis":
        again = client.head("/api/v1/kpis", headers={"if-none-match": etag})
        assert again.status_code == 304


def test_a_star_stands_for_any_version_of_what_there_is(
    client: TestClient, ids: dict[str, str]
) -> None:
    known = {"if-none-match": " * "}
    for path in ("kpis", "attribution?model=linear", f"contacts/{ids['contact']}"):
        assert client.get(f"/api/v1/{path}", headers=known).status_code == 304, path
    assert client.get("/api/v1/contacts/nobody", headers=known).status_code == 404
