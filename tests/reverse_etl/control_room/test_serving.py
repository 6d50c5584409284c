"""The pages over HTTP."""

from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from reverse_etl.control_room import building
from reverse_etl.control_room.serving import PATH, Rooms
from reverse_etl.rights import ROLES, Right
from workspace.paths import Paths
from workspace.settings import READ_ROLES, ReadKey

KEYS = [ReadKey("one", "viewer", "key one"), ReadKey("two", "dpo", "key two")]
KEYS += [ReadKey(role, role, f"of {role}") for role in READ_ROLES]


@pytest.fixture
def client(paths: Paths) -> TestClient:
    building.build(paths)
    (paths.control_room / "notes.txt").write_text("not a page")
    rooms = Rooms(paths.control_room, KEYS)
    routes = [Route(f"{PATH}{{name:path}}", rooms.page)]
    return TestClient(Starlette(routes=routes), follow_redirects=False)


@pytest.mark.parametrize("login", [("key two", ""), ("anne", "key one")])
def test_a_key_opens(client: TestClient, login: tuple[str, str]) -> None:
    found = client.get(f"{PATH}/", auth=login)
    assert found.status_code == 200 and "Control room" in found.text
    assert "script-src 'self'" in found.headers["content-security-policy"]
    again = client.get(f"{PATH}/{building.PLOTLY}", auth=login)
    assert again.status_code == 200 and "javascript" in again.headers["content-type"]
    assert client.get(PATH, auth=login).headers["location"] == f"{PATH}/"


@pytest.mark.parametrize(
    "header", [None, "Basic", "Basic !", "Basic a2V5", "Bearer a2V5IG9uZQ==", "Basic é"]
)
def test_without_a_key_nothing_is_shown(client: TestClient, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header.encode()}
    for name in ("/", "/nothing", ""):
        found = client.get(f"{PATH}{name}", headers=headers)
        assert found.status_code == 401 and "www-authenticate" in found.headers


@pytest.mark.parametrize("role", READ_ROLES)
def test_a_role_sees_in_pages_what_the_read_api_lets_it_see(client: TestClient, role: str) -> None:
    rights = {name: right for name, right in building.rights().items() if name.endswith(".html")}
    assert rights["organisations.html"] is Right.PEOPLE and rights["audit.html"] is Right.AUDIT
    allowed = {name for name, right in rights.items() if role in ROLES[right]}
    for name in rights:
        found = client.get(f"{PATH}/{name}", auth=(f"of {role}", ""))
        assert found.status_code == (200 if name in allowed else 403), name
        # Nothing of a page stands in the refusal, and the others offer what is allowed.
        linked = set(re.findall(r'<a [^>]*href="([a-z]+\.html)"', found.text))
        assert linked == (allowed if name in allowed else set())
        assert "frame-ancestors" in found.headers["content-security-policy"]


def test_nobody_is_let_in_without_keys(paths: Paths) -> None:
    building.build(paths)
    routes = [Route(f"{PATH}{{name:path}}", Rooms(paths.control_room, []).page)]
    assert TestClient(Starlette(routes=routes)).get(f"{PATH}/", auth=("", "")).status_code == 401


@pytest.mark.parametrize(
    "name",
    ["/notes.txt", "/../ledger.db", "/..%2fledger.db", "/%2e%2e/ledger.db", "ing", "//index.html"],
)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"{PATH}{name}", auth=("key one", "")).status_code == 404


def test_before_the_first_run(paths: Paths) -> None:
    routes = [
        Route(f"{PATH}{{name:path}}", Rooms(paths.control_room, [ReadKey("k", "viewer", "k")]).page)
    ]
    found = TestClient(Starlette(routes=routes)).get(f"{PATH}/", auth=("k", ""))
    assert found.status_code == 404 and "marketing control-room" in found.text


def test_wrong_keys_are_answered_slowly_and_hold_up_nobody(client: TestClient) -> None:
    seen = [client.get(f"{PATH}/", headers={"authorization": f"Bearer {i}"}) for i in range(40)]
    assert seen[0].status_code == 401 and seen[-1].status_code == 429
    assert seen[-1].headers["retry-after"] == "1"
    assert client.get(f"{PATH}/").status_code == 401
    right = {"authorization": f"Bearer {KEYS[0].key}"}
    assert client.get(f"{PATH}/", headers=right).status_code in {200, 404}


def test_pages_that_are_served_lead_to_the_desk(paths: Paths) -> None:
    building.build(paths)
    rooms = Rooms(paths.control_room, [ReadKey("k", "viewer", "k")], "/control-room/desk/")
    client = TestClient(Starlette(routes=[Route(f"{PATH}{{name:path}}", rooms.page)]))
    found = client.get(f"{PATH}/", auth=("k", ""))
    link = '<a href="/control-room/desk/">Desk</a></nav>'
    assert (
        found.text.count(link) == 1 and link not in (paths.control_room / "index.html").read_text()
    )
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert found.headers["cache-control"] == "private, no-cache"
