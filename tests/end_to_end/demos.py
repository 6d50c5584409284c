"""The demo, made as a user makes it, with every outside connection refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.publish import ensure_root
from tests.conftest import PEPPER
from workspace.paths import PROJECT, Paths

#: The command line, writing down whom any Python code wants to reach. A network of its own begins
#: with its loopback down, where the vendors' stand-ins listen.
MARKETING = """
import fcntl, socket, struct, sys

with socket.socket() as probe:
    try:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS: up, running
    except OSError:
        pass  # not our own network

attempts = open(sys.argv[1], "w", buffering=1)

def watch(event, arguments):
    if event == "socket.getaddrinfo":
        if arguments[0] != "127.0.0.1":
            attempts.write(f"{arguments[0]}\\n")
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        if not str(arguments[1][0]).startswith(("127.", "::1")):
            attempts.write(f"{arguments[1]}\\n")

sys.addaudithook(watch)
sys.argv = ["marketing", *sys.argv[2:]]
from interfaces.cli import main
main()
"""


class Demo:
    """A finished demo: its output, whom it tried to reach, its views and its truth."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "a workspace"
        self.output = (folder / "output").read_text()
        self.complaints = (folder / "complaints").read_text()
        self.attempts = (folder / "attempts").read_text()
        ensure_root(Paths(self.workspace))  # it has moved since it was made

    @staticmethod
    def make(folder: Path) -> None:
        command = [sys.executable, "-c", MARKETING, str(folder / "attempts"), "demo"]
        done = subprocess.run(
            [*_without_network(), *command, "--workspace", str(folder / "a workspace")],
            cwd=PROJECT,
            env={"PATH": "/usr/bin:/bin", "MARKETING_PEPPER": PEPPER, "HOME": str(folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "output").write_text(done.stdout)
        (folder / "complaints").write_text(done.stderr)

    def ask(self, query: str, **tables: pa.Table) -> list[Any]:
        """Rows over the published views, the truth's tables and tables of one's own (both in
        ``memory``)."""
        with duckdb.connect() as connection:
            for name, table in tables.items():
                connection.register("given", table)
                connection.execute(f"create table {name} as from given")
            published = self.workspace / "published" / "marketing.duckdb"
            connection.execute(f"attach '{published}' as published (read_only)")
            for path in (self.workspace / "demo" / "truth").glob("*.parquet"):
                connection.execute(f"create view {path.stem} as from read_parquet('{path}')")
            connection.execute("use published")
            return connection.execute(query).fetchall()


def _without_network() -> list[str]:
    """A network namespace of its own, where the system has them."""
    command = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        return []
    return command if subprocess.run([*command, "true"]).returncode == 0 else []
