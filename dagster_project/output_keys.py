"""A step's assets, worked out once a step.

Dagster works them out anew for each asset that a step yields, from all of the step's assets and
checks. In a step of some hundreds that is a tenth of what Dagster itself costs a run.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from dagster import AssetKey
from dagster._core.execution.context.system import StepExecutionContext

_ATTRIBUTE = "_output_asset_keys_once"


def _once(
    work_out: Callable[[StepExecutionContext], Set[AssetKey]],
) -> Callable[[StepExecutionContext], Set[AssetKey]]:
    def get_output_asset_keys(self: StepExecutionContext) -> Set[AssetKey]:
        if _ATTRIBUTE not in self.__dict__:
            self.__dict__[_ATTRIBUTE] = frozenset(work_out(self))
        return self.__dict__[_ATTRIBUTE]

    return get_output_asset_keys


def remember() -> None:
    """Let Dagster remember them, in this process and from now on."""
    found = StepExecutionContext.get_output_asset_keys
    if found.__module__ != __name__:
        StepExecutionContext.get_output_asset_keys = _once(found)  # type: ignore[method-assign]
