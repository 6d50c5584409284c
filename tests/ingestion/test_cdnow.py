"""CDNOW's purchases: the converter by itself, and the whole file where it is at hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion import ingest_files
from sandbox import cdnow
from tests.ingestion.conftest import KEYRING, Desk

LINES = [
    " customer_id  date number_of_cds  dollar_value\r\n",
    " 00001 19970101  1   11.77\r\n",
    "\n",
    " 00002 19970112  5   77.00\r\n",
]


def test_messages() -> None:
    first, second = cdnow.messages(iter(LINES))
    assert json.loads(second)["messageId"] == "cdnow-4"
    assert '"revenue":77.00,' in second
    assert json.loads(first) == {
        "messageId": "cdnow-2",
        "type": "track",
        "event": "Order Completed",
        "userId": "00001",
        "timestamp": "1997-01-01T12:00:00Z",
        "receivedAt": "1997-01-01T12:00:01Z",
        "properties": {
            "order_id": "cdnow-2",
            "revenue": 11.77,
            "currency": "USD",
            "quantity": 1,
        },
    }


@pytest.mark.parametrize(
    "line", ["a b c", "1 19970230 1 1.0", "1 19970101 x 1.0", "1 19970101 1 -"]
)
def test_what_is_not_a_purchase(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 is not a purchase"):
        list(cdnow.messages(iter(["1 19970101 1 1.00", line])))


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.txt").write_text("".join(LINES))
    assert cdnow.main([str(tmp_path / "in.txt"), str(tmp_path / "out.ndjson")]) == 0
    assert "2 messages" in capsys.readouterr().out
    assert cdnow.main([]) == 2


def test_every_purchase_to_the_cent(desk: Desk, tmp_path: Path, shared_data: Path) -> None:
    master = shared_data / "cdnow" / "CDNOW_master.txt"
    purchases = [line.split() for line in master.read_text("ascii").splitlines()[1:]]
    path = tmp_path / "cdnow.ndjson"
    assert cdnow.convert(master, path) == len(purchases) == 69_659

    def ingest():  # type: ignore[no-untyped-def]
        arguments = ("events", [path], desk.landing, desk.lake, KEYRING)
        (result,) = ingest_files(*arguments, now=desk.tick, guard=True)
        return result

    first = ingest()
    assert (first.received, first.good) == (69_659, 69_659), first.examples
    table = desk.lake.read("events", ["revenue", "user_key", "order_id", "currency"])
    assert sum(table["revenue"].to_pylist()) == sum(Decimal(row[3]) for row in purchases)
    assert len(set(table["user_key"].to_pylist())) == 23_570
    assert set(table["currency"].to_pylist()) == {"USD"}
    again = ingest()
    assert (again.received, again.duplicate) == (69_659, 69_659)
    # Not the same file, but the same messages.
    path.write_bytes(path.read_bytes() + b"\n")
    resent = ingest()
    assert (resent.received, resent.duplicate) == (69_659, 69_659)
    assert desk.lake.rows("events") == 69_659
