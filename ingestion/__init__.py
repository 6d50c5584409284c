"""From the outside world to landing, and from landing to the lake.

`landing` keeps the exact bytes; `loading` turns landed files into lake rows through the contracts
of `contracts/`; `files` is the door for local files, `pending` for what has landed, `collector`
for HTTP. Every landed row ends as exactly one of good, bad, duplicate or quarantined. Nothing
here knows Dagster, dbt or the other wings.
"""

from ingestion.contracts import KINDS
from ingestion.errors import IngestError, RowError
from ingestion.files import ingest_files
from ingestion.loading import LoadResult, load, receipts, replaceable
from ingestion.pending import load_pending, replay

__all__ = [
    "KINDS",
    "IngestError",
    "LoadResult",
    "RowError",
    "ingest_files",
    "load",
    "load_pending",
    "receipts",
    "replaceable",
    "replay",
]
