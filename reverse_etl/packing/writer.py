"""Writing a pack: beside its name, and renamed there when it is whole."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from reverse_etl.packing.treatment import Column, columns_of
from reverse_etl.publish.catalogue import OPEN, Relation
from reverse_etl.publish.fingerprint import row_text
from reverse_etl.publish.publisher import CURRENT, VERSION_FILE, NothingPublished, Room, rooms
from reverse_etl.publish.views import comments, literal, macros, quoted
from workspace import durable
from workspace.clock import iso
from workspace.paths import Paths

FORM = 1
MEMORY = "4GB"
#: Of definitions, those that are about people and organisations by name.
_NAMING = frozenset({"partners.yml", "senders.yml", "target_accounts.csv"})
_TEXTS = frozenset({".csv", ".css", ".html", ".md", ".mjml", ".txt", ".yaml", ".yml"})
#: What makes a text suspect: something on both sides of an at sign.
_ADDRESS = r"[^\s@]@[^\s@]"
_KEYED = "substr(sha256(getvariable('pack_key') || {}), 1, 32)"

#: Called with a table's name, and how many of how many rows are packed.
Progress = Callable[[str, int, int], None]


class PackError(RuntimeError):
    """A pack that cannot be made; the message says why."""


@dataclass(frozen=True)
class Packed:
    """``sha256`` is the file's; ``left_out`` counts columns."""

    path: Path
    version: str
    tables: int
    rows: int
    size_bytes: int
    sha256: str
    left_out: int


def pack(
    paths: Paths,
    definitions: Path,
    target: Path,
    made_at: datetime,
    made_by: str,
    whole: bool = False,
    progress: Progress | None = None,
) -> Packed:
    """Write the current version to ``target``, mode 0600: pseudonymous, or ``whole``.

    Raises :class:`PackError`, also where the target is there already, and
    :class:`~reverse_etl.publish.NothingPublished`.
    """
    target = target.absolute()
    if target.exists() or target.is_symlink():
        raise PackError(f"{target} is there already; a pack replaces nothing")
    if not target.parent.is_dir():
        raise PackError(f"{target.parent} is no folder")
    versions = _versions(paths, whole)
    _clear_up(target)
    staging = target.with_name(f".{target.name}.{os.getpid()}")
    with _removed(staging):
        os.close(os.open(staging, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        staging.unlink()  # DuckDB makes the file; what the name could not be used for is known
        writer = _Writer(staging, whole, progress)
        with writer:
            for room, folder in versions:
                writer.add(room, folder)
            writer.note_definitions(definitions)
            body = _body(versions[0][1])
            writer.finish(body, made_at, made_by)
        digest = _sha256(staging)
        _claim(staging, target)
    return Packed(
        target,
        body["version"],
        writer.tables,
        writer.rows,
        target.stat().st_size,
        digest,
        writer.left_out,
    )


def _versions(paths: Paths, whole: bool) -> list[tuple[Room, Path]]:
    """The folders to read: fixed here, whatever is published meanwhile."""
    found = []
    for room in rooms(paths):
        if room.schema != OPEN and not whole:
            continue
        link = room.root / CURRENT
        if not link.is_symlink():
            raise NothingPublished(
                f"nothing is published in {room.root} yet; 'marketing run' publishes"
            )
        found.append((room, room.root / os.readlink(link)))
    if len({folder.name for _, folder in found}) > 1:
        raise PackError("a publish is under way; try again")
    return found


class _Writer:
    """One file being written."""

    def __init__(self, path: Path, whole: bool, progress: Progress | None) -> None:
        self._path, self._whole = path, whole
        self._progress = progress or (lambda *_: None)
        self.tables = self.rows = self.left_out = 0
        self._names: set[str] = set()

    def __enter__(self) -> _Writer:
        old = os.umask(0o077)
        try:
            self._connection = duckdb.connect(str(self._path))
        finally:
            os.umask(old)
        self._connection.execute(
            f"set TimeZone = 'UTC'; set memory_limit = '{MEMORY}'; "
            f"set temp_directory = {literal(str(self._path) + '.tmp')}"
        )
        if not self._whole:
            key = secrets.token_hex(32)  # nobody keeps it
            self._connection.execute(f"set variable pack_key = '{key}'")
        self._connection.execute(_OWN_TABLES)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add(self, room: Room, folder: Path) -> None:
        """Every relation of a version folder."""
        body = _body(folder)
        counts: dict[str, int] = {}
        for part, content in body["parts"].items():
            name = part.partition("/")[0]
            counts[name] = counts.get(name, 0) + content["rows"]
        total = sum(counts.values())
        relations = [Relation(**relation) for relation in body["relations"]]
        self._connection.execute(f"create schema if not exists {quoted(room.schema)}")
        for relation in relations:
            self._add(relation, folder, counts.get(relation.name, 0), total)
        if room.schema == OPEN:
            self._names |= {relation.name for relation in relations}

    def _add(self, relation: Relation, folder: Path, rows: int, total: int) -> None:
        source = f"read_parquet({literal(f'{folder}/{relation.name}/*.parquet')})"
        run = self._connection.execute
        described = [row[:2] for row in run(f"describe select * from {source}").fetchall()]
        columns = [Column(name, kind, "kept") for name, kind in described]
        if not self._whole:
            columns = self._suspected(source, columns_of(relation, described))
        chosen = ", ".join(filter(None, map(_expression, columns))) or "true as is_row"
        table = f"{quoted(relation.schema)}.{quoted(relation.name)}"
        run("begin")  # one commit, not one for each comment
        run(f"create table {table} as select {chosen} from {source}")
        for statement in comments(relation, "table", {c.name for c in columns if _stays(c)}):
            run(statement)
        run(
            "insert into pack.columns select * from (values "
            + ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(columns))
            + ")",
            [value for c in columns for value in (relation.schema, relation.name, *c)],
        )
        found = self._note(relation.schema, relation.name, relation.description)
        if found != rows:
            raise PackError(f"{table} has {found} rows and was published with {rows}")
        run("commit")
        self.left_out += sum(not _stays(column) for column in columns)
        self.rows += rows
        self.tables += 1
        self._progress(relation.name, self.rows, total)

    def _suspected(self, source: str, columns: list[Column]) -> list[Column]:
        """Texts that were to stay are left out where any of them looks like an address."""
        kept = [c for c in columns if c.treatment == "kept" and c.data_type == "VARCHAR"]
        if not kept:
            return columns
        asked = ", ".join(
            f"coalesce(bool_or(regexp_matches({quoted(c.name)}, '{_ADDRESS}')), false)"
            for c in kept
        )
        found = self._connection.execute(f"select {asked} from {source}").fetchone()
        assert found is not None
        suspect = {column.name for column, is_one in zip(kept, found, strict=True) if is_one}
        return [
            Column(c.name, c.data_type, "left_out", "holds an address") if c.name in suspect else c
            for c in columns
        ]

    def _note(self, schema: str, name: str, description: str = "") -> int:
        rows, digest = measure(self._connection, schema, name)
        self._connection.execute(
            "insert into pack.tables values (?, ?, ?, ?, ?)",
            [schema, name, rows, digest, description],
        )
        return rows

    def note_definitions(self, folder: Path) -> None:
        """What the business edits: each file's hash, and its text where it may be told."""
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if not path.is_file() or name.parts[0] == "schemas" or name.name.startswith("."):
                continue
            data = path.read_bytes()
            text, reason = self._told(path, data)
            self._connection.execute(
                "insert into pack.definitions values (?, ?, ?, ?)",
                [name.as_posix(), hashlib.sha256(data).hexdigest(), text, reason],
            )

    def _told(self, path: Path, data: bytes) -> tuple[str | None, str | None]:
        if path.suffix not in _TEXTS:
            return None, "not a text"
        text = data.decode("utf-8", "replace")
        if not self._whole and path.name in _NAMING:
            return None, "names people or organisations"
        if not self._whole and re.search(_ADDRESS, text):
            return None, "holds an address"
        return text, None

    def finish(self, body: dict[str, Any], made_at: datetime, made_by: str) -> None:
        """The manifest, and macros over the marts that have all they read."""
        run = self._connection.execute
        for name in ("columns", "definitions"):
            self._note("pack", name)
        row = run(
            "select sha256(string_agg(path || ' ' || sha256, chr(10) order by path)) "
            "from pack.definitions"
        ).fetchone()
        run(
            "insert into pack.manifest values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(FORM, "whole" if self._whole else "pseudonymous"),
                *(body["version"], body.get("as_of"), body.get("snapshot_id"), body.get("run_id")),
                *(iso(made_at), made_by, duckdb.__version__, self.tables, self.rows),
                row and row[0],
            ],
        )
        if self._whole:
            run("set search_path = 'marts'")
            for statement in macros(self._names):
                run(statement)
            run("set search_path = 'main'")
        run("checkpoint")


def measure(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> tuple[int, str]:
    """Rows of a table, and a digest of them whatever their order."""
    table = f"{quoted(schema)}.{quoted(name)}"
    described = connection.execute(f"describe {table}").fetchall()
    columns = sorted((column, kind) for column, kind, *_ in described)
    found = connection.execute(
        f"""
        select
            count(*),
            coalesce(bit_xor(md5_number(row)), 0),
            coalesce(sum(md5_number_lower(row)::hugeint), 0)
        from (select {row_text(columns)} as row from {table})
        """
    ).fetchone()
    assert found is not None
    rows, xor, total = found
    text = json.dumps([columns, rows, str(xor), str(total)])
    return rows, hashlib.sha256(text.encode()).hexdigest()


def _expression(column: Column) -> str | None:
    if not _stays(column):
        return None
    name = quoted(column.name)
    if column.treatment == "kept":
        return name
    return f"{_KEYED.format(f'{name}::varchar')} as {name}"


def _stays(column: Column) -> bool:
    return column.treatment != "left_out"


def _body(folder: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((folder / VERSION_FILE).read_bytes())
    return body


def _claim(staging: Path, target: Path) -> None:
    """Give the finished file its name, unless somebody else has taken it meanwhile."""
    durable.fsync_file(staging)
    try:
        os.link(staging, target)
    except FileExistsError:
        raise PackError(f"{target} is there already; a pack replaces nothing") from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise PackError(f"{target} is there already; a pack replaces nothing") from None
        os.rename(staging, target)
    staging.unlink(missing_ok=True)
    durable.fsync_folder(target.parent)


def _clear_up(target: Path) -> None:
    """Remove what packs of the same name left that were killed."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*"):
        owner = path.name.removeprefix(f".{target.name}.").partition(".")[0]
        if owner.isdigit() and not _is_alive(int(owner)) and path.is_file():
            path.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _removed:
    """Whatever goes wrong in the block, the unfinished file does not stay."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        for path in (self._staging, Path(f"{self._staging}.wal")):
            with suppress(FileNotFoundError):
                path.unlink()


def _sha256(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


_OWN_TABLES = """
create schema pack;
create table pack.manifest (
    form integer, kind varchar, version varchar, as_of varchar, snapshot_id varchar, run_id varchar,
    made_at varchar, made_by varchar, duckdb varchar, tables bigint, "rows" bigint,
    definitions_sha256 varchar
);
create table pack.tables (
    schema_name varchar, table_name varchar, "rows" bigint, digest varchar, description varchar
);
create table pack.columns (
    schema_name varchar, table_name varchar, column_name varchar, data_type varchar,
    treatment varchar, reason varchar
);
create table pack.definitions (path varchar, sha256 varchar, text varchar, reason varchar);
comment on table pack.manifest is 'One row: what this file was made of, when and by whom.';
comment on table pack.tables is
    'One row per table; digest is of its rows, whatever their order (marketing pack --verify).';
comment on table pack.columns is 'One row per published column: kept, keyed anew, or left out.';
comment on table pack.definitions is
    'One row per file of definitions; text is null where it was left out.';
"""
