"""Dagster behind docs/proxy/nginx.conf, with a real nginx: acceptance check 40."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.workspace.test_tls import certificate
from workspace.paths import PROJECT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
OPERATORS, VIEWERS = "dagster.example.com", "dagster-view.example.com"
RELOAD = {"query": "mutation { reloadWorkspace { __typename } }"}
VERSION = {"query": "{ version }"}
PATHS = [
    ("GET", "/"),
    ("GET", "/runs"),
    ("GET", "/favicon.png"),
    ("GET", "/server_info"),
    ("GET", "/dagit_info"),
    ("GET", "/graphql?query={version}"),
    ("POST", "/graphql"),
    ("POST", "/report_asset_materialization/one"),
    ("POST", "/report_asset_check/one"),
    ("POST", "/report_asset_observation/one"),
    ("GET", "/logs/x/compute_logs/y/err"),
    ("GET", "/notebook?path=/etc/passwd"),
    ("GET", "/dagit/notebook"),
    ("GET", "/download_debug/00000000-0000-0000-0000-000000000000"),
    ("GET", "//graphql"),
    ("GET", "/x/%2e%2e/server_info"),
]

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

CODE = """\
from dagster import Definitions, asset

@asset
def one(): ...

defs = Definitions(assets=[one])
"""


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Proxy:
    port: int
    operators: int
    viewers: int

    def ask(
        self,
        host: str,
        method: str,
        path: str,
        user: str | None = None,
        body: dict[str, str] | None = None,
        **headers: str,
    ) -> tuple[int, bytes]:
        """Status and body; any header by its name with underscores."""
        data = json.dumps(body).encode() if body is not None else b""
        given = {"Host": host, "Connection": "close", "Content-Length": str(len(data))}
        if body is not None:
            given["Content-Type"] = "application/json"
        if user is not None:
            login = base64.b64encode(f"{user}:hunter2".encode()).decode()
            given["Authorization"] = f"Basic {login}"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.port), 60) as plain,
            context.wrap_socket(plain, server_hostname=host) as spoken,
        ):
            spoken.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + data)
            answer = b""
            while part := spoken.recv(65_536):
                answer += part
                if "Upgrade" in given and b"\r\n\r\n" in answer:
                    break  # such a connection is not closed
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), rest

    def socket(self, host: str, user: str | None = None, **headers: str) -> int:
        """The status of a WebSocket's beginning at /graphql."""
        return self.ask(
            host,
            "GET",
            "/graphql",
            user,
            Connection="Upgrade",
            Upgrade="websocket",
            Sec_WebSocket_Key=base64.b64encode(os.urandom(16)).decode(),
            Sec_WebSocket_Version="13",
            Sec_WebSocket_Protocol="graphql-ws",
            **headers,
        )[0]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "code.py").write_text(CODE)
    made = Proxy(_free(), _free(), _free())
    started = []
    try:
        # One after the other: both make the same storage.
        for port, options in ((made.operators, []), (made.viewers, ["--read-only"])):
            started.append(_dagster(folder, port, options))
            _wait(port, started[-1])
        _configure(folder, made)
        command = [str(NGINX), "-e", str(folder / "error.log"), "-p", str(folder)]
        command += ["-c", str(folder / "main.conf")]
        subprocess.run([*command, "-t"], check=True, capture_output=True)
        started.append(subprocess.Popen([*command, "-g", "daemon off;"], start_new_session=True))
        _wait(made.port, started[-1])
        yield made
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            process.wait(30)


def _dagster(folder: Path, port: int, options: list[str]) -> subprocess.Popen[bytes]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    program = Path(sys.executable).with_name("dagster-webserver")
    return subprocess.Popen(
        [program, *("-h", "127.0.0.1", "-p", str(port), "-f", "code.py"), *options],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _configure(folder: Path, made: Proxy) -> None:
    """The documented file, with ports and paths of the test's own."""
    pem = certificate(folder, OPERATORS)
    for name, user in (("operators", "olga"), ("viewers", "vera")):
        (folder / f"marketing-{name}.htpasswd").write_text(f"{user}:{{PLAIN}}hunter2\n")
    text = (PROJECT / "docs" / "proxy" / "nginx.conf").read_text()
    for old, new in (
        ("127.0.0.1:3000", f"127.0.0.1:{made.operators}"),
        ("127.0.0.1:3001", f"127.0.0.1:{made.viewers}"),
        ("listen 443", f"listen 127.0.0.1:{made.port}"),
        ("/etc/nginx/marketing", f"{folder}/marketing"),
        ("/etc/ssl/marketing/dagster.pem", str(pem)),
        ("/etc/ssl/marketing/dagster.key", str(pem)),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (folder / "dagster.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    folders = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{one}_temp_path {folder}/{one};" for one in folders)
    (folder / "main.conf").write_text(
        f"{user} pid {folder}/nginx.pid; events {{}} http {{ access_log off; {temporary} "
        f"include {folder}/dagster.conf; }}"
    )


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, "it did not come up"
            time.sleep(0.2)


@pytest.mark.parametrize("host", [OPERATORS, VIEWERS])
def test_without_a_login_no_path_answers(proxy: Proxy, host: str) -> None:
    for method, path in PATHS:
        status, body = proxy.ask(host, method, path)
        assert status == 401 and b"dagster" not in body.lower(), (method, path, status)
        assert proxy.ask(host, method, path, "mallory")[0] == 401, (method, path)
    assert proxy.socket(host) == proxy.socket(host, "mallory") == 401


def test_each_has_logins_of_its_own(proxy: Proxy) -> None:
    assert proxy.ask(OPERATORS, "GET", "/server_info", "vera")[0] == 401
    assert proxy.ask(VIEWERS, "GET", "/server_info", "olga")[0] == 401


@pytest.mark.parametrize(("host", "user"), [(OPERATORS, "olga"), (VIEWERS, "vera")])
def test_with_a_login_the_page_and_both_graphqls_answer(proxy: Proxy, host: str, user: str) -> None:
    assert proxy.ask(host, "GET", "/server_info", user)[0] == 200
    assert b"<html" in proxy.ask(host, "GET", "/", user)[1].lower()
    status, body = proxy.ask(host, "POST", "/graphql", user, VERSION)
    assert status == 200 and b'"version"' in body
    assert proxy.socket(host, user) == 101
    assert proxy.socket(host, user, Origin=f"https://{host}") == 101


def test_a_viewer_changes_nothing(proxy: Proxy) -> None:
    allowed = proxy.ask(OPERATORS, "POST", "/graphql", "olga", RELOAD)[1]
    assert b'"Workspace"' in allowed
    refused = proxy.ask(VIEWERS, "POST", "/graphql", "vera", RELOAD)[1]
    assert b'"UnauthorizedError"' in refused


@pytest.mark.parametrize(("host", "user"), [(OPERATORS, "olga"), (VIEWERS, "vera")])
def test_events_are_not_reported_by_hand(proxy: Proxy, host: str, user: str) -> None:
    for kind in ("materialization", "check", "observation"):
        for path in (f"/report_asset_{kind}/one", f"//report_asset_{kind}/one"):
            assert proxy.ask(host, "POST", path, user, {})[0] == 403, path
        assert proxy.ask(host, "POST", f"/x/..%2freport_asset_{kind}/one", user, {})[0] == 403
    assert proxy.ask(host, "GET", "/download_debug/x", user)[0] == 403


def test_a_viewer_reads_no_logs(proxy: Proxy) -> None:
    for path in ("/logs/x/compute_logs/y/err", "/notebook?path=x", "/dagit/notebook"):
        assert proxy.ask(VIEWERS, "GET", path, "vera")[0] == 403, path


@pytest.mark.parametrize(("host", "user"), [(OPERATORS, "olga"), (VIEWERS, "vera")])
def test_other_sites_use_no_login_that_a_browser_remembers(
    proxy: Proxy, host: str, user: str
) -> None:
    for origin in (
        "https://evil.example",
        "null",
        f"http://{host}",
        f"https://{host}.evil.example",
    ):
        assert proxy.ask(host, "POST", "/graphql", user, VERSION, Origin=origin)[0] == 403, origin
        assert proxy.socket(host, user, Origin=origin) == 403, origin


def test_another_host_is_not_ours(proxy: Proxy) -> None:
    for host in ("evil.example", "127.0.0.1", "localhost"):
        assert proxy.ask(host, "GET", "/server_info", "olga")[0] == 421, host


def test_the_ports_behind_it_are_open_to_this_machine_only(proxy: Proxy) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent: it only says which address would be used
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    for port in (proxy.operators, proxy.viewers):
        with pytest.raises(OSError):
            socket.create_connection((address, port), 5).close()


def test_the_recipes_listen_on_loopback() -> None:
    text = (PROJECT / "Makefile").read_text()
    recipes = re.findall(r"\$\(BIN\)/dagster(?:-webserver| dev) (.*)", text)
    assert len(recipes) == 2 and all("-h 127.0.0.1" in recipe for recipe in recipes)
    assert "--read-only" in recipes[1]
