"""Tables that a run makes anew each time, beside the lake's streams."""

from __future__ import annotations

import pyarrow as pa

#: What other ways to decide would have brought.
POLICIES = pa.schema(
    [
        ("policy", pa.string()),
        ("estimator", pa.string()),
        ("estimate", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("decisions", pa.int64()),
        ("effective_decisions", pa.float64()),
        ("carried_out", pa.int64()),
    ]
)
#: Who resembles a segment's members.
LOOKALIKES = pa.schema(
    [
        ("segment", pa.string()),
        ("contact_id", pa.string()),
        ("similarity_rank", pa.int64()),
        ("distance", pa.float64()),
        ("nearest_member_id", pa.string()),
        ("seed_members", pa.int64()),
    ]
)
#: How often contacts met what other weights of recommendations would put first.
CONTENT_POLICIES = pa.schema(
    [
        ("policy", pa.string()),
        ("weights", pa.string()),
        ("estimate", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("gain", pa.float64()),
        ("gain_low", pa.float64()),
        ("gain_high", pa.float64()),
        ("recommendations", pa.int64()),
        ("followed", pa.int64()),
        ("effective_recommendations", pa.float64()),
    ]
)
