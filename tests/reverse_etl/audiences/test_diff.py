"""Who comes, changes and goes, against a slow oracle."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.audiences import diff
from reverse_etl.audiences.normalise import PLAIN
from tests.reverse_etl.audiences.worlds import member, people
from workspace.ledger import audiences

EMAILS = st.sampled_from(["a@example.com", "b@example.com", "not an address", None])
MEMBERS = st.dictionaries(st.integers(0, 6), EMAILS)
STATES = st.sampled_from(["there", "coming", "leaving", "changing"])
STANDING = st.dictionaries(st.integers(0, 6), st.tuples(EMAILS, STATES))


def hash_of(email: str | None) -> str:
    import hashlib

    fits = email is not None and " " not in email
    identifiers = json.dumps({"email": [email]}, separators=(",", ":")) if fits else ""
    return hashlib.md5(f"{identifiers}{{}}".encode()).hexdigest()


def row_of(key: int, email: str | None, state: str) -> dict[str, Any]:
    return {
        "contact_id": f"c{key:04d}",
        "payload_hash": hash_of(email),
        "is_current": state == "there",
        "has_joined": state != "coming",
        "remove_due": state == "leaving",
    }


def change(
    key: int,
    members: dict[int, str | None],
    allowed: set[int],
    standing: dict[int, tuple[str | None, str]],
) -> str | None:
    """One member at a time; None where nobody looks at it."""
    is_wanted = key in members and key in allowed
    email = members.get(key)
    is_valid = is_wanted and email is not None and " " not in email
    if key not in standing:
        return ("added" if is_valid else "invalid") if is_wanted else None
    if not is_valid:
        return "removed"
    before, state = standing[key]
    if state == "coming":
        return "added"
    return "unchanged" if state == "there" and before == email else "changed"


@settings(max_examples=150, deadline=None)
@given(MEMBERS, st.sets(st.integers(0, 6)), STANDING)
def test_each_member_is_counted_once(
    members: dict[int, str | None],
    allowed: set[int],
    standing: dict[int, tuple[str | None, str]],
) -> None:
    rows = [row_of(key, *one) for key, one in standing.items()]
    table = pa.Table.from_pylist(rows, schema=audiences.STANDING)
    given_ = [member(key, email) for key, email in members.items()]
    with people(given_, [f"c{key:04d}" for key in allowed]) as connection:
        counters = diff.compare(connection, "members", "allowed", table, PLAIN, ["email"])
        found = dict(
            connection.execute("select contact_id, change from audience_changes").fetchall()
        )
    expected = {
        f"c{key:04d}": one
        for key in range(7)
        if (one := change(key, members, allowed, standing)) is not None
    }
    assert found == expected
    parts = counters.row()
    assert parts.pop("queried") == sum(parts.values()) == len(expected)
    gone = [k for k in standing if expected[f"c{k:04d}"] == "removed"]
    assert counters.refused == sum(key not in allowed for key in gone)


@pytest.mark.parametrize("allowed", [{0, 1}, {1}, set()])
def test_a_stale_segment_moves_nobody_but_who_refused(allowed: set[int]) -> None:
    rows = [row_of(key, "a@example.com", "there") for key in (0, 1)]
    table = pa.Table.from_pylist(rows, schema=audiences.STANDING)
    with people([member(2)], [f"c{key:04d}" for key in allowed | {2}]) as connection:
        counters = diff.compare(
            connection, "members", "allowed", table, PLAIN, ["email"], keeps=True
        )
    assert (counters.added, counters.unchanged) == (0, len(allowed))
    assert counters.removed == counters.refused == 2 - len(allowed)


def test_a_shared_identifier_is_kept_for_who_stays() -> None:
    shared = [member(1, phone="+33612345678"), member(2, phone="+33612345678")]
    with people(shared) as connection:
        nobody = audiences.STANDING.empty_table()
        diff.compare(connection, "members", "allowed", nobody, PLAIN, ["email", "phone"])
        asked = ["+33612345678", "person1@example.com", "somebody@example.com"]
        assert diff.taken_by_others(connection, asked, ["c0001"]) == {"+33612345678"}
        assert diff.taken_by_others(connection, asked, ["c0001", "c0002"]) == set()
