"""The door for local files: land them, then load them.

The functions here are what the command line and tests call; the work is in `landing` and
`loading`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from ingestion.contracts import KINDS
from ingestion.errors import IngestError
from ingestion.landing import land
from ingestion.loading import LoadResult, load
from workspace import clock
from workspace.identifiers import Keyring
from workspace.lake import Lake


def ingest_files(
    kind: str,
    paths: Iterable[Path | str],
    landing_root: Path,
    lake: Lake,
    keyring: Keyring,
    column_map: dict[str, str] | None = None,
    *,
    now: Callable[[], datetime] = clock.now,
    guard: bool = True,
) -> list[LoadResult]:
    """Land local files and load them, one after the other, in the order given.

    Each is received at ``now()``, always later than the one before. Raises
    :class:`IngestError` at the first file that is refused; those before it are loaded.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; it must be one of {', '.join(KINDS)}")
    results: list[LoadResult] = []
    for path in paths:
        received_at = now()
        if results:
            received_at = max(received_at, results[-1].landed_at + timedelta(microseconds=1))
        file = land(kind, path, landing_root, received_at, column_map)
        try:
            results.append(load(kind, file, lake, keyring, column_map, guard))
        except IngestError as error:
            # The user hears of it now and still has the file: it must not wait in landing.
            file.discard()
            if error.path == file.path:
                error = IngestError(path, error.message, line=error.line, field=error.field)
            raise error from None
    return results
