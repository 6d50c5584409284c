"""The published features of one contact or account, as the models that score them read them."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Literal

import duckdb
import pyarrow as pa

from workspace.paths import Paths

CURRENT = "current"


class Features:
    """Looks rows up in the version in force.

    The last snapshot of a version is held in memory, sorted by id, from the first question about
    it on: a scan of the files for one row would cost more than its score. A million rows of fifty
    numbers are some 400 MB.
    """

    def __init__(self, paths: Paths) -> None:
        self._published = paths.published
        self._lock = Lock()
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("set timezone = 'UTC'")
        self._held: tuple[Path | None, set[str]] = (None, set())

    def of(self, model: str, subject: Literal["account", "contact"], ident: str) -> pa.Table | None:
        """The row of the last snapshot; None where nothing is published, or where the subject is
        not among those that the model scored."""
        link = self._published / CURRENT
        if not link.is_symlink():
            return None
        with self._lock:
            if subject not in self._holding(link.resolve(), subject):
                return None
            found = self._connection.execute(
                f"select * from {subject}_rows where {subject}_id = $1 and exists ("
                "select 1 from scored where subject_id = $1 and model = $2 and subject_type = $3)",
                [ident, model, subject],
            ).to_arrow_table()
        return found if found.num_rows else None

    def close(self) -> None:
        self._connection.close()

    def _holding(self, folder: Path, subject: str) -> set[str]:
        """The subjects whose rows of this version are in memory; those of ``subject`` now are."""
        if self._held[0] != folder:
            self._held = (folder, set())
            for table in ("scored", "account_rows", "contact_rows"):
                self._connection.execute(f"drop table if exists {table}")
        known = self._held[1]
        files = {name: folder / f"{name}_feature_snapshots" for name in ("account", "contact")}
        if not ((folder / "predictions").is_dir() and files[subject].is_dir()):
            return known
        if "scored" not in known:
            self._connection.execute(
                "create table scored as select subject_id, model, subject_type "
                f"from {_files(folder / 'predictions')} order by subject_id"
            )
            known.add("scored")
        if subject not in known:
            rows = _files(files[subject])
            self._connection.execute(
                f"create table {subject}_rows as select * from {rows} "
                f"where snapshot_at = (select max(snapshot_at) from {rows}) order by {subject}_id"
            )
            known.add(subject)
        return known


def _files(folder: Path) -> str:
    listed = str(folder).replace("'", "''")
    return f"read_parquet('{listed}/**/*.parquet')"
