"""Which rows of a file are already there, and which contradict what is.

Rows are compared with the lake and with the earlier rows of their own file:

* kinds with ids: same id and same body is a duplicate, same id and another body a conflict;
* kinds with versions: a row that says what was in force at its own known_at is a duplicate; one
  that says something else at the very known_at of another is a conflict; the rest are
  restatements and stay.

The body is what the lake keeps of a row, but for clocks of the envelope and keyed hashes. The
first of two rows always stays. Only rows whose identity occurs twice are looked at closely.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion import strict
from ingestion.chunks import HAS_TIMESTAMP, ORIGINAL
from ingestion.contracts import TABLES, crm, events
from ingestion.contracts.model import Identity
from workspace.lake import Lake
from workspace.streams import LINEAGE, STREAMS

_JSON = ("properties", "traits", "context", "associations")
_ROW = "_row"


@dataclass(frozen=True)
class Rule:
    """How rows of one stream are told apart."""

    stream: str
    identity: Identity
    columns: tuple[str, ...]
    conflict: str
    #: Columns of which a change alone makes no other row.
    passing: frozenset[str] = frozenset()

    @property
    def body(self) -> list[str]:
        """The columns that make two rows of one identity the same."""
        lineage = {name for name, _ in LINEAGE}
        outside = lineage | set(self.columns) | {"known_at", "message_hash", "sent_at"}
        # What a source sent besides is no part of what we made of it.
        outside |= self.passing | {"payload"}
        # The spelling of an address does not matter where its normal form is the identity.
        if "identifier_key" in self.columns:
            outside |= {"identifier", "identifier_type"}
        if "email_key" in self.columns:
            outside.add("email")
        names = STREAMS[self.stream].schema.names
        return [name for name in names if name not in outside and not name.endswith("_key")]


RULES = {
    "events": Rule("events", "id", events.IDENTITY_COLUMNS, events.CONFLICT),
    **{
        contract.stream: Rule(
            contract.stream, "id", crm.IDENTITY_COLUMNS, crm.CONFLICT, contract.passing
        )
        for contract in crm.BY_TYPE.values()
    },
    **{
        contract.stream: Rule(
            contract.stream,
            contract.identity,
            contract.identity_columns,
            contract.conflict,
            frozenset(contract.passing),
        )
        for contract in TABLES.values()
    },
}


@dataclass
class Judgement:
    """Row numbers count through all tables of the stream, from 0."""

    keep: np.ndarray
    duplicates: int = 0
    conflicts: list[tuple[int, str]] = field(default_factory=list)


def judge(stream: str, tables: Sequence[pa.Table], lake: Lake, batch: str) -> Judgement:
    """Judge the rows of one file against the lake and one another.

    Rows that an interrupted load of this same batch left behind do not count as there.
    """
    rule = RULES[stream]
    judgement = Judgement(np.ones(sum(table.num_rows for table in tables), dtype=bool))
    if not len(judgement.keep):
        return judgement
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("set timezone = 'UTC'")
        if stream == "events":
            numbers, stored = _repeated_events(tables, connection, lake, batch)
        else:
            numbers, stored = _repeated_rows(rule, tables, connection, lake, batch)
        if not len(numbers):
            return judgement
        connection.register("candidates", _rows(tables, numbers))
        connection.register("stored", stored)
        if rule.identity == "id":
            _judge_ids(rule, connection, judgement)
        else:
            _judge_versions(rule, connection, judgement)
    judgement.conflicts.sort()
    return judgement


# ---- finding the few rows to compare ---------------------------------------------------------


def _repeated_rows(
    rule: Rule,
    tables: Sequence[pa.Table],
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    batch: str,
) -> tuple[np.ndarray, pa.Table]:
    """Numbers of the rows whose identity occurs twice, and the lake's rows of those."""
    names = [f'"{name}"' for name in rule.columns]
    key = ", ".join(names)
    same = " and ".join(f"i.{name} is not distinct from s.{name}" for name in names)
    identities = pa.concat_tables(table.select(rule.columns) for table in tables)
    numbers = pa.array(np.arange(identities.num_rows))
    connection.register("identities", identities.append_column(_ROW, numbers))
    stored = connection.execute(
        f"""
        select s.* from ({lake.relation_sql(rule.stream, without=batch)}) as s
        semi join identities as i on {same}
        """
    ).to_arrow_table()
    connection.register("matches", stored)
    found = connection.execute(
        f"""
        select {_ROW} from identities
        qualify count(*) over (partition by {key}) > 1
        union
        select {_ROW} from identities as i semi join matches as s on {same}
        """
    ).fetchnumpy()[_ROW]
    return np.sort(np.asarray(found, dtype=np.int64)), stored


def _repeated_events(
    tables: Sequence[pa.Table], connection: duckdb.DuckDBPyConnection, lake: Lake, batch: str
) -> tuple[np.ndarray, pa.Table]:
    """The same by the numeric hash of the id, which is a hundred times less to read."""
    hashes = np.concatenate([table["message_hash"].to_numpy() for table in tables])
    files = lake.files("events", without=batch)
    hits = stored_hits(hashes, connection, files)
    numbers = np.flatnonzero(repeated(hashes, hits["message_hash"]))
    return numbers, stored_rows(hits, files, STREAMS["events"].schema)


def stored_hits(
    hashes: np.ndarray, connection: duckdb.DuckDBPyConnection, files: Sequence[Path]
) -> dict[str, np.ndarray]:
    """Where these hashes stand in Parquet files: message_hash, file_index, file_row_number."""
    if not files:
        empty = np.zeros(0, dtype=np.int64)
        return {"message_hash": empty, "file_index": empty, "file_row_number": empty}
    connection.register("fresh", pa.table({"message_hash": hashes}))
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    return connection.execute(
        f"""
        select message_hash, file_index, file_row_number
        from read_parquet([{listed}], file_row_number = true)
        semi join fresh using (message_hash)
        """
    ).fetchnumpy()


def stored_rows(hits: dict[str, np.ndarray], files: Sequence[Path], schema: pa.Schema) -> pa.Table:
    """The rows behind the hits, reading only the row groups that hold one."""
    parts = [schema.empty_table()]
    for index in np.unique(hits["file_index"]):
        rows = np.sort(hits["file_row_number"][hits["file_index"] == index])
        with pq.ParquetFile(files[int(index)]) as file:
            start = 0
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                inside = rows[(rows >= start) & (rows < start + size)] - start
                start += size
                if len(inside):
                    table = file.read_row_group(group, columns=schema.names)
                    parts.append(table.take(pa.array(inside)).cast(schema))
    return pa.concat_tables(parts)


def repeated(hashes: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Which of these numbers occur twice here, or among the stored ones."""
    ordered = np.sort(hashes)
    twice = np.concatenate([ordered[1:][ordered[1:] == ordered[:-1]], stored.astype(np.int64)])
    if not len(twice):
        return np.zeros(len(hashes), dtype=bool)
    twice = np.unique(twice)
    at = np.searchsorted(twice, hashes)
    at[at == len(twice)] = 0
    return twice[at] == hashes


def _rows(tables: Sequence[pa.Table], numbers: np.ndarray) -> pa.Table:
    """These rows of all tables, with their numbers."""
    parts, start = [], 0
    for table in tables:
        inside = numbers[(numbers >= start) & (numbers < start + table.num_rows)] - start
        names = [name for name in table.schema.names if name != ORIGINAL]
        parts.append(table.select(names).take(pa.array(inside)))
        start += table.num_rows
    return pa.concat_tables(parts).append_column(_ROW, pa.array(numbers))


# ---- comparing them --------------------------------------------------------------------------


def _judge_ids(rule: Rule, connection: duckdb.DuckDBPyConnection, judgement: Judgement) -> None:
    """Compare each row with the first of its id; by column in SQL, the JSON texts here."""
    key = ", ".join(f'"{name}"' for name in rule.columns)
    columns = ", ".join(dict.fromkeys((*rule.columns, *rule.body, "landing_file", "landing_line")))
    same_key = " and ".join(f'f."{n}" is not distinct from c."{n}"' for n in rule.columns)
    plain = [name for name in rule.body if name not in (*_JSON, "occurred_at")]
    equal = [f'c."{name}" is not distinct from f."{name}"' for name in plain]
    if HAS_TIMESTAMP in [row[0] for row in connection.execute("describe candidates").fetchall()]:
        # Without its own time, a message was timed by its envelope, which a retry changes.
        equal.append(f"(not c.{HAS_TIMESTAMP} or c.occurred_at = f.occurred_at)")
    elif "occurred_at" in rule.body:
        equal.append("c.occurred_at is not distinct from f.occurred_at")
    texts = [name for name in _JSON if name in rule.body]
    pairs = ", ".join(f"c.{t} as {t}, f.{t} as first_{t}" for t in texts)
    same_texts = " and ".join(f"c.{t} is not distinct from f.{t}" for t in texts) or "true"
    result = connection.execute(
        f"""
        with everything as (
            select {columns}, {_ROW} from candidates
            union all by name
            select {columns}, -1 as {_ROW} from stored
        ),
        firsts as (
            select * from everything
            qualify row_number() over (partition by {key} order by {_ROW}) = 1
        )
        select
            c.{_ROW} as number,
            {" and ".join(equal)} as same_plain,
            {same_texts} as same_texts,
            f.landing_file || ':' || f.landing_line as first_at
            {", " + pairs if pairs else ""}
        from candidates as c
        join firsts as f on {same_key}
        where c.{_ROW} <> f.{_ROW}
        """
    ).to_arrow_table()
    sure = pc.and_(result["same_plain"], result["same_texts"])
    for row in result.filter(pc.invert(sure)).to_pylist():
        judgement.keep[row["number"]] = False
        if row["same_plain"] and all(
            _canonical(rule, row[t]) == _canonical(rule, row[f"first_{t}"]) for t in texts
        ):
            judgement.duplicates += 1
        else:
            judgement.conflicts.append((row["number"], f"the first is {row['first_at']}"))
    duplicates = result.filter(sure)["number"].to_numpy()
    judgement.keep[duplicates] = False
    judgement.duplicates += len(duplicates)


def _canonical(rule: Rule, text: str | None) -> Any:
    """A JSON text in one form. A CRM gives null for a property it has heard of just now."""
    if text is None or rule.conflict != crm.CONFLICT or rule.stream == "events":
        return strict.canonical(text)
    filled = {name: value for name, value in json.loads(text).items() if value is not None}
    return strict.canonical(json.dumps(filled))


def _judge_versions(
    rule: Rule, connection: duckdb.DuckDBPyConnection, judgement: Judgement
) -> None:
    """Replay the versions of each thing in the order of known_at."""
    names = [*rule.columns, "known_at", *rule.body, "landing_file", "landing_line"]
    columns = ", ".join(f'"{name}"' for name in dict.fromkeys(names))
    known: dict[tuple[Any, ...], list[tuple[Any, tuple[Any, ...], str]]] = {}
    rows = connection.execute(
        f"select {columns} from stored order by known_at, landing_file, landing_line"
    )
    for row in rows.to_arrow_table().to_pylist():
        known.setdefault(_identity(rule, row), []).append(_version(rule, row))
    fresh = connection.execute(
        f"select {columns}, {_ROW} from candidates order by known_at, {_ROW}"
    )
    for row in fresh.to_arrow_table().to_pylist():
        versions = known.setdefault(_identity(rule, row), [])
        version = _version(rule, row)
        at = bisect_right(versions, row["known_at"], key=lambda v: v[0])
        before = versions[at - 1] if at else None
        if before is not None and before[1] == version[1]:
            judgement.duplicates += 1
        elif before is not None and before[0] == version[0]:
            judgement.conflicts.append((row[_ROW], f"the first is {before[2]}"))
        else:
            versions.insert(at, version)
            continue
        judgement.keep[row[_ROW]] = False


def _identity(rule: Rule, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in rule.columns)


def _version(rule: Rule, row: dict[str, Any]) -> tuple[Any, tuple[Any, ...], str]:
    body = tuple(row[name] for name in rule.body)
    return row["known_at"], body, f"{row['landing_file']}:{row['landing_line']}"
