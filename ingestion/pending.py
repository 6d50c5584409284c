"""What there is to load: files that have landed, and files to replay."""

from __future__ import annotations

import logging
from pathlib import Path

from ingestion.collector import segments
from ingestion.errors import FileChanged, IngestError
from ingestion.landing import LandedFile, counting_stream, landed_files, pending
from ingestion.loading import LoadResult, load, record_refusal, rejections
from workspace import durable
from workspace.identifiers import Keyring
from workspace.lake import Lake

_log = logging.getLogger(__name__)
_REPLAY = ".replay"


def load_pending(
    kind: str, landing_root: Path, lake: Lake, keyring: Keyring, guard: bool = True
) -> list[LoadResult]:
    """Load what has landed and has no entry in the lake yet, in the order of receipt.

    A file that is refused as a whole stops no other: it is recorded as one bad row that says
    why. A file that changes while it is read is left for the next time. A replay that was broken
    off is finished first.
    """
    segments.request_rotation(landing_root, kind)
    segments.seal_abandoned(landing_root, kind)
    replayed = _finish(kind, landing_root, lake, keyring, guard)
    return replayed + [
        result
        for file in pending(kind, landing_root, lake)
        if (result := _load(kind, file, lake, keyring, guard)) is not None
    ]


def replay(
    kind: str, landing_root: Path, lake: Lake, keyring: Keyring, guard: bool = True
) -> list[LoadResult]:
    """Load every file with rejected rows anew, in place of what it gave before.

    To be used after its contract, or whatever the rows were rejected for, has been mended. What
    is to be done is written down first, so that a kill leaves a replay that the next load ends.
    """
    for entry in lake.entries(counting_stream(kind)):
        if rejections(entry):
            durable.write(_folder(kind, landing_root) / entry.batch, b"")
    return _finish(kind, landing_root, lake, keyring, guard)


def _finish(
    kind: str, landing_root: Path, lake: Lake, keyring: Keyring, guard: bool
) -> list[LoadResult]:
    folder = _folder(kind, landing_root)
    wanted = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    results = []
    for file in landed_files(kind, landing_root) if wanted else ():
        if file.batch in wanted:
            try:
                results.append(load(kind, file, lake, keyring, guard=guard, again=True))
            except FileChanged as error:
                _log.warning("left for the next load: %s", error)
                continue
            except IngestError as error:  # what it gave before stays
                _log.warning("not replayed: %s", error)
                results.append(load(kind, file, lake, keyring, guard=guard))
            wanted[file.batch].unlink()
    return results


def _load(
    kind: str, file: LandedFile, lake: Lake, keyring: Keyring, guard: bool
) -> LoadResult | None:
    try:
        return load(kind, file, lake, keyring, guard=guard)
    except FileChanged as error:
        _log.warning("left for the next load: %s", error)
        return None
    except IngestError as error:
        _log.warning("refused: %s", error)
        return record_refusal(kind, file, lake, error)


def _folder(kind: str, landing_root: Path) -> Path:
    return landing_root / _REPLAY / kind
