"""The account of every landed row: nothing is lost between a landed file and the lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from ingestion.contracts import KINDS, STREAMS_OF
from ingestion.landing import counting_stream
from workspace.lake import Entry, Lake

REJECTED = "rejected_rows"
_COUNTS = ("good", "bad", "duplicate", "quarantined")


def unbalanced(lake: Lake, kind: str) -> list[str]:
    """Landed files of a kind whose rows do not add up; empty when nothing was lost.

    received = good + bad + duplicate + quarantined + erased by the stored counts, and the lake
    holds exactly the good rows and the rejected ones, besides what erasures left.
    """
    stored: dict[str, int] = {}
    for stream in STREAMS_OF[kind]:
        for entry in lake.entries(stream):
            if not entry.residual:
                stored[entry.batch] = stored.get(entry.batch, 0) + entry.rows
    rejected = {entry.batch: entry.rows for entry in lake.entries(REJECTED)}
    faults = []
    for entry in lake.entries(counting_stream(kind)):
        if not entry.meta:  # a further file of a batch that stands in several
            continue
        counts = {name: entry.meta.get(name, 0) for name in (*_COUNTS, "erased")}
        refused = counts["bad"] + counts["quarantined"]
        if (
            entry.meta["received"] != sum(counts.values())
            or counts["good"] != stored[entry.batch]
            or refused != rejected.get(f"{kind}/{entry.batch}", 0)
        ):
            faults.append(
                f"{entry.meta['landing_file']}: received {entry.meta['received']}, {counts}"
            )
    return faults


def recount(lake: Lake, kinds: Sequence[str] = KINDS) -> None:
    """Tell the manifests what an erasure took: rows that are not good or rejected any more are
    ``erased``. Counting again changes nothing."""
    rejected = {
        (entry.batch, verdict): count
        for entry in lake.entries(REJECTED)
        for verdict, count in _verdicts(lake, entry).items()
    }
    for kind in kinds:
        main = counting_stream(kind)
        files = {
            entry.meta["landing_file"]: entry.batch
            for entry in lake.entries(main)
            if "landing_file" in entry.meta
        }
        stored: Counter[str] = Counter()
        for stream in STREAMS_OF[kind]:
            rows = _rows_by_batch(lake, stream, files)
            stored += rows
            _share(lake, stream, rows)

        def told(entry: Entry, kind: str = kind, stored: Counter[str] = stored) -> Entry:
            if "received" not in entry.meta:
                return entry
            meta = dict(entry.meta)
            meta["good"] = stored[entry.batch]
            if not meta.get("refused"):
                for name in ("bad", "quarantined"):
                    meta[name] = rejected.get((f"{kind}/{entry.batch}", name), 0)
            meta["erased"] = meta["received"] - sum(meta[name] for name in _COUNTS)
            return replace(entry, meta=meta)

        lake.amend(main, told)


def _verdicts(lake: Lake, entry: Entry) -> Counter[str]:
    if entry.file is None:
        return Counter()
    path = lake.root / "system" / REJECTED / entry.file
    return Counter(pq.read_table(path, columns=["verdict"])["verdict"].to_pylist())


def _rows_by_batch(lake: Lake, stream: str, files: dict[str, str]) -> Counter[str]:
    """Rows of a stream by the batch that they landed in."""
    merged = lake.merged(stream)
    found: Counter[str] = Counter()
    for entry in lake.entries(stream):
        if entry.file in merged:
            path = next(p for p in lake.files(stream) if p.name == entry.file)
            found += _by_landing_file(path, files)
        elif entry.file is not None and not entry.residual:
            found[entry.batch] += entry.rows
    return found


def _by_landing_file(path: Path, files: dict[str, str]) -> Counter[str]:
    counted = pq.read_table(path, columns=["landing_file"]).group_by("landing_file")
    rows = counted.aggregate([([], "count_all")]).to_pylist()
    found: Counter[str] = Counter()
    for row in rows:
        found[files.get(row["landing_file"], "")] += row["count_all"]
    return found


def _share(lake: Lake, stream: str, rows: Counter[str]) -> None:
    """Of merged files: each batch's share of the rows."""
    merged = lake.merged(stream)
    if not merged:
        return

    def told(entry: Entry) -> Entry:
        is_shared = entry.file in merged or (entry.file is None and entry.rows > 0)
        return replace(entry, rows=rows[entry.batch]) if is_shared else entry

    lake.amend(stream, told)
