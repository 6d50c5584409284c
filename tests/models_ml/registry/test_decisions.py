"""Who speaks: decisions folded in any way that may come."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.registry import decisions as deciding
from models_ml.registry.decisions import Decision, What
from models_ml.supervised.comparing import Comparison

START = datetime(2026, 1, 1)
BETTER = Comparison(100, (0.02, 0.01, 0.03), (-0.01, -0.02, 0.0), True, "not worse; AUC …")
WORSE = Comparison(100, (-0.05, -0.07, -0.03), (0.01, 0.0, 0.02), False, "worse: AUC …")


def judged(rows: list[Decision], version: str, comparison: Comparison | None = None, **more):
    at = START + timedelta(days=len(rows))
    return deciding.judge(rows, "churn", version, comparison, at, **more)


def history(*steps: tuple[str, Comparison | None]) -> list[Decision]:
    rows: list[Decision] = []
    for version, comparison in steps:
        rows.append(judged(rows, version, comparison))
    return rows


def test_the_first_speaks_and_a_better_one_after_it() -> None:
    rows = history(("v1", None), ("v2", BETTER))
    assert [row.decision for row in rows] == [What.PROMOTED, What.PROMOTED]
    assert deciding.champion(rows, "churn") == "v2"
    assert (rows[1].difference, rows[1].low, rows[1].high) == BETTER.auc
    assert deciding.champion(rows, "engagement") is None
    assert deciding.succession(rows, "engagement") == []


def test_a_worse_challenger_is_not_promoted() -> None:
    rows = history(("v1", None), ("v2", WORSE))
    assert rows[1].decision is What.KEPT and rows[1].champion == "v1"
    assert rows[1].reason == WORSE.reason
    assert deciding.succession(rows, "churn") == ["v1"]


def test_what_a_baseline_beats_is_never_promoted() -> None:
    row = judged([], "v1", beaten="ranks worse than chance")
    assert (row.decision, row.champion, row.reason) == (What.KEPT, None, "ranks worse than chance")
    assert deciding.champion([row], "churn") is None
    rows = history(("v1", None))
    assert judged(rows, "v2", BETTER, beaten="…").champion == "v1"


def test_the_champion_trained_again_stays() -> None:
    rows = history(("v1", None))
    assert judged(rows, "v1").decision is What.KEPT


def test_a_champion_that_cannot_be_compared_gives_way_with_its_fault() -> None:
    rows = history(("v1", None))
    with pytest.raises(ValueError, match="was not compared"):
        judged(rows, "v2")
    row = judged(rows, "v2", fault="tampered: model.skops is not what was stored")
    assert row.champion == "v2" and "tampered" in row.reason


def test_rolling_back_and_on() -> None:
    rows = history(("v1", None), ("v2", BETTER), ("v3", BETTER))
    at = START + timedelta(days=9)
    back = deciding.roll_back(rows, "churn", at, "ada", "complaints")
    assert (back.version, back.champion, back.actor) == ("v2", "v2", "ada")
    rows.append(back)
    assert deciding.champion(rows, "churn") == "v2"
    assert deciding.succession(rows, "churn") == ["v2", "v1"]
    far = deciding.roll_back(rows, "churn", at, "ada", "again")
    assert deciding.succession([*rows, far], "churn") == ["v1"]
    with pytest.raises(ValueError, match="no champion to go back to"):
        deciding.roll_back([*rows, far], "churn", at, "ada", "…")
    with pytest.raises(ValueError, match="never champion"):
        deciding.roll_back(rows, "churn", at, "ada", "…", version="v3")
    on = deciding.promote(rows, "churn", "v3", at + timedelta(days=1), "ada", "was right")
    assert deciding.succession([*rows, on], "churn") == ["v3", "v2", "v1"]
    with pytest.raises(ValueError, match="already"):
        deciding.promote(rows, "churn", "v2", at, "ada", "…")


def test_what_was_decided_last_counts_whatever_the_clock_said() -> None:
    rows = history(("v1", None), ("v2", BETTER))
    early = deciding.promote(rows, "churn", "v3", START - timedelta(days=9), "ada", "clock back")
    assert deciding.champion([*rows, early], "churn") == "v3"
    assert deciding.succession([*rows, early], "churn") == ["v3", "v2", "v1"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["try", "promote", "back"]), st.integers(0, 4), st.booleans()),
    max_size=25,
)


@settings(deadline=None)
@given(STEPS)
def test_the_line_begins_with_who_speaks_and_names_nobody_twice(steps) -> None:
    rows: list[Decision] = []
    ever: set[str] = set()
    for n, (what, number, better) in enumerate(steps):
        at, version = START + timedelta(days=n), f"v{number}"
        now = deciding.champion(rows, "churn")
        try:
            if what == "try":
                given_ = None if now is None else (BETTER if better else WORSE)
                rows.append(deciding.judge(rows, "churn", version, given_, at))
            elif what == "promote":
                rows.append(deciding.promote(rows, "churn", version, at, "ada", "…"))
            else:
                rows.append(deciding.roll_back(rows, "churn", at, "ada", "…"))
        except ValueError:
            continue
        line = deciding.succession(rows, "churn")
        champion = deciding.champion(rows, "churn")
        ever |= {champion} if champion else set()
        assert line[:1] == ([champion] if champion else [])
        assert len(set(line)) == len(line) and set(line) <= ever
