"""What a new version changes for who asks, and what it does not."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from starlette.testclient import TestClient

from benchmarks._published import AS_OF, published
from reverse_etl.api import published as holding
from reverse_etl.api.published import Versions
from reverse_etl.publish import TookTooLong
from reverse_etl.publish.publisher import remove_version
from tests.reverse_etl.api.conftest import over
from workspace.paths import Paths


def moved(client: TestClient, version: str) -> None:
    """Ask until the API answers from ``version``."""
    for _ in range(2000):
        answer = client.get("/api/v1/segments?limit=1")
        if answer.headers.get("x-published-version") == version:
            return
        time.sleep(0.01)
    raise AssertionError("it stays with the version before")


def test_an_answer_is_known_again_until_the_next_version(paths: Paths) -> None:
    first = published(paths, 60).name
    client = over(paths)
    answer = client.get("/api/v1/contacts?limit=5&vertical=medical")
    assert answer.headers["x-published-version"] == first == answer.json()["version"]
    assert answer.headers["cache-control"] == "private, no-cache"
    tag = answer.headers["etag"]
    for known in (tag, f'"x", {tag}', tag.removeprefix("W/")):
        again = client.get(
            "/api/v1/contacts?vertical=medical&limit=5", headers={"if-none-match": known}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    for other in ("/contacts?limit=6&vertical=medical", "/contacts?limit=5", "/accounts?limit=5"):
        found = client.get(f"/api/v1{other}", headers={"if-none-match": tag})
        assert found.status_code == 200 and found.headers["etag"] != tag
    nobody = {"if-none-match": tag, "authorization": ""}
    assert (
        client.get("/api/v1/contacts?limit=5&vertical=medical", headers=nobody).status_code == 401
    )
    second = published(paths, 90, AS_OF + timedelta(seconds=1)).name
    moved(client, second)
    after = client.get("/api/v1/contacts?limit=5&vertical=medical", headers={"if-none-match": tag})
    assert after.status_code == 200 and after.headers["x-published-version"] == second


def test_pages_have_each_row_once_while_versions_are_published(paths: Paths) -> None:
    """A cursor stands at a key, so it is as good in any other version."""
    published(paths, 120)
    client = over(paths)
    seen: list[str] = []
    versions: set[str] = set()
    cursor: dict[str, str] = {}
    for number in range(1, 1000):
        answer = client.get("/api/v1/contacts", params={"limit": 7, **cursor})
        assert answer.status_code == 200
        page = answer.json()
        versions.add(page["version"])
        seen += [row["contact_id"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        if number % 5 == 0:
            moved(client, published(paths, 120, AS_OF + timedelta(seconds=number)).name)
    assert len(versions) > 2
    assert seen == sorted(set(seen)) and len(seen) == 120


def test_order_of_many_rows(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a table of memory come in the order in which they were put in: pages rely on it."""
    published(paths, 60)
    many = "select md5(i::varchar) as contact_id, i % 3 as kind from range(400000) as t(i)"
    monkeypatch.setitem(holding.TABLES, "contacts", f"{many} order by contact_id")
    version = Versions(paths).in_force()
    version.hold("contacts")
    keys, last = [], ""
    sql = "select contact_id from contacts where contact_id > $last and kind = 1 limit 9999"
    while rows := version.rows(sql, {"last": last}):
        keys += [row["contact_id"] for row in rows]
        last = keys[-1]
    (known,) = version.rows(
        f"select list(contact_id order by contact_id) as all from ({many}) where kind = 1", {}
    )
    assert keys == known["all"]


def test_before_anything_is_published(paths: Paths) -> None:
    client = over(paths)
    answer = client.get("/api/v1/contacts")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unpublished")
    assert "marketing run" in answer.json()["detail"]
    assert str(paths.root) not in answer.text
    published(paths, 60)
    assert client.get("/api/v1/contacts").status_code == 200


def test_a_mart_that_the_version_has_not(paths: Paths) -> None:
    folder = published(paths, 60)
    text = (folder / "version.json").read_text().replace('"predictions"', '"other"')
    for one in (folder, folder / "predictions", folder / "version.json"):
        one.chmod(0o755)
    (folder / "version.json").write_text(text)
    (folder / "predictions").rename(folder / "other")
    client = over(paths)
    assert client.get("/api/v1/scores/churn").json()["type"] == "/problems/unpublished"
    assert client.get("/api/v1/kpis").status_code == 200


def test_a_version_that_is_removed_while_it_is_read(paths: Paths) -> None:
    folder = published(paths, 60)
    client = over(paths)
    assert client.get("/api/v1/contacts").status_code == 200
    remove_version(folder)
    assert client.get("/api/v1/contacts").status_code == 200  # it is in memory
    answer = client.get("/api/v1/accounts")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unreadable")
    moved(client, published(paths, 60, AS_OF + timedelta(seconds=1)).name)
    assert client.get("/api/v1/accounts").status_code == 200


def test_an_answer_that_takes_too_long(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    published(paths, 60)
    version = Versions(paths).in_force()
    endless = "select count(*) as n from range(100000000) a, range(100000000) b where a.range > $x"
    with pytest.raises(TookTooLong):
        version.rows(endless, {"x": 3}, seconds=0.2)
    rows = holding.Version.rows
    monkeypatch.setattr(
        holding.Version, "rows", lambda self, sql, values: rows(self, endless, {"x": 3}, 0.2)
    )
    answer = over(paths).get("/api/v1/kpis")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/too_long")
    assert int(answer.headers["retry-after"]) > 0


def test_no_file_can_be_read_and_none_written(paths: Paths, tmp_path: Path) -> None:
    published(paths, 60)
    version = Versions(paths).in_force()
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for sql in (
        f"from read_csv('{secret}')",
        f"attach '{paths.warehouse}' as w",
        f"copy (select 1) to '{tmp_path}/out.csv'",
        "set enable_external_access = true",
        "install httpfs",
    ):
        with pytest.raises(duckdb.Error):
            version.rows(sql, {})


def test_a_row_that_is_not_as_it_must_be(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    published(paths, 60)
    monkeypatch.setattr(holding.Version, "rows", lambda *_: [{"segment": None}])
    answer = over(paths).get("/api/v1/segments")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unreadable")
