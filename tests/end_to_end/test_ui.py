"""Dagster's UI over a real run, in a real browser."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from dagster_project.runs import write_instance
from tests.end_to_end.runner import Finished

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")
def test_the_lineage_reads_from_landing_to_published(finished: Finished, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    opened = finished.copied(tmp_path / "a workspace")
    write_instance(opened.paths)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            Path(sys.executable).with_name("dagster-webserver"),
            *("-h", "127.0.0.1", "-p", str(port), "-m", "dagster_project.definitions"),
        ],
        env={
            **os.environ,
            "MARKETING_WORKSPACE": str(opened.paths.root),
            "DAGSTER_HOME": str(opened.paths.dagster),
        },
        cwd=Path(__file__).parent.parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/server_info", server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
            page = browser.new_page(viewport={"width": 1800, "height": 1000})
            page.goto(f"http://127.0.0.1:{port}/asset-groups")
            places = {}
            for group in ("landing", "lake", "staging", "intermediate", "marts", "published"):
                node = page.locator(f"text=/^{group}$/").last
                node.wait_for(timeout=60_000)
                box = node.bounding_box()
                assert box is not None
                places[group] = box["x"]
            browser.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    assert list(places) == sorted(places, key=lambda group: places[group])


def _wait(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline
            time.sleep(0.3)
