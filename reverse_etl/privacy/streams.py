"""The lake's part of an erasure: rows of erased people out of the files, what stays of them in.

A stream's files are searched once for everybody (`finding`); a file with a row to change is written
anew (`changing`), and one commit puts the new files in place (:meth:`workspace.lake.Lake.rewrite`).
Killed at any moment, a stream is in its old state or its new one, and the next search finds what is
left to do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reverse_etl.privacy import changing, finding
from reverse_etl.privacy.changing import Change
from reverse_etl.privacy.counted import NOTHING, Counted
from reverse_etl.privacy.finding import Known
from reverse_etl.privacy.stand_ins import StandIns
from workspace import catalogue
from workspace.lake import Lake
from workspace.streams import STREAMS


@dataclass(frozen=True)
class Lines:
    """Rows that are erased people's or name them, by where they landed: ``landing_file`` -> line
    numbers."""

    of: Mapping[str, frozenset[int]]


def streams() -> list[str]:
    """The lake streams that hold anything of people."""
    return list(dict.fromkeys(h.name for h in catalogue.HOLDINGS if h.store == "lake"))


def landed_lines(lake: Lake, stand_ins: StandIns, known: Known | None = None) -> Lines:
    """The landed lines that gave rows of these people or naming them. To be asked before
    :func:`erase`, which need not search again with the same ``known``."""
    found: dict[str, set[int]] = defaultdict(set)
    for stream in streams():
        if "landing_line" in STREAMS[stream].schema.names:
            for path, rows in finding.rows(lake, stream, stand_ins, known).items():
                for file, line in finding.landed(path, np.union1d(rows.touched, rows.kept)):
                    found[file].add(line)
    return Lines({file: frozenset(lines) for file, lines in found.items()})


def erase(
    lake: Lake,
    stand_ins: StandIns,
    residual: bool = True,
    counted: Counted = NOTHING,
    told: Callable[[str], object] | None = None,
    known: Known | None = None,
) -> Counter[str]:
    """Take the people out of every stream; how many rows of each were theirs or named them.

    ``residual``: leave what the catalogue says that stays of a row; else nothing but refusals.
    ``counted``: what figures are counted by besides. ``known``: what :func:`landed_lines` found.
    """
    counts: Counter[str] = Counter()
    for stream in streams():
        if told:
            told(stream)
        touched = _touched(lake, stream, stand_ins, known)
        if touched:
            _rewrite(lake, stream, touched, Change(stream, stand_ins, residual, counted))
            counts[stream] = sum(map(len, touched.values()))
    return counts


def remaining(lake: Lake, stand_ins: StandIns, known: Known | None = None) -> Counter[str]:
    """How many rows of each stream still name these people where none should.

    A proof reads every file: it has no ``known``.
    """
    counts: Counter[str] = Counter()
    for stream in streams():
        touched = _touched(lake, stream, stand_ins, known)
        counts[stream] = sum(map(len, touched.values()))
    return +counts


def _touched(
    lake: Lake, stream: str, stand_ins: StandIns, known: Known | None
) -> dict[Path, np.ndarray]:
    found = finding.rows(lake, stream, stand_ins, known)
    return {path: rows.touched for path, rows in found.items() if len(rows.touched)}


def _rewrite(lake: Lake, stream: str, touched: Mapping[Path, np.ndarray], change: Change) -> None:
    merged = lake.merged(stream)

    def anew(path: Path) -> tuple[Path | None, pa.Table]:
        target = lake.staging() / f"{uuid4().hex}.parquet"
        apart = changing.rewrite(path, target, touched[path], change, path.name not in merged)
        return (target if pq.read_metadata(target).num_rows else None), apart

    with ThreadPoolExecutor(finding.THREADS) as pool:
        new = dict(zip((path.name for path in touched), pool.map(anew, touched), strict=True))
    lake.rewrite(stream, new)
