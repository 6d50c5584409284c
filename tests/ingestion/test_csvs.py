"""The records that some lines of a CSV are of, without reading the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import csvs, strict
from ingestion.contracts import TABLES
from ingestion.pieces import odd_quotes

HEAD = "\nuser_id,feature,used_on,uses\r\n"
CELLS = st.sampled_from(['"a', 'b"', '"', "x", '"y"', "", '""', '"c,d"', "é"])
LINES = st.one_of(
    st.just("u,f,2026-01-01,3"),
    st.just('u,"two\nlines ""of"" it\r\n",2026-01-01,3'),
    st.lists(CELLS, max_size=5).map(",".join),
)


def compare(path: Path, text: bytes, choose: Callable[[list[int]], list[int]]) -> None:
    """The same records as reading all of them gives."""
    path.write_bytes(text)
    starts = [0, *(i + 1 for i, byte in enumerate(text) if byte == ord("\n"))]
    wanted = choose(starts)
    file = csvs.CsvFile(path, path, TABLES["product_usage"], None)
    slow = []
    for row in file.rows():
        lines = starts[row.line - 1 :][: row.original.count(b"\n") + 1]
        if not set(lines).isdisjoint(wanted):
            slow.append((lines, row.original, str(row.value)))
    fast = []
    for start, end, row in file.holding(wanted, odd_quotes(text)):
        lines = [one for one in starts if start <= one < end]
        fast.append((lines, row.original, str(row.value)))
    assert fast == slow


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LINES, max_size=12).map("\n".join), st.data())
def test_the_records_of_some_lines(tmp_path: Path, body: str, data: st.DataObject) -> None:
    def some(starts: list[int]) -> list[int]:
        return data.draw(st.lists(st.sampled_from(starts), unique=True).map(sorted))

    compare(tmp_path / "a.csv", (HEAD + body).encode(), some)


def test_lines_that_are_too_long_stand_alone(tmp_path: Path) -> None:
    long = b'u,"' + b"x" * strict.MAX_ROW_BYTES
    text = HEAD.encode() + long + b'\nu,"f\n",2026-01-01,3\nu,f,2026-01-01,3\n'
    for number in range(6):
        compare(tmp_path / "a.csv", text, lambda starts, number=number: [starts[number]])
