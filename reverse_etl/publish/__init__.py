"""Publishing: versioned Parquet, and a DuckDB file of views that readers open.

``published/<version>/<view>/*.parquet`` holds the marts; ``published/current`` points at the
version in force; ``published/marketing.duckdb`` holds views through ``current``, so that a
reader that stays connected sees the next version at once. What identifies people lies apart
in ``published_pii/``, readable by its owner only.
"""

from reverse_etl.publish.catalogue import Catalogue, Relation, read_catalogue
from reverse_etl.publish.fingerprint import fingerprints
from reverse_etl.publish.publisher import (
    Made,
    NothingPublished,
    Published,
    ensure_root,
    publish,
    publish_as_of,
    published_as_of,
    rollback,
)
from reverse_etl.publish.reader import (
    TookTooLong,
    bi_settings,
    dicts,
    is_published,
    need,
    pii_reader,
    reader,
)

__all__ = [
    "Catalogue",
    "Made",
    "NothingPublished",
    "Published",
    "Relation",
    "TookTooLong",
    "bi_settings",
    "dicts",
    "ensure_root",
    "fingerprints",
    "is_published",
    "need",
    "pii_reader",
    "publish",
    "publish_as_of",
    "published_as_of",
    "read_catalogue",
    "reader",
    "rollback",
]
