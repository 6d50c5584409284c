"""The providers that call nobody: console and file."""

from __future__ import annotations

import email
import json
import os
import stat
from email import policy
from pathlib import Path

import pytest

from reverse_etl.delivery.protocol import Kind
from reverse_etl.delivery.providers.console import masked
from sandbox.servers.messaging import Desk
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import CONTENT, LIST_UNSUBSCRIBE, NOW, Lane

CONSOLE, FILE = HARNESSES["console"], HARNESSES["file"]


def test_the_console_shows_what_is_said_and_to_nobody_in_particular(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lane = Lane(CONSOLE, Desk(), {})
    lane.send(
        CONSOLE.message(1, destination="jane.doe@example.org"),
        CONSOLE.message(
            2,
            channel="sms",
            destination="+33612345678",
            sender="+33600000000",
            content={"text": "\x1b[2J" + "x" * 100},
        ),
    )
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first == "email to j***@example.org: Votre démonstration, enfin"
    assert second.startswith("sms to +33***78:  [2Jxxx") and second.endswith("x…")
    assert "jane" not in err and "345" not in err and "\x1b" not in err


@pytest.mark.parametrize(
    ("destination", "shown"),
    [("a@b.example", "a***@b.example"), ("@b", "***@b"), ("short", "***"), ("", "***")],
)
def test_destinations_are_masked(destination: str, shown: str) -> None:
    assert masked(destination) == shown


def lane_in(folder: Path) -> Lane:
    return Lane(FILE, Desk(), {"MARKETING_FILE_FOLDER": str(folder)})


def test_each_message_is_a_file_of_its_own(tmp_path: Path) -> None:
    lane = lane_in(tmp_path / "a folder" / "sent")
    text = FILE.message(
        2, channel="sms", destination="+33612345678", content=CONTENT["sms"], sender="+33600000000"
    )
    lane.send(FILE.message(1, headers=LIST_UNSUBSCRIBE), text)
    mail, sms = sorted((tmp_path / "a folder" / "sent").iterdir())
    assert (mail.name, sms.name) == (f"{1:064x}.eml", f"{2:064x}.json")
    found = email.message_from_bytes(mail.read_bytes(), policy=policy.default)
    assert found["Subject"] == "Votre démonstration, enfin"
    assert found.get_all("List-Unsubscribe") == [LIST_UNSUBSCRIBE[0][1]]
    assert json.loads(sms.read_bytes())["content"] == CONTENT["sms"]
    assert stat.S_IMODE(mail.stat().st_mode) == 0o600
    assert stat.S_IMODE(mail.parent.stat().st_mode) == 0o700


def test_a_file_is_not_written_twice(tmp_path: Path) -> None:
    lane = lane_in(tmp_path)
    lane.send(FILE.message(1))
    (file,) = tmp_path.iterdir()
    before = file.stat().st_mtime_ns
    (again,) = lane.send(FILE.message(1))
    assert again.replayed and file.stat().st_mtime_ns == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_cannot_be_written_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    (outcome,) = lane_in(tmp_path / "file").send(FILE.message(1))
    assert outcome.kind is Kind.UNREACHABLE
    lane = lane_in(tmp_path / "full")

    def full(fd: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        found = lane.send(FILE.message(1), FILE.message(2))
    assert [(one.kind, one.code) for one in found] == [(Kind.UNREACHABLE, "ENOSPC")] * 2
    (after,) = lane.send(FILE.message(1))
    assert after.kind is Kind.ACCEPTED and not after.replayed


def test_ids_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    lane = lane_in(tmp_path / "sent")
    with pytest.raises(ValueError):
        lane.ask(lambda provider: provider.look_up("../../etc/passwd", NOW))
