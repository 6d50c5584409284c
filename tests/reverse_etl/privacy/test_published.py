"""Erased people out of what is published: their keys and identifiers, wherever they stand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.privacy.arrow_texts import rows_near
from reverse_etl.privacy.published import CLEARED, Change
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.privacy.subjects import Subject
from tests.reverse_etl.privacy import small_world as world
from tests.reverse_etl.privacy.test_streams import SUBJECT
from workspace.needles import Needles, literally

KEY = world.RING.key("email", world.IDENTIFIERS["email"][0])
assert KEY is not None
SESSION = "5e" * 16
OTHER = "0f" * 16


@pytest.fixture(scope="module")
def stand_ins() -> StandIns:
    return StandIns.draw([SUBJECT], world.RING)


def changed(
    folder: Path, stand_ins: StandIns, relation: str, schema: str = "marts", **columns: object
) -> tuple[int, pa.Table]:
    source, target = folder / "source.parquet", folder / "target.parquet"
    table = pa.table(columns)
    pq.write_table(table, source, row_group_size=2)
    done = Change(stand_ins, {SESSION: "a1" * 16})(schema, relation, source, target)
    assert target.exists() == bool(done.changed)
    after = pq.read_table(target) if done.changed else table
    assert done.rows == after.num_rows and after.schema.names == table.schema.names
    return done.changed, after


def test_keys_and_identifiers_give_way_wherever_they_stand(
    tmp_path: Path, stand_ins: StandIns
) -> None:
    count, after = changed(
        tmp_path,
        stand_ins,
        "anything",
        contact_id=[OTHER, KEY, None, OTHER, OTHER],
        ids=[f"{OTHER},{SESSION}", OTHER, None, f"x{KEY}x", f"a{KEY}"],
        text=["", f"mail {world.ANNE} soon", None, "plain", "plain"],
        tags=pa.array([[OTHER, KEY], [], None, ["a"], ["b"]]),
        pairs=pa.array([[("k", KEY)], [], None, [], []], pa.map_(pa.string(), pa.string())),
        amount=[1, 2, 3, 4, 5],
    )
    assert count == 3
    instead = stand_ins.keys[KEY]
    assert after["contact_id"].to_pylist() == [OTHER, instead, None, OTHER, OTHER]
    ids = after["ids"].to_pylist()
    assert ids[1:3] == [OTHER, None] and SESSION not in ids[0] and len(ids[0]) == 65
    # Between letters it is a key; between hexadecimal digits part of something longer.
    assert ids[3] == f"x{instead}x" and ids[4] == f"a{KEY}"
    assert after["tags"].to_pylist() == [[OTHER, instead], [], None, ["a"], ["b"]]
    assert after["pairs"].to_pylist()[0] == [("k", instead)]
    assert world.ANNE not in str(after["text"]) and after["amount"].to_pylist() == [1, 2, 3, 4, 5]


def test_what_describes_a_person_is_cleared_in_rows_of_theirs(
    tmp_path: Path, stand_ins: StandIns
) -> None:
    for relation, columns in CLEARED.items():
        (column,) = columns
        _, after = changed(
            tmp_path,
            stand_ins,
            relation,
            contact_id=[KEY, OTHER],
            **{column: pa.array(["said", "said"]).dictionary_encode()},
        )
        assert after[column].to_pylist() == [None, "said"]
        (tmp_path / "target.parquet").unlink()


def test_rows_of_the_closed_schema_go(tmp_path: Path, stand_ins: StandIns) -> None:
    # The second may hold a number by its look alone.
    original = [f'{{"mail": "{world.ANNE}"}}'.encode(), b"\xe9 5%20rooms", b"{}"]
    count, after = changed(
        tmp_path, stand_ins, "contacts", "pii", contact_id=[OTHER, OTHER, KEY], original=original
    )
    assert count == 2 and after["original"].to_pylist() == [original[1]]


def test_without_anybody_nothing_is_written(tmp_path: Path, stand_ins: StandIns) -> None:
    assert changed(tmp_path, stand_ins, "anything", contact_id=[OTHER] * 5)[0] == 0


def test_columns_that_repeat_change_in_some_row_groups(tmp_path: Path, stand_ins: StandIns) -> None:
    source, target = tmp_path / "source.parquet", tmp_path / "target.parquet"
    key = f"case when i = 3000 then '{KEY}' else 'k' || i % 3 end"
    rows = f"select {key} as key, i from range(6000) t(i)"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({rows}) to '{source}' (format parquet, row_group_size 2048)")
    assert pq.read_metadata(source).num_row_groups == 3
    assert Change(stand_ins, {})("marts", "anything", source, target).changed == 1
    after, before = pq.read_table(target), pq.read_table(source)
    assert after.schema.types == before.schema.types
    assert after["key"][3000].as_py() == stand_ins.keys[KEY]
    again = tmp_path / "again.parquet"
    more = StandIns.draw([Subject(None, frozenset({stand_ins.keys[KEY]}), {})], world.RING)
    assert Change(more, {})("marts", "anything", target, again).changed == 1
    assert again.stat().st_size < 1.1 * target.stat().st_size
    assert after.take([*range(3000), *range(3001, 6000)]) == before.take(
        [*range(3000), *range(3001, 6000)]
    )


def test_no_dictionary_keeps_what_no_row_has(tmp_path: Path, stand_ins: StandIns) -> None:
    source, target = tmp_path / "source.parquet", tmp_path / "target.parquet"
    mail = f"case when i = 5 then '{world.ANNE}' else 'm' || i % 3 end"
    with duckdb.connect() as connection:
        rows = f"select {mail} as email, i from range(3000) t(i)"
        connection.execute(
            f"copy ({rows}) to '{source}' (format parquet, compression uncompressed)"
        )
    assert world.ANNE.encode() in source.read_bytes()
    for schema in ("pii", "marts"):
        assert Change(stand_ins, {})(schema, "contacts", source, target).changed == 1
        with pq.ParquetFile(target, read_dictionary=["email"]) as file:
            kept = file.read_row_group(0)["email"].chunk(0).dictionary.to_pylist()
        assert world.ANNE not in kept and len(kept) == (3 if schema == "pii" else 4)
        target.unlink()


TEXTS = st.lists(st.none() | st.text("ab-é", max_size=6), max_size=12)


@given(TEXTS, st.integers(0, 3), st.booleans())
def test_rows_near_are_those_that_hold_it(
    values: list[str | None], cut: int, is_dictionary: bool
) -> None:
    needles = Needles([literally(b"ab")])
    array = pa.array(values, pa.string())
    if is_dictionary:
        array = array.dictionary_encode()
    array, values = array[cut:], values[cut:]
    found = rows_near(array, lambda data: [end for _, end in needles.find(data)])
    holding = [row for row, value in enumerate(values) if value and "ab" in value]
    assert set(holding) <= set(found)
    lists = pa.array([[value] for value in values], pa.list_(pa.string()))
    again = rows_near(lists, lambda data: [end for _, end in needles.find(data)])
    assert set(holding) <= set(again)
    assert found == sorted(set(found)) and all(0 <= row < len(values) for row in found)
