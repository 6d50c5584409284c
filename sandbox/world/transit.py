"""What happens to messages on the way: late arrival, clock skew, duplicates; and their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.draws import hexes
from sandbox.world.events import ACTORS, HUMAN, Renderer
from sandbox.world.writer import CHUNK, Files, lines_bytes


@dataclass
class OnTheWay:
    """What happened to messages between the device and the file, kept for the truth."""

    tables: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def add(self, name: str, table: pl.DataFrame) -> None:
        """Keep a part of a truth table."""
        if table.height:
            self.tables.setdefault(name, []).append(table)


def travel(rng: np.random.Generator, table: pl.DataFrame, notes: OnTheWay) -> pl.DataFrame:
    """Add message_id, sent, received, original; duplicates are appended; sorted by received."""
    n = table.height
    time = table["time"].to_numpy()
    quick = rng.integers(150, 3_000, n)
    late = rng.random(n) < 0.02
    delay = np.where(late, rng.integers(cal.HOUR, 7 * cal.DAY, n), quick)
    delay = np.where(time + delay >= cal.END - cal.MINUTE, np.minimum(quick, 500), delay)
    received = time + delay
    skewed = rng.random(n) < 0.01
    skew = rng.integers(-2 * cal.DAY, 2 * cal.HOUR, n)
    # receivedAt - (sentAt - originalTimestamp) gives the true time back.
    original = np.where(skewed, time + skew, cal.NEVER)
    sent = np.where(skewed, original + delay, received - 100)
    table = table.with_columns(
        message_id=hexes(rng, n, 24),
        received=pl.Series(received),
        sent=pl.Series(sent),
        original=pl.Series(original),
        is_copy=pl.lit(False),
    )
    again = np.flatnonzero(rng.random(n) < 0.005)
    shift = rng.integers(cal.SECOND, cal.HOUR, len(again))
    # Only receivedAt differs, so the copy has the same id and the same body; a skewed message is
    # not repeated, since its time would follow receivedAt.
    keep = (received[again] + shift < cal.END) & ~skewed[again]
    copies = table[again[keep]].with_columns(
        received=pl.Series(received[again[keep]] + shift[keep]), is_copy=pl.lit(True)
    )
    notes.add("duplicates", copies.select("message_id", "received"))
    notes.add(
        "late_events",
        table.filter(pl.Series(late & (delay > cal.HOUR))).select("message_id", "time", "received"),
    )
    notes.add(
        "skewed_events", table.filter(pl.Series(skewed)).select("message_id", "time", "original")
    )
    notes.add(
        "machine_events",
        table.filter(pl.col("actor") != HUMAN).select(
            "message_id",
            "time",
            actor=pl.Series(ACTORS).gather(table.filter(pl.col("actor") != HUMAN)["actor"]),
        ),
    )
    return pl.concat([table, copies]).sort("received", "message_id", "is_copy")


def write_month(
    files: Files, name: str, table: pl.DataFrame, renderer: Renderer, bad: list[bytes]
) -> None:
    """Write one month of messages, the planted bad lines at its end."""

    def chunks() -> Iterator[memoryview | bytes]:
        for start in range(0, table.height, CHUNK):
            yield lines_bytes(renderer.messages(table.slice(start, CHUNK)))
        for line in bad:
            yield line + b"\n"

    files.write(name, chunks(), table.height + len(bad))
