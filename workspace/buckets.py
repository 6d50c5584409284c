"""Who falls into which part of a population: a bucket of 10,000 by a hash of a salt and an id.

The same person falls into the same bucket for the same salt in every run and every engine; two
salts are independent. SQL and Python agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

BUCKETS = 10_000


def bucket(salt: str, ident: str, of: int = BUCKETS) -> int:
    """0 up to, not including, ``of``."""
    return int(hashlib.md5(f"{salt}:{ident}".encode()).hexdigest()[:8], 16) % of


def bucket_sql(salt: str, ident: str, of: str | int = BUCKETS) -> str:
    """:func:`bucket` in DuckDB's SQL, of two or three expressions."""
    digest = f"md5(concat({salt}, ':', {ident}))"
    return f"(cast(concat('0x', substr({digest}, 1, 8)) as bigint) % {of})"


def ranges(shares: Mapping[str, float]) -> dict[str, tuple[int, int]]:
    """Of each share, in percent, the buckets [from, to) that it takes, in the order given.

    Raises ``ValueError`` where they do not sum to 100 or have more than two decimals.
    """
    total = sum(shares.values())
    if abs(total - 100) > 1e-9:
        raise ValueError(f"the shares sum to {total:g}, not to 100")
    if any(round(share * 100, 6) % 1 for share in shares.values()):
        raise ValueError("shares have two decimals at most")
    found, start = {}, 0
    for name, share in shares.items():
        end = start + round(share * 100)
        found[name] = (start, end)
        start = end
    return found
