"""Every source there is, by name. A module is imported when its source is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from ingestion.sources.model import Source

#: Name of the source, and the module whose ``SOURCE`` it is.
MODULES = {
    "calendly": "ingestion.saas.calendly",
}


@cache
def load(name: str) -> Source:
    """Raises KeyError for an unknown name."""
    return cast(Source, import_module(MODULES[name]).SOURCE)


def load_all() -> list[Source]:
    return [load(name) for name in MODULES]
