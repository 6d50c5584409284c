"""Segment's official clients, unchanged, from their calls to `fct_events`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import requests

from tests.end_to_end.runner import open_workspace, run
from tests.ingestion.collector import samples
from tests.ingestion.collector.serving import ROOT, as_process, counted

CALLS = 5000
HERE = ROOT / "tests" / "ingestion" / "collector"
#: Where `.ci/run` puts the Node client; nothing of Node is needed to use the project.
NODE = Path(os.environ.get("MARKETING_NODE") or ROOT / ".venv" / "node")


def test_official_clients_deliver_each_call_once(tmp_path: Path) -> None:
    commands = {"python": [sys.executable, str(HERE / "client.py")]}
    if (NODE / "node_modules" / "@segment" / "analytics-node").is_dir():
        # Node looks for packages beside the script.
        script = NODE / "client.mjs"
        script.write_bytes((HERE / "client.mjs").read_bytes())
        commands["node"] = ["node", str(script)]
    elif os.environ.get("CI"):
        pytest.fail(f"@segment/analytics-node is not in {NODE}")
    opened = open_workspace(tmp_path / "a workspace")
    with as_process(opened.paths.root, workers=2) as (served, _):
        clients = [
            subprocess.Popen([*command, served.url, "server-key", str(CALLS)])
            for command in commands.values()
        ]
        assert [client.wait(120) for client in clients] == [0] * len(clients)
        sent = CALLS * len(commands)
        assert counted(served, "collector_messages_total", 'source="server"') == sent
        opened_mail = samples.postmark("Open", "ReceivedAt", Recipient="a@x.example")
        for _ in range(3):
            url = served.url + "/webhooks/postmark"
            answer = requests.post(url, json=opened_mail, auth=("user", "password"), timeout=10)
            assert answer.status_code == 200
        # While the server goes on listening: the run asks it for what it holds.
        run(opened)
    with duckdb.connect(str(opened.paths.published / "marketing.duckdb"), read_only=True) as db:
        (rows, ids) = db.execute(
            "select count(*), count(distinct message_id) from marts.fct_events"
        ).fetchone()  # type: ignore[misc]
        assert (rows, ids) == (sent, sent)
        (rejected,) = db.execute("select count(*) from marts.rejected_rows").fetchone()  # type: ignore[misc]
        assert rejected == 0
        told = db.execute("select provider, event_type from marts.delivery_logs").fetchall()
        assert told == [("postmark", "opened")]
        kinds = db.execute(
            "select message_type, count(*) from marts.fct_events group by 1 order by 1"
        ).fetchall()
        assert [kind for kind, _ in kinds] == sorted(
            ("alias", "group", "identify", "page", "screen", "track")
        )
        assert max(n for _, n in kinds) - min(n for _, n in kinds) <= len(commands)
