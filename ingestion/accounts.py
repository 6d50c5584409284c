"""The account of every landed row: nothing is lost between a landed file and the lake."""

from __future__ import annotations

from ingestion.contracts import STREAMS_OF
from ingestion.landing import counting_stream
from workspace.lake import Lake

REJECTED = "rejected_rows"


def unbalanced(lake: Lake, kind: str) -> list[str]:
    """Landed files of a kind whose rows do not add up; empty when nothing was lost.

    received = good + bad + duplicate + quarantined by the stored counts, and the lake holds
    exactly the good rows and the rejected ones.
    """
    stored: dict[str, int] = {}
    for stream in STREAMS_OF[kind]:
        for entry in lake.entries(stream):
            stored[entry.batch] = stored.get(entry.batch, 0) + entry.rows
    rejected = {entry.batch: entry.rows for entry in lake.entries(REJECTED)}
    faults = []
    for entry in lake.entries(counting_stream(kind)):
        if not entry.meta:  # a further file of a batch that stands in several
            continue
        counts = {name: entry.meta[name] for name in ("good", "bad", "duplicate", "quarantined")}
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
