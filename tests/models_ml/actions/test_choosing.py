"""Which option is taken, and with what probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.actions import choosing

EUROS = st.floats(-100, 100).map(lambda x: round(x, 2))


def test_worth_is_the_formula_of_the_specification() -> None:
    # 0.10 x 50 - 1 - 20 x 0.01
    assert choosing.worth([0.10], [0.01], 50, 1, 20).tolist() == pytest.approx([3.8])


def test_nothing_is_done_where_nothing_gains() -> None:
    values = np.array([[0.0, -1.0, -0.1], [0.0, 2.0, 3.0], [0.0, 0.0, -1.0]])
    allowed = np.array([[True] * 3, [True, True, False], [True] * 3])
    choice = choosing.choose(values, allowed, 0.0, np.ones(3), np.zeros(3))
    assert choice.taken.tolist() == [0, 1, 0]  # what is not allowed is not taken
    assert choice.propensity.tolist() == [1.0, 1.0, 1.0]
    assert not choice.explored.any()


def slow(values, allowed, exploration, whether, which):
    """One contact after the other, as one would say it."""
    taken, propensities = [], []
    for row, may, first, second in zip(values, allowed, whether, which, strict=True):
        options = [n for n, own in enumerate(may) if own]
        best = max(options, key=lambda n: (row[n], -n))
        drawn = options[min(int(second * len(options)), len(options) - 1)]
        taken.append(drawn if first < exploration else best)
        propensities.append(
            [
                (exploration / len(options) if n in options else 0.0)
                + (1 - exploration if n == best else 0.0)
                for n in range(len(row))
            ]
        )
    return taken, propensities


@given(
    st.lists(
        st.tuples(
            st.lists(EUROS, min_size=3, max_size=3),
            st.lists(st.booleans(), min_size=3, max_size=3),
            st.floats(0, 1, exclude_max=True),
            st.floats(0, 1, exclude_max=True),
        ),
        min_size=1,
        max_size=20,
    ),
    st.floats(0, 0.99),
)
def test_choices_are_those_of_one_contact_after_the_other(rows, exploration) -> None:
    values = np.array([[0.0, *row[0]] for row in rows])
    allowed = np.array([[True, *row[1]] for row in rows])
    whether, which = (np.array([row[n] for row in rows]) for n in (2, 3))
    choice = choosing.choose(values, allowed, exploration, whether, which)
    taken, propensities = slow(values, allowed, exploration, whether, which)
    assert choice.taken.tolist() == taken
    assert choice.propensities == pytest.approx(np.array(propensities))
    assert choice.propensities.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    assert allowed[np.arange(len(rows)), choice.taken].all()


def test_draws_repeat_are_even_and_differ_by_round_and_seed() -> None:
    contacts = [f"c{n}" for n in range(20_000)]
    whether, which = choosing.draws(7, "2026-10-01", contacts)
    again, _ = choosing.draws(7, "2026-10-01", contacts)
    assert (whether == again).all()
    assert whether.min() >= 0 and whether.max() < 1
    assert whether.mean() == pytest.approx(0.5, abs=0.01)
    assert abs(np.corrcoef(whether, which)[0, 1]) < 0.03
    for other in (choosing.draws(8, "2026-10-01", contacts), choosing.draws(7, "x", contacts)):
        assert abs(np.corrcoef(whether, other[0])[0, 1]) < 0.03


def test_explored_options_come_as_often_as_their_propensity_says() -> None:
    count = 40_000
    values = np.tile([0.0, 5.0, 1.0, 2.0], (count, 1))
    allowed = np.tile([True, True, False, True], (count, 1))
    draws = choosing.draws(1, "x", [str(n) for n in range(count)])
    choice = choosing.choose(values, allowed, 0.3, *draws)
    shares = np.bincount(choice.taken, minlength=4) / count
    assert shares == pytest.approx(choice.propensities[0], abs=0.01)


@pytest.mark.parametrize(
    ("values", "exploration"), [([[1.0, 2.0]], 0.1), ([[0.0, 2.0]], 1.0), ([[0.0, 2.0]], -0.1)]
)
def test_what_cannot_be_is_refused(values, exploration) -> None:
    values = np.array(values)
    with pytest.raises(ValueError):
        choosing.choose(values, values > -1, exploration, np.zeros(1), np.zeros(1))
