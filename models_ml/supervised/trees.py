"""Exact Shapley values of boosted trees, by tables.

A feature's contribution to a tree is its Shapley value in the game whose worth of a set of features
is what the tree answers when only they are known: at a split of an unknown feature both branches
count by their share of training rows (Lundberg, Erion and Lee 2018, "path-dependent"). Columns of
one feature are one player.

Trees of depth 3 have at most seven splits, so that a row meets a tree with one of 128 patterns of
answers. The values of every pattern are computed once (:class:`Tables`), and a row's are looked up.
That reads the nodes of `HistGradientBoostingClassifier` (`_predictors`), which has no public
access; tests hold the sum to `decision_function`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import factorial, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

Floats = NDArray[np.float64]
#: Deeper trees have more patterns than a table should hold.
DEPTH = 3
#: Rows that are looked up at once: what they need stays in the processor's cache.
ROWS = 8192


@dataclass(frozen=True)
class Split:
    column: int
    threshold: float
    missing_left: bool


@dataclass(frozen=True)
class Table:
    """A tree: its splits, whose answers (1: left) are a pattern's bits, and for each pattern what
    each of ``features`` contributes: (features, patterns), and all of them (``whole``)."""

    splits: tuple[Split, ...]
    features: NDArray[np.int64]
    values: Floats
    whole: Floats


@dataclass(frozen=True)
class Tables:
    """All trees, and the margin of the average training row. ``columns`` is how many features."""

    average: float
    trees: tuple[Table, ...]
    columns: int

    def contributions(self, matrix: Floats) -> Floats:
        """Of rows (rows, columns of the fitted matrix): (rows, features)."""
        found = np.zeros((len(matrix), self.columns))
        for first in range(0, len(matrix), ROWS):
            part = matrix[first : first + ROWS]
            # A feature a row of memory, so that a tree adds to what lies together.
            total = np.zeros((self.columns, len(part)))
            for tree, pattern in self._patterns(part):
                for place, feature in enumerate(tree.features):
                    total[feature] += tree.values[place][pattern]
            found[first : first + ROWS] = total.T
        return found

    def margin(self, matrix: Floats) -> Floats:
        """The model's decision, per row."""
        found = np.full(len(matrix), self.average)
        for first in range(0, len(matrix), ROWS):
            total = found[first : first + ROWS]
            for tree, pattern in self._patterns(matrix[first : first + ROWS]):
                total += tree.whole[pattern]
        return found

    def _patterns(self, matrix: Floats) -> Iterator[tuple[Table, NDArray[np.uint8]]]:
        """Each tree with the rows' patterns of answers. Trees share many of their splits."""
        part = np.asfortranarray(matrix)
        unknown = np.isnan(part)
        answers: dict[Split, NDArray[np.uint8]] = {}
        for tree in self.trees:
            pattern = np.zeros(len(part), np.uint8)
            for bit, split in enumerate(tree.splits):
                if split not in answers:
                    left = part[:, split.column] <= split.threshold
                    if split.missing_left:
                        left |= unknown[:, split.column]
                    answers[split] = left.view(np.uint8)
                pattern |= answers[split] << bit
            yield tree, pattern


def tables(model: HistGradientBoostingClassifier, owners: NDArray[np.int64]) -> Tables:
    """Of a fitted binary model whose trees are at most :data:`DEPTH` deep; ``owners`` is the number
    of the feature each of its columns belongs to."""
    average = float(model._baseline_prediction.ravel()[0])
    trees = []
    for (predictor,) in model._predictors:
        expected, table = _table(predictor.nodes, owners)
        average += expected
        if len(table.features):
            trees.append(table)
    return Tables(average, tuple(trees), int(owners.max(initial=-1)) + 1)


@dataclass(frozen=True)
class _Step:
    """One split on the way to a leaf: its bit, whether the way goes left, and the share of the
    split's training rows that went the same way."""

    bit: int
    left: bool
    feature: int
    share: float


def _table(nodes: Any, owners: NDArray[np.int64]) -> tuple[float, Table]:
    """A tree's expected answer and its table."""
    inner = [n for n, node in enumerate(nodes) if not node["is_leaf"]]
    bits = {n: bit for bit, n in enumerate(inner)}
    splits = tuple(
        Split(
            int(nodes[n]["feature_idx"]),
            float(nodes[n]["num_threshold"]),
            bool(nodes[n]["missing_go_to_left"]),
        )
        for n in inner
    )
    if len(inner) >= 1 << DEPTH:
        raise ValueError(f"a tree of {len(inner)} splits, at most {(1 << DEPTH) - 1} are explained")
    features = np.unique(owners[[split.column for split in splits]]) if splits else owners[:0]
    place = {int(feature): n for n, feature in enumerate(features)}
    patterns = np.arange(1 << len(inner))
    values = np.zeros((len(features), len(patterns)))
    expected = 0.0
    for worth, way in _leaves(nodes, bits, owners, 0, ()):
        expected += worth * prod(step.share for step in way)
        for feature, part in _leaf(worth, way, patterns):
            values[place[feature]] += part
    return expected, Table(splits, features, values, values.sum(axis=0))


def _leaves(
    nodes: Any, bits: dict[int, int], owners: NDArray[np.int64], n: int, way: tuple[_Step, ...]
) -> Iterator[tuple[float, tuple[_Step, ...]]]:
    node = nodes[n]
    if node["is_leaf"]:
        yield float(node["value"]), way
        return
    for left, side in ((True, "left"), (False, "right")):
        child = int(node[side])
        share = float(nodes[child]["count"]) / float(node["count"])
        step = _Step(bits[n], left, int(owners[node["feature_idx"]]), share)
        yield from _leaves(nodes, bits, owners, child, (*way, step))


def _leaf(
    worth: float, way: tuple[_Step, ...], patterns: NDArray[np.int64]
) -> Iterator[tuple[int, Floats]]:
    """What each feature on the way to a leaf contributes to it, by pattern.

    The leaf's game is a product: a known feature is worth 1 where the row goes its way and 0 where
    not, an unknown one the share of training rows that do.
    """
    features = sorted({step.feature for step in way})
    held, share = {}, {}
    for feature in features:
        own = [step for step in way if step.feature == feature]
        held[feature] = np.ones(len(patterns))
        for step in own:
            held[feature] *= ((patterns >> step.bit) & 1) == step.left
        share[feature] = prod(step.share for step in own)
    count = len(features)
    for feature in features:
        others = [other for other in features if other != feature]
        total = np.zeros(len(patterns))
        for size in range(count):
            chance = factorial(size) * factorial(count - size - 1) / factorial(count)
            for known in combinations(others, size):
                part = np.full(len(patterns), chance)
                for other in others:
                    part = part * (held[other] if other in known else share[other])
                total += part
        yield feature, worth * total * (held[feature] - share[feature])
