"""Dagster remembers a step's assets, and still sees to it that they come in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import (
    AssetKey,
    AssetSpec,
    DagsterInvariantViolationError,
    MaterializeResult,
    materialize,
    multi_asset,
)
from dagster._core.execution.context.system import StepExecutionContext

from dagster_project import output_keys

KEYS = [AssetKey([name]) for name in "abcd"]
SPECS = [
    AssetSpec(key, deps=[before] if before else [])
    for before, key in zip([None, *KEYS], KEYS, strict=False)
]


def test_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out = []
    own = vars(StepExecutionContext)["get_output_asset_keys"]
    while own.__module__ == output_keys.__name__:  # another test has asked for it
        (own,) = (cell.cell_contents for cell in own.__closure__)

    def counting(self: StepExecutionContext) -> set[AssetKey]:
        worked_out.append(self.step.key)
        return own(self)

    monkeypatch.setattr(StepExecutionContext, "get_output_asset_keys", counting)
    output_keys.remember()
    output_keys.remember()

    @multi_asset(specs=SPECS)
    def first() -> Iterator[MaterializeResult]:
        yield from (MaterializeResult(key) for key in KEYS)

    @multi_asset(specs=[AssetSpec("e", deps=KEYS), AssetSpec("f")], can_subset=True)
    def second() -> Iterator[MaterializeResult]:
        yield MaterializeResult("e")

    done = materialize([first, second], selection=[*KEYS, AssetKey("e")])
    assert done.success
    assert sorted(worked_out) == ["first", "second"]
    made = {event.asset_key.to_user_string() for event in done.get_asset_materialization_events()}
    assert made == {*"abcde"}


def test_a_parent_still_comes_first() -> None:
    output_keys.remember()

    @multi_asset(specs=SPECS)
    def wrong() -> Iterator[MaterializeResult]:
        yield from (MaterializeResult(key) for key in reversed(KEYS))

    with pytest.raises(DagsterInvariantViolationError, match="before its dependency"):
        materialize([wrong])
