"""Files: what a spreadsheet makes of them, and a real SFTP server."""

from __future__ import annotations

import csv
import io
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.audiences import file
from reverse_etl.audiences.model import Item
from reverse_etl.audiences.sync import DONE, PAUSED
from tests.reverse_etl.audiences.worlds import member, open_place
from workspace.ledger import Ledger


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd", "@SUM(A1)", "\t=1", "\r=1", "\x00=1", "＝1+1",
     "＋1+x", "－1x", "＠A1", '=HYPERLINK("http://evil.example";"x")'],
)  # fmt: skip
def test_no_cell_is_a_formula(cell: str) -> None:
    assert file.inert(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-5", "+33612345678", "12", "-1.5", "3,5", "a@example.com", ""])
def test_numbers_stay_numbers(cell: str) -> None:
    assert file.inert(cell) == cell


@given(st.lists(st.text(max_size=20), max_size=5))
def test_a_file_reads_as_it_was_written(emails: list[str]) -> None:
    emails = [email.replace("\x00", "") for email in emails]
    items = [Item(f"c{n}", {"email": [email]}) for n, email in enumerate(emails)]
    text = file.table("add", items).decode("utf-8", "surrogatepass")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["email"] for row in rows] == [file.inert(email) for email in emails]
    assert {row["operation"] for row in rows} <= {"add"}


def test_a_folder_that_cannot_be_written_pauses(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / "files").write_text("no folder")
    with open_place("file", tmp_path / "files") as place:
        report = place.sync(ledger, [member(1)])
    assert report.status == PAUSED


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        known = (username, password) == ("us", "secret")
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "password"


class _Files(paramiko.SFTPServerInterface):
    """A folder of this machine."""

    root = Path()

    def _real(self, path: str) -> Path:
        return self.root / self.canonicalize(path).lstrip("/")

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle:
        handle = paramiko.SFTPHandle(flags)
        fd = os.open(self._real(path), flags, 0o600)
        handle.writefile = handle.readfile = os.fdopen(fd, "wb")
        return handle

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        os.replace(self._real(oldpath), self._real(newpath))
        return paramiko.SFTP_OK


@contextmanager
def sftp_server(root: Path) -> Iterator[tuple[int, str]]:
    """Its port, and its public key."""
    key = paramiko.RSAKey.generate(2048)
    files = type("Files", (_Files,), {"root": root})
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                transport = paramiko.Transport(client)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
                try:
                    transport.start_server(server=_Login())
                except (paramiko.SSHException, EOFError):
                    transport.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], f"{key.get_name()} {key.get_base64()}"


def sftp_values(port: int, key: str, password: str = "secret") -> dict[str, str]:
    return {
        "MARKETING_FILE_URL": f"sftp://us@127.0.0.1:{port}/drop",
        "MARKETING_FILE_SFTP_PASSWORD": password,
        "MARKETING_FILE_SFTP_HOST_KEY": key,
    }


def test_a_file_comes_to_an_sftp_server(tmp_path: Path, ledger: Ledger) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    people = [member(1), member(2, phone="+33612345678")]
    with (
        sftp_server(tmp_path) as (port, key),
        open_place("file", drop, sftp_values(port, key)) as place,
    ):
        report = place.sync(ledger, people)
        assert (report.status, report.delivered, report.failed) == (DONE, 2, 0)
        assert len(place.there()) == 3
    assert [path.suffix for path in drop.iterdir()] == [".csv"], "no half file is left"


def test_another_server_or_password_pauses(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / "drop").mkdir()
    other = paramiko.RSAKey.generate(2048)
    with sftp_server(tmp_path) as (port, key):
        for values in (
            sftp_values(port, f"{other.get_name()} {other.get_base64()}"),
            sftp_values(port, key, "wrong"),
            sftp_values(port, ""),
            sftp_values(port, "no key"),
        ):
            with open_place("file", tmp_path / "drop", values) as place:
                report = place.sync(ledger, [member(1)])
            assert (report.status, report.delivered) == (PAUSED, 0), report
            assert "secret" not in str(report.reason) and "wrong" not in str(report.reason)
    assert list((tmp_path / "drop").iterdir()) == []
