"""Golden values of the papers, slow oracles, gradients and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from models_ml.value import bg_nbd, gamma_gamma
from models_ml.value.bg_nbd import BgNbd
from models_ml.value.gamma_gamma import GammaGamma
from models_ml.value.histories import Histories
from models_ml.value.optimise import NoMaximum

PAPER = BgNbd(0.243, 4.414, 0.793, 2.426)
PAPER_VALUE = GammaGamma(6.25, 3.74, 15.44)
MODELS = st.builds(
    BgNbd,
    st.floats(0.1, 5),
    st.floats(0.5, 50),
    st.floats(0.2, 6) | st.just(1.0),
    st.floats(0.3, 20),
)


def history(repeats: float, recency: float, age: float) -> Histories:
    return Histories(*(np.array([value]) for value in (repeats, recency, age, 1.0)))


@st.composite
def any_history(draw: st.DrawFn) -> Histories:
    age = draw(st.floats(1, 150))
    repeats = draw(st.integers(0, 60))
    return history(repeats, age * draw(st.floats(0.05, 1)) if repeats else 0.0, age)


def test_golden_values() -> None:
    """The customer of the papers: two repeats, the last in week 30.43 of 38.86, worth 22.35."""
    assert PAPER.expected(history(2, 30.43, 38.86), 39)[0] == pytest.approx(1.226, abs=5e-4)
    assert PAPER_VALUE.mean == pytest.approx(35.2, abs=0.05)
    worth = PAPER_VALUE.expected(np.array([2.0, 0.0]), np.array([22.35, 0.0]))
    assert worth == pytest.approx([24.65, 35.22], abs=0.02)


@given(MODELS, any_history(), st.floats(0.5, 104))
@settings(max_examples=60)
def test_the_expectation_is_the_integral_over_who_leaves(
    model: BgNbd, of: Histories, weeks: float
) -> None:
    """Of who is alive: the rate is gamma and the share that leaves beta distributed, given both
    the orders to come are (1 - exp(-rate x share x weeks)) / share."""
    shape, whole = model.r + of.repeats[0], model.alpha + of.age[0]

    leaving = stats.beta(model.a, model.b + of.repeats[0])

    def orders(quantile: float) -> float:
        leaves = max(leaving.ppf(quantile), 1e-300)
        return float(-np.expm1(-shape * np.log1p(leaves * weeks / whole)) / leaves)

    mean = sum(integrate.quad(orders, n / 8, (n + 1) / 8, epsabs=1e-9)[0] for n in range(8))
    expected = mean * model.alive(of)[0]
    assert model.expected(of, weeks)[0] == pytest.approx(expected, rel=1e-4, abs=1e-9)


@given(MODELS, any_history())
def test_bounds(model: BgNbd, of: Histories) -> None:
    alive, year = model.alive(of)[0], model.expected(of, 52)[0]
    assert 0 <= alive <= 1 and np.isfinite(year) and year >= 0
    assert model.expected(of, 26)[0] <= year + 1e-9
    if of.repeats[0]:
        silent = Histories(of.repeats, of.recency, of.age + 20, of.weights)
        assert model.alive(silent)[0] <= alive
    else:
        assert alive == 1


@given(MODELS, st.lists(any_history(), min_size=1, max_size=5))
def test_the_gradient_is_that_of_the_likelihood(model: BgNbd, some: list[Histories]) -> None:
    of = Histories(
        *(np.concatenate([getattr(one, name) for one in some])
          for name in ("repeats", "recency", "age", "weights"))
    )  # fmt: skip
    at = np.array([model.r, model.alpha, model.a, model.b])
    _, gradient = bg_nbd.likelihood(at, of)
    for n, step in enumerate(np.eye(4) * at * 1e-5):
        rise = bg_nbd.likelihood(at + step, of)[0] - bg_nbd.likelihood(at - step, of)[0]
        assert gradient[n] == pytest.approx(rise / (2 * step[n]), rel=1e-4, abs=1e-5)


def test_the_likelihood_is_a_probability() -> None:
    """Over when a first repeat comes, and that none does."""
    of = np.array([0.8, 6.0, 0.7, 2.0])

    def density(*given: float) -> float:
        return float(np.exp(bg_nbd.likelihood(of, history(*given))[0]))

    def of_one(last: float) -> float:
        """One repeat and left, or none since; the rest have a second one."""
        return density(1, last, 20.0)

    # A second repeat at `later`, whoever leaves after it included: a history that ends with it.
    second, _ = integrate.dblquad(
        lambda later, first: density(2, later, later), 0, 20, lambda first: first, 20
    )
    whole = density(0, 0, 20.0) + integrate.quad(of_one, 0, 20)[0] + second
    assert whole == pytest.approx(1, abs=1e-6)


@given(st.floats(0.5, 20), st.floats(1.1, 20), st.floats(0.5, 100), st.integers(0, 50))
def test_a_value_lies_between_its_own_mean_and_everybodys(
    p: float, q: float, v: float, orders: int
) -> None:
    model = GammaGamma(p, q, v)
    found = float(model.expected(np.array([float(orders)]), np.array([40.0]))[0])
    everybody = model.mean or 0.0
    own = 40.0 if orders else everybody
    assert min(own, everybody) - 1e-6 <= found <= max(own, everybody) + 1e-6


def test_the_gradient_of_values() -> None:
    orders, means = np.array([1.0, 4.0, 30.0]), np.array([3.0, 90.0, 0.4])
    for at in ([6.0, 3.7, 15.0], [0.4, 1.2, 2.0]):
        given = np.array(at)
        _, gradient = gamma_gamma.likelihood(given, orders, means)
        for n, step in enumerate(np.eye(3) * given * 1e-6):
            up = gamma_gamma.likelihood(given + step, orders, means)[0]
            down = gamma_gamma.likelihood(given - step, orders, means)[0]
            assert gradient[n] == pytest.approx((up - down) / (2 * step[n]), rel=1e-5, abs=1e-8)


def test_equal_histories_count_as_often_as_they_are() -> None:
    draw = np.random.default_rng(3)
    repeats = draw.integers(0, 4, 400).astype(float)
    of = Histories(repeats, np.where(repeats > 0, 7.0, 0.0), np.full(400, 12.0), np.ones(400))
    at = np.array([0.5, 4.0, 0.7, 2.0])
    assert len(of.grouped().weights) == 4
    assert bg_nbd.likelihood(at, of)[0] == pytest.approx(bg_nbd.likelihood(at, of.grouped())[0])


def test_values_that_do_not_differ_have_no_maximum() -> None:
    with pytest.raises(NoMaximum):
        gamma_gamma.fit(np.full(50, 3.0), np.full(50, 10.0))
