"""What has been kept long enough, by ``privacy.yml``, and its end.

Contacts are due by their last own act or the end of their last contract (the mart
``retention_due``); they go by the same erasure as people who ask for it. Rejected rows and places
whose contents expire go by age.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reverse_etl.publish import need, reader
from workspace.definitions.privacy import Privacy
from workspace.lake import Lake, fitted, parquet_options
from workspace.paths import Paths
from workspace.streams import STREAMS

REASON = "retention"
REJECTED = "rejected_rows"


@dataclass(frozen=True)
class Due:
    """What is due of one kind: ``count`` of it, the oldest from the day ``since``."""

    what: str
    count: int
    since: date | None = None


def contacts(paths: Paths, privacy: Privacy, as_of: datetime, zone: str) -> list[tuple[str, date]]:
    """Contact ids and their day, of those whose day has begun in ``zone`` at ``as_of``.

    None where ``privacy.yml`` does not say that people are erased at the end. Raises
    :class:`~reverse_etl.publish.NothingPublished`.
    """
    identity = privacy.categories.get("identity")
    if identity is None or identity.retention.then != "erase":
        return []
    today = local_day(as_of, zone)
    with reader(paths) as connection:
        need(connection, "retention_due")
        found: list[tuple[str, date]] = connection.execute(
            "select contact_id, due_on from marts.retention_due "
            "where category = 'identity' and due_on <= ? order by due_on, contact_id",
            [today],
        ).fetchall()
    return found


def local_day(at: datetime, zone: str) -> date:
    """The day that it is in a time zone."""
    return at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).date()


def rejected_before(privacy: Privacy, as_of: datetime) -> datetime | None:
    """Rejected rows that landed before are due; None where they are kept without end."""
    category = privacy.categories.get("rejected")
    if category is None or category.retention.months is None:
        return None
    if category.retention.then != "delete":
        return None
    with duckdb.connect() as connection:
        row = connection.execute(
            "select cast(? as timestamp) - to_months(?)", [as_of, category.retention.months]
        ).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def count_rejected(lake: Lake, before: datetime) -> int:
    landed = lake.read(REJECTED, ["landed_at"])["landed_at"]
    return int(pc.sum(pc.less(landed, before)).as_py() or 0)


def delete_rejected(lake: Lake, before: datetime) -> int:
    """Delete rejected rows that landed before; how many. The files' counts are to be made again
    (`ingestion.accounts.recount`)."""
    gone = 0
    new: dict[str, tuple[Path | None, None]] = {}
    schema = STREAMS[REJECTED].schema
    for path in lake.files(REJECTED):
        table = fitted(pq.read_table(path), schema)
        kept = table.filter(pc.greater_equal(table["landed_at"], before))
        if kept.num_rows == table.num_rows:
            continue
        gone += table.num_rows - kept.num_rows
        target = None
        if kept.num_rows:
            target = lake.staging() / f"{uuid4().hex}.parquet"
            pq.write_table(kept, target, **parquet_options(schema))
        new[path.name] = (target, None)
    if new:
        lake.rewrite(REJECTED, new)
    return gone


def expired_logs(paths: Paths, privacy: Privacy, at: datetime) -> Iterator[Path]:
    """Records of Dagster's runs that are older than ``places.dagster`` says. ``at`` is the time of
    the machine's clock, which files are dated by."""
    days = privacy.places.get("dagster")
    if days is None:
        return
    limit = (at - timedelta(days=days)).replace(tzinfo=ZoneInfo("UTC")).timestamp()
    for folder in ("history/runs", "storage"):
        root = paths.dagster / folder
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            # The index of all runs is no record of one.
            if path.stem != "index" and path.stat().st_mtime < limit:
                yield path


def remove(path: Path) -> None:
    """Delete a file or folder."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
