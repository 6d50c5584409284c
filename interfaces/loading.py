"""The definitions of a workspace, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workspace.settings import Settings


def loaded(settings: Settings, refuse: Callable[[str], None]) -> Any:
    """All definitions; with faults, ``refuse`` tells them and ends the command."""
    from workspace import definitions

    try:
        return definitions.load(settings.definitions)
    except definitions.DefinitionError as error:
        return refuse(str(error))
