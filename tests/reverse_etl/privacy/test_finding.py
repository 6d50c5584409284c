"""Rows found by columns and by bytes: the same that a look at every value of every row finds."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reverse_etl.privacy import changing, finding, streams
from reverse_etl.privacy.changing import Change
from reverse_etl.privacy.counted import Counted
from reverse_etl.privacy.finding import Found, Known
from reverse_etl.privacy.stand_ins import StandIns
from tests.reverse_etl.privacy import small_world as world
from tests.reverse_etl.privacy.test_streams import SUBJECT
from tests.reverse_etl.privacy.test_written import LONGER, TEXTS
from workspace import catalogue
from workspace.catalogue import Holding
from workspace.lake import Lake, fitted, parquet_options
from workspace.streams import LINEAGE, STREAMS

STREAM_NAMES = (
    "events",
    "crm_contacts",
    "crm_associations",
    "suppressions",
    "predictions",
    "rejected_rows",
)
_WHEN = ("contact", "contacts", "0-1", "company")
_LINEAGE = [name for name, _ in LINEAGE]


@pytest.fixture(scope="module")
def stand_ins() -> StandIns:
    return StandIns.draw([SUBJECT], world.RING)


def _values(dice: random.Random) -> list[str | None]:
    """What any column may hold: nothing, hers as itself or in a text, and others'."""
    hers = [value for known in SUBJECT.values.values() for value in known]
    hers += [value.upper() for value in hers]
    others = ["", "é" * 3, world.JOAN, LONGER, "usr_joan_78", "90010011", *_WHEN, *_WHEN]
    told = [*TEXTS, '{"a": "9001001"}', f"écrire à {world.ANNE}", "usr_anne_7", "7"]
    return [
        *(None for _ in range(30)),
        *dice.choices(others, k=30),
        *dice.choices(hers, k=2),
        *dice.choices(sorted(SUBJECT.keys), k=2),
        *dice.choices(told, k=2),
    ]


def _table(stream: str, dice: random.Random, rows: int) -> pa.Table:
    columns = []
    jsons = {name for holding in catalogue.of("lake", stream) for name in holding.kept}
    for column in STREAMS[stream].schema:
        if pa.types.is_string(column.type) and column.name not in _LINEAGE:
            keys = sorted(SUBJECT.keys) if column.name == "identifier_key" else []
            cells: list[Any] = dice.choices([*_values(dice), *keys], k=rows)
            if column.name in jsons:
                cells = [None if cell is None else json.dumps({"t": cell}) for cell in cells]
        elif pa.types.is_binary(column.type):
            texts = dice.choices(_values(dice), k=rows)
            cells = [None if t is None else t.encode() + b"\xff" for t in texts]
        elif column.name == "landing_file":
            cells = [f"a/{dice.randrange(3)}" for _ in range(rows)]
        elif column.name == "landing_line":
            cells = list(range(rows))
        else:
            cells = [None] * rows
        columns.append(pa.array(cells, column.type))
    return pa.table(columns, schema=STREAMS[stream].schema)


def _lake(root: Path, dice: random.Random) -> Lake:
    """Files of several row groups, and one from before a stream had its last columns."""
    lake = Lake(root)
    for stream in STREAM_NAMES:
        schema = STREAMS[stream].schema
        for number, rows in enumerate((40, 1, 17)):
            path = lake.staging() / f"{stream}{number}.parquet"
            pq.write_table(_table(stream, dice, rows), path, 7, **parquet_options(schema))
            lake.commit(stream, f"b{number}", [path])
        last = lake.files(stream)[-1]
        without = [c.name for c in schema if c.name not in _LINEAGE][-2:]
        pq.write_table(pq.read_table(last).drop_columns(without), last, 5)
    return lake


# ---- one row at a time ---------------------------------------------------------------------------


def _names(
    row: Mapping[str, Any], holding: Holding, columns: Mapping[str, str], s: StandIns
) -> bool:
    if any(row[name] not in values for name, values in holding.when.items()):
        return False
    for name, kind in columns.items():
        value = row[name]
        if value is not None and kind == "key" and value in s.keys:
            return True
        known = s.values.get(kind, {})
        if value is not None and kind != "key" and (value in known or value.lower() in s.spellings):
            return True
    return False


def _is_touched(row: Mapping[str, Any], stream: str, s: StandIns) -> bool:
    for holding in catalogue.of("lake", stream):
        columns = {**holding.owners, **holding.mentions}
        is_named = _names(row, holding, columns, s)
        if is_named and (
            holding.stays != "keyed" or any(row[name] is not None for name in holding.cleared)
        ):
            return True
        for name in (*holding.cleared, *holding.kept, *holding.texts):
            text = row[name]
            if isinstance(text, bytes):
                text = text.decode("utf-8", "replace")
            if columns.get(name) != "key" and text is not None and s.stands_in(text):
                return True
    return False


def _is_kept(row: Mapping[str, Any], stream: str, s: StandIns) -> bool:
    return any(
        holding.stays == "keyed" and _names(row, holding, holding.owners, s)
        for holding in catalogue.of("lake", stream)
    )


def _rows(path: Path, stream: str) -> list[dict[str, Any]]:
    return fitted(pq.read_table(path), STREAMS[stream].schema).to_pylist()


@pytest.mark.parametrize("seed", range(6))
def test_the_rows_are_those_that_a_look_at_each_finds(
    tmp_path: Path, stand_ins: StandIns, seed: int
) -> None:
    lake = _lake(tmp_path, random.Random(seed))
    lines: dict[str, set[int]] = {}
    touched_anywhere = kept_anywhere = 0
    for stream in STREAM_NAMES:
        found = finding.rows(lake, stream, stand_ins)
        for path in lake.files(stream):
            rows = _rows(path, stream)
            touched = [n for n, row in enumerate(rows) if _is_touched(row, stream, stand_ins)]
            kept = [n for n, row in enumerate(rows) if _is_kept(row, stream, stand_ins)]
            one = found.get(path, Found(np.array([]), np.array([])))
            assert one.touched.tolist() == touched, (stream, path.name)
            assert one.kept.tolist() == sorted({*kept} - {*touched}), stream
            touched_anywhere += len(touched)
            kept_anywhere += len(one.kept)
            for number in {*touched, *kept} if "landing_line" in rows[0] else ():
                row = rows[number]
                lines.setdefault(row["landing_file"], set()).add(row["landing_line"])
    assert touched_anywhere > 50 and kept_anywhere > 0
    assert streams.landed_lines(lake, stand_ins).of == lines


@pytest.mark.parametrize("sets_apart", [False, True])
@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_a_file_is_written_as_a_look_at_each_row_would(
    tmp_path: Path, stand_ins: StandIns, stream: str, sets_apart: bool
) -> None:
    lake = _lake(tmp_path, random.Random(7))
    change = Change(stream, stand_ins, True, Counted())
    for path, found in finding.rows(lake, stream, stand_ins).items():
        stay, apart = [], []
        for row in _rows(path, stream):
            own, left = change.row(row) if _is_touched(row, stream, stand_ins) else (False, row)
            if left is not None:
                (apart if own and sets_apart else stay).append(left)
        target = tmp_path / "anew.parquet"
        told = changing.rewrite(path, target, found.touched, change, sets_apart)
        assert told.to_pylist() == apart
        assert pq.read_table(target).to_pylist() == stay
        assert pq.read_schema(target).equals(STREAMS[stream].schema)


def test_what_was_found_before_is_not_searched_again(tmp_path: Path, stand_ins: StandIns) -> None:
    known: Known = {}
    lake = _lake(tmp_path, random.Random(3))
    streams.landed_lines(lake, stand_ins, known)
    searched = {stream for stream in STREAM_NAMES if "landing_line" in STREAMS[stream].schema.names}
    assert {path for stream in searched for path in lake.files(stream)} == set(known)
    files = {stream: lake.files(stream) for stream in searched}
    none = np.array([], dtype=np.int64)
    known |= {path: Found(none, none) for path in files["events"][:1]}
    touched = finding.rows(lake, "events", stand_ins, known)
    assert files["events"][0] not in touched and files["events"][2] in touched
    streams.erase(lake, stand_ins, known=known)
    assert lake.files("events")[0] == files["events"][0]
    left = streams.remaining(lake, stand_ins)
    assert set(left) == {"events"}, "a proof reads every file"
    assert left["events"] == sum(
        _is_touched(row, "events", stand_ins) for row in _rows(files["events"][0], "events")
    )
