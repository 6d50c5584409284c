from __future__ import annotations

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from workspace.buckets import BUCKETS, bucket, bucket_sql

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@settings(deadline=None)
@given(TEXT, TEXT)
def test_sql_and_python_agree(salt: str, ident: str) -> None:
    query = f"select {bucket_sql('$1::varchar', '$2::varchar')}"
    found = duckdb.execute(query, [salt, ident]).fetchone()
    assert found == (bucket(salt, ident),)
    query = f"select {bucket_sql('$1::varchar', '$2::varchar', '$3::int')}"
    assert duckdb.execute(query, [salt, ident, 7]).fetchone() == (bucket(salt, ident, 7),)


def test_buckets_are_filled_evenly_and_salts_are_independent() -> None:
    people = [str(number) for number in range(20_000)]
    lower = {salt: {p for p in people if bucket(salt, p) < BUCKETS // 4} for salt in "ab"}
    for salt in "ab":
        assert 4_700 < len(lower[salt]) < 5_300
    assert 1_100 < len(lower["a"] & lower["b"]) < 1_400


def test_golden() -> None:
    assert [bucket("holdout", str(n)) for n in range(3)] == [5063, 9339, 3448]
