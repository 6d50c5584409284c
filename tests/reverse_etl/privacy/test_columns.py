"""Every text of a Parquet file is given, whatever it is stored as."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.privacy import columns


def given_of(path: Path) -> dict[str, list[bytes]]:
    """By column, what is given as values."""
    found = defaultdict(list)
    for name, array in columns.of_parquet(path):
        data, bounds = columns.side_by_side(array)
        for begin, end in pairwise(bounds):
            found[name].append(bytes(data[begin:end]))
    return found


VALUES = st.none() | st.sampled_from(["", "a", "é", "longer " * 9]) | st.text(max_size=5)


@given(
    st.lists(VALUES, max_size=40),
    st.integers(1, 15),
    st.booleans(),
    st.sampled_from([pa.string(), pa.large_string(), pa.binary(), pa.string_view()]),
)
def test_all_values_are_given(
    values: list[str | None], group: int, is_numbered: bool, kind: pa.DataType
) -> None:
    table = pa.table({"a": pa.array(values).cast(kind) if values else pa.array([], kind)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        pq.write_table(table, path, row_group_size=group, use_dictionary=is_numbered)
        found = given_of(path)["a"]
    assert {*found, b""} == {b"", *(v.encode() for v in values if v is not None)}
    assert len(found) <= len(values)


def test_values_that_are_kept_once_are_given_once_a_row_group(tmp_path: Path) -> None:
    rows = [f"row {number} " * 20 for number in range(3000)]
    table = pa.table({"once": ["x", "y", None] * 1000, "each": rows})
    pq.write_table(table, tmp_path / "a", row_group_size=1500)
    assert given_of(tmp_path / "a") == {
        "once": [b"x", b"y"] * 2, "each": [row.encode() for row in rows]
    }  # fmt: skip


def test_wide_values_are_read_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_BYTES", 1 << 20)
    rows = [f"{number} " * 300 for number in range(3000)]
    pq.write_table(pa.table({"a": rows}), tmp_path / "a", use_dictionary=False)
    arrays = [len(array) for _, array in columns.of_parquet(tmp_path / "a")]
    assert sum(arrays) == 3000 and max(arrays) <= 1000


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([["a", "b"], None, []], pa.list_(pa.string())),
        ([["a", "b"], ["a", None]], pa.list_(pa.string(), 2)),
        ([{"x": "a", "y": [{"z": "b"}]}], None),
        ([[("a", 1), ("b", 2)]], pa.map_(pa.string(), pa.int64())),
        ([[("a", "b")]], pa.map_(pa.string(), pa.string())),
        ([b"a", b"b"], pa.binary(1)),
        (["a", "b", "a"], pa.dictionary(pa.int32(), pa.string())),
        (["a", "b"], pa.json_()),
    ],
    ids=str,
)
def test_texts_inside_of_others_are_given(tmp_path: Path, rows: Any, kind: pa.DataType) -> None:
    array = pa.array(rows, kind) if kind != pa.json_() else pa.array(rows).cast(kind)
    pq.write_table(pa.table({"n": [1] * len(rows), "of.it": array}), tmp_path / "a")
    assert {value for value in given_of(tmp_path / "a")["of.it"] if value} == {b"a", b"b"}
