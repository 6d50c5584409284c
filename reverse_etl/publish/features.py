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
    """Looks rows up in the version in force; what a version holds is known from its folder's name.

    The connection stays open between questions: opening the file of views takes longer than a look.
    """

    def __init__(self, paths: Paths) -> None:
        self._published = paths.published
        self._lock = Lock()
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("set timezone = 'UTC'")

    def of(self, model: str, subject: Literal["account", "contact"], ident: str) -> pa.Table | None:
        """The row of the last snapshot; None where nothing is published, or where the subject is
        not among those that the model scored."""
        folder = self._folder()
        if folder is None:
            return None
        scored = folder / "predictions"
        rows = folder / f"{subject}_feature_snapshots"
        if not (scored.is_dir() and rows.is_dir()):
            return None
        with self._lock:
            is_scored = self._connection.execute(
                f"select 1 from {_files(scored)} "
                "where model = $1 and subject_type = $2 and subject_id = $3 limit 1",
                [model, subject, ident],
            ).fetchone()
            if is_scored is None:
                return None
            found = self._connection.execute(
                f"select * from {_files(rows)} where {subject}_id = $1 "
                "order by snapshot_at desc limit 1",
                [ident],
            ).to_arrow_table()
        return found if found.num_rows else None

    def close(self) -> None:
        self._connection.close()

    def _folder(self) -> Path | None:
        link = self._published / CURRENT
        return link.resolve() if link.is_symlink() else None


def _files(folder: Path) -> str:
    listed = str(folder).replace("'", "''")
    return f"read_parquet('{listed}/**/*.parquet')"
