"""Who falls into which part of a population: a bucket of 10,000 by a hash of a salt and an id.

The same person falls into the same bucket for the same salt in every run and every engine; two
salts are independent. SQL and Python agree.
"""

from __future__ import annotations

import hashlib

BUCKETS = 10_000


def bucket(salt: str, ident: str) -> int:
    """0 to 9,999."""
    return int(hashlib.md5(f"{salt}:{ident}".encode()).hexdigest()[:8], 16) % BUCKETS


def bucket_sql(salt: str, ident: str) -> str:
    """:func:`bucket` in DuckDB's SQL, of two expressions."""
    digest = f"md5(concat({salt}, ':', {ident}))"
    return f"(cast(concat('0x', substr({digest}, 1, 8)) as bigint) % {BUCKETS})"
