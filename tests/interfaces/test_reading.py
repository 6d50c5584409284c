"""The read API of `marketing serve`, as programs ask it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks._published import published
from tests.ingestion.collector.serving import as_process
from workspace import settings
from workspace.paths import Paths

KEYS = {"MARKETING_READ_KEYS": "wall:view-key,analyst/ana:ask-key,dpo/dee:all-key"}


@pytest.mark.parametrize("workers", [1, 2])
def test_over_http(tmp_path: Path, workers: int) -> None:
    paths = Paths(tmp_path / "w")
    paths.create()
    published(paths, 60)
    paths.warehouse.unlink()  # nothing but what is published is read
    with as_process(paths.root, workers, changed=KEYS) as (served, _):

        def get(path: str, key: str = "all-key", **headers: str) -> Any:
            headers = {"authorization": f"Bearer {key}", **headers}
            return requests.get(f"{served.url}/api/v1{path}", headers=headers, timeout=60)

        found = get("/contacts?limit=3")
        assert found.status_code == 200 and len(found.json()["items"]) == 3
        again = get("/contacts?limit=3", **{"if-none-match": found.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert get("/contacts", "view-key").status_code == 403
        assert get("/kpis", "view-key").status_code == 200
        assert get("/audit", "ask-key").status_code == 403
        assert get("/contacts", "score-key").status_code == 401
        assert get("/contacts", "server-key").status_code == 401
        for path in ("/contacts/%00%ed%a0%80", "/contacts?cursor=%ff%00", "/x" * 500, "/%zz"):
            assert get(path).status_code in (404, 422), path
        assert requests.get(f"{served.url}/api/v1/docs", timeout=20).status_code == 200
        # The collector's own paths are as they were, and its key opens nothing here.
        assert served.post("/v1/track", {"userId": "u", "event": "E"}).status_code == 200
        assert served.post("/api/v1/contacts", {}).status_code == 405
        wall = requests.get(f"{served.url}/control-room/", auth=("view-key", ""), timeout=20)
        assert wall.status_code == 404  # let in; no run made the pages


def test_the_known_key_of_a_development_workspace_may_see_everything(tmp_path: Path) -> None:
    keyless = {"MARKETING_WRITE_KEYS": "", "MARKETING_SCORE_KEYS": ""}
    with as_process(tmp_path / "w", changed=keyless) as (served, _):
        found = requests.get(f"{served.url}/api/v1/audit", auth=("dev", ""), timeout=60)
        assert (found.status_code, found.json()["type"]) == (503, "/problems/unpublished")


def test_a_worker_that_only_collects_does_without(tmp_path: Path) -> None:
    program = (
        "import sys; from interfaces import http; http.create_app(); "
        "assert not {'fastapi', 'reverse_etl.api', 'interfaces.desk.app'} & sys.modules.keys()"
    )
    with settings.exported(MARKETING_WORKSPACE=str(tmp_path / "w")):
        subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
