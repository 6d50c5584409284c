"""What docs/bi/README.md says of Superset, done with a real one (`make test-superset`)."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from reverse_etl.publish import bi_settings, reader
from reverse_etl.publish.postgres import load
from tests.conftest import ROOT
from tests.end_to_end.runner import Finished
from tests.end_to_end.test_saved_questions import QUESTIONS, comparable
from tests.ingestion.collector.serving import free_port
from workspace.settings import Settings

BIN = Path(os.environ.get("MARKETING_TEST_SUPERSET", "absent")).absolute() / "bin"
pytestmark = pytest.mark.skipif(
    not (BIN / "superset").exists(),
    reason="no Superset here (make test-superset)",
)
READ_ONLY = {"engine_params": {"connect_args": {"read_only": True}}}
REFUSED = [
    "select * from read_text('/etc/passwd')",
    "select * from read_csv('/etc/passwd')",
    "copy (select 1) to '/tmp/out.csv'",
    "attach '/tmp/new.duckdb' as n",
    "set enable_external_access = true",
    "create table marts.mine as select 1 as a",
    "drop view marts.kpi_monthly",
]


class Superset:
    """A running Superset, asked through its own API."""

    def __init__(self, url: str, password: str) -> None:
        self.url = f"{url}/api/v1"
        self.session = requests.Session()
        self.session.trust_env = False
        login = {"username": "admin", "password": password, "provider": "db", "refresh": False}
        token = self.session.post(f"{self.url}/security/login", json=login).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, document: dict[str, Any]) -> requests.Response:
        return self.session.post(f"{self.url}/{path}", json=document)

    def add(self, name: str, uri: str, extra: dict[str, Any]) -> int:
        document = {"database_name": name, "sqlalchemy_uri": uri, "expose_in_sqllab": True}
        added = self.post("database/", document | {"extra": json.dumps(extra)})
        assert added.status_code == 201, added.text
        return added.json()["id"]

    def ask(self, database: int, sql: str) -> requests.Response:
        asked = {"database_id": database, "sql": sql, "runAsync": False, "queryLimit": 50_000}
        return self.post("sqllab/execute/", asked)

    def rows(self, database: int, sql: str) -> list[list[Any]]:
        answer = self.ask(database, sql)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        names = [column["column_name"] for column in found["columns"]]
        return [[row[name] for name in names] for row in found["data"]]


@pytest.fixture(scope="module")
def workspace(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return finished.copied(tmp_path_factory.mktemp("with space") / "w")


@pytest.fixture(scope="module")
def superset(workspace: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    home = tmp_path_factory.mktemp("superset")
    statements = home / "bi.sql"
    statements.write_text("".join(f"{one};\n" for one in bi_settings(workspace.paths)))
    (home / "superset_config.py").write_text(
        f"SECRET_KEY = {secrets.token_hex(32)!r}\n"
        f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{home}/superset.db'\n"
        "WTF_CSRF_ENABLED = False\nTALISMAN_ENABLED = False\n" + listener(statements)
    )
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(home / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
    }
    password, port = secrets.token_hex(16), free_port()

    def superset(*arguments: str) -> list[str]:
        return [str(BIN / "superset"), *arguments]

    name = ["--username", "admin", "--firstname", "A", "--lastname", "B"]
    admin = superset("fab", "create-admin", *name, "--email", "a@example.com")
    for command in (superset("db", "upgrade"), [*admin, "--password", password], superset("init")):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=home)
        assert done.returncode == 0, done.stderr[-2000:]
    log = home / "log"
    with open(log, "wb") as output:
        server = subprocess.Popen(
            superset("run", "-h", "127.0.0.1", "-p", str(port)),
            env=environment,
            stdout=output,
            stderr=output,
            cwd=home,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", server, log)
        yield Superset(url, password)
    finally:
        server.terminate()
        server.wait(20)


def listener(statements: Path) -> str:
    """The code that docs/bi-connections.md has for `superset_config.py`."""
    text = (ROOT / "docs" / "bi-connections.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(found) == 1
    return found[0].replace("/etc/marketing/bi.sql", str(statements))


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        assert server.poll() is None, log.read_text()[-2000:]
        time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def duckdb_file(superset: Superset, workspace: Settings) -> int:
    file = workspace.paths.published / "marketing.duckdb"
    return superset.add("DuckDB", f"duckdb:///{file}", READ_ONLY)


def test_every_saved_question_is_answered_over_duckdb(
    superset: Superset, duckdb_file: int, workspace: Settings
) -> None:
    answered_alike(superset, duckdb_file, workspace)


def test_every_saved_question_is_answered_over_postgres(
    superset: Superset, workspace: Settings, postgres_url: str
) -> None:
    load(workspace.paths, postgres_url.replace("+psycopg", ""), datetime(2026, 1, 1))
    uri = sa.make_url(postgres_url).set(drivername="postgresql+psycopg2")
    database = superset.add("Postgres", uri.render_as_string(hide_password=False), {})
    answered_alike(superset, database, workspace)


def answered_alike(superset: Superset, database: int, workspace: Settings) -> None:
    with reader(workspace.paths) as ours:
        for path in QUESTIONS:
            question = path.read_text(encoding="utf-8")
            rows = [[in_json(value) for value in row] for row in ours.execute(question).fetchall()]
            answer = superset.rows(database, question)
            assert comparable(answer) == comparable(rows), path.name


def in_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("statement", REFUSED)
def test_the_file_is_locked(superset: Superset, duckdb_file: int, statement: str) -> None:
    answer = superset.ask(duckdb_file, statement)
    assert answer.status_code >= 400 and "root:" not in answer.text
    why = ("disabled by configuration", "has been locked", "does not allow for DDL/DML")
    assert any(text in answer.text for text in why), answer.text


def test_a_dataset_of_a_question_and_a_mart_make_charts(
    superset: Superset, duckdb_file: int, workspace: Settings
) -> None:
    question = (ROOT / "docs" / "bi" / "budget.sql").read_text(encoding="utf-8")
    listed = superset.session.get(
        f"{superset.url}/database/{duckdb_file}/tables/",
        params={"q": "(force:!t,schema_name:marts)"},
    ).json()
    assert "kpi_monthly" in {entry["value"] for entry in listed["result"]}
    virtual = dataset(superset, duckdb_file, "budget", question)
    physical = dataset(superset, duckdb_file, "dim_accounts", None)
    with reader(workspace.paths) as ours:
        lines = ours.execute(f"select count(*) from ({question.rstrip().rstrip(';')})").fetchone()
        accounts = ours.execute("select count(*) from marts.dim_accounts").fetchone()
    assert (counted(superset, virtual),) == lines
    assert (counted(superset, physical),) == accounts
    assert accounts and accounts[0] > 0


def dataset(superset: Superset, database: int, name: str, sql: str | None) -> int:
    document = {"database": database, "schema": "marts", "table_name": name}
    made = superset.post("dataset/", document | ({"sql": sql} if sql else {}))
    assert made.status_code == 201, made.text
    return made.json()["id"]


def counted(superset: Superset, dataset_id: int) -> int:
    metric = {"expressionType": "SQL", "sqlExpression": "count(*)", "label": "rows"}
    asked = {
        "datasource": {"id": dataset_id, "type": "table"},
        "queries": [{"columns": [], "metrics": [metric]}],
        "result_format": "json",
        "result_type": "full",
    }
    answer = superset.post("chart/data", asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"][0]["data"][0]["rows"]
