"""How long acknowledgements took, by segment: what the share within 100 ms is proven with.

Each worker counts its requests in buckets of milliseconds and, when it seals a segment, lands the
counts as a file of the kind ``collector_requests``.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import datetime
from pathlib import Path

from workspace import durable
from workspace.clock import compact, iso

KIND = "collector_requests"
#: Upper bounds, milliseconds; whatever takes longer than the last counts there.
BUCKETS_MS = (1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2500, 10000)


class Latencies:
    """The counts since the last segment."""

    def __init__(self) -> None:
        self._counts = [0] * len(BUCKETS_MS)

    def add(self, seconds: float) -> None:
        place = bisect_left(BUCKETS_MS, seconds * 1000)
        self._counts[min(place, len(BUCKETS_MS) - 1)] += 1

    def land(self, landing: Path, segment: Path, kind: str, received_at: datetime) -> None:
        """Write the counts of the requests in a sealed segment, and begin anew.

        Raises OSError. What a kill takes with it are counts only.
        """
        counts, self._counts = self._counts, [0] * len(BUCKETS_MS)
        segment_id = segment.name.split("__")[1] + "-" + compact(received_at)
        rows = [
            {
                "segment_id": segment_id,
                "collected_kind": kind,
                "up_to_ms": up_to,
                "requests": count,
                "occurred_at": iso(received_at),
                "known_at": iso(received_at),
            }
            for up_to, count in zip(BUCKETS_MS, counts, strict=True)
            if count
        ]
        if rows:
            data = "".join(json.dumps(row) + "\n" for row in rows).encode()
            name = f"{compact(received_at)}__{segment_id[:12]}__{kind}.ndjson"
            durable.write(landing / KIND / name, data)
