"""Merges: every object ends at one that is left, whatever is said."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingestion.fivetran.merges import Merge, fold

DAY = datetime(2025, 1, 1)


def at(day: int) -> datetime:
    return DAY + timedelta(days=day)


def test_a_chain_ends_at_its_end() -> None:
    found = fold([Merge("a", "b", at(1)), Merge("b", "c", at(2)), Merge("c", "d", at(3))])
    assert found.into == {"a": "d", "b": "d", "c": "d"}
    assert found.absorbed == {"d": ["a", "b", "c"]}
    assert found.of("x") == "x"


def test_the_last_word_counts() -> None:
    found = fold([Merge("1", "3", at(5)), Merge("1", "2", at(1)), Merge("2", "2", at(9))])
    assert found.into == {"1": "3"} and found.at == {"1": at(5)}


def test_a_circle_keeps_the_smallest_id() -> None:
    found = fold([Merge("10", "9"), Merge("9", "10"), Merge("1", "10"), Merge("8", "1")])
    assert found.into == {"10": "9", "1": "9", "8": "9"}
    assert found.circles == (("9", "10"),)


ids = st.sampled_from([str(i) for i in range(8)])
merges = st.lists(st.builds(Merge, ids, ids, st.integers(0, 50).map(at)), max_size=20)


@given(merges, st.randoms())
def test_against_walking_one_step_at_a_time(found: list[Merge], random) -> None:  # type: ignore[no-untyped-def]
    last: dict[str, Merge] = {}
    for merge in found:
        known = last.get(merge.merged)
        if merge.survivor != merge.merged and (
            known is None or (merge.at, merge.survivor) > (known.at, known.survivor)
        ):
            last[merge.merged] = merge
    expected = {}
    for start in last:
        path = [start]
        while path[-1] in last and last[path[-1]].survivor not in path:
            path.append(last[path[-1]].survivor)
        end = path[-1]
        if end in last:  # the next step is behind us
            end = min(path[path.index(last[end].survivor) :])
        if end != start:
            expected[start] = end
    folded = fold(found)
    assert folded.into == expected
    # Nobody is left that went away, and the order of telling does not matter.
    assert not set(folded.into) & set(folded.into.values())
    random.shuffle(found)
    assert fold(found).into == expected
